from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.control import masks
from adain.control.masks import draw_ramp, feather, open_mask, ramp, read_mask, resize_mask, uncovered
from adain.image import read_image
from tests.image.test_io import linear_rgb

GREY = np.array([[0, 51, 102], [153, 204, 255]], np.uint8)
UNIT = torch.tensor([[0.0, 0.2, 0.4], [0.6, 0.8, 1.0]])


def half(height: int = 16, width: int = 16) -> torch.Tensor:
    """A mask whose left half is white."""
    mask = torch.zeros(1, 1, height, width)
    mask[..., : width // 2] = 1
    return mask


def same(mask: torch.Tensor, expected: torch.Tensor, atol: float = 1e-6) -> None:
    assert mask.shape == (1, 1, *expected.shape)
    assert mask.dtype == torch.float32
    torch.testing.assert_close(mask[0, 0], expected, atol=atol, rtol=0)


def palette_image() -> Image.Image:
    image = Image.fromarray(np.array([[0, 1, 2], [3, 4, 5]], np.uint8), "P")
    # The indices say nothing of the greys: 5 is black and 0 is white.
    image.putpalette([v for grey in (255, 204, 153, 102, 51, 0) for v in (grey,) * 3])
    return image


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grey_and_rgb_files(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"mask.{suffix}"
    Image.fromarray(GREY).convert(mode).save(path, lossless=True)  # which only WebP heeds
    same(read_mask(path), UNIT)
    same(read_mask(str(path)), UNIT)


@pytest.mark.parametrize("suffix", ["png", "tif", "pbm"])
def test_one_bit_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mask.{suffix}"
    Image.fromarray(GREY > 127).save(path)
    same(read_mask(path), torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_keep_their_precision(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mask.{suffix}"
    values = np.array([[0, 1, 300], [30000, 65534, 65535]], np.uint16)
    Image.fromarray(values).save(path)
    mask = read_mask(path)
    same(mask, torch.from_numpy(values.astype(np.float32) / np.float32(65535)), 0.0)
    assert mask.max() == 1.0


def test_floating_file(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    Image.fromarray(UNIT.numpy()).save(path)
    same(read_mask(path), UNIT, 0.0)
    Image.fromarray(np.full((2, 2), np.nan, np.float32)).save(path)
    with pytest.raises(ImageError, match=r"cannot read mask mask\.tif: it holds NaN"):
        read_mask(path)


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_palette_is_looked_up(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mask.{suffix}"
    palette_image().save(path)
    same(read_mask(path), 1 - UNIT)


def test_cmyk_and_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "mask.jpg"
    Image.fromarray(np.kron(np.array([[0, 255]], np.uint8), np.ones((8, 8), np.uint8))).save(path, quality=95)
    same(read_mask(path), 1 - half(8)[0, 0], 0.02)
    cmyk = Image.new("CMYK", (3, 2), (0, 0, 0, 0))
    cmyk.paste((0, 0, 0, 255), (0, 0, 1, 2))
    cmyk.save(tmp_path / "mask.tif")
    same(read_mask(tmp_path / "mask.tif"), torch.tensor([[0.0, 1.0, 1.0]] * 2))


def test_luma_of_colours() -> None:
    image = Image.new("RGB", (3, 1))
    for x, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        image.putpixel((x, 0), colour)
    same(read_mask(image), torch.tensor([[0.299, 0.587, 0.114]]), 0.5 / 255)


def test_colour_profile_is_not_applied(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(GREY).convert("RGB").save(path, icc_profile=linear_rgb())
    assert read_image(path).getpixel((1, 0)) != (51, 51, 51)
    same(read_mask(path), UNIT)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "I;16"])
def test_orientation_is_that_of_the_picture(tmp_path: Path, mode: str) -> None:
    upright = np.zeros((2, 3), bool)
    upright[0, 2] = True  # top right
    turned = np.rot90(upright)  # as a camera held upright stores it: EXIF orientation 6 turns it back clockwise
    image = Image.fromarray(turned.astype(np.uint16) * 65535 if mode == "I;16" else turned)
    image = image if mode == "I;16" else image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "mask.png"
    image.save(path, exif=exif)
    same(read_mask(path), torch.from_numpy(upright).float())
    with Image.open(path) as opened:
        same(read_mask(opened), torch.from_numpy(upright).float())


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency(tmp_path: Path, mode: str) -> None:
    # White | white but transparent | half transparent white | opaque black.
    image = Image.new("RGBA", (4, 1), (255, 255, 255, 255))
    for x, pixel in enumerate([(255,) * 4, (255, 255, 255, 0), (255, 255, 255, 51), (0, 0, 0, 255)]):
        image.putpixel((x, 0), pixel)
    path = tmp_path / "mask.png"
    image.convert(mode).save(path)
    same(read_mask(path), torch.tensor([[1.0, 0.0, 0.2, 0.0]]))
    same(read_mask(path, channel="alpha"), torch.tensor([[1.0, 0.0, 0.2, 1.0]]))


def test_transparent_palette_entry(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    palette_image().save(path, transparency=0)
    same(read_mask(path, channel="alpha"), torch.tensor([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]]))
    assert read_mask(path)[0, 0, 0, 0] == 0.0


def test_transparent_grey_of_a_png(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(GREY).save(path, transparency=204)
    assert read_mask(path, channel="alpha")[0, 0].tolist() == [[1, 1, 1], [1, 0, 1]]


def test_alpha_of_an_opaque_image(tmp_path: Path) -> None:
    path = tmp_path / "sky.png"
    Image.fromarray(GREY).save(path)
    with pytest.raises(
        ImageError, match=r'mask sky\.png has no transparency .* use channel="luminance" \(--mask-channel\)$'
    ):
        read_mask(path, channel="alpha")
    with pytest.raises(InputError, match="luminance"):
        read_mask(path, channel="red")  # type: ignore[arg-type]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_mask(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ImageError, match="known format"):
        read_mask(tmp_path / "text.png")
    with pytest.raises(ImageError, match="limit of 5"):
        read_mask(Image.fromarray(GREY), max_pixels=5)


def test_an_image_passed_in_is_not_changed() -> None:
    image = palette_image()
    before = np.asarray(image).copy()
    read_mask(image)
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), before)


@pytest.mark.parametrize("shape", [(2, 3), (1, 2, 3), (1, 1, 2, 3)])
def test_tensors(shape: tuple[int, ...]) -> None:
    same(read_mask(UNIT.reshape(shape)), UNIT, 0.0)
    same(read_mask(UNIT.reshape(shape) > 0.5), (UNIT > 0.5).float(), 0.0)
    assert read_mask(UNIT.double().reshape(shape)).dtype == torch.float64


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(3), "must be"),
        (torch.zeros(3, 4, 4), "must be"),
        (torch.zeros(2, 1, 4, 4), "must be"),
        (torch.zeros(0, 4), "must be"),
        (torch.zeros(4, 4, dtype=torch.uint8), "divide by 255"),
        (torch.tensor([[0.0, math.nan]]), "NaN: replace"),
        (torch.tensor([[0.0, 255.0]]), r"not \[0, 255\]: divide"),
        (torch.tensor([[-0.5, 0.5]]), r"\[-0.5, 0.5\]"),
        (torch.tensor([[0.5, math.inf]]), r"inf\]"),
    ],
)
def test_tensors_that_are_no_masks(tensor: torch.Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_mask(tensor)


def test_arrays_and_open_files() -> None:
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, "png")
    arrays = (GREY, GREY / 255, GREY.astype(np.uint16) * 257, GREY[..., None].repeat(3, axis=2))
    for source in (*arrays, file, file.getvalue()):
        same(read_mask(source), UNIT)
    same(read_mask(GREY > 127), (UNIT > 0.5).float())
    fine = np.array([[0.123456, 1.0]])  # not in 256 levels
    same(read_mask(fine), torch.from_numpy(fine).float(), atol=0)
    clear = np.dstack([np.full((*GREY.shape, 3), 255, np.uint8), GREY])
    same(read_mask(clear, channel="alpha"), UNIT)
    with pytest.raises(ImageError, match="divide by 255"):
        read_mask(GREY.astype(float))


def test_arrays_as_masks_are() -> None:
    for values in (UNIT.numpy(), UNIT.numpy().astype(float), UNIT.numpy().astype(">f4"), UNIT.numpy()[:, ::-1]):
        frozen = values.copy() if values.strides[-1] > 0 else values
        frozen.flags.writeable = False
        same(read_mask(frozen[None, None]), torch.from_numpy(values.astype(np.float32)))
        assert open_mask(frozen[None, None]).dtype == np.float32
    same(read_mask(UNIT.numpy()[None, None] > 0.5), (UNIT > 0.5).float())


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 1, 4, 4)), "must be"),
        (np.zeros((1, 1, 4, 4), np.uint8), "divide by 255"),
        (np.full((1, 1, 2, 2), math.nan), "NaN: replace"),
        (np.array([[[[-0.5, 255.0]]]]), r"not \[-0.5, 255\]: divide"),
    ],
)
def test_arrays_that_are_no_masks(array: npt.NDArray[Any], message: str) -> None:
    with pytest.raises(InputError, match=f"a mask array .*{message}"):
        read_mask(array)


