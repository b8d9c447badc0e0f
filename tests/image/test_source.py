from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.image import Source, open_source, read_image, save_image
from adain.image.source import input_name
from tests.conftest import noise_image, python


def test_files_pictures_and_tensors_are_the_same(photo: Path) -> None:
    from_file = open_source(photo)
    pixels = from_file.to_tensor()
    from_tensor = open_source(pixels.clone())
    assert from_file.opacity is from_tensor.opacity is None
    assert pixels.shape == (1, 3, 45, 70)
    assert pixels.dtype == torch.float32
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(pixels, open_source(noise_image(70, 45, 1)).to_tensor())
    assert torch.equal(pixels, from_tensor.to_tensor())
    assert (from_file.to_array() == pixels.numpy()).all()
    assert (from_tensor.to_array() == pixels.numpy()).all()
    assert 0.0 <= float(pixels.min()) < float(pixels.max()) <= 1.0
    assert open_source(from_file) is from_file


KINDS: dict[str, Callable[[Path], Any]] = {
    "path": Path,
    "str": str,
    "bytes": Path.read_bytes,
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "open file": lambda path: path.open("rb"),
    "image": Image.open,
    "array": lambda path: np.asarray(Image.open(path)),
    "float array": lambda path: np.asarray(Image.open(path)) / 255,
    "single tensor": lambda path: open_source(path).to_tensor()[0],
    "tensor": lambda path: open_source(path).to_tensor(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_caller_has(photo: Path, tmp_path: Path, kind: str) -> None:
    given, expected = KINDS[kind](photo), np.asarray(Image.open(photo))
    opened = open_source(given)
    assert opened.size == (45, 70)
    assert opened.is_single == (kind == "single tensor")
    assert isinstance(opened.image, torch.Tensor) == ("tensor" in kind)
    assert torch.equal(opened.to_tensor(), open_source(photo).to_tensor())
    assert (np.asarray(read_image(given)) == expected).all()  # a file is read again, from its beginning
    assert (np.asarray(Image.open(save_image(given, tmp_path / "out.png"))) == expected).all()
    if hasattr(given, "read"):
        assert not given.closed
        given.close()


def test_grey_tensors_get_three_channels() -> None:
    grey = torch.rand(1, 20, 24)
    opened = open_source(grey)
    assert opened.is_single
    assert torch.equal(opened.to_tensor(), grey.expand(1, 3, 20, 24))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (io.BytesIO(b"hello"), "not an image of a known format"),
        (io.BytesIO(), "cannot read image"),
        (b"", "the file is empty"),
        (io.StringIO("hello"), "cannot read image"),
        (3, "not as int"),
        (None, "not as NoneType"),
        ([noise_image(20, 20)], "not as list"),
        (torch.full((1, 3, 20, 20), 2.0), "divide by 255"),
        (np.full((20, 20, 3), 255.0), "divide by 255"),
    ],
)
def test_what_is_no_picture(given: Any, text: str) -> None:
    with pytest.raises(ImageError) as caught:
        open_source(given)
    assert text in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("size", "crop", "shape"), [(0, False, (45, 70)), (30, False, (30, 47)), (30, True, (30, 30))])
def test_sizes(photo: Path, size: int, crop: bool, shape: tuple[int, int]) -> None:
    for source in (photo, open_source(photo).to_tensor()):
        opened = open_source(source, size=size, crop=crop)
        assert opened.size == opened.to_tensor().shape[2:] == shape
        assert opened.uncropped == ((30, 47) if crop else None)


@pytest.mark.parametrize(
    ("sides", "size", "expected"),
    [
        ((64, 1024), 32, (32, 512)),  # 16 times as long as wide: as it is asked for
        ((64, 1028), 32, (32, 514)),  # of what is longer the longer side is bounded, to a pixel of the shorter
        ((16, 1000), 512, (131, 8188)),
        ((1000, 16), 512, (8188, 131)),
        ((16, 1000), 0, (16, 1000)),  # its own size is its own affair
    ],
)
def test_long_artworks_are_bounded(sides: tuple[int, int], size: int, expected: tuple[int, int]) -> None:
    art = Image.new("RGB", sides, "red")
    as_artwork = open_source(art, size=size, least=16, is_artwork=True).size[::-1]
    assert as_artwork == expected
    assert max(as_artwork) <= max(16 * size + 8, *sides)
    assert open_source(art, size=0, is_artwork=True).size[::-1] == sides


