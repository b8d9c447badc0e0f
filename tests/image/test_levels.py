from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from adain._utils.errors import ImageError, InputError
from adain.image import encode_image, read_image, save_image, size_of_painted, with_alpha
from adain.image.io import read_stored
from adain.image.levels import PLAIN, Levels, painted
from adain.image.modes import srgb_profile
from adain.options import FileOptions
from tests.image.test_metadata import TAKEN, photograph, told

DITHERED = Levels(8, True)


def gradient(height: int = 48, width: int = 64) -> NDArray[np.float32]:
    """(H, W, 3), from one level of 8 bits to a few further in smooth steps that lie between levels."""
    across = np.linspace(100, 103, width, dtype=np.float32) / np.float32(255)
    down = np.linspace(0, 0.7, height, dtype=np.float32)[:, None] / np.float32(255)
    return np.stack([across + down, across - down, 1 - across + 0 * down], axis=2)


FORMS: dict[str, Callable[[NDArray[Any]], Any]] = {
    "array": lambda values: values,
    "doubles": lambda values: values.astype(np.float64),
    "tensor": lambda values: torch.from_numpy(values).permute(2, 0, 1),
    "batch": lambda values: torch.from_numpy(values).permute(2, 0, 1)[None].requires_grad_(),
    "uint16": lambda values: np.rint(values * 65535).astype(np.uint16),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_hold_what_lies_between_8(tmp_path: Path, suffix: str, form: str) -> None:
    values = gradient()
    path = save_image(FORMS[form](values), tmp_path / f"a{suffix}", bits=16)
    stored = read_stored(path)
    assert stored.values.dtype == np.uint16
    assert np.abs(stored.values / 65535 - values).max() <= 1 / 65535
    levels = np.asarray(read_image(path)).astype(int)
    assert np.abs(levels - 255 * values).max() <= 0.51
    with Image.open(path) as opened:
        assert opened.info["icc_profile"] == srgb_profile()
        assert opened.mode == "RGB"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_with_an_alpha(tmp_path: Path, suffix: str) -> None:
    values = np.random.default_rng(0).random((9, 7, 4)).astype(np.float32)
    stored = read_stored(save_image(values, tmp_path / f"a{suffix}", bits=16))
    assert stored.alpha is not None
    assert np.abs(np.dstack([stored.values / 65535, stored.alpha]) - values).max() <= 0.51 / 65535
    assert read_image(tmp_path / f"a{suffix}").mode == "RGBA"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_pictures_of_8_bits_become_the_same_ones(tmp_path: Path, suffix: str) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 6, 4), dtype=np.uint8))
    save_image(picture, tmp_path / f"a{suffix}", bits=16)
    assert np.array_equal(np.asarray(read_image(tmp_path / f"a{suffix}")), np.asarray(picture))
    grey = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    stored = read_stored(save_image(grey, tmp_path / f"b{suffix}", bits=16))
    assert np.array_equal(stored.values, np.dstack([np.rint(grey * 65535)] * 3))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_date_and_place_come_along(tmp_path: Path, suffix: str) -> None:
    origin = photograph(tmp_path / "photos" / "a.jpg")
    values = np.random.default_rng(0).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    path = save_image(values, tmp_path / f"a{suffix}", bits=16, metadata="keep", origin=origin)
    found = told(path)
    assert found["exif"][0x9003] == TAKEN
    assert found["gps"]
    assert np.array_equal(read_stored(path).values, values)
    if suffix == ".tif":
        assert np.array_equal(tifffile.imread(path), values)


def test_equal_pictures_are_equal_files() -> None:
    for name in ("a.png", "a.tif"):
        assert bytes(encode_image(gradient(), name, bits=16)) == bytes(encode_image(gradient(), name, bits=16))
    assert bytes(encode_image(gradient(), "a.png", dither=True)) == bytes(
        encode_image(gradient(), "a.png", dither=True)
    )


def test_a_png_of_noise_and_of_one_pixel(tmp_path: Path) -> None:
    """Whatever the filter meets; and rows wider than a band."""
    for shape in ((1, 1, 3), (1, 1, 4), (3, 20_000, 3), (200, 200, 4)):
        values = np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)
        stored = read_stored(save_image(values, tmp_path / "a.png", bits=16))
        assert np.array_equal(stored.values, values[..., :3])


