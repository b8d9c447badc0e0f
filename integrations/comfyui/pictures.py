"""ComfyUI's pictures and masks, and the library's.

An IMAGE is ``(B, H, W, C)`` in [0, 1]; the library's tensors are ``(3, H, W)``. A MASK is ``(B, H, W)`` or ``(H, W)``,
1 where something is selected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adain import InputError


@dataclass(frozen=True, eq=False)
class Batch:
    """An IMAGE that was looked at.

    Attributes:
        pixels: ``(B, H, W, C)``, C of 1, 3 or 4.
        name: of the input, for messages.
    """

    pixels: Tensor
    name: str

    @classmethod
    def of(cls, image: Any, name: str) -> Batch:
        """The pictures of an input; InputError, if it has none."""
        shape = tuple(getattr(image, "shape", ()))
        if not isinstance(image, Tensor) or len(shape) != 4 or shape[3] not in (1, 3, 4) or 0 in shape:
            what = shape if isinstance(image, Tensor) else type(image).__name__
            raise InputError(f"{name} is no IMAGE of 1, 3 or 4 channels (B, H, W, C) but {what}: connect pictures")
        if not image.is_floating_point():
            raise InputError(f"{name} is of {image.dtype}, and an IMAGE has floating numbers from 0 to 1")
        return cls(image, name)

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[1], self.pixels.shape[2]

    def colors(self, k: int) -> Tensor:
        """A picture as ``(3, H, W)`` float32; what lies a little outside [0, 1], as samplers make it, is cut off."""
        picture = self.pixels[k].detach().to("cpu", torch.float32).permute(2, 0, 1)
        if not bool(torch.isfinite(picture).all()):
            raise InputError(f"{self.name} {k + 1} of {len(self)} has pixels that are no numbers: look at what made it")
        picture = picture.clamp(0.0, 1.0)
        return (picture.expand(3, -1, -1) if len(picture) == 1 else picture[:3]).contiguous()

    def canvas(self) -> Tensor:
        """Room for as many results: ``(B, H, W, 3)``, or with the alpha channel of the pictures, which stays."""
        room = torch.empty((*self.pixels.shape[:3], 4 if self.pixels.shape[3] == 4 else 3), dtype=torch.float32)
        if self.pixels.shape[3] == 4:
            room[..., 3] = self.pixels[..., 3].clamp(0.0, 1.0)
        return room


@dataclass(frozen=True, eq=False)
class Masks:
    """A MASK that was looked at: ``(B, H, W)`` in [0, 1], with the name of its input."""

    values: Tensor
    name: str

    @classmethod
    def of(cls, mask: Any, name: str) -> Masks:
        """The masks of an input; InputError, if they are none, or all of them are empty."""
        shape = tuple(getattr(mask, "shape", ()))
        if isinstance(mask, Tensor) and len(shape) == 4 and 1 in (shape[1], shape[3]):  # as some nodes give them
            mask = mask[:, 0] if shape[1] == 1 else mask[..., 0]
            shape = tuple(mask.shape)
        if not isinstance(mask, Tensor) or len(shape) not in (2, 3) or 0 in shape:
            what = shape if isinstance(mask, Tensor) else type(mask).__name__
            raise InputError(f"{name} is no MASK (B, H, W) but {what}: connect a mask")
        values = mask.detach().to("cpu", torch.float32).reshape(-1, *shape[-2:])
        if not bool(torch.isfinite(values).all()):
            raise InputError(f"{name} has values that are no numbers: look at what made it")
        if not bool((values > 1 / 255).any()):
            raise InputError(f"{name} selects nothing: paint it in the mask editor, or leave the input unconnected")
        return cls(values.clamp(0.0, 1.0), name)

    @classmethod
    def maybe(cls, mask: Any, name: str) -> Masks | None:
        """Those of an input that may be unconnected."""
        return None if mask is None else cls.of(mask, name)

    def check(self, count: int, noun: str = "picture") -> None:
        """InputError, if they are not for so many pictures."""
        if len(self.values) not in (1, count):
            raise InputError(
                f"{self.name} has {len(self.values)} masks for {count} {noun}{'s' * (count != 1)}: "
                "give one for each, or one for all"
            )

    def at(self, k: int) -> Tensor:
        """That of a picture, ``(H, W)``."""
        return self.values[k if len(self.values) > 1 else 0]
