"""The geometry of exact tiling: which pixels and cells a tile needs so that nothing of the result depends on it.

Only the channel statistics are global. Everything else is local: a feature cell depends on the pixels within
:data:`ENCODER_REACH` of it, a pixel of the result on the cells within :data:`DECODER_REACH` of its own. A tile with a
margin of that much, its *halo*, therefore gives the very values that the whole image gives: the padding, which is wrong
at inner borders, spoils the halo alone. At the image's own borders there is no halo, and the padding is the network's
own. Tiles start at whole cells, so that poolings fall alike. Deeper layers need less of the halo than the first
ones, and get less.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from .._utils.arrays import Array
from .._utils.errors import InputError
from ..image.box import Box
from ..image.wrap import FLAT, Axes
from ..nn.layers import CONTENT_LAYER, STRIDE, ConvSpec, layers_upto
from ..options import MIN_TILE, TileSize


class Step(NamedTuple):
    """What a tile needs behind one convolution, so that nothing is computed that no later layer asks for.

    Attributes:
        scale: places a cell has there each way: 8 at full size, 1 at that of the features.
        margin: places beyond the tile that are needed, each way.
        cost: multiplications a place takes, up to a common factor.
        cuts: whether what is not needed is cut off. That makes the next padding or pooling copy what it is given, which
            at full and half size takes longer than the few places save; a doubling copies in any case.
    """

    scale: int
    margin: int
    cost: int
    cuts: bool


@cache
def encoder_steps(specs: tuple[ConvSpec, ...]) -> dict[str, Step]:
    """The convolutions of an encoder to relu4_1, in order.

    From relu4_1 back to the pixels a 3×3 convolution adds one place, and a pooling doubles what there is. Of VGG-19: 0
    behind conv4_1, 2 behind conv3_4, then 3, 4, 5, 12 behind conv2_2, 13, 28 behind conv1_2, 29; and 30 pixels.
    """
    steps, margin, scale = {}, 0, 1
    for spec in reversed(specs):
        steps[spec.name] = Step(scale, margin, spec.c_in * spec.c_out, scale <= 2)
        margin += 1
        if spec.pool_before:
            margin, scale = 2 * margin, 2 * scale
    return dict(reversed(steps.items()))


@cache
def decoder_steps(specs: tuple[ConvSpec, ...]) -> dict[str, Step]:
    """The convolutions of a decoder, which mirrors ``specs``, in order: deepest first.

    From the pixels back to relu4_1 a convolution adds one place, and a doubling halves what there is, rounded up, as
    tiles begin at even places. Of VGG-19's: 0 behind the last one, 1, then 1 and 2 at half size, 2, 3, 4, 5 at a
    quarter, 3 behind the first; and 4 cells.
    """
    steps, margin, scale = {}, 0, STRIDE
    for spec in reversed(specs):
        if spec.pool_before:
            margin, scale = -(-margin // 2), scale // 2
        cuts = scale <= 2 or spec.pool_before or margin == 0
        steps[spec.name] = Step(scale, margin, spec.c_in * spec.c_out, cuts)
        margin += 1
    return dict(reversed(steps.items()))


_SPECS = layers_upto(CONTENT_LAYER)
ENCODER_STEPS = encoder_steps(_SPECS)
DECODER_STEPS = decoder_steps(_SPECS[::-1])
"""Those of the base model, of whose halos no model needs more."""

ENCODER_REACH = next(iter(ENCODER_STEPS.values())).margin + 1
"""Pixels beyond its own that a cell of relu4_1 depends on, each way: 30."""

DECODER_REACH = next(iter(DECODER_STEPS.values())).margin + 1
"""Cells beyond its own that a pixel of the result depends on, each way: 4."""

ENCODER_HALO = -(-ENCODER_REACH // STRIDE)
"""Halo of a tile in cells when it is encoded: :data:`ENCODER_REACH` in whole cells."""

DECODER_HALO = DECODER_REACH
"""Halo of a tile in cells when it is decoded."""


@dataclass(frozen=True)
class Tiling:
    """A feature map cut into tiles of about equal size, none larger than asked for.

    Attributes:
        cells: height and width of the feature map.
        tile: longest side of a tile in pixels, at least :data:`adain.options.MIN_TILE`.
        around: where the picture goes on beyond its sides, and tiles have a halo there, too.
    """

    cells: tuple[int, int]
    tile: int
    around: Axes = FLAT

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

    def grown(self, box: Box, by: int) -> Box:
        """A box of cells with a margin, as far as there is something."""
        return box.grown(by, self.cells, self.around)

    def overlap(self, encoder: tuple[ConvSpec, ...] = _SPECS, decoder: tuple[ConvSpec, ...] = _SPECS[::-1]) -> float:
        """The share of the networks' work that is done more than once: its cost over the untiled pass; 0 for one tile.

        Counted in multiplications, of convolutions in their order: halos are cut down from layer to layer, see
        :class:`Trimmer`.
        """
        height, width = self.cells
        done = needed = 0
        for halo, steps in ((ENCODER_HALO, encoder_steps(encoder)), (DECODER_HALO, decoder_steps(decoder))):
            rows, columns = (self._lengths(k, halo, steps) for k in range(2))
            for step, down, across in zip(steps.values(), rows, columns, strict=True):
                done += step.cost * down * across
                needed += step.cost * height * width * step.scale**2
        return done / needed - 1.0

    def _lengths(self, k: int, halo: int, steps: dict[str, Step]) -> list[int]:
        """Places along the side at index ``k`` that each convolution computes, of all tiles together."""
        length = self.cells[k]
        totals = [length * step.scale for step in steps.values()]
        for start, end in spans(length, self.tile // STRIDE):
            sides = [halo, halo] if self.around[k] else [min(start, halo), min(length - end, halo)]
            totals = [total + sum(before) for total, (before, _) in zip(totals, _margins(steps, sides), strict=True)]
        return totals


class Trimmer:
    """Cuts the halo of a tile down behind each convolution, to what the layers after it need; nothing at the end.

    Args:
        steps: of :func:`encoder_steps` or :func:`decoder_steps`.
        inner, outer: the tile in cells, without and with its halo.
    """

    def __init__(self, steps: dict[str, Step], inner: Box, outer: Box) -> None:
        sides = [inner.top - outer.top, inner.left - outer.left, outer.bottom - inner.bottom, outer.right - inner.right]
        self.cuts: dict[str, list[int]] = {}
        self._kept: dict[str, list[int]] = {}
        for name, (before, after) in zip(steps, _margins(steps, sides), strict=True):
            self.cuts[name] = [old - new for old, new in zip(before, after, strict=True)]
            self._kept[name] = after

    def __call__(self, name: str, x: Array) -> Array:
        return self._cut(x, self.cuts[name])

    def own(self, name: str, x: Array) -> Array:
        """What a call with that name has left, without any halo."""
        return self._cut(x, self._kept[name])

    @staticmethod
    def _cut(x: Array, by: list[int]) -> Array:
        top, left, bottom, right = by
        return x[..., top : x.shape[2] - bottom, left : x.shape[3] - right]


def _margins(steps: dict[str, Step], sides: list[int]) -> Iterator[tuple[list[int], list[int]]]:
    """The margins that each convolution gives and those that are kept, from those in cells on some sides.

    A side with less than a halo lies at the image's own border, where the network's padding is right.
    """
    scale = next(iter(steps.values())).scale
    kept = [side * scale for side in sides]
    for step in steps.values():
        given = [margin * step.scale // scale for margin in kept]
        kept = [min(side * step.scale, step.margin) for side in sides] if step.cuts else given
        scale = step.scale
        yield given, kept


def spans(length: int, most: int) -> list[tuple[int, int]]:
    """``length`` cut into the fewest parts of at most ``most``, whose lengths differ by at most 1."""
    count = -(-length // most)
    return list(itertools.pairwise(length * k // count for k in range(count + 1)))


def cells_of(size: tuple[int, int]) -> tuple[int, int]:
    """The cells of an image of that height and width in pixels, the last ones completed."""
    return -(-size[0] // STRIDE), -(-size[1] // STRIDE)


def check_tile(tile: TileSize) -> TileSize:
    """``tile``, or :class:`~adain.InputError` if it is neither ``"auto"``, ``"off"`` nor a usable size."""
    if tile in ("auto", "off"):
        return tile
    if isinstance(tile, bool) or not isinstance(tile, int):
        raise InputError(f'tile must be "auto", "off" or a size in pixels, not {tile!r}')
    if tile < MIN_TILE:
        raise InputError(f"tiles must be at least {MIN_TILE} px a side, not {tile}: smaller ones are mostly overlap")
    return tile