def test_without_torch_files_are_arrays(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    clear = np.dstack([np.full((*GREY.shape, 3), 200, np.uint8), GREY])
    Image.fromarray(clear).save(path)
    for source in (path, Image.fromarray(GREY), GREY, GREY / 255):
        mask = open_mask(source)
        assert isinstance(mask, np.ndarray)
        assert mask.dtype == np.float32
        assert torch.equal(torch.from_numpy(mask), read_mask(source))
    np.testing.assert_array_equal(open_mask(path, channel="alpha")[0, 0], GREY.astype(np.float32) / np.float32(255))
    assert open_mask(UNIT) is not UNIT
    assert isinstance(open_mask(UNIT), torch.Tensor)


def test_resize_by_one_is_the_mask_itself() -> None:
    mask = half()
    assert resize_mask(mask, (16, 16)) is mask


def test_resize_closed_forms() -> None:
    # Bilinear between pixel centres.
    same(resize_mask(torch.tensor([[[[0.0, 1.0]]]]), (1, 4)), torch.tensor([[0.0, 0.25, 0.75, 1.0]]))
    # Halving a checkerboard of single pixels leaves grey: nothing is picked out.
    board = ((torch.arange(16)[:, None] + torch.arange(16)) % 2).float()[None, None]
    torch.testing.assert_close(resize_mask(board, (8, 8))[..., 1:-1, 1:-1], torch.full((1, 1, 6, 6), 0.5))


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_resized_regions_stay_in_range_and_cover(h: int, w: int, to_h: int, to_w: int, seed: int) -> None:
    mask = torch.rand(1, 1, h, w, generator=torch.Generator().manual_seed(seed)).round(decimals=1)
    both = resize_mask(torch.cat([mask, 1 - mask]), (to_h, to_w))
    assert both.shape == (2, 1, to_h, to_w)
    assert 0 <= both.min() <= both.max() <= 1
    torch.testing.assert_close(both.sum(0), torch.ones(1, to_h, to_w))


def test_feather_of_nothing() -> None:
    mask = half()
    assert feather(mask, 0) is mask


def gaussian_edge(width: int, radius: float) -> torch.Tensor:
    """The convolution of an edge in the middle with the Gaussian, at pixel centres."""
    x = torch.arange(width, dtype=torch.float64) + 0.5 - width / 2
    return (0.5 * torch.erfc(x / (radius * masks.SIGMA_PER_RADIUS * math.sqrt(2)))).float()


@pytest.mark.parametrize(("radius", "width"), [(4, 80), (10, 200), (40, 400), (75, 601 - 1), (150, 1000)])
def test_feathered_edge(radius: float, width: int) -> None:
    soft = feather(half(40, width), radius)
    assert soft.shape == (1, 1, 40, width)
    # Large radii are blurred at a reduced size: still within two of 256 levels.
    torch.testing.assert_close(soft[0, 0, 7], gaussian_edge(width, radius), atol=0.008, rtol=0)


@pytest.mark.parametrize("radius", [0.1, 1, 7, 33, 500, 1e5])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (37, 3), (90, 130)])
def test_feathered_regions_stay_in_range_and_cover(size: tuple[int, int], radius: float) -> None:
    mask = torch.rand(1, 1, *size).round()
    both = feather(torch.cat([mask, 1 - mask]), radius)
    assert both.shape == (2, 1, *size)
    assert 0 <= both.min() <= both.max() <= 1
    torch.testing.assert_close(both.sum(0), torch.ones(1, *size), atol=1e-5, rtol=0)


