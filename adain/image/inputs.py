"""From whatever a caller has, a path, a picture or a tensor, to pixels of the size asked for."""

from __future__ import annotations

from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from ..nn.vgg import MIN_SIZE
from . import io as images
from . import tensors
from .io import ImageInput
from .source import check_least, open_image
from .source import input_name as input_name


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
        max_pixels: see :func:`adain.image.io.read_image`.

    Raises:
        MissingFileError, ImageError: see :func:`adain.image.io.read_image`; also for pictures under 16 px a side.
    """
    image: Image.Image | Tensor
    opacity = None
    if isinstance(source, Tensor):
        pixels = tensors.resize_shorter(tensors.check_tensor(source), size)
        uncropped = (pixels.shape[2], pixels.shape[3])
        image = tensors.center_crop_square(pixels) if crop else pixels
    else:
        image, opacity, uncropped = open_image(source, size=size, crop=crop, max_pixels=max_pixels)
    opened = Opened(image, opacity, uncropped)
    check_least(opened.size, MIN_SIZE, input_name(source))
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
