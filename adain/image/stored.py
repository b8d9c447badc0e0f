"""Pictures that lie in a file while parts of them are worked on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.mapped import MappedFile

HELD_PIXELS = 1 << 24
"""Pixels up to which a picture stays in memory: 64 MB, as Pillow holds it."""


class StoredLevels:
    """Levels of three colours in a :class:`~adain._utils.mapped.MappedFile`: on the disk, and hardly in memory.

    Args:
        size: height and width in pixels.
        dtype: of uint8, or of uint16.
        folder: for the file; by default that for temporary files.

    Attributes:
        size, height, width: in pixels.
        levels: ``(H, W, 3)``, black at first.

    Raises:
        InputError: if the disk has no room for it, or the folder cannot be written to.
    """

    def __init__(
        self, size: tuple[int, int], dtype: npt.DTypeLike = np.uint8, folder: str | os.PathLike[str] | None = None
    ) -> None:
        self.height, self.width = self.size = size
        self._map = MappedFile(3 * size[0] * size[1] * np.dtype(dtype).itemsize, folder, "pixels")
        self.levels: npt.NDArray[Any] = np.frombuffer(self._map.buffer, dtype).reshape(*size, 3)

    def release(self) -> None:
        """Give back what has been read or written of it and is still in memory."""
        self._map.release()

    def bands(self) -> Iterator[tuple[int, int]]:
        """Top and bottom of rows that may be in memory together; each is given back when the next is asked for."""
        rows = max(1, HELD_PIXELS // 16 // self.width)
        for top in range(0, self.height, rows):
            yield top, min(top + rows, self.height)
            self.release()

    def to_image(self) -> Image.Image:
        """As a picture in memory, of mode ``RGB``."""
        picture = Image.new("RGB", (self.width, self.height))
        for top, bottom in self.bands():
            picture.paste(Image.fromarray(self.levels[top:bottom]), (0, top))
        return picture


class StoredPicture(StoredLevels):
    """A picture of mode ``RGB`` that was laid aside, of which any part can be had."""

    def __init__(self, picture: Image.Image, folder: str | os.PathLike[str] | None = None) -> None:
        super().__init__((picture.height, picture.width), folder=folder)
        for top, bottom in self.bands():
            # Not crop(): that applies Pillow's own pixel limit.
            part = picture.resize((self.width, bottom - top), Image.Resampling.NEAREST, (0, top, self.width, bottom))
            self.levels[top:bottom] = np.asarray(part)

    def cut(self, box: tuple[int, int, int, int]) -> Image.Image:
        """From (left, top) on, up to and without (right, bottom)."""
        left, top, right, bottom = box
        return Image.fromarray(np.ascontiguousarray(self.levels[top:bottom, left:right]))


def laid_aside(image: Any, folder: str | os.PathLike[str] | None = None) -> Any:
    """A picture of more than :data:`HELD_PIXELS` as a :class:`StoredPicture`; anything else as it is."""
    if isinstance(image, Image.Image) and image.width * image.height > HELD_PIXELS:
        return StoredPicture(image, folder)
    return image
