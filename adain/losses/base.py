"""What every loss module shares: a weight, the layers it reads, and an optional guide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._utils.errors import InputError
from ..nn.vgg import STYLE_LAYERS

Choice = TypeVar("Choice", bound=str)

Features = Mapping[str, Tensor]
"""Encoder output by layer name, each ``(B, C, H, W)``; the entry :data:`IMAGE` is the picture itself."""

IMAGE = "image"
"""The "layer" under which losses on pixels, such as total variation, find the picture."""

Layers = str | Mapping[str, float] | Sequence[str]
"""A name, names, or names with a weight β each."""


def layer_weights(layers: Layers) -> dict[str, float]:
    """Layers with their weights β, checked; names alone, or a single name, weigh 1 each."""
    if isinstance(layers, str):
        layers = (layers,)
    weights = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    if not weights:
        raise InputError("a loss needs at least one layer")
    return {layer: check_weight(weight, f"the weight of {layer}") for layer, weight in weights.items()}


def check_weight(weight: float, name: str = "the weight of a loss") -> float:
    """``weight`` as a float; an error if it is negative or not finite."""
    value = float(weight)
    if not 0.0 <= value < float("inf"):
        raise InputError(f"{name} must be a number from 0 up, not {weight}")
    return value


def check_choice(value: Choice, kind: Any, what: str) -> Choice:
    """``value``, if it is one of the ``Literal`` type ``kind``."""
    if value not in get_args(kind):
        raise InputError(f"there is no {what} {value!r}: use {' or '.join(get_args(kind))}")
    return value


def check_guide(guide: Tensor | None) -> Tensor | None:
    """``guide`` without its graph; an error if it is not ``(B, 1, H, W)`` with values in ``[0, 1]``."""
    if guide is None:
        return None
    if guide.ndim != 4 or guide.shape[1] != 1:
        raise InputError(f"a guide must be (B, 1, H, W), not {tuple(guide.shape)}")
    if not bool(((guide >= 0) & (guide <= 1)).all()):
        raise InputError("a guide must lie between 0 and 1 everywhere")
    return guide.detach()


def check_comparable(found: Tensor, target: Tensor, name: str) -> None:
    """An error if the two differ in more than the batch, or there otherwise than by one of them being single."""
    if found.shape[1:] != target.shape[1:] or (len(found) != len(target) and 1 not in (len(found), len(target))):
        raise InputError(f"{name} {tuple(found.shape)} cannot be compared with a target {tuple(target.shape)}")


def guide_at(guide: Tensor | None, features: Tensor, layer: str) -> Tensor | None:
    """A guide brought to the size of a feature map: each cell is the mean of the pixels that lie under it.

    Under a cell of a feature map that poolings in ceil mode have reduced by 2^k lie 2^k × 2^k pixels, in the last row
    and column those that are left. Where no power of two leads from one size to the other, the cells share the
    pixels out evenly (:func:`torch.nn.functional.adaptive_avg_pool2d`).

    It is an error, which names the ``layer``, if the region is empty in one of the pictures.
    """
    if guide is None:
        return None
    height, width = features.shape[2:]
    if guide.shape[0] not in (1, features.shape[0]):
        raise InputError(f"a guide for {guide.shape[0]} pictures does not fit {features.shape[0]} at {layer}")
    g = guide.to(device=features.device, dtype=wide_dtype(features))
    rows, columns = cell_size(g.shape[2], height), cell_size(g.shape[3], width)
    if rows is None or columns is None:
        g = F.adaptive_avg_pool2d(g, (height, width))
    elif (rows, columns) != (1, 1):
        # Without padding, the cells that reach over the edge are divided by the pixels they hold.
        g = F.avg_pool2d(g, (rows, columns), ceil_mode=True)
    if not bool((g.sum(dim=(2, 3)) > 0).all()):
        cells = f"{width}x{height} cells"
        raise InputError(f"a guide covers nothing at {layer} ({cells}): enlarge the region or the picture")
    return g


def cell_size(pixels: int, cells: int) -> int | None:
    """Pixels along a cell of a side that was halved, rounding up, until it had so many cells; None if it never has."""
    if cells == 1:
        return pixels
    size = 1
    while -(-pixels // size) > cells:
        size *= 2
    return size if -(-pixels // size) == cells else None


def wide_dtype(x: Tensor) -> torch.dtype:
    """Of what is computed from ``x``: float32, or float64 for float64."""
    return torch.promote_types(x.dtype, torch.float32)


def in_double(x: Tensor) -> Tensor:
    """``x`` in float64, on the CPU if its own device has none."""
    return (x.cpu() if x.device.type == "mps" else x).double()


class Loss(nn.Module):
    """A weighted loss that reads some layers of an encoder's output.

    Subclasses say by :meth:`distance` how far a picture is from the target at a layer, and those that have one by
    :meth:`describe` what is kept of it; layers are weighted and summed. Targets and guides move with the module to a
    device and to float64, but are never rounded to half precision, which second moments overflow. None of them is in
    the state dict: they belong to a picture, not to a checkpoint.

    Args:
        weight: factor of the loss, ≥ 0.
        layers: a name, names, or names with a weight β each.
        guide: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` in ``[0, 1]``, where in the picture the loss counts, at the
            size of the picture; None for everywhere.

    Attributes:
        parts: names of what :meth:`describe` gives.

    Raises:
        InputError: if a weight is negative or not finite, there is no layer, or the guide is none; when called, if a
            layer is missing among the features or a guide is empty there.
    """

    guide: Tensor | None
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, weight: float, layers: Layers, guide: Tensor | None = None) -> None:
        super().__init__()
        self.weight = check_weight(weight)
        self.layers = layer_weights(layers)
        self.register_buffer("guide", check_guide(guide), persistent=False)

    def describe(self, features: Tensor, guide: Tensor | None) -> tuple[Tensor, ...]:
        """What is kept of the target's ``(B, C, H, W)`` at a layer, inside a guide at its size."""
        raise NotImplementedError

    def distance(self, features: Tensor, guide: Tensor | None, target: tuple[Tensor, ...]) -> Tensor:
        """How far features ``(B, C, H, W)`` are from what :meth:`describe` gave: a scalar in float32 or better."""
        raise NotImplementedError

    def hold(self, target: Features, guide: Tensor | None = None) -> None:
        """Keep what :meth:`describe` gives of a target, so that it moves with the module."""
        guide = check_guide(guide)
        for layer in self.layers:
            f = self._at(target, layer).detach()
            for name, value in zip(self.parts, self.describe(f, guide_at(guide, f, layer)), strict=True):
                self.register_buffer(_buffer_name(name, layer), value.detach(), persistent=False)

    def measure(self, features: Features) -> Tensor:
        """The loss without its weight: a scalar in float32 or better."""
        terms = []
        for layer, beta in self.layers.items():
            f = self._at(features, layer)
            target = tuple(self.get_buffer(_buffer_name(name, layer)) for name in self.parts)
            terms.append(beta * self.distance(f, guide_at(self.guide, f, layer), target))
        return total(terms)

    def forward(self, features: Features) -> Tensor:
        return self.weight * self.measure(features)

    def _at(self, features: Features, layer: str) -> Tensor:
        if layer not in features:
            raise InputError(f"{type(self).__name__} needs {layer}, which is not among {', '.join(features)}")
        return features[layer]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        def careful(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            narrower = torch.promote_types(moved.dtype, tensor.dtype) != moved.dtype
            return tensor.to(moved.device) if narrower and moved.dtype.itemsize < 4 else moved

        moved: Self = super()._apply(careful, recurse)  # type: ignore[no-untyped-call]
        return moved

    def extra_repr(self) -> str:
        parts = (name if beta == 1.0 else f"{beta:g} {name}" for name, beta in self.layers.items())
        guided = "" if self.guide is None else ", guided"
        return f"weight={self.weight:g}, layers={', '.join(parts)}{guided}"


class StyleTargetLoss(Loss):
    """A loss against what is measured of a style picture.

    Args:
        target: encoder features of the style at ``layers``.
        weight, layers: see :class:`Loss`.
        guide: where in the stylised picture the style belongs; see :class:`Loss`.
        target_guide: from which part of the style picture it is taken, likewise.

    Raises:
        InputError: as :class:`Loss`; if the target lacks a layer or its guide is empty.
    """

    def __init__(
        self,
        target: Features,
        weight: float = 1.0,
        layers: Layers = STYLE_LAYERS,
        guide: Tensor | None = None,
        *,
        target_guide: Tensor | None = None,
    ) -> None:
        super().__init__(weight, layers, guide)
        self.hold(target, target_guide)


def _buffer_name(name: str, layer: str) -> str:
    # Layers of other networks are called features.3 and the like, and a buffer's name may hold no dot.
    return f"{name}_{layer.replace('.', '/')}"


def total(terms: Sequence[Tensor]) -> Tensor:
    """The sum of scalars."""
    return torch.stack(list(terms)).sum()
