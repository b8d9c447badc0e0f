"""Stylising a picture that comes in strips into one that does: exact, and neither is ever held.

The picture is gone through twice. The first time every tile is encoded for the statistics alone; the second time it is
encoded again, with the halo that the decoder needs, and decoded. For a picture this large that is quicker than to keep
the features, 24 to 96 bytes a pixel, on a disk. Each row of tiles is handed on as soon as it is complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .._utils import memory
from .._utils.arrays import is_tensor, moved, no_gradients
from .._utils.errors import InputError
from ..image import Source, with_alpha
from ..image.arrays import to_array
from ..image.box import Box
from ..image.levels import Painted, painted
from ..image.strips import Photograph, Strips
from ..image.wrap import axes_of, picture_part
from ..nn.layers import STRIDE
from .content import Content, Progress, TileProgress, Tiles
from .correct import corrected
from .finish import finish_tiles
from .halo import ENCODER_HALO, Tiling, cells_of
from .tiles import complete, decode_tiles

if TYPE_CHECKING:
    from .base import BaseStylizer
    from .looks import Paint


class EncodedAgain:
    """Features of a picture in strips, encoded whenever they are asked for; stands where a ``FeatureStore`` does.

    Attributes:
        shape: of the features, ``(1, C, H', W')``.
        features: itself.
    """

    def __init__(self, model: BaseStylizer, photograph: Photograph, tiling: Tiling, progress: Progress | None) -> None:
        self._model, self._photograph, self._tiling, self._progress = model, photograph, tiling, progress
        self.shape = (1, model.channels, *tiling.cells)
        self.features = self

    def part(self, inner: Box) -> Any:
        """The features of a box, which may lie beyond the sides where those meet."""
        outer = self._tiling.grown(inner, ENCODER_HALO)
        place = outer.pixels(self._photograph.size, STRIDE, self._tiling.around)
        pixels = moved(to_array(picture_part(self._photograph, place)), self._model.device)
        with no_gradients():
            features = self._model.encode_part(complete(pixels), inner, outer)
        return features.float() if is_tensor(features) else features

    def parts(self) -> Iterator[tuple[Box, Any]]:
        """Each tile with its place among the cells: what statistics are taken of."""
        done = 0
        for row in self._tiling.rows():
            for box in row:
                yield box, self.part(box)
                done += 1
                if self._progress is not None:
                    self._progress(TileProgress("encode", done, self._tiling.count))
            self.release()

    def release(self) -> None:
        """Give back to the system what a row of tiles has left."""
        memory.give_back()


def encode_strips(
    model: BaseStylizer, opened: Source, tile: int | None, *, progress: Progress | None = None
) -> Content:
    """A picture in strips, ready to be decoded: nothing is computed yet.

    Args:
        tile: side of the tiles.

    Raises:
        InputError: without one.
    """
    assert isinstance(opened.image, Strips)
    if tile is None:
        raise InputError('tile="off" (--tile off) wants the whole picture in memory: leave it out for one in strips')
    photograph, tiling = Photograph(opened.image), Tiling(cells_of(opened.size), tile, axes_of(opened.wrap))
    store = EncodedAgain(model, photograph, tiling, progress)
    return Content.of(opened, store, None, Tiles(tiling, store, photograph, progress))


class PaintedStrips(Strips):
    """A stylised picture in strips; each time it is gone through, it is painted.

    Args:
        model, content, paint: see :meth:`BaseStylizer.render`; the content is of :func:`encode_strips`.
    """

    def __init__(self, model: BaseStylizer, content: Content, paint: Paint) -> None:
        self._model, self._content, self._paint = model, content, paint
        assert content.tiles is not None
        assert isinstance(content.tiles.picture, Photograph)
        self._photograph = content.tiles.picture
        self.size, self.has_alpha = content.size, self._photograph.has_alpha
        self.bits = paint.levels.bits

    def strips(self) -> Iterator[Painted]:
        paint, width = self._paint, self.width
        if paint.correct:  # once, however often it is gone through
            target = corrected(self._model, self._content, paint.target, paint.alpha, paint.correct)
            self._paint = paint = replace(paint, target=target, correct=0)
        canvas: Any = None
        tiles = decode_tiles(self._model, self._content, paint.target, paint.alpha)
        for place, tile in finish_tiles(tiles, self._content, paint):
            if canvas is None:
                canvas = np.empty((place.bottom - place.top, width, 3), np.uint8 if self.bits == 8 else np.uint16)
            canvas[:, place.left : place.right] = np.asarray(painted(tile, paint.levels, (place.top, place.left)))
            if place.right == width:
                strip = canvas if self.bits == 16 else Image.fromarray(canvas)
                yield with_alpha(strip, self._photograph.opacity(Box(place.top, 0, place.bottom, width)))
                canvas = None
