"""Pictures that are never held as a whole: they come in strips from top to bottom, as often as they are asked for."""

from __future__ import annotations

import functools
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.errors import ImageError
from ..options import FileOptions
from .box import Box

if TYPE_CHECKING:
    from .levels import Painted

Levels: TypeAlias = npt.NDArray[np.uint8]
"""Rows of a picture ``(h, W, 3)`` or, with alpha, ``(h, W, 4)``."""

STRIP_PIXELS = 1 << 21
"""About how many pixels are read, resized or written together."""


class Strips(ABC):
    """A picture in strips: upright and in sRGB, as :func:`~adain.read_image` would give it.

    Attributes:
        size: height and width in pixels.
        has_alpha: whether its strips have an alpha, and are of mode ``RGBA`` rather than ``RGB``.
        bits: of each colour: 8, or 16 of strips that are arrays of uint16.
        pyramid: whether smaller copies are to lie beside it in the file that it is written to.
    """

    size: tuple[int, int]
    has_alpha: bool = False
    bits: int = 8
    pyramid: bool = False

    @property
    def width(self) -> int:
        return self.size[1]

    @property
    def height(self) -> int:
        return self.size[0]

    @abstractmethod
    def strips(self) -> Iterator[Painted]:
        """The whole width from top to bottom, in strips of any height; each call begins anew.

        Raises:
            ImageError: where the file is damaged.
        """

    def save(self, path: str | os.PathLike[str], *, quality: int = FileOptions.quality, pyramid: bool = False) -> Path:
        """Write it, as :func:`~adain.image.strip_writer.write_strips` does, and return the path."""
        from .strip_writer import write_strips

        return write_strips(self, path, quality=quality, pyramid=pyramid)


class Whole(Strips):
    """A picture that is held as a whole, ``RGB`` or ``RGBA``, as one strip."""

    def __init__(self, picture: Painted) -> None:
        values = np.asarray(picture)
        self.picture, self.size, self.has_alpha = picture, values.shape[:2], values.shape[2] == 4
        self.bits = 8 * values.itemsize

    def strips(self) -> Iterator[Painted]:
        yield self.picture


class Window:
    """Rows of a picture in strips, of which those are held that are near the ones asked for last.

    Whoever goes down the picture has it read once; whoever goes back has it read from the top again.
    """

    def __init__(self, picture: Strips) -> None:
        self.picture = picture
        self._strips: Iterator[Painted] = iter(())
        self._top, self._bottom = picture.height, picture.height  # before the first rows: begin at the top
        self._held: Levels | None = None

    def rows(self, top: int, bottom: int) -> Levels:
        """Those rows, ``(bottom - top, W, C)``; not to be written to."""
        if top < self._top:
            self._begin()
        if bottom > self._bottom:
            self._advance(top, bottom)
        assert self._held is not None
        return self._held[top - self._top : bottom - self._top]

    def _begin(self) -> None:
        self._strips, self._top, self._bottom, self._held = self.picture.strips(), 0, 0, None

    def _advance(self, top: int, bottom: int) -> None:
        kept = [] if self._held is None or top >= self._bottom else [self._held[top - self._top :]]
        start = top if kept else self._bottom
        self._held = None
        while self._bottom < bottom:
            strip = next(self._strips, None)
            if strip is None:
                raise ImageError("a picture in strips ended before its last row")
            levels = np.asarray(strip)
            self._bottom += len(levels)
            if self._bottom > top:
                kept.append(levels)
            else:
                start = self._bottom
        self._held = kept[0] if len(kept) == 1 else np.concatenate(kept)
        self._top = start


class Photograph:
    """A picture in strips as networks take it: its colours and its opacity apart, any part of it.

    What is fully transparent gets the mean colour of what is visible, as :func:`~adain.image.split_alpha` gives it.
    """

    def __init__(self, picture: Strips) -> None:
        self.picture, self._window = picture, Window(picture)
        self.size, self.has_alpha = picture.size, picture.has_alpha

    @property
    def width(self) -> int:
        return self.picture.width

    @property
    def height(self) -> int:
        return self.picture.height

    def cut(self, box: tuple[int, int, int, int]) -> Image.Image:
        """Colours, of mode ``RGB``, from (left, top) on, up to and without (right, bottom)."""
        left, top, right, bottom = box
        part = self._window.rows(top, bottom)[:, left:right]
        if self.has_alpha:
            colors = part[..., :3].copy()
            if self._fill is not None:
                colors[part[..., 3] == 0] = self._fill
            part = colors
        return Image.fromarray(np.ascontiguousarray(part))

    def opacity(self, box: Box) -> Image.Image | None:
        """The alpha channel of a part, of mode ``L``; None without one."""
        if not self.has_alpha:
            return None
        rows, columns = box.slices
        return Image.fromarray(self._window.rows(rows.start, rows.stop)[:, columns, 3].copy())

    @functools.cached_property
    def _fill(self) -> tuple[int, ...] | None:
        """The mean colour of what is visible; None if nothing is."""
        sums, weight = np.zeros(3, np.int64), 0
        for strip in self.picture.strips():
            levels = np.asarray(strip)
            sums += np.einsum("hw,hwc->c", levels[..., 3], levels[..., :3], dtype=np.int64)
            weight += int(levels[..., 3].sum(dtype=np.int64))
        return tuple(round(total / weight) for total in sums.tolist()) if weight else None
