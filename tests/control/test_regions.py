"""Masks laid on a picture: of its shape, resized and cropped as it is, followed down to its features."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import InputError
from adain.control.masks import feather, resize_mask
from adain.control.regions import Canvas, Ramp, Region, Regions, guide_names, is_full, lay_cells
from adain.control.style import Style
from adain.nn.adain import shares
from adain.nn.statistics import channel_mean_std


def half(width: int = 8, height: int = 6) -> torch.Tensor:
    mask = torch.zeros(height, width)
    mask[:, : width // 2] = 1
    return mask


def test_masks_take_the_size_of_the_picture() -> None:
    laid = Canvas((30, 40)).lay([half(), 1 - half(), Ramp("vertical")])
    assert laid.shape == (3, 1, 30, 40)
    assert laid[0, 0, :, :15].min() == 1
    assert laid[2, 0, 0].min() == 1
    assert laid[2, 0, -1].max() == 0


def test_masks_are_cropped_as_the_picture_is() -> None:
    mask = torch.zeros(30, 60)
    mask[:, 15:30] = 1  # the left half of the central square
    laid = Canvas((30, 30), (30, 60)).lay([mask, Ramp("horizontal")])
    assert torch.equal(laid[0, 0], half(30, 30))
    assert laid[1, 0, 0, 0] == 1  # a ramp runs over what is left
    assert laid[1, 0, 0, -1] == 0


@pytest.mark.parametrize("side", [(1, 1), (7, 11), (37, 58), (300, 471)])
@pytest.mark.parametrize("radius", [0.0, 3.0, 90.0])
def test_white_stays_white(side: tuple[int, int], radius: float) -> None:
    laid = Canvas((45, 70)).lay([torch.ones(side)], radius)
    assert is_full(laid)
    cells = lay_cells(laid, ["mask 1"])
    assert cells.shape[2:] == (6, 9)
    assert is_full(cells)


@pytest.mark.parametrize(("mask", "picture"), [((45, 70), (45, 70)), ((90, 140), (45, 70)), ((6, 10), (45, 70)),
                                               ((3000, 4000), (512, 683)), ((101, 100), (100, 100))])  # fmt: skip
def test_shapes_that_match(mask: tuple[int, int], picture: tuple[int, int]) -> None:
    Canvas(picture).lay([torch.ones(mask)])


@pytest.mark.parametrize(("mask", "picture"), [((70, 45), (45, 70)), ((50, 50), (45, 70)), ((103, 100), (100, 100))])
def test_a_mask_of_another_shape(tmp_path: Path, mask: tuple[int, int], picture: tuple[int, int]) -> None:
    path = tmp_path / "sky.png"
    Image.new("L", mask[::-1], 255).save(path)
    sizes = rf"mask sky.png is {mask[1]}x{mask[0]} px and the picture {picture[1]}x{picture[0]} px"
    with pytest.raises(InputError, match=sizes):
        Canvas(picture).lay([path])


def test_masks_of_files_and_tensors(tmp_path: Path) -> None:
    path = tmp_path / "sky.png"
    Image.linear_gradient("L").resize((9, 6)).save(path)
    laid = Canvas((20, 30)).lay([path, half(9, 6), Ramp()])
    assert laid.shape == (3, 1, 20, 30)
    torch.testing.assert_close(laid[1:2], resize_mask(half(9, 6)[None, None], (20, 30)))
    torch.testing.assert_close(Canvas((20, 30)).lay([path, half(9, 6)], 5), feather(laid[:2], 5))


def test_black_masks_are_named(tmp_path: Path) -> None:
    path, canvas = tmp_path / "sky.png", Canvas((6, 8))
    Image.new("L", (8, 6)).save(path)
    with pytest.raises(InputError, match=r"^mask sky\.png is black everywhere at 8x6 px"):
        canvas.lay([half(), path])
    with pytest.raises(InputError, match=r"^mask 2 is black"):
        canvas.lay([half(), torch.zeros(6, 8)])
    black = [torch.full((6, 8), 1 / 255)]
    with pytest.raises(InputError, match=r"^mask ground is black"):
        canvas.lay(black, names=guide_names(black, ["ground"]))


def test_no_such_ramp() -> None:
    with pytest.raises(InputError, match="sideways"):
        Ramp("sideways")  # type: ignore[arg-type]


def test_shares_sum_to_at_most_one() -> None:
    masks = torch.tensor([1.0, 0.5, 0.25])[:, None, None, None]
    assert torch.allclose(shares(masks).sum(), torch.tensor(1.0))
    assert torch.equal(shares(masks[2:]), masks[2:])


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_cells_are_the_means_of_their_pixels(height: int, width: int, seed: int) -> None:
    mask = torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    mask = (mask + 1) / 2
    cells = lay_cells(mask, ["mask 1", "mask 2"])
    assert cells.shape[2:] == (math.ceil(height / 8), math.ceil(width / 8))
    for y in range(cells.shape[2]):
        for x in range(cells.shape[3]):
            pixels = mask[..., y * 8 : (y + 1) * 8, x * 8 : (x + 1) * 8]
            torch.testing.assert_close(cells[..., y, x], pixels.mean((2, 3)))


def test_cells_take_part_of_an_artwork() -> None:
    features = torch.randn(1, 4, 2, 2)
    cells = lay_cells(half(16, 16)[None, None], ["mask 1"])
    torch.testing.assert_close(channel_mean_std(features, cells), channel_mean_std(features[..., :1]))


def spot(side: int, size: int = 64) -> torch.Tensor:
    mask = torch.zeros(1, 1, size, size)
    mask[..., 8 : 8 + side, 8 : 8 + side] = 1
    return mask


def test_regions_that_vanish() -> None:
    ground = half(64, 64)[None, None]
    assert lay_cells(torch.cat([ground, spot(4)]), ["mask 1", "mask 2"]).shape == (2, 1, 8, 8)
    with pytest.raises(InputError, match=r"^mask sun\.png vanishes .* fills 0\.14 of 64 cells, .* enlarge"):
        lay_cells(torch.cat([ground, spot(3)]), ["mask ground.png", "mask sun.png"])
    for veil in (0.04, math.nan):  # a veil over everything is no region either
        with pytest.raises(InputError, match=r"^mask 1 vanishes"):
            lay_cells(torch.full((1, 1, 64, 64), veil), ["mask 1"])


def test_regions_hold_encoded_styles() -> None:
    style = Style(torch.zeros(1, 4, 1, 1), torch.ones(1, 4, 1, 1))
    with pytest.raises(InputError, match="encoded Style is needed here, not str"):
        Region("wave.jpg", torch.ones(4, 4))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="encoded Style is needed here, not str"):
        Regions([Region(style, torch.ones(4, 4))], background="wave.jpg")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"Region\(style, mask\), and nothing else"):
        Regions([style])  # type: ignore[list-item]
