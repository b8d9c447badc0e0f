"""How stages are cut into tiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adain.backends.ncnn_tiles import TileShape, cut
from adain.image.box import Box

SHAPE = TileShape(side=32, least=16, halo=2)


@settings(deadline=None)
@given(st.data())
def test_every_unit_is_in_one_tile(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    box = Box(top, left, data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width)))
    shape = TileShape(data.draw(st.sampled_from((1, 8, 32, 64))), data.draw(st.sampled_from((1, 4, 16))), 3)
    tiles = cut(box, (height, width), shape, data.draw(st.integers(1, 64)))
    seen = np.zeros((height, width), int)
    for tile in tiles:
        assert tile.area > 0
        seen[tile.slices] += 1
    assert (seen[box.slices] == 1).all()
    assert seen.sum() == box.area
    outer = [tile.grown(shape.halo, (height, width)) for tile in tiles]
    # A long and narrow tile has more halo than a square of its size, but is no larger without it.
    assert all(max(0, o.bottom - o.top - 6) * max(0, o.right - o.left - 6) <= shape.side**2 for o in outer)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_there_is_a_tile_for_every_thread(threads: int) -> None:
    tiles = cut(Box(0, 0, 64, 64), (64, 64), SHAPE, threads)
    assert len(tiles) % threads == 0


def test_those_at_the_border_are_larger_as_they_have_less_halo() -> None:
    tiles = cut(Box(0, 0, 256, 20), (256, 20), SHAPE, 1)
    outer = [tile.grown(SHAPE.halo, (256, 20)) for tile in tiles]
    lengths = {box.bottom - box.top for box in outer}
    assert len(tiles) > 2
    assert max(lengths) - min(lengths) <= 1
    inside = cut(Box(30, 0, 198, 20), (256, 20), SHAPE, 1)
    assert len(inside) > 2
    assert max(t.bottom - t.top for t in inside) - min(t.bottom - t.top for t in inside) <= 1


def test_small_pictures_are_not_cut() -> None:
    assert cut(Box(0, 0, 16, 16), (16, 16), SHAPE, 2) == (Box(0, 0, 16, 16),)


def test_many_threads_take_no_more_memory_than_four() -> None:
    tiles = cut(Box(0, 0, 256, 256), (256, 256), SHAPE, 16)
    outer = max(tile.grown(SHAPE.halo, (256, 256)).area for tile in tiles)
    assert outer <= (SHAPE.side * (4 / 16) ** 0.5 + 2 * SHAPE.halo) ** 2
