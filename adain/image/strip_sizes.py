"""Pictures in strips at another size, to the pixel what :mod:`adain.image.resize` makes of the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from .strips import STRIP_PIXELS, Strips, Window

_LANCZOS = 3.0  # pixels to each side that the filter reaches, of the smaller of both pictures
_SLACK = 2  # rows more, for rounding


class Resized(Strips):
    """Another picture at another size.

    Args:
        picture: it.
        size: height and width in pixels.
    """

    def __init__(self, picture: Strips, size: tuple[int, int]) -> None:
        self.picture, self.size, self.has_alpha = picture, size, picture.has_alpha

    def strips(self) -> Iterator[Image.Image]:
        height, width = self.size
        scale = self.picture.height / height
        reach = math.ceil(_LANCZOS * max(scale, 1.0)) + _SLACK
        window = Window(self.picture)
        is_tall = self.picture.height > 2 * self.picture.width and height < self.picture.height
        step = max(1, int(STRIP_PIXELS / max(width, self.picture.width * scale)))
        for top in range(0, height, step):
            bottom = min(top + step, height)
            first = max(0, math.floor(top * scale) - reach)
            last = min(self.picture.height, math.ceil(bottom * scale) + reach)
            source = Image.fromarray(np.ascontiguousarray(window.rows(first, last)))
            source = source.convert("RGBa") if self.has_alpha else source
            # In two steps, as Pillow chooses their order by the shape of what it is given.
            rows = top * scale - first, min(bottom * scale - first, last - first)
            if is_tall:
                strip = _resize(_resize(source, (source.width, bottom - top), rows), (width, bottom - top))
            else:
                strip = _resize(_resize(source, (width, source.height)), (width, bottom - top), rows)
            yield strip.convert("RGBA") if self.has_alpha else strip


def _resize(image: Image.Image, size: tuple[int, int], rows: tuple[float, float] | None = None) -> Image.Image:
    """In one direction, all of it or from one row, which may be a part of one, to another."""
    box = None if rows is None else (0.0, rows[0], image.width, rows[1])
    return image.resize(size, Image.Resampling.LANCZOS, box)


class CenterSquare(Strips):
    """The largest square at the centre of another picture."""

    def __init__(self, picture: Strips) -> None:
        self.picture, self.has_alpha = picture, picture.has_alpha
        side = min(picture.size)
        self.size = side, side

    def strips(self) -> Iterator[Image.Image]:
        side = self.size[0]
        left, first = (self.picture.width - side) // 2, (self.picture.height - side) // 2
        top = 0
        for strip in self.picture.strips():
            rows = np.asarray(strip)
            levels = rows[max(0, first - top) : max(0, first + side - top), left : left + side]
            top += len(rows)
            if len(levels):
                yield Image.fromarray(np.ascontiguousarray(levels))
            if top >= first + side:
                return
