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

    def pixels(self, size: tuple[int, int], stride: int) -> Box:
        """A box of cells of so many pixels a side as one of the pixels of an image of that height and width."""
        bottom, right = min(self.bottom * stride, size[0]), min(self.right * stride, size[1])
        return Box(self.top * stride, self.left * stride, bottom, right)

    def within(self, outer: Box) -> Box:
        """This box as seen from the corner of another."""
        return Box(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)

    def grown(self, by: int, size: tuple[int, int]) -> Box:
        """This box with a margin, as far as an area of that height and width goes."""
        bottom, right = min(self.bottom + by, size[0]), min(self.right + by, size[1])
        return Box(max(self.top - by, 0), max(self.left - by, 0), bottom, right)
