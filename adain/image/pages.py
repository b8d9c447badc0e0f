"""Files of several pictures: the pages of a TIFF and the frames of an animation, one by one."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from .._utils.errors import ImageError, InputError
from ..options import plural

ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
"""The formats whose further pictures are frames, which have their time."""

NEW_SUBFILE_TYPE = 254
"""Of TIFF 6.0, section 8: bit 0 marks a reduced copy of another picture of the file, bit 2 a mask of one."""

Unit = Literal["frame", "page"]


@dataclass(frozen=True, slots=True)
class Page:
    """One of several pictures of a file, wherever a picture is taken.

    Attributes:
        source: the file: a path, its bytes, or a file that is open for them.
        number: which, from 1: a page of a TIFF, or a frame of an animation.

    Raises:
        InputError: on construction, if that is no whole number.
    """

    source: Any
    number: int

    def __post_init__(self) -> None:
        if not isinstance(self.number, (int, np.integer)) or isinstance(self.number, bool):
            raise InputError(f"the number of a page is a whole number, from 1, not {self.number!r}")

    def __str__(self) -> str:
        name = self.source if isinstance(self.source, (str, os.PathLike)) else "image"
        return f"{os.fspath(name)}, page {self.number}"


def source_of(picture: Any) -> Any:
    """The file of a page; what is no page is given back as it is."""
    return picture.source if isinstance(picture, Page) else picture


def unit_of(image: Image.Image) -> Unit:
    """What the pictures of an opened file are called."""
    return "frame" if image.format in ANIMATED else "page"


def indices(image: Image.Image) -> Iterator[int]:
    """Where the pictures of an opened file are, as Pillow counts; each is the current one when it is given.

    The smaller copies and masks that a TIFF may hold beside its pages are none, and neither is what a camera puts
    behind a JPEG.
    """
    if image.format not in (*ANIMATED, "TIFF"):
        yield 0
        return
    for index in itertools.count():
        try:
            image.seek(index)
        except EOFError:
            return
        kind = getattr(image, "tag_v2", {}).get(NEW_SUBFILE_TYPE, 0)
        if not int(kind) & 0b101:
            yield index


def count(image: Image.Image) -> int:
    """How many pictures an opened file has."""
    return getattr(image, "n_frames", 1) if image.format in ANIMATED else sum(1 for _ in indices(image)) or 1


def go_to(image: Image.Image, number: int, name: str) -> None:
    """Make the picture with that number, from 1, the current one of an opened file; ImageError if there is none."""
    if number >= 1:
        for _ in itertools.islice(indices(image), number - 1, number):
            return
    raise lacking(number, count(image), unit_of(image), name)


def lacking(number: int, found: int, unit: Unit, name: str) -> ImageError:
    """That a file of that name has no such page, but so many."""
    there = f"1 to {found}" if found > 1 else "1 alone"
    return ImageError(f"cannot read {unit} {number} of {name}: it has {plural(found, unit)}; --page takes {there}")
