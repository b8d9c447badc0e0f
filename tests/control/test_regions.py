"""Masks laid on a picture: of its shape, resized and cropped as it is, followed down to its features."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import InputError
from adain.control.masks import feather, resize_mask
from adain.control.regions import Canvas, Ramp, Region, Regions, guide_names, guides_of, is_full, lay_cells, place
from adain.control.style import Style
from adain.image.box import Box
from adain.nn.adain import shares
from adain.nn.statistics import channel_mean_std
from adain.options import Options
from tests.conftest import noise_image, python


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


ARRAYS: dict[str, Any] = {"device": None}


def agree(array: Any, tensor: torch.Tensor, atol: float = 1e-6) -> None:
    assert isinstance(array, np.ndarray)
    assert array.dtype == np.float32
    torch.testing.assert_close(torch.from_numpy(array), tensor, atol=atol, rtol=0)


@pytest.mark.parametrize("feathered", [0.0, 4.0, 40.0])
@pytest.mark.parametrize("uncropped", [None, (45, 68)])
def test_masks_laid_as_arrays(tmp_path: Path, uncropped: tuple[int, int] | None, feathered: float) -> None:
    path = tmp_path / "sky.png"
    noise_image(136, 90, 3, "LA").save(path)
    size = (45, 68) if uncropped is None else (45, 45)
    guides = [path, half(68, 45), half(68, 45).numpy(), half(68, 45).double()[None, None], Ramp("radial")]
    laid = Canvas(size, uncropped, **ARRAYS).lay(guides, feathered)
    expected = Canvas(size, uncropped).lay(guides, feathered)
    agree(laid, expected, atol=5e-6)
    agree(lay_cells(laid, ["mask"] * 5), lay_cells(expected, ["mask"] * 5), atol=5e-6)
    alpha = Canvas(size, uncropped, **ARRAYS).lay([path], channel="alpha")
    agree(alpha, Canvas(size, uncropped).lay([path], channel="alpha"))
    assert is_full(alpha)


def test_arrays_laid_are_copies() -> None:
    mask = half(8, 6).numpy()[None, None]
    laid = Canvas((6, 8), **ARRAYS).lay([mask])
    laid[:] = 0.5
    np.testing.assert_array_equal(mask[0, 0], half(8, 6).numpy())
    agree(Canvas((6, 8), **ARRAYS).lay([half(8, 6).to(torch.bfloat16)]), half(8, 6)[None, None])


@pytest.mark.parametrize("side", [(1, 1), (7, 11), (37, 58), (300, 471)])
@pytest.mark.parametrize("radius", [0.0, 3.0, 90.0])
def test_white_arrays_stay_white(side: tuple[int, int], radius: float) -> None:
    laid = Canvas((45, 70), **ARRAYS).lay([np.ones(side)], radius)
    assert is_full(laid)
    assert is_full(lay_cells(laid, ["mask 1"]))
    assert not is_full(laid * np.float32(0.5))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_cells_of_arrays(height: int, width: int, count: int, seed: int) -> None:
    masks = np.random.default_rng(seed).random((count, 1, height, width), np.float32) / 2 + np.float32(0.5)
    names = ["mask"] * count
    agree(lay_cells(masks, names), lay_cells(torch.from_numpy(masks), names))
    strided = masks[..., ::-1].swapaxes(2, 3)
    agree(lay_cells(strided, names), lay_cells(torch.from_numpy(strided.copy()), names))


def test_arrays_that_vanish() -> None:
    with pytest.raises(InputError, match=r"^mask 1 is black"):
        Canvas((6, 8), **ARRAYS).lay([np.zeros((6, 8))])
    with pytest.raises(InputError, match=r"^mask sun\.png vanishes .* fills 0\.14 of 64 cells, .* enlarge"):
        lay_cells(spot(3).numpy(), ["mask sun.png"])
    with pytest.raises(InputError, match=r"^mask 1 vanishes"):
        lay_cells(np.full((1, 1, 64, 64), math.nan, np.float32), ["mask 1"])


def styles(count: int) -> list[Style]:
    shape = (1, 4, 1, 1)
    return [Style(torch.randn(shape), torch.rand(shape) + 0.1, f"s{k}", torch.rand(shape) + 0.1) for k in range(count)]


@pytest.mark.parametrize("covers", [True, False])
def test_placed_as_arrays(covers: bool) -> None:
    encoded = styles(3)
    regions = Regions(
        [Region(encoded[0], half(40, 32)), Region(encoded[1], 1 - half(40, 32) if covers else Ramp("vertical"), 0.5)],
        background=encoded[2],
        feather=3.0,
        background_alpha=0.25,
    )
    expected = regions.place(Canvas((33, 42)))
    placed = regions.place(Canvas((33, 42), **ARRAYS))
    assert placed.alphas == expected.alphas
    assert len(placed.styles) == len(placed.masks) == len(placed.cells) == len(expected.styles) == (2 if covers else 3)
    agree(placed.masks, expected.masks, atol=5e-6)
    agree(placed.cells, expected.cells, atol=5e-6)


def test_placements_move_both_ways() -> None:
    encoded = styles(2)
    placed = place(Canvas((33, 42)).lay([half(40, 32), Ramp()]), encoded, [1.0, 0.5], ["a", "b"], shared_content=True)
    arrays = placed.to(None)
    agree(arrays.masks, placed.masks, 0.0)
    agree(arrays.cells, placed.cells, 0.0)
    agree(arrays.styles[1].fine_std, encoded[1].fine_std, 0.0)
    assert (arrays.alphas, arrays.shared_content) == ((1.0, 0.5), True)
    back = arrays.to("cpu")
    assert torch.equal(back.cells, placed.cells)
    assert torch.equal(back.styles[0].mean, encoded[0].mean)
    part = placed.part(Box(1, 2, 4, 5), None)
    agree(part.cells, placed.cells[..., 1:4, 2:5], 0.0)
    agree(part.styles[0].std, encoded[0].std, 0.0)
    assert part.masks.size == 0
    assert torch.equal(arrays.part(Box(1, 2, 4, 5), "cpu").cells, placed.cells[..., 1:4, 2:5])


def test_guides_of_label_maps_lie_on_any_canvas() -> None:
    labels = np.repeat(np.array([[0, 3]], np.uint8), 4, axis=1)
    options = Options(label_map=np.tile(labels, (6, 1)), labels=[0, 3])
    guides = guides_of(options)
    assert all(isinstance(guide, np.ndarray) for guide in guides)
    expected = Canvas((12, 16)).lay(guides)
    agree(Canvas((12, 16), **ARRAYS).lay(guides), expected)
    assert torch.equal(expected[0, 0].round(), half(16, 12))
    tensors = guides_of(options.change(label_map=torch.from_numpy(np.tile(labels, (6, 1)))))
    assert all(isinstance(guide, torch.Tensor) for guide in tensors)
    assert torch.equal(Canvas((12, 16)).lay(tensors), expected)


def test_regions_need_no_torch(tmp_path: Path) -> None:
    noise_image(64, 48, 1, "L").save(tmp_path / "mask.png")
    Image.fromarray(np.kron(np.array([[1, 2]], np.uint8), np.ones((48, 32), np.uint8))).save(tmp_path / "map.png")
    found = python(
        "import json, os, sys, numpy as np\n"
        "from adain.control import blend\n"
        "from adain.control.regions import Canvas, Region, Regions, Style, gradient, guides_of\n"
        "from adain.image.box import Box\n"
        "from adain.options import Options\n"
        "folder, canvas = os.environ['FOLDER'], Canvas((45, 45), (45, 60), None)\n"
        "style = Style(np.zeros((1, 4, 1, 1), np.float32), np.ones((1, 4, 1, 1), np.float32))\n"
        "mixed = blend([style, Style.load(style.save(folder + '/style.safetensors'), None)])\n"
        "regions = Regions([Region(style, folder + '/mask.png')], background=mixed, feather=5.0)\n"
        "placed = [each.place(canvas) for each in (regions, gradient(style, mixed))]\n"
        "shapes = [each.part(Box(0, 0, 2, 2), None).cells.shape for each in placed]\n"
        "guides = guides_of(Options(label_map=folder + '/map.png', labels=(1, 2)))\n"
        "shapes.append(canvas.lay(guides, 2.0).shape)\n"
        "print(json.dumps([[m for m in ('torch', 'kornia') if m in sys.modules], shapes, repr(mixed)]))",
        FOLDER=str(tmp_path),
    )
    shapes = [[2, 1, 2, 2], [2, 1, 2, 2], [2, 1, 45, 45]]
    assert found == [[], shapes, "Style('0.5  + 0.5 ', channels=4, arrays)"]
