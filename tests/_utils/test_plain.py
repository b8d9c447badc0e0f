"""Whatever an option may hold, as text and back."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import InputError
from adain._utils.plain import dump, load
from adain.control.color import ColorPreservation
from adain.control.regions import Ramp
from adain.image import read_image
from adain.video.options import Key

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK", "YCbCr")


def through(value: Any) -> Any:
    return load(json.loads(json.dumps(dump(value, "it"))))


simple = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.recursive(simple, lambda one: st.lists(one).map(tuple)))
def test_simple_values(value: Any) -> None:
    assert through(value) == value


def test_paths_fractions_and_mappings() -> None:
    assert through(Path("a/b.png")) == "a/b.png"
    assert through(Fraction(30000, 1001)) == "30000/1001"
    assert through({"mode": "luminance", "more": [1, {"a": None}]}) == {"mode": "luminance", "more": (1, {"a": None})}


@pytest.mark.parametrize("mode", MODES)
def test_pictures_of_every_mode(mode: str) -> None:
    values = np.random.default_rng(0).integers(0, 256, (5, 7, 3))
    if mode in ("I", "F", "I;16"):
        kind = {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]
        picture = Image.fromarray((values[..., 0] * (0.37 if mode == "F" else 251)).astype(kind))
    else:
        picture = Image.fromarray(values.astype(np.uint8)).convert(mode)
    back = through(picture)
    assert back.mode == picture.mode == mode
    assert back.tobytes() == picture.tobytes()
    assert back.getpalette() == picture.getpalette()


def test_orientation_and_profile_are_part_of_a_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6)).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        assert through(picture).getexif()[0x0112] == 6
        assert read_image(through(picture)).tobytes() == read_image(tmp_path / "a.png").tobytes()
    profile = Image.new("RGB", (2, 2))
    profile.info["icc_profile"] = b"not quite one"
    assert through(profile).info["icc_profile"] == b"not quite one"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.int64])
def test_tensors(dtype: torch.dtype) -> None:
    tensor = (torch.rand(1, 2, 4, 3) * 9).to(dtype)
    for one in (tensor, tensor.mT, tensor[..., :0]):
        back = through(one)
        assert back.dtype == dtype
        assert back.shape == one.shape
        assert torch.equal(back, one)
    assert not through(torch.ones(1, requires_grad=True)).requires_grad


def test_arrays() -> None:
    for array in (np.arange(6).reshape(2, 3), np.ones((2, 2), np.float32)[:, ::-1], np.array([True])):
        back = through(array)
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)


def test_files_in_memory_and_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"123")
    file = io.BytesIO(b"123")
    file.read(1)
    with path.open("rb") as opened:
        opened.read()
        assert through(file) == through(opened) == through(b"123") == b"123"


def test_values_of_this_package() -> None:
    for value in (Ramp("radial"), ColorPreservation("luminance", space="lab", strength=0.5, match_luma=True)):
        assert through(value) == value
    key = through((Key(50, "a.png", 0.5, percent=True),))[0]
    assert (key.time, str(key.style), key.alpha, key.percent) == (50, "a.png", 0.5, True)


@pytest.mark.parametrize(
    "value", [object(), len, torch.nn.Linear(1, 1), {1}, Image.new("HSV", (2, 2)), 1j, np.array([object()])]
)
def test_what_cannot_be_written_is_named(value: Any) -> None:
    with pytest.raises(InputError, match=r"^it is a ") as caught:
        dump([value], "it")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.open", "adain.options.table", "adain.nothing.There", "adain.control.regions.Rampe"]
)
def test_only_values_of_this_package_are_made(name: str) -> None:
    with pytest.raises(InputError, match="which this version does not know"):
        load({"class": name})