@pytest.mark.parametrize("radius", [-1, math.nan, math.inf])
def test_feather_out_of_range(radius: float) -> None:
    with pytest.raises(InputError, match="feather radius"):
        feather(half(), radius)


def test_uncovered() -> None:
    regions = torch.tensor([[0.0, 0.5, 1.0, 0.75], [0.0, 0.25, 1.0, 0.25]]).reshape(2, 1, 1, 4)
    same(uncovered(regions), torch.tensor([[1.0, 0.25, 0.0, 0.0]]))


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("horizontal", [[1.0, 0.5, 0.0]] * 3),
        ("vertical", [[1.0] * 3, [0.5] * 3, [0.0] * 3]),
        ("diagonal", [[1.0, 0.75, 0.5], [0.75, 0.5, 0.25], [0.5, 0.25, 0.0]]),
        ("radial", [[0.0, 1 - 0.5**0.5, 0.0], [1 - 0.5**0.5, 1.0, 1 - 0.5**0.5], [0.0, 1 - 0.5**0.5, 0.0]]),
    ],
)
def test_ramps(direction: Any, expected: list[list[float]]) -> None:
    same(ramp((3, 3), direction), torch.tensor(expected))
    assert ramp((1, 1), direction).tolist() == [[[[1.0]]]]


