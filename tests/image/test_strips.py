from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import ImageError
from adain.image import split_alpha
from adain.image.box import Box
from adain.image.strips import Photograph, Strips, Whole, Window
from tests.image.test_io import random_image


class Sliced(Strips):
    """A picture in strips of these heights, the last of which is repeated; counts how often it is gone through."""

    def __init__(self, picture: Image.Image, *heights: int) -> None:
        self.picture, self.heights, self.passes = picture, heights or (1,), 0
        self.size, self.has_alpha = (picture.height, picture.width), picture.mode == "RGBA"

    def strips(self) -> Iterator[Image.Image]:
        self.passes += 1
        top, heights = 0, list(self.heights)
        while top < self.height:
            height = heights.pop(0) if len(heights) > 1 else heights[0]
            yield self.picture.crop((0, top, self.width, min(top + height, self.height)))
            top += height


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.lists(st.tuples(st.integers(0, 29), st.integers(1, 12))))
def test_any_rows_in_any_order(heights: list[int], wanted: list[tuple[int, int]]) -> None:
    picture = random_image(size=(4, 30))
    window = Window(Sliced(picture, *heights))
    for top, count in wanted:
        bottom = min(top + count, 30)
        assert np.array_equal(window.rows(top, bottom), np.asarray(picture)[top:bottom])


def test_going_down_reads_once() -> None:
    strips = Sliced(random_image(size=(4, 30)), 7)
    window = Window(strips)
    for top in (0, 0, 5, 5, 9, 22):
        window.rows(top, top + 8)
        window.rows(top + 2, top + 8)
    assert strips.passes == 1
    window.rows(2, 3)
    assert strips.passes == 2


def test_a_picture_that_ends_early() -> None:
    strips = Whole(random_image(size=(4, 10)))
    strips.size = (11, 4)
    with pytest.raises(ImageError, match="ended before its last row"):
        Window(strips).rows(8, 11)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_photograph_is_split_as_a_whole(mode: str) -> None:
    picture = random_image(mode, (20, 33))
    if mode == "RGBA":
        picture.paste((9, 8, 7, 0), (3, 4, 15, 20))
    rgb, alpha = split_alpha(picture)
    strips = Sliced(picture, 6)
    photograph = Photograph(strips)
    for box in (Box(0, 0, 33, 20), Box(2, 5, 11, 9), Box(10, 0, 33, 20)):
        top, left, bottom, right = box
        part = photograph.cut((left, top, right, bottom))
        assert np.array_equal(np.asarray(part), np.asarray(rgb)[top:bottom, left:right])
        opacity = photograph.opacity(box)
        if alpha is None:
            assert opacity is None
        else:
            assert np.array_equal(np.asarray(opacity), np.asarray(alpha)[top:bottom, left:right])


def test_nothing_visible_stays_as_it_is() -> None:
    picture = random_image("RGBA")
    picture.putalpha(0)
    found = Photograph(Whole(picture)).cut((0, 0, picture.width, picture.height))
    assert np.array_equal(np.asarray(found), np.asarray(picture)[..., :3])
