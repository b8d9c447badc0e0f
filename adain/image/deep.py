"""Colours of 16 bits in files that Pillow reads, but reduces to 8: both of their bytes."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from .samples import Samples, raw_mode

_OTHER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
"""The order of two bytes that takes the byte for the lower that these take for the upper."""


def is_reduced(image: Image.Image) -> bool:
    """Whether an image that is not loaded yet holds colours of 16 bits, of which Pillow would give 8."""
    mode, _, order = raw_mode(image).partition(";16")
    return mode in ("RGB", "RGBA", "CMYK", "LA") and order in _OTHER


def both_bytes(upper: ImageFile.ImageFile, lower: ImageFile.ImageFile) -> Samples:
    """The samples of a file that :func:`is_reduced`, opened twice and not loaded yet.

    Pillow takes the upper byte of each sample, in the order that the file has them in; where that is said to be the
    other one, it takes the lower.
    """
    stored = raw_mode(upper)
    mode, _, order = stored.partition(";16")
    if mode == "LA":  # as large as four samples of 8 bits
        _say(lower, "RGBA")
        lower.load()
        values = np.ascontiguousarray(lower).view(">u2").astype(np.uint16)
    else:
        upper.load()
        _say(lower, f"{mode};16{_OTHER[order]}")
        lower.load()
        values = np.asarray(upper, np.uint16) << 8 | np.asarray(lower)
    if mode in ("RGBA", "LA"):
        alpha = values[..., -1].astype(np.float32) / np.float32(65535)
        return Samples(values[..., :3] if mode == "RGBA" else values[..., 0], mode[:-1], 65535, alpha)
    key = upper.info.get("transparency", None)
    is_clear = (values == key).all(axis=2) if isinstance(key, tuple) and len(key) == 3 else np.zeros(1, bool)
    return Samples(values, mode, 65535, 1 - is_clear.astype(np.float32) if is_clear.any() else None)


def _say(image: ImageFile.ImageFile, raw: str) -> None:
    """Let the samples of an image be taken for such."""
    for k, tile in enumerate(image.tile):
        codec, extents, offset, args = tile
        said: Any = (codec, extents, offset, raw if isinstance(args, str) else (raw, *(args or ())[1:]))
        # A plain tuple before Pillow 11.
        image.tile[k] = type(tile)._make(said) if hasattr(tile, "_make") else said