def test_ramp_errors() -> None:
    with pytest.raises(InputError, match="horizontal"):
        ramp((3, 3), "sideways")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 1 px"):
        ramp((0, 3))
    with pytest.raises(InputError, match="at least 1 px"):
        resize_mask(half(), (3, 0))


def random_masks(count: int, height: int, width: int, seed: int) -> npt.NDArray[np.float32]:
    """Soft and hard values alike."""
    values = np.random.default_rng(seed).random((count, 1, height, width), np.float32)
    return np.where(values < 0.3, 0, np.where(values > 0.7, 1, values)).astype(np.float32)


def agree(array: Any, tensor: torch.Tensor, atol: float = 1e-6) -> None:
    assert isinstance(array, np.ndarray)
    assert array.dtype == np.float32
    torch.testing.assert_close(torch.from_numpy(array), tensor.float(), atol=atol, rtol=0)


SIDES = st.integers(1, 60)
SEEDS = st.integers(0, 2**31)


@given(SIDES, SIDES, SIDES, SIDES, st.integers(1, 3), SEEDS)
@settings(max_examples=150, deadline=None)
def test_arrays_are_resized_as_tensors_are(h: int, w: int, to_h: int, to_w: int, count: int, seed: int) -> None:
    masks = random_masks(count, h, w, seed)
    resized = resize_mask(masks, (to_h, to_w))
    for dtype, atol in ((torch.float64, 1e-6), (torch.float32, 1e-5)):  # which places the pixels less exactly
        tensor = torch.from_numpy(masks).to(dtype)
        # F.interpolate fills what is to be one column with its first pixel.
        is_column = to_w == 1
        agree(resized, resize_mask(tensor.mT, (1, to_h)).mT if is_column else resize_mask(tensor, (to_h, to_w)), atol)
    assert resized.min() >= 0
    assert resized.max() <= 1
    np.testing.assert_allclose(resized + resize_mask(1 - masks, (to_h, to_w)), 1, atol=1e-6)


