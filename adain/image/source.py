"""From whatever a caller has, a path, a picture, an array or a tensor, to pixels of the size asked for."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from .._utils.arrays import moved
from .._utils.errors import ImageError, InputError
from .._utils.resources import resolve
from ..options import Wrap
from .arrays import FloatArray, to_array
from .io import DEFAULT_MAX_PIXELS, ImageInput, is_tensor, read_image
from .modes import split_alpha
from .pages import source_of
from .resize import center_crop_square, resize_shorter, scaled, size_of
from .stored import StoredPicture
from .strips import Strips
from .wrap import FLAT, axes_of, resize_picture, resize_values, whole_periods

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Source:
    """A picture that was opened: of its final size, and not yet in floating point.

    Attributes:
        image: of mode ``RGB``, or in strips, or laid aside, or a ``(B, 3, H, W)`` tensor or array if one was given.
        opacity: its alpha channel (mode ``L``) if it has one.
        uncropped: height and width before the central square was cut out; None where nothing was cut.
        is_single: whether a ``(3, H, W)`` tensor was given, and the result is to be one.
        wrap: which of its sides meet.
        wanted: height and width of the result; None for those of the image, which differ only where it wraps.
    """

    image: Image.Image | Strips | StoredPicture | torch.Tensor | FloatArray
    opacity: Image.Image | None = None
    uncropped: tuple[int, int] | None = None
    is_single: bool = False
    wrap: Wrap = "none"
    wanted: tuple[int, int] | None = None

    @property
    def is_held(self) -> bool:
        """Whether it is held as a whole, and not in strips."""
        return not isinstance(self.image, Strips)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return size_of(self.image)

    def to_tensor(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """``(B, 3, H, W)`` float32 in ``[0, 1]`` on a device, channels last in memory."""
        import torch

        from .tensors import to_tensor

        self._check_held()
        pixels = to_tensor(self.image) if isinstance(self.image, Image.Image) else torch.as_tensor(self.image)
        return pixels.to(device, torch.float32).contiguous(memory_format=torch.channels_last)

    def to_array(self) -> FloatArray:
        """``(B, 3, H, W)`` float32 in ``[0, 1]``."""
        self._check_held()
        if isinstance(self.image, Image.Image):
            return to_array(self.image)
        array: FloatArray = moved(self.image.float() if is_tensor(self.image) else self.image, None)
        return array

    def _check_held(self) -> None:
        if isinstance(self.image, Strips):
            raise ImageError(
                "only photographs are taken in strips, and for a single pass: give the path of the picture"
            )


def open_source(
    source: ImageInput | Source,
    *,
    size: int = 0,
    crop: bool = False,
    wrap: Wrap = "none",
    max_pixels: int | None = DEFAULT_MAX_PIXELS,
    least: int = 1,
    is_artwork: bool = False,
) -> Source:
    """Read, resize, crop and check a picture.

    Args:
        source: what :func:`~adain.image.read_image` takes, of tensors also a batch ``(B, 3, H, W)``. What was opened
            before is returned as it is.
        size: shorter side in pixels it is resized to; 0 keeps its own.
        crop: cut the central square out, after resizing.
        wrap: which sides meet, see :attr:`adain.Options.wrap`; for those it is brought to a size that is a whole number
            of periods.
        max_pixels: most pixels of the picture as it is given, and as it is resized; None for any.
        least: shortest side in pixels that will do.
        is_artwork: whether it is there for its style: then its longer side becomes :data:`LONGEST` times the size at
            most, unless it is cropped, and the shorter one what that leaves.

    Raises:
        MissingFileError, ImageError: see :func:`~adain.image.read_image`; also for pictures with a side under
            ``least``, and before any work for a result of more than ``max_pixels``.
        InputError: if the size is negative, or sides that meet are to be cut off.
    """
    if isinstance(source, Source):
        return source
    if axes_of(wrap) != FLAT and crop:
        raise InputError("a square that is cut out has no sides that meet: leave out crop or wrap")
    name, opacity, uncropped = input_name(source), None, None
    image: Image.Image | torch.Tensor
    if is_tensor(source):
        from .tensors import as_batch

        image = as_batch(source)
    else:
        image = read_image(source, max_pixels=max_pixels)
    height, width = size_of(image)
    if is_artwork and size and not crop:
        size = _bounded((width, height), size, least, name or "the artwork")
    option = "style_size (--style-size)" if is_artwork else "content_size (--content-size)"
    width, height = scaled((width, height), size, max_pixels=max_pixels, name=name or "the image", option=option)
    if wrap != "none":
        check_least((height, width), least, name)
        return lay(image, (height, width), wrap, is_single=is_tensor(source) and source.ndim == 3)
    image = resize_shorter(image, size)
    if crop:
        uncropped = size_of(image)
        image = center_crop_square(image)
    if isinstance(image, Image.Image):
        image, opacity = split_alpha(image)
    check_least(size_of(image), least, name)
    return Source(image, opacity, uncropped, is_tensor(source) and source.ndim == 3)


def lay(
    image: Image.Image | torch.Tensor | FloatArray, size: tuple[int, int], wrap: Wrap, *, is_single: bool = False
) -> Source:
    """A picture whose result is to have that height and width, at the size at which its sides meet in whole periods."""
    axes, opacity = axes_of(wrap), None
    inside = whole_periods(size, axes)
    if isinstance(image, Image.Image):
        if image.mode == "RGBA":
            _, opacity = split_alpha(resize_picture(image, size, axes))
        image, _ = split_alpha(resize_picture(image, inside, axes))
    else:
        values: Any = image
        image = resize_values(values, inside, axes)
    return Source(image, opacity, None, is_single, wrap, None if inside == size else size)


LONGEST = 16
"""How many times as long as the size it is scaled to an artwork may become: of 512 px, a picture of 4 megapixels."""


def _bounded(sides: tuple[int, int], size: int, least: int, name: str) -> int:
    """The shorter side of an artwork, where its longer one is bounded.

    Raises:
        ImageError: if that leaves too little.
    """
    short, long = min(sides), max(sides)
    if long <= LONGEST * short:
        return size
    bounded = round(LONGEST * size * short / long)
    if bounded < least:
        needed = math.ceil(least * long / (LONGEST * short))
        raise ImageError(
            f"{name} is {sides[0]}x{sides[1]} px: its longer side is scaled to {LONGEST} times style_size "
            f"(--style-size), {LONGEST * size} px, and its shorter one would be {bounded} px where {least} are needed: "
            f"cut a part out of it, or ask for a style_size of {needed}"
        )
    return bounded


def check_least(size: tuple[int, int], least: int, name: str) -> None:
    """Raise ImageError if the height or the width of a picture of that name is under ``least`` pixels."""
    height, width = size
    if min(height, width) < least:
        raise ImageError(
            f"{name or 'the image'} is {width}x{height} px: at least {least} px a side are "
            f"needed, enlarge it or ask for a larger size"
        )


def input_name(source: Any) -> str:
    """The file name of an input, for messages; empty if it has none."""
    source = source_of(source)
    return Path(source).name if isinstance(source, str) else os.path.basename(input_path(source))


def input_path(source: Any) -> str:
    """The path of the file of an input, that of a sample by its name; empty if it has none."""
    source = source_of(source)
    if isinstance(source, str):
        return os.fspath(resolve(source))
    if isinstance(source, os.PathLike):
        return os.fsdecode(source)
    name = getattr(source, "name" if hasattr(source, "read") else "filename", "")
    return os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else ""
