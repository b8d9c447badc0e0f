"""Feature maps that are kept while tiles come and go: in memory, or in a temporary file mapped into it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from .._utils.arrays import moved
from .._utils.mapped import MappedFile
from ..image.box import Box
from ..image.wrap import part

IN_MEMORY = 128 << 20
"""Bytes up to which a feature map is kept in memory: that of 1.4 megapixels, or 5.6 of the fast model."""

_BAND = 64


class FeatureStore:
    """Room for one feature map, on the CPU, written and read in tiles.

    Beyond :data:`IN_MEMORY` it is a :class:`~adain._utils.mapped.MappedFile`.

    Args:
        shape: ``(B, C, H, W)``.
        folder: for the file; by default that for temporary files (``TMPDIR``).
        is_array: whether the features are to be an array of NumPy, and no tensor.

    Attributes:
        features: ``(B, C, H, W)`` float32, the channels of a cell in one piece: so a row of a tile's cells is one
            stretch of the file, and what is mapped for a tile is hardly more than the tile.

    Raises:
        InputError: if the disk has no room for it, or the folder cannot be written to.
    """

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        *,
        folder: str | os.PathLike[str] | None = None,
        is_array: bool = False,
    ) -> None:
        batch, channels, height, width = shape
        self._is_array = is_array
        count = prod(shape)
        self._map = None if count * 4 <= IN_MEMORY else MappedFile(count * 4, folder, "features")
        flat = np.empty(count, np.float32) if self._map is None else np.frombuffer(self._map.buffer, np.float32)
        values = flat.reshape(batch, height, width, channels).transpose(0, 3, 1, 2)
        self.features: Any = moved(values, None if is_array else "cpu")

    def put(self, box: Box, values: Any) -> None:
        """Write the cells of a box, ``(B, C, h, w)`` from any device."""
        place = self.features[(..., *box.slices)]
        if self._is_array:
            # A row at a time, as all at once takes twice as long; and the row in one piece, likewise.
            for image, row in itertools.product(range(len(values)), range(values.shape[2])):
                place[image, :, row] = np.ascontiguousarray(values[image, :, row])
        else:
            place[:] = values.detach().cpu()

    def part(self, box: Box) -> Any:
        """The features of a box, which may lie beyond the sides where those meet; arrays as they are computed with."""
        found = part(self.features, box)
        if not self._is_array or found.flags.c_contiguous:
            return found
        whole = np.empty(found.shape, np.float32)
        for row in range(found.shape[2]):
            whole[:, :, row] = found[:, :, row]
        return whole

    def parts(self) -> Iterator[tuple[Box, Any]]:
        """The features in boxes of some :data:`_BAND` cells a side, each with its place: statistics are of these."""
        _, _, height, width = self.features.shape
        for top, left in itertools.product(range(0, height, _BAND), range(0, width, _BAND)):
            box = Box(top, left, min(top + _BAND, height), min(left + _BAND, width))
            yield box, self.part(box)
            self.release()

    def release(self) -> None:
        """Give the memory of a mapped file back; nothing is lost."""
        if self._map is not None:
            self._map.release()
