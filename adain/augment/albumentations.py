"""Random styles as a transform of Albumentations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .._utils.errors import InputError
from .draws import StyleDraw
from .options import RandomStyleOptions
from .random_style import RandomStyle
from .sources import SHIPPED, BankInput

try:
    from albumentations.core.transforms_interface import ImageOnlyTransform
except ImportError:
    raise InputError('AlbumentationsRandomStyle needs Albumentations: pip install "adain[augment]"') from None

Pixels = npt.NDArray[Any]


class AlbumentationsRandomStyle(ImageOnlyTransform):  # type: ignore[misc]  # Albumentations is not typed
    """:class:`RandomStyle` as a transform of Albumentations.

    Images are ``(H, W)``, ``(H, W, 1)`` or ``(H, W, 3)``, uint8 or float32 in ``[0, 1]``; boxes, masks and keypoints
    pass through, and the images of ``images=`` share one style. ``Compose(seed=...)`` decides what is drawn; without it
    torch's generators do, which are others in each worker of a ``DataLoader``, where Albumentations' own are copies of
    one. With a ``seed`` of its own, that and the image's pixels decide. ``ReplayCompose`` repeats what was drawn.

    Args:
        bank, options: see :class:`RandomStyle`, as for errors.
    """

    def __init__(self, bank: BankInput = SHIPPED, options: RandomStyleOptions | None = None, **changes: Any) -> None:
        self.style = RandomStyle(bank, options, **changes)
        self._is_forced = False
        super().__init__(p=self.style.options.p)

    def set_epoch(self, epoch: int) -> None:
        """:meth:`RandomStyle.set_epoch`."""
        self.style.set_epoch(epoch)

    @property
    def _is_piped(self) -> bool:
        """Whether the generators of the pipeline decide: it has a seed, and this transform none of its own."""
        return self.style.options.seed is None and self.seed is not None

    def should_apply(self, force_apply: bool = False) -> bool:
        """Whether anything is drawn; the choice by ``p`` is part of that, unless it is the pipeline's."""
        self._is_forced = force_apply
        return bool(super().should_apply(force_apply)) if self._is_piped else self.p > 0.0

    def get_params(self) -> dict[str, Any]:
        """What is drawn, in plain numbers: ``{"draw": {...}}``; with a ``seed``, that waits for the image."""
        if self.style.options.seed is not None:
            return {}
        if not self._is_piped:
            return self._params(self.style.draw_for(1))
        generator = torch.Generator().manual_seed(int(self.random_generator.integers(2**63)))
        self._is_forced = True  # it has chosen
        return self._params(self.style.draw_for(1, generator))

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """What the image's own pixels decide, where there is a ``seed``."""
        if self.style.options.seed is None:
            return {}
        image = next(data[key] for key in ("image", "images", "volume", "volumes") if key in data)
        while np.ndim(image) > 3 or isinstance(image, list | tuple):
            image = image[0]
        return self._params(self.style.draw(_samples(np.asarray(image)[None])))

    def _params(self, draw: StyleDraw) -> dict[str, Any]:
        draw = draw._replace(applied=torch.ones_like(draw.applied)) if self._is_forced else draw
        return {"draw": draw.plain()}

    def apply(self, img: Pixels, *args: Any, draw: dict[str, Any], **params: Any) -> Pixels:
        """One image."""
        result: Pixels = self.apply_to_images(img[None], draw=draw)[0]
        return result

    def apply_to_images(self, images: Pixels, *args: Any, draw: dict[str, Any], **params: Any) -> Pixels:
        """Images ``(N, H, W)`` or ``(N, H, W, C)`` of one sample."""
        images = np.asarray(images)
        result = self.style.apply(_samples(images), StyleDraw.of_plain(draw).spread_over(len(images)))
        return np.ascontiguousarray(result.permute(0, 2, 3, 1).numpy().reshape(images.shape))

    def get_transform_init_args_names(self) -> tuple[str, ...]:
        """The bank, and the options that are not at their defaults."""
        return ("bank", *self.style.options.given())

    def get_transform_init_args(self) -> dict[str, Any]:
        """Those by name: what makes the same transform again."""
        return {"bank": self.style.bank, **self.style.options.given()}


def _samples(images: Pixels) -> torch.Tensor:
    """``(N, H, W)`` or ``(N, H, W, C)`` as ``(N, C, H, W)``."""
    tensor = torch.from_numpy(np.ascontiguousarray(images))
    return tensor[:, None] if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2)
