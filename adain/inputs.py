"""From whatever a caller has, a path, a picture or a tensor, to pixels of the size asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from . import images, tensors
from .errors import ImageError
from .images import ImageInput
from .vgg import MIN_SIZE


class Picture(NamedTuple):
    """Pixels of the size asked for.

    Attributes:
        pixels: ``(B, 3, H, W)`` float32 in ``[0, 1]``, channels last in memory.
        opacity: the picture's alpha channel (mode ``L``) if it has one.
        uncropped: height and width before the central square was cut out; those of the pixels without a crop.
    """

    pixels: Tensor
    opacity: Image.Image | None
    uncropped: tuple[int, int]


class Opened(NamedTuple):
    """A picture of the size asked for, not yet in floating point.

    Attributes:
        image: of mode ``RGB``, or the ``(B, 3, H, W)`` tensor that was given.
        opacity, uncropped: as in :class:`Picture`.
    """

    image: Image.Image | Tensor
    opacity: Image.Image | None
    uncropped: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        if isinstance(self.image, Tensor):
            return self.image.shape[2], self.image.shape[3]
        return self.image.height, self.image.width

    def to_picture(self, device: torch.device | str) -> Picture:
        """Its pixels on a device."""
        pixels = self.image if isinstance(self.image, Tensor) else images.to_tensor(self.image)
        pixels = pixels.to(device, torch.float32)
        return Picture(pixels.contiguous(memory_format=torch.channels_last), self.opacity, self.uncropped)


def open_picture(
    source: ImageInput,
    *,
    size: int = 0,
    crop: bool = False,
    max_pixels: int | None = images.DEFAULT_MAX_PIXELS,
) -> Opened:
    """Read, resize, crop and check a picture.

    Args:
        source: path, ``PIL.Image`` or ``(B, 3, H, W)`` tensor in ``[0, 1]``.
        size: shorter side in pixels it is resized to; 0 keeps its own.
        crop: cut the central square out, after resizing.
        max_pixels: see :func:`adain.images.read_image`.

    Raises:
        MissingFileError, ImageError: see :func:`adain.images.read_image`; also for pictures under 16 px a side.
    """
    image: Image.Image | Tensor
    opacity = None
    if isinstance(source, Tensor):
        pixels = tensors.resize_shorter(tensors.check_tensor(source), size)
        uncropped = (pixels.shape[2], pixels.shape[3])
        image = tensors.center_crop_square(pixels) if crop else pixels
    else:
        picture = images.resize_shorter(images.read_image(source, max_pixels=max_pixels), size)
        uncropped = (picture.height, picture.width)
        picture = images.center_crop_square(picture) if crop else picture
        image, opacity = images.split_alpha(picture)
    opened = Opened(image, opacity, uncropped)
    height, width = opened.size
    if min(height, width) < MIN_SIZE:
        raise ImageError(
            f"{input_name(source) or 'the image'} is {width}x{height} px: at least {MIN_SIZE} px a side are "
            f"needed, enlarge it or ask for a larger size"
        )
    return opened


def load_picture(
    source: ImageInput,
    *,
    size: int = 0,
    crop: bool = False,
    device: torch.device | str = "cpu",
    max_pixels: int | None = images.DEFAULT_MAX_PIXELS,
) -> Picture:
    """:func:`open_picture`, with its pixels on a device."""
    return open_picture(source, size=size, crop=crop, max_pixels=max_pixels).to_picture(device)


def load_pixels(
    source: ImageInput,
    *,
    size: int = 0,
    crop: bool = False,
    device: torch.device | str = "cpu",
    max_pixels: int | None = images.DEFAULT_MAX_PIXELS,
) -> tuple[Tensor, Image.Image | None]:
    """The pixels and the alpha channel alone of :func:`load_picture`, which see."""
    return load_picture(source, size=size, crop=crop, device=device, max_pixels=max_pixels)[:2]


def input_name(source: ImageInput) -> str:
    """The file name of an input, for messages; empty if it has none."""
    if isinstance(source, (str, os.PathLike)):
        return Path(source).name
    return "" if isinstance(source, Tensor) else Path(str(getattr(source, "filename", ""))).name
