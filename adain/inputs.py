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


def load_picture(
    source: ImageInput,
    *,
    size: int = 0,
    crop: bool = False,
    device: torch.device | str = "cpu",
    max_pixels: int | None = images.DEFAULT_MAX_PIXELS,
) -> Picture:
    """Read, resize, crop and check a picture.

    Args:
        source: path, ``PIL.Image`` or ``(B, 3, H, W)`` tensor in ``[0, 1]``.
        size: shorter side in pixels it is resized to; 0 keeps its own.
        crop: cut the central square out, after resizing.
        device: where the pixels are wanted.
        max_pixels: see :func:`adain.images.read_image`.

    Raises:
        MissingFileError, ImageError: see :func:`adain.images.read_image`; also for pictures under 16 px a side.
    """
    opacity = None
    if isinstance(source, Tensor):
        pixels = tensors.resize_shorter(tensors.check_tensor(source), size)
        uncropped = (pixels.shape[2], pixels.shape[3])
        pixels = tensors.center_crop_square(pixels) if crop else pixels
    else:
        picture = images.resize_shorter(images.read_image(source, max_pixels=max_pixels), size)
        uncropped = (picture.height, picture.width)
        picture = images.center_crop_square(picture) if crop else picture
        picture, opacity = images.split_alpha(picture)
        pixels = images.to_tensor(picture)
    height, width = pixels.shape[2:]
    if min(height, width) < MIN_SIZE:
        raise ImageError(
            f"{input_name(source) or 'the image'} is {width}x{height} px: at least {MIN_SIZE} px a side are "
            f"needed, enlarge it or ask for a larger size"
        )
    pixels = pixels.to(device, torch.float32)
    return Picture(pixels.contiguous(memory_format=torch.channels_last), opacity, uncropped)


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
