"""Geometry of tiles: they cover the image once, and their halos are what the networks reach, no less and no more."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.image.box import Box
from adain.nn.vgg import STRIDE
from adain.stylizer.halo import (
    DECODER_HALO,
    DECODER_REACH,
    DECODER_STEPS,
    ENCODER_HALO,
    ENCODER_REACH,
    ENCODER_STEPS,
    Tiling,
    Trimmer,
    cells_of,
    check_tile,
    spans,
)
from adain.stylizer.stylizer import Stylizer

sides = st.integers(2, 90)


@given(st.integers(1, 500), st.integers(1, 80))
def test_spans_cover_once_and_evenly(length: int, most: int) -> None:
    parts = spans(length, most)
    assert parts[0][0] == 0
    assert parts[-1][1] == length
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(parts))
    lengths = [end - start for start, end in parts]
    assert max(lengths) <= most
    assert max(lengths) - min(lengths) <= 1
    assert len(parts) == -(-length // most)


@given(sides, sides, st.integers(64, 400))
def test_tiles_cover_every_cell_once(height: int, width: int, tile: int) -> None:
    tiling = Tiling((height, width), tile)
    seen = torch.zeros(height, width)
    boxes = [box for row in tiling.rows() for box in row]
    for box in boxes:
        seen[box.slices] += 1
        assert max(box.bottom - box.top, box.right - box.left) * 8 <= tile
    assert bool((seen == 1).all())
    assert tiling.count == len(boxes)


@given(st.integers(16, 700), st.integers(16, 700), st.integers(64, 256))
def test_pixels_of_tiles_cover_every_pixel_once(height: int, width: int, tile: int) -> None:
    boxes = [
        box.pixels((height, width), STRIDE) for row in Tiling(cells_of((height, width)), tile).rows() for box in row
    ]
    assert sum(box.area for box in boxes) == height * width
    assert all(box.area > 0 for box in boxes)
    assert max(box.bottom for box in boxes) == height
    assert max(box.right for box in boxes) == width


@given(sides, sides, st.integers(0, 12))
def test_halos_end_at_the_border(height: int, width: int, by: int) -> None:
    whole = Box(0, 0, height, width)
    assert whole.grown(by, (height, width)) == whole
    inner = Box(1, 0, 2, 1)
    outer = inner.grown(by, (height, width))
    assert outer == Box(max(0, 1 - by), 0, min(2 + by, height), min(1 + by, width))
    rows, columns = inner.within(outer).slices
    assert (rows.start, columns.start) == (1 - outer.top, 0)


@given(sides, sides, st.integers(8, 30), st.booleans())
@settings(max_examples=50)
def test_overlap_counts_what_the_networks_compute(height: int, width: int, cells: int, encodes: bool) -> None:
    tiling = Tiling((height, width), cells * 8)
    done = needed = 0
    for halo, steps in ((ENCODER_HALO, ENCODER_STEPS), (DECODER_HALO, DECODER_STEPS)):
        for row in tiling.rows():
            for inner in row:
                outer = inner.grown(halo, tiling.cells)
                trim = Trimmer(steps, inner, outer)
                scale = next(iter(steps.values())).scale
                down, across = (outer.bottom - outer.top) * scale, (outer.right - outer.left) * scale
                for name, step in steps.items():
                    down, across = down * step.scale // scale, across * step.scale // scale
                    scale = step.scale
                    done += step.cost * down * across
                    needed += step.cost * inner.area * scale**2
                    top, left, bottom, right = trim.cuts[name]
                    down, across = down - top - bottom, across - left - right
                # Nothing but the tile is left in the end.
                assert (down, across) == ((inner.bottom - inner.top) * scale, (inner.right - inner.left) * scale)
    assert tiling.overlap() == pytest.approx(done / needed - 1.0)


def test_overlap_of_known_cases() -> None:
    assert Tiling((64, 64), 512).overlap() == 0.0
    assert 0.13 < Tiling((1024, 1024), 512).overlap() < 0.15
    assert Tiling((128, 128), 128).overlap() > Tiling((128, 128), 256).overlap() > Tiling((128, 128), 512).overlap()


def reach_of(change: torch.Tensor, first: int, last: int) -> int:
    """How far from the places ``first`` … ``last`` of both axes anything changed."""
    rows, columns = change.nonzero().T
    low, high = min(int(rows.min()), int(columns.min())), max(int(rows.max()), int(columns.max()))
    return max(first - low, high - last)


def test_encoder_depends_on_just_as_much(stylizer: Stylizer) -> None:
    """The gradient of a cell, through average pooling so that every pixel within reach has a share."""
    assert ENCODER_REACH == 30
    assert ENCODER_HALO == 4
    image = torch.rand(1, 3, 136, 136, requires_grad=True)
    encoder = type(stylizer.encoder)(pool="average")
    torch.nn.init.constant_(encoder.get_submodule("conv4_1").weight, 1.0)  # type: ignore[arg-type]
    for parameter in encoder.parameters():
        torch.nn.init.constant_(parameter, 0.01)
    encoder(image)["relu4_1"][0, 0, 8, 8].backward()
    assert image.grad is not None
    assert reach_of(image.grad[0].abs().sum(0), 64, 71) == ENCODER_REACH


def test_decoder_depends_on_just_as_much(stylizer: Stylizer) -> None:
    assert DECODER_REACH == DECODER_HALO == 4
    decoder = type(stylizer.decoder)()
    features = torch.rand(1, decoder.feature_channels, 16, 16, requires_grad=True)
    for parameter in decoder.parameters():
        torch.nn.init.constant_(parameter, 0.01)
    decoder(features)[0, 0, 64:72, 64:72].sum().backward()
    assert features.grad is not None
    assert reach_of(features.grad[0].abs().sum(0), 8, 8) == DECODER_REACH


@pytest.mark.parametrize("short", [0, 1])
@torch.no_grad()
def test_halos_are_enough_and_smaller_ones_are_not(stylizer: Stylizer, short: int) -> None:
    image = torch.rand(1, 3, 200, 200)
    features = stylizer.encoder.features(image)
    inner = Box(8, 8, 17, 17)
    outer = inner.grown(ENCODER_HALO - short, (25, 25))
    rows, columns = outer.pixels((200, 200), STRIDE).slices
    found = stylizer.encoder.features(image[..., rows, columns], trim=Trimmer(ENCODER_STEPS, inner, outer))
    encoded = float((found - features[(..., *inner.slices)]).abs().max())
    outer = inner.grown(DECODER_HALO - short, (25, 25))
    made = stylizer.decoder(features[(..., *outer.slices)], trim=Trimmer(DECODER_STEPS, inner, outer))
    decoded = float((made - stylizer.decoder(features)[(..., *inner.pixels((200, 200), STRIDE).slices)]).abs().max())
    if short:
        assert encoded > 0.01
        assert decoded > 1e-4
    else:
        assert encoded < 1e-5
        assert decoded < 1e-5


@pytest.mark.parametrize("tile", ["auto", "off", 64, 4096])
def test_tile_sizes(tile: int | str) -> None:
    assert check_tile(tile) == tile


@pytest.mark.parametrize("tile", [0, 63, -512, 512.0, "512", "big", None, True])
def test_unusable_tile_sizes(tile: object) -> None:
    with pytest.raises(InputError, match="tile"):
        check_tile(tile)  # type: ignore[arg-type]
