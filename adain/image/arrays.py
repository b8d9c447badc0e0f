"""Pictures as NumPy arrays and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.arrays import FloatArray as FloatArray
from .._utils.errors import ImageError

LUMA = (0.299, 0.587, 0.114)
"""Of R, G and B in what is grey: ITU-R BT.601, as Pillow takes it."""

SLACK = 1e-3
"""How far floats may lie outside [0, 1]: rounding, as of half precision or of a change of colour space, and no more."""


def to_array(image: Image.Image) -> FloatArray:
    """Convert "RGB" to float32 (1, 3, H, W) in [0, 1]; ImageError for any other mode."""
    if image.mode != "RGB":
        raise ImageError(f'expected an image of mode "RGB", not "{image.mode}"; use read_image')
    pixels = np.asarray(image)
    values = np.empty((1, 3, *pixels.shape[:2]), np.float32)
    np.divide(pixels.transpose(2, 0, 1), np.float32(255), out=values[0])
    return values


def check_finite(values: FloatArray) -> FloatArray:
    """The same values; ImageError if any of them is NaN or infinite."""
    if not np.isfinite(values).all():
        raise ImageError("the picture holds NaN or infinite values; expected values in [0, 1]")
    return values


def bands(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture in pieces that stay in the caches while something is done to them."""
    step = max(1, _CACHED // width)
    return (slice(top, top + step) for top in range(0, height, step))


_CACHED = 1 << 14
"""Pixels of a band."""


def to_image(array: npt.NDArray[Any]) -> Image.Image:
    """Convert (H, W), (H, W, 3) or (H, W, 4) to an image: uint8, uint16 for 0 to 65535, bool, or floats in [0, 1].

    Grey keeps its numbers, as "L", "I;16", "1" or "F"; colours, which Pillow knows in 8 bits alone, are rounded to the
    nearest of the 256 levels. Raises ImageError for any other shape, type or range.
    """
    check_shape(array)
    dtype, is_grey = array.dtype.newbyteorder("="), array.ndim == 2
    if dtype.kind == "f":
        check_range(float(array.min()), float(array.max()), "image arrays")
        array = np.clip(array, 0, 1).astype(np.float32)
        array = array if is_grey else np.rint(array * np.float32(255)).astype(np.uint8)
    elif dtype == np.uint16:
        array = array.astype(np.uint16) if is_grey else np.rint(array / 257).astype(np.uint8)
    elif dtype == np.bool_ and not is_grey:
        array = array * np.uint8(255)
    elif dtype not in (np.uint8, np.bool_):
        raise ImageError(f"image arrays must be uint8, uint16, bool or floats in [0, 1], not {dtype}: use .astype(...)")
    return Image.fromarray(np.ascontiguousarray(array))


def check_shape(array: npt.NDArray[Any]) -> None:
    """Raise ImageError if an array is not ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)``."""
    shape = array.shape
    if array.ndim not in (2, 3) or 0 in shape or (array.ndim == 3 and shape[2] not in (3, 4)):
        hint = ": use .transpose(1, 2, 0)" if array.ndim == 3 and shape[0] in (3, 4) else ""
        raise ImageError(f"image arrays must be (H, W), (H, W, 3) or (H, W, 4), not {shape}{hint}")


def check_range(low: float, high: float, what: str) -> None:
    """Raise ImageError if the least or the greatest value of ``what`` lies outside [0, 1], but for :data:`SLACK`."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ImageError(f"{what} must lie in [0, 1] and hold no NaN or infinite values: replace them")
    if low < -SLACK or high > 1.0 + SLACK:
        raise ImageError(
            f"{what} must lie in [0, 1], not [{low:g}, {high:g}]: divide by 255, or clamp what overshoots a little"
        )
