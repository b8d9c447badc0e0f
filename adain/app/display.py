"""Pictures as any browser shows them: upright, sRGB, 8 bits, as JPEG, or PNG where something shows through."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..control.style import Style
from ..image import encode_image, resize_shorter

QUALITY = 90
"""Of JPEG."""

LONGEST = 65_500
"""Side in pixels that a JPEG may have."""

_TILE, _CELLS = 128, 8


def shown(picture: Image.Image, size: int) -> tuple[bytes, str]:
    """The file that is shown of a picture, and its type.

    Args:
        picture: ``RGB`` or ``RGBA``, upright, sRGB.
        size: most pixels of its shorter side; 0 for all.
    """
    if 0 < size < min(picture.size):
        picture = resize_shorter(picture, size)
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (255, 255):
        picture = picture.convert("RGB")
    if picture.mode == "RGBA" or max(picture.size) > LONGEST:
        return bytes(encode_image(picture, "shown.png")), "image/png"
    return bytes(encode_image(picture, "shown.jpg", quality=QUALITY)), "image/jpeg"


def shown_style(style: Style) -> tuple[bytes, str]:
    """A small picture that stands for the statistics of an artwork: no two look alike, and none as the artwork does."""
    means = np.asarray(style.mean, np.float32).ravel()
    cells = np.resize(means, (3, _CELLS, _CELLS)).transpose(1, 2, 0)
    low, high = np.quantile(cells, (0.02, 0.98))
    levels = np.rint(np.clip((cells - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    tile = Image.fromarray(levels).resize((_TILE, _TILE), Image.Resampling.BICUBIC)
    return bytes(encode_image(tile, "shown.png")), "image/png"