def test_too_thin_an_artwork_is_named_with_its_option(tmp_path: Path) -> None:
    Image.new("RGB", (1, 2000), "red").save(tmp_path / "thin.png")
    with pytest.raises(ImageError) as caught:
        open_source(tmp_path / "thin.png", size=512, least=16, is_artwork=True)
    assert str(caught.value) == (
        "thin.png is 1x2000 px: its longer side is scaled to 16 times style_size (--style-size), 8192 px, and its "
        "shorter one would be 4 px where 16 are needed: cut a part out of it, or ask for a style_size of 2000"
    )
    enlarged = open_source(tmp_path / "thin.png", size=2000, least=16, is_artwork=True)
    assert enlarged.size == (32000, 16)
    for is_artwork, option in ((False, "content_size (--content-size)"), (True, "style_size (--style-size)")):
        with pytest.raises(ImageError, match=f"thin.png would have .*: ask for a smaller {re.escape(option)}, or"):
            open_source(tmp_path / "thin.png", size=512, crop=True, is_artwork=is_artwork)


def test_alpha_goes_along(tmp_path: Path) -> None:
    picture = noise_image(40, 30)
    picture.putalpha(noise_image(40, 30, 3, "L"))
    picture.save(tmp_path / "a.png")
    for source in (tmp_path / "a.png", np.asarray(picture)):
        opened = open_source(source, size=20, crop=True)
        assert opened.to_tensor().shape == (1, 3, 20, 20)
        assert opened.opacity is not None
        assert opened.opacity.size == (20, 20)
        assert opened.opacity.mode == "L"


def test_batches_and_precision() -> None:
    batch = torch.rand(3, 3, 20, 24, dtype=torch.float64, requires_grad=True)
    pixels = open_source(batch).to_tensor()
    assert pixels.shape == (3, 3, 20, 24)
    assert pixels.dtype == torch.float32
    assert pixels.requires_grad


def test_errors(tmp_path: Path, photo: Path) -> None:
    noise_image(40, 15).save(tmp_path / "flat.png")
    with pytest.raises(ImageError, match=r"flat\.png is 40x15 px: at least 16 px a side are needed, enlarge it"):
        open_source(tmp_path / "flat.png", least=16)
    assert open_source(tmp_path / "flat.png", size=20, least=16).size == (20, 53)
    with pytest.raises(ImageError, match="the image is 8x9 px"):
        open_source(torch.rand(1, 3, 9, 8), least=16)
    for source in (torch.rand(1, 3, 20, 20), photo):
        with pytest.raises(InputError, match="0 \\(keep\\) or more"):
            open_source(source, size=-1)
    with pytest.raises(MissingFileError):
        open_source(tmp_path / "none.png")
    with pytest.raises(ImageError, match=r"photo\.png"):
        open_source(photo, max_pixels=100)


@pytest.mark.parametrize("kind", KINDS)
def test_no_result_is_larger_than_what_may_be_opened(photo: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    given = KINDS[kind](photo)
    assert open_source(given, size=60, max_pixels=60 * 93).size == (60, 93)
    monkeypatch.setattr(Image.Image, "resize", None)  # refused before any work
    monkeypatch.setattr("adain.image.tensors.resize_to", None)
    with pytest.raises(ImageError, match=r"93 x 60 pixels with its shorter side at 60, .* limit of 5579"):
        open_source(given, size=60, max_pixels=5579)
    with pytest.raises(ImageError, match="155554 x 99999 pixels"):
        open_source(given, size=99_999, crop=True)


def test_names(photo: Path) -> None:
    with Image.open(photo) as opened:
        assert input_name(opened) == "photo.png"
    with photo.open("rb") as file:
        assert input_name(file) == "photo.png"
    assert input_name(photo) == input_name(str(photo)) == "photo.png"
    for nameless in (noise_image(8, 8), torch.rand(1, 3, 8, 8), np.zeros((8, 8)), io.BytesIO(b"x"), b"x"):
        assert input_name(nameless) == ""
    assert Source(noise_image(8, 9)).size == (9, 8)


def test_the_room_needs_no_torch() -> None:
    found = python(
        """
import json, sys
import numpy as np
import adain.image as images
for name in images.__all__:
    if name not in ("inside", "to_pil", "to_tensor", "warp"):
        getattr(images, name)
images.open_source(np.zeros((20, 20, 3), np.uint8), size=10, crop=True).to_array()
print(json.dumps({"torch": "torch" in sys.modules, "nn": [m for m in sys.modules if m.startswith("adain.nn")]}))
"""
    )
    assert found == {"torch": False, "nn": []}
