"""Pictures as NumPy arrays and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.errors import ImageError

FloatArray = npt.NDArray[np.float32]


def to_array(image: Image.Image) -> FloatArray:
    """Convert "RGB" to float32 (1, 3, H, W) in [0, 1]; ImageError for any other mode."""
    if image.mode != "RGB":
        raise ImageError(f'expected an image of mode "RGB", not "{image.mode}"; use read_image')
    pixels = np.asarray(image)
    values = np.empty((1, 3, *pixels.shape[:2]), np.float32)
    np.divide(pixels.transpose(2, 0, 1), np.float32(255), out=values[0])
    return values


def from_array(values: npt.NDArray[Any]) -> Image.Image:
    """Convert floats (1, 3, H, W) to an "RGB" image, clamped to [0, 1] and rounded to the nearest of the 256 levels.

    Raises ImageError for values that are NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise ImageError("the picture holds NaN or infinite values; expected values in [0, 1]")
    levels = np.rint(np.clip(values[0], 0, 1) * np.float32(255)).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0)))