@pytest.mark.parametrize("block", [8, 16, 32])
def test_dithered_patches_have_the_mean_of_the_floats(block: int) -> None:
    values = gradient(128, 256)
    levels = np.asarray(Image.open(_file(encode_image(values, "a.png", dither=True)))).astype(float)

    def means(picture: NDArray[Any]) -> NDArray[Any]:
        height, width, count = picture.shape
        return picture.reshape(height // block, block, width // block, block, count).mean((1, 3))

    assert np.abs(means(levels) - means(255 * values.astype(float))).max() < 0.1
    assert np.abs(levels - 255 * values).max() < 1
    nearest = np.rint(255 * values)
    assert np.abs(means(nearest) - means(255 * values)).max() > 0.2  # which is what it is for


def _file(data: Any) -> Any:
    import io

    return io.BytesIO(bytes(data))


@given(level=st.integers(0, 255), channel=st.integers(0, 2), place=st.integers(0, 100_000))
def test_what_is_a_level_stays_it(level: int, channel: int, place: int) -> None:
    planes = np.full((3, 4, 64), np.float32(level) / np.float32(255))
    assert (DITHERED.quantised(planes, (place, 7 * place))[..., channel] == level).all()


def test_a_part_is_rounded_as_in_the_whole() -> None:
    planes = gradient(50, 70).transpose(2, 0, 1)
    whole = DITHERED.quantised(planes)
    for top, left in ((0, 0), (13, 5), (40, 66)):
        assert np.array_equal(DITHERED.quantised(planes[:, top:, left:], (top, left)), whole[top:, left:])


def test_painted_and_its_alpha() -> None:
    planes = gradient().transpose(2, 0, 1)[None]
    alpha = Image.fromarray(np.full((48, 64), 51, np.uint8))
    for pixels in (planes, torch.from_numpy(planes)):
        plain, deep = painted(pixels), painted(pixels, Levels(16))
        assert isinstance(plain, Image.Image)
        assert isinstance(deep, np.ndarray)
        assert np.array_equal(np.asarray(plain), np.rint(gradient() * 255))
        assert np.array_equal(deep, np.rint(gradient() * np.float32(65535)))
        assert size_of_painted(plain) == size_of_painted(deep) == (48, 64)
        assert (np.asarray(with_alpha(deep, alpha))[..., 3] == 51 * 257).all()
        assert np.asarray(with_alpha(deep, alpha.resize((6, 5)))).shape == (48, 64, 4)
        assert isinstance(painted(pixels, DITHERED), Image.Image)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "webp"])
def test_formats_of_8_bits_are_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match=rf"a.{suffix} in 16 bits, which \w+ has not: let its name end in .png or"):
        save_image(gradient(), tmp_path / f"a.{suffix}", bits=16)
    assert not [*tmp_path.iterdir()]


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match=r"^a picture has 8 or 16 bits, not 12$"):
        encode_image(gradient(), "a.png", bits=12)
    with pytest.raises(InputError, match=r"^dithering is for 8 bits"):
        encode_image(gradient(), "a.png", bits=16, dither=True)
    with pytest.raises(InputError, match=r"^dither is for 8 bits, .*: leave out dither or bits$"):
        Levels.of(FileOptions(bits=16, dither=True))
    with pytest.raises(InputError, match=r"^bits is 8 or 16, not 9$"):
        FileOptions(bits=9)
    with pytest.raises(ImageError, match=r"image arrays must lie in \[0, 1\]"):
        encode_image(2 * gradient(), "a.png", bits=16)
    with pytest.raises(ImageError, match=r"image arrays must be \(H, W\)"):
        encode_image(gradient().transpose(2, 0, 1), "a.png", bits=16)
    with pytest.raises(ImageError, match=r"\(1, 3, H, W\), not torch.float32 of shape \(2, 3, 4, 5\)"):
        encode_image(torch.zeros(2, 3, 4, 5), "a.png", bits=16)
    with pytest.raises(ImageError, match="NaN or infinite"):
        PLAIN.quantised(np.full((3, 2, 2), np.nan))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_in_any_order_of_bytes(tmp_path: Path, suffix: str) -> None:
    """Arrays of the other order are what big-endian TIFFs are read as."""
    values = np.arange(6 * 5 * 3, dtype=np.uint16).reshape(6, 5, 3) * 700 + 1
    for order in ("<u2", ">u2"):
        out = save_image(values.astype(order), tmp_path / f"out.{suffix}", bits=16)
        assert (read_stored(out).values == values).all()
