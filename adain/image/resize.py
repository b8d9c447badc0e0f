"""Sizes and crops, of pictures and of ``(B, 3, H, W)`` tensors alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from PIL import Image

from .._utils.arrays import AnyArray
from .._utils.errors import ImageError, InputError
from .stored import StoredPicture
from .strips import Photograph, Strips

if TYPE_CHECKING:
    import torch

Picture = TypeVar("Picture", Image.Image, "torch.Tensor", "Image.Image | torch.Tensor")


def size_of(image: Image.Image | Strips | StoredPicture | AnyArray) -> tuple[int, int]:
    """Height and width of a picture, or of a tensor or an array ``(B, C, H, W)``."""
    if isinstance(image, Strips | StoredPicture):
        return image.size
    return (image.height, image.width) if isinstance(image, Image.Image) else (image.shape[2], image.shape[3])


def scaled(
    size: tuple[int, int],
    shorter: int,
    *,
    max_pixels: int | None = None,
    name: str = "the picture",
    option: str = "content_size or style_size",
) -> tuple[int, int]:
    """Width and height, or height and width, with the shorter one at so many pixels and the aspect kept; 0 keeps both.

    Args:
        size: both sides.
        shorter: the shorter one as it is to be.
        max_pixels: most pixels that may come of it, None for any; a size that is kept is not counted again.
        name, option: of the picture, and of what asked for the size; for messages.

    Raises:
        InputError, ImageError: if ``shorter`` is negative, or the result has more than ``max_pixels``.
    """
    if shorter < 0:
        raise InputError(f"a size in pixels must be 0 (keep) or more, not {shorter}")
    short = min(size)
    if shorter in (0, short):
        return size
    first, second = ((side * shorter + short // 2) // short for side in size)
    if shorter > short and max_pixels is not None and first * second > max_pixels:
        raise ImageError(
            f"{name} would have {first} x {second} pixels with its shorter side at {shorter}, which is over the limit "
            f"of {max_pixels}: ask for a smaller {option}, or a larger max_pixels (--max-pixels)"
        )
    return first, second


def resize_shorter(image: Picture, size: int) -> Picture:
    """Resize so that the shorter side is exactly `size` pixels and the aspect is kept.

    The filter is Lanczos for a picture and bicubic for a tensor, which stays differentiable; both are antialiased. 0
    keeps the size; with nothing to do, `image` itself is returned. Raises InputError if `size` is negative.
    """
    if isinstance(image, Image.Image):
        wanted = scaled(image.size, size)
        return image if wanted == image.size else image.resize(wanted, Image.Resampling.LANCZOS)
    from .tensors import resize_to

    return resize_to(image, scaled(size_of(image), size))


def center_crop_square(image: Picture) -> Picture:
    """Return the largest square at the centre of `image`, or `image` itself if it is square."""
    height, width = size_of(image)
    if width == height:
        return image
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    if isinstance(image, Image.Image):
        return cut(image, (left, top, left + side, top + side))
    return image[..., top : top + side, left : left + side]


def cut(image: Image.Image | Photograph | StoredPicture, box: tuple[int, int, int, int]) -> Image.Image:
    """Return the part of `image` from (left, top) on, up to and without (right, bottom)."""
    if isinstance(image, Photograph | StoredPicture):
        return image.cut(box)
    left, top, right, bottom = box
    # Not crop(): that applies Pillow's own pixel limit, which read_image has already replaced.
    return image.resize((right - left, bottom - top), Image.Resampling.NEAREST, box)