def test_arrays_resized_at_the_edges_of_the_rule() -> None:
    mask = random_masks(2, 16, 16, 0)
    assert resize_mask(mask, (16, 16)) is mask
    strided = random_masks(2, 32, 32, 0)[:, :, ::2, ::-2]
    np.testing.assert_array_equal(resize_mask(strided, (9, 21)), resize_mask(strided.copy(), (9, 21)))
    np.testing.assert_allclose(resize_mask(np.array([[[[0.0, 1.0]]]], np.float32), (1, 4))[0, 0, 0], [0, 0.25, 0.75, 1])
    with pytest.raises(InputError, match="at least 1 px"):
        resize_mask(mask, (3, 0))


@given(SIDES, SIDES, st.integers(1, 3), st.floats(0.05, 200), SEEDS)
@settings(max_examples=150, deadline=None)
def test_arrays_are_feathered_as_tensors_are(h: int, w: int, count: int, radius: float, seed: int) -> None:
    masks = random_masks(count, h, w, seed)
    tensor = torch.from_numpy(masks).double()
    agree(feather(masks, radius), feather(tensor.mT, radius).mT if w == 1 else feather(tensor, radius), atol=2e-6)


@pytest.mark.parametrize("radius", [0.5, 8, 60])
@pytest.mark.parametrize("size", [(63, 130), (64, 2), (65, 40), (129, 33), (200, 300)])
def test_bands_of_arrays_join(size: tuple[int, int], radius: float) -> None:
    masks = random_masks(2, *size, 3)
    agree(feather(masks, radius), feather(torch.from_numpy(masks).double(), radius), atol=2e-6)


@pytest.mark.parametrize("radius", [4, 40])
def test_feathered_edge_of_an_array(radius: float) -> None:
    soft = feather(half(40, 400).numpy(), radius)
    torch.testing.assert_close(torch.from_numpy(soft[0, 0, 7]), gaussian_edge(400, radius), atol=0.008, rtol=0)
    assert feather(soft, 0) is soft
    with pytest.raises(InputError, match="feather radius"):
        feather(soft, -1)


@given(st.integers(1, 4), SIDES, SIDES, SEEDS)
@settings(max_examples=30, deadline=None)
def test_what_arrays_leave_uncovered(count: int, h: int, w: int, seed: int) -> None:
    masks = random_masks(count, h, w, seed)
    agree(uncovered(masks), uncovered(torch.from_numpy(masks)))


@given(SIDES, SIDES, st.sampled_from(["horizontal", "vertical", "diagonal", "radial"]))
@settings(max_examples=60, deadline=None)
def test_ramps_are_drawn_as_arrays(h: int, w: int, direction: Any) -> None:
    drawn = draw_ramp((h, w), direction, None)
    agree(drawn, ramp((h, w), direction))
    assert 0 <= drawn.min() <= drawn.max() <= 1
    drawn[:] = 0  # it is the caller's own


@pytest.mark.parametrize(
    ("name", "dtype", "how"),
    [
        ("rgb", np.uint16, {"photometric": "rgb"}),
        ("planes", np.uint16, {"photometric": "rgb", "planarconfig": "separate"}),
        ("floats", np.float32, {"photometric": "rgb"}),
        ("white is zero", np.uint16, {"photometric": "miniswhite"}),
        ("wide", np.uint32, {}),
    ],
)
def test_deep_files_keep_their_precision(tmp_path: Path, name: str, dtype: Any, how: dict[str, Any]) -> None:
    import tifffile

    unit = np.random.default_rng(0).random((6, 5, 3))
    unit[0, 0], white = 1, 1.0 if dtype == np.float32 else float(np.iinfo(dtype).max)
    values = (unit * white).astype(dtype)
    values = values if "rgb" in how.values() else values[..., 0]
    stored = np.moveaxis(values, 2, 0) if "separate" in how.values() else values
    tifffile.imwrite(tmp_path / "a.tif", stored, metadata=None, **how)
    share = values / white
    expected = share @ [0.299, 0.587, 0.114] if values.ndim == 3 else 1 - share if name == "white is zero" else share
    assert np.abs(read_mask(tmp_path / "a.tif")[0, 0].numpy() - expected).max() < 1e-6
