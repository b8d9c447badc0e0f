"""The geometry of exact tiling: which pixels and cells a tile needs so that nothing of the result depends on it.

Only the channel statistics are global. Everything else is local: a feature cell depends on the pixels within
:data:`ENCODER_REACH` of it, a pixel of the result on the cells within :data:`DECODER_REACH` of its own. A tile with a
margin of that much, its *halo*, therefore gives the very values that the whole image gives: the padding, which is wrong
at inner borders, spoils the halo alone. At the image's own borders there is no halo, and the padding is the network's
own. Tiles start at whole cells, so that poolings fall alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from . import defaults
from .errors import InputError
from .vgg import CONTENT_LAYER, STRIDE, layers_upto

TileSize = int | str
"""A side in pixels, ``"auto"`` or ``"off"``."""


def encoder_reach() -> int:
    """Pixels beyond the 8 of its own that a cell of relu4_1 depends on, each way: 30.

    From the cell back to the pixels, a 3×3 convolution adds one place, and a pooling doubles what there is:
    1 (conv4_1), 2, 6 (four convolutions of block 3), 12, 14, 28, 30.
    """
    reach = 0
    for spec in reversed(layers_upto(CONTENT_LAYER)):
        reach += 1
        if spec.pool_before:
            reach *= 2
    return reach


def decoder_reach() -> int:
    """Cells beyond its own that a pixel of the result depends on, each way: 4.

    From the pixel back to the cells, a convolution adds one place, and a doubling halves what there is, rounded up, as
    tiles begin at even places: 2 (the convolutions at full size), 1, 3, 2, 6, 3, 4.
    """
    reach = 0
    for spec in layers_upto(CONTENT_LAYER):
        if spec.pool_before:
            reach = -(-reach // 2)
        reach += 1
    return reach


ENCODER_REACH = encoder_reach()
DECODER_REACH = decoder_reach()

ENCODER_HALO = -(-ENCODER_REACH // STRIDE)
"""Halo of a tile in cells when it is encoded: :data:`ENCODER_REACH` in whole cells."""

DECODER_HALO = DECODER_REACH
"""Halo of a tile in cells when it is decoded."""


class Box(NamedTuple):
    """A rectangle of cells or pixels: from ``top`` and ``left`` on, up to and without ``bottom`` and ``right``."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def pixels(self, size: tuple[int, int]) -> Box:
        """A box of cells as one of the pixels of an image of that height and width."""
        bottom, right = min(self.bottom * STRIDE, size[0]), min(self.right * STRIDE, size[1])
        return Box(self.top * STRIDE, self.left * STRIDE, bottom, right)

    def within(self, outer: Box) -> Box:
        """This box as seen from the corner of another."""
        return Box(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)

    def grown(self, by: int, size: tuple[int, int]) -> Box:
        """This box with a margin, as far as an area of that height and width goes."""
        bottom, right = min(self.bottom + by, size[0]), min(self.right + by, size[1])
        return Box(max(self.top - by, 0), max(self.left - by, 0), bottom, right)


@dataclass(frozen=True)
class Tiling:
    """A feature map cut into tiles of about equal size, none larger than asked for.

    Attributes:
        cells: height and width of the feature map.
        tile: longest side of a tile in pixels, at least :data:`adain.defaults.MIN_TILE`.

    Raises:
        InputError: on construction, if the tile is smaller than that.
    """

    cells: tuple[int, int]
    tile: int

    def __post_init__(self) -> None:
        check_tile(self.tile)

    def rows(self) -> Iterator[list[Box]]:
        """The tiles in reading order, row by row, in cells and without a halo."""
        most = self.tile // STRIDE
        for top, bottom in spans(self.cells[0], most):
            yield [Box(top, left, bottom, right) for left, right in spans(self.cells[1], most)]

    @property
    def count(self) -> int:
        """How many tiles there are."""
        most = self.tile // STRIDE
        return -(-self.cells[0] // most) * -(-self.cells[1] // most)

    def overlap(self, halo: int = ENCODER_HALO) -> float:
        """The share of cells computed more than once, 0 for a single tile; the cost over the untiled pass.

        Encoder and decoder have the same halo, so this is the share of each.
        """
        computed = sum(box.grown(halo, self.cells).area for row in self.rows() for box in row)
        return computed / (self.cells[0] * self.cells[1]) - 1.0


def spans(length: int, most: int) -> list[tuple[int, int]]:
    """``length`` cut into the fewest parts of at most ``most``, whose lengths differ by at most 1."""
    count = -(-length // most)
    ends = [length * k // count for k in range(count + 1)]
    return list(itertools.pairwise(ends))


def cells_of(size: tuple[int, int]) -> tuple[int, int]:
    """The cells of an image of that height and width in pixels, the last ones completed."""
    return -(-size[0] // STRIDE), -(-size[1] // STRIDE)


def check_tile(tile: TileSize) -> TileSize:
    """``tile``, or :class:`~adain.errors.InputError` if it is neither ``"auto"``, ``"off"`` nor a usable size."""
    if tile in ("auto", "off"):
        return tile
    if isinstance(tile, bool) or not isinstance(tile, int):
        raise InputError(f'tile must be "auto", "off" or a size in pixels, not {tile!r}')
    if tile < defaults.MIN_TILE:
        raise InputError(
            f"tiles must be at least {defaults.MIN_TILE} px a side, not {tile}: smaller ones are mostly overlap"
        )
    return tile
