"""A model without torch and without weights, for tests of what videos do beside the networks."""

from __future__ import annotations

import numpy as np

from adain._utils.arrays import FloatArray
from adain.backends.engine import EngineStylizer
from adain.image.box import Box
from adain.nn.layers import FAST, STRIDE

CHANNELS = FAST.channels


class Mosaic:
    """Features are the pixels of a cell, mean and rest; the decoder undoes that."""

    network = FAST
    pass_bytes = 100

    def encode(self, pixels: FloatArray, keep: Box | None = None) -> FloatArray:
        batch, _, height, width = pixels.shape
        rows, columns = -(-height // STRIDE), -(-width // STRIDE)
        whole = np.pad(pixels, ((0, 0), (0, 0), (0, rows * STRIDE - height), (0, columns * STRIDE - width)), "edge")
        cells = whole.reshape(batch, 3, rows, STRIDE, columns, STRIDE).transpose(0, 1, 3, 5, 2, 4)
        features = np.zeros((batch, CHANNELS, rows, columns), np.float32)
        features[:, : 3 * STRIDE**2] = cells.reshape(batch, -1, rows, columns)
        return features if keep is None else features[(..., *keep.slices)]

    def decode(
        self, features: FloatArray, keep: Box | None = None, change: tuple[FloatArray, FloatArray] | None = None
    ) -> FloatArray:
        features = features if change is None else features * change[0] + change[1]
        part = features if keep is None else features[(..., *keep.slices)]
        batch, _, rows, columns = part.shape
        cells = part[:, : 3 * STRIDE**2].reshape(batch, 3, STRIDE, STRIDE, rows, columns)
        pixels = cells.transpose(0, 1, 4, 2, 5, 3).reshape(batch, 3, rows * STRIDE, columns * STRIDE)
        return np.ascontiguousarray(pixels, np.float32)


class MosaicStylizer(EngineStylizer):
    """Stylises by a :class:`Mosaic`."""

    def __init__(self) -> None:
        super().__init__(Mosaic())

    def identity(self) -> list[object]:
        return ["mosaic"]

    def encoder_identity(self) -> str:
        return "mosaic"
