"""Faces that are found and protected: one, several, none, turned, large, in batches and frames."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import adain
from adain import InputError
from adain.control import faces
from adain.control.faces import find_faces
from adain.metrics import ssim
from adain.stylizer.stylizer import Stylizer

from ..conftest import noise_image, sample

pytest.importorskip("skimage")


@pytest.fixture(scope="module")
def fast() -> Stylizer:
    return Stylizer.from_pretrained("fast", device="cpu")


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    """A face at about (220, 120), 104 px wide."""
    with Image.open(sample("content", "astronaut")) as picture:
        return picture.convert("RGB")


@pytest.fixture(scope="module")
def art() -> Image.Image:
    return noise_image(40, 40, 4).resize((160, 160))


def test_found_at_any_size(portrait: Image.Image) -> None:
    for scale in (0.5, 1.0, 3.0):
        [face] = find_faces(portrait.resize((round(512 * scale),) * 2))
        middle = (face.left + face.right) / 2 / scale, (face.top + face.bottom) / 2 / scale
        assert np.hypot(middle[0] - 222, middle[1] - 118) < 15
        assert 70 < (face.right - face.left) / scale < 140


def test_two_faces(portrait: Image.Image) -> None:
    both = Image.new("RGB", (600, 300))
    for left in (0, 300):
        both.paste(portrait.crop((70, 0, 370, 300)), (left, 0))
    assert len(find_faces(both)) == 2


def test_none_is_a_line_and_nothing_protected(
    fast: Stylizer, art: Image.Image, caplog: pytest.LogCaptureFixture
) -> None:
    with Image.open(sample("content", "montStMichel")) as picture:
        tensor = adain.image.to_tensor(picture.convert("RGB").resize((160, 96)))
    with caplog.at_level(logging.WARNING):
        result = fast.stylize(tensor, art, protect="faces")
    assert [record.getMessage() for record in caplog.records if "no face" in record.getMessage()]
    torch.testing.assert_close(result, fast.stylize(tensor, art), atol=1e-5, rtol=0)


def test_a_folder_says_where_there_is_none(portrait: Image.Image, tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    (tmp_path / "photos").mkdir()
    portrait.crop((70, 0, 370, 300)).resize((160, 160)).save(tmp_path / "photos" / "face.png")
    noise_image(64, 64, 1).save(tmp_path / "photos" / "noise.png")
    noise_image(40, 40, 2).save(tmp_path / "art.png")
    more = ("--protect", "faces", "--model", "fast", "--json", "-o", tmp_path / "out")
    result = run_cli("stylize", tmp_path / "photos", tmp_path / "art.png", *more)
    assert result.exit_code == 0, result.output
    found = {Path(each["content"]).stem: each["faces"] for each in map(json.loads, result.stdout.splitlines())}
    assert found == {"face": 1, "noise": 0}
    [line] = result.stderr.splitlines()
    assert "no face was found in" in line
    assert "noise.png" in line
    assert "face.png" not in line


def test_the_face_keeps_its_structure(fast: Stylizer, portrait: Image.Image, art: Image.Image) -> None:
    tensor = adain.image.to_tensor(portrait)
    plain, kept = (fast.stylize(tensor, art, protect=protect) for protect in (None, "faces"))
    face, corner = (..., slice(75, 165), slice(180, 265)), (..., slice(400, None), slice(0, 100))
    assert float(ssim(kept[face], tensor[face])) > float(ssim(plain[face], tensor[face])) + 0.2
    torch.testing.assert_close(kept[corner], plain[corner], atol=1e-5, rtol=0)


def test_each_of_a_batch_has_its_own(fast: Stylizer, portrait: Image.Image, art: Image.Image) -> None:
    tensor = adain.image.to_tensor(portrait.crop((70, 0, 370, 300)))
    batch = torch.cat([tensor, tensor.flip(3)])
    together = fast.stylize(batch, art, protect="faces")
    torch.testing.assert_close(together[1:], fast.stylize(batch[1:], art, protect="faces"), atol=1e-4, rtol=0)


def test_turned_by_exif_and_in_tiles(fast: Stylizer, portrait: Image.Image, art: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # to be turned a quarter clockwise
    portrait.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "photo.png", exif=exif)
    wanted, tiled = (
        np.asarray(fast.stylize(each, art, protect="faces", tile=tile)).astype(int)
        for each, tile in ((portrait, "off"), (tmp_path / "photo.png", 128))
    )
    assert np.abs(tiled - wanted).max() <= 2


def test_what_to_install(monkeypatch: pytest.MonkeyPatch, portrait: Image.Image) -> None:
    faces._cascade.cache_clear()
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(InputError, match=r"pip install \"adain\[faces\]\""):
        find_faces(portrait)
