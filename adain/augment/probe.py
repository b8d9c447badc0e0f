"""Whether two encoders find the same statistics: a small picture is given to both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.arrays import moved
from ..nn.layers import BASE, CLASSIC, FAST

if TYPE_CHECKING:
    from ..stylizer.base import BaseStylizer

SIDE = 64

TOLERANCE = 0.1
"""Of the statistics' length: encoders of other weights differ by about all of it, precisions by a hundredth."""


_NAMES = {BASE.channels: "vgg19", CLASSIC.channels: "classic", FAST.channels: "fast"}


def name_of(model: BaseStylizer) -> str:
    """The name of the model, or of the one whose encoder has such channels."""
    return _NAMES.get(model.channels, "unknown")


def picture() -> Image.Image:
    """A picture with edges, slopes and colours of many kinds, the same to the bit everywhere."""
    y, x = np.mgrid[:SIDE, :SIDE]
    parts = [(x * x + 3 * y) % 256, (x * y // 3 + 5 * (x // 8) * 7) % 256, 255 * ((x // 5 + y // 9) % 2)]
    return Image.fromarray(np.stack(parts, axis=-1).astype(np.uint8))


def flat(values: Any) -> npt.NDArray[np.float32]:
    """``(B, C, 1, 1)`` of either kind as an array ``(B, C)``."""
    array: npt.NDArray[np.float32] = np.asarray(moved(values, None), np.float32)
    return array.reshape(array.shape[:2])


def statistics(model: BaseStylizer) -> npt.NDArray[np.float32]:
    """``(2, C)``: means and deviations of the picture's features."""
    style = model.encode_style(picture(), size=0)
    return np.concatenate([flat(part) for part in (style.mean, style.std)])


def agrees(model: BaseStylizer, known: npt.NDArray[Any]) -> bool:
    """Whether a model finds the statistics that are known."""
    if known.shape != (2, model.channels):
        return False
    expected = known.astype(np.float32)
    return bool(np.linalg.norm(statistics(model) - expected) <= TOLERANCE * np.linalg.norm(expected))
