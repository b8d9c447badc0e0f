"""Rectangles of pixels, or of the cells of a feature map."""

from __future__ import annotations

from typing import NamedTuple


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

    def pixels(self, size: tuple[int, int], stride: int, around: tuple[bool, bool] = (False, False)) -> Box:
        """A box of cells of so many pixels a side as one of the pixels of an image of that height and width.

        ``around`` as of :meth:`grown`; the sides of an image that goes on are whole cells.
        """
        bottom, right = (
            end * stride if goes_on else min(end * stride, side)
            for end, side, goes_on in zip((self.bottom, self.right), size, around, strict=True)
        )
        return Box(self.top * stride, self.left * stride, bottom, right)

    def within(self, outer: Box) -> Box:
        """This box as seen from the corner of another."""
        return Box(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)

    def grown(self, by: int, size: tuple[int, int], around: tuple[bool, bool] = (False, False)) -> Box:
        """This box with a margin, as far as an area of that height and width goes.

        ``around`` says whether it goes on beyond its top and bottom, and beyond its left and right.
        """
        top, left, bottom, right = self.top - by, self.left - by, self.bottom + by, self.right + by
        if not around[0]:
            top, bottom = max(top, 0), min(bottom, size[0])
        if not around[1]:
            left, right = max(left, 0), min(right, size[1])
        return Box(top, left, bottom, right)
