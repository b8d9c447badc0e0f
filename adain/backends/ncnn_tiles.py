"""How what a stage computes is cut into tiles for so many threads."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

from ..image.box import Box

AT_ONCE = 4
"""Largest tiles that all threads together compute at a time: beyond, memory does not grow with the cores. Fewer threads
are given the tiles of so many, so that a picture has the same bytes by one thread as by four."""


class TileShape(NamedTuple):
    """What tiles are to be like, in units of a stage.

    Attributes:
        side: of a square that no tile is larger than.
        least: side below which nothing is cut only for every thread to have a tile.
        halo: what is computed around a tile, too, as far as there is any.
    """

    side: int
    least: int
    halo: int


@functools.lru_cache(maxsize=64)
def cut(box: Box, whole: tuple[int, int], shape: TileShape, threads: int) -> tuple[Box, ...]:
    """A part of a picture in tiles, of which so many are computed at a time, in reading order.

    It is the grid with the least work: every tile counts as the largest does with its halo, and a thread that is left
    without one at the end as if it had one. Tiles at the picture's own borders are larger, as they have less halo.

    Args:
        box, whole: the part, and height and width of the picture; in units, as the tiles are.
    """
    down = _Side(box.top, box.bottom, whole[0], shape)
    across = _Side(box.left, box.right, whole[1], shape)
    most = max(min(shape.side, shape.least) ** 2, min(shape.side**2, AT_ONCE * shape.side**2 // threads))
    grids = []
    for rows in range(1, down.most + 1):
        if (high := down.inner(rows)) > most:
            continue
        fewest = across.fewest(most // high)
        # Up to a full turn of the threads more; whatever is beyond has more halo.
        for columns in range(fewest, max(fewest, min(fewest + threads, across.most)) + 1):
            turns = -(-rows * columns // threads)
            grids.append((turns * down.outer(rows) * across.outer(columns), rows * columns, rows, columns))
    _, _, rows, columns = min(grids)
    return tuple(
        Box(top, left, bottom, right) for top, bottom in down.parts(rows) for left, right in across.parts(columns)
    )


class _Side:
    """The way down or across.

    Attributes:
        core: what is left of all there is to compute where a halo is taken off both ends.
        most: parts that are worth a trial.
    """

    def __init__(self, start: int, end: int, whole: int, shape: TileShape) -> None:
        self._start, self._end, self._halo = start, end, shape.halo
        self._before, after = min(start, shape.halo), min(whole - end, shape.halo)
        self._length = self._before + end - start + after
        self.core = max(1, self._length - 2 * shape.halo)
        self.most = max(self.core // shape.least, -(-self.core // shape.side))

    def fewest(self, inner: int) -> int:
        """Parts none of which is longer, without the halo of one that has neighbours."""
        return -(-self.core // inner)

    def inner(self, count: int) -> int:
        return -(-self.core // count)

    def outer(self, count: int) -> int:
        """Length of the longest of so many parts with its halo."""
        return min(self._length, self.inner(count) + 2 * self._halo)

    def parts(self, count: int) -> Iterator[tuple[int, int]]:
        """Starts and ends of parts that are of about the same length with their halos."""
        first = self._start + self._halo - self._before
        inner = (first + self.core * k // count for k in range(1, count))
        return itertools.pairwise((self._start, *inner, self._end))
