"""Results of 16 bits and dithered ones, from the decoder to the file, whatever lies between."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import adain
from adain._utils.errors import InputError
from adain.image.io import read_stored
from adain.stylizer.base import BaseStylizer
from adain.stylizer.looks import Look
from tests.conftest import noise_image

CONTROLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "colours": {"color": "luminance"},
    "tiles": {"tile": 64},
    "size and crop": {"content_size": 48, "crop": True},
    "wrapped tiles": {"tile": 64, "wrap": "x"},
}


@pytest.fixture(params=["stylizer", "cpu_model"])
def model(request: pytest.FixtureRequest) -> BaseStylizer:
    """By torch, and by ncnn."""
    made: BaseStylizer = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """With an alpha, which is kept."""
    path = tmp_path / "photo.png"
    picture = noise_image(104, 88)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    picture.save(path)
    return path


def floats(model: BaseStylizer, photo: Path, art: Path, controls: dict[str, Any]) -> NDArray[Any]:
    """``(H, W, 3)`` of what the command decodes, before it is rounded."""
    how = {name: controls[name] for name in ("crop", "wrap", "tile") if name in controls}
    content = model.encode_content(photo, size=controls.get("content_size", 0), **how)
    look = Look(art, adain.Options(style_size=64, **controls))
    as_pixels = dataclasses.replace(content, is_tensor=True, is_array=True, opacity=None)
    result = model.render(as_pixels, look.resolve(model, content))
    return np.asarray(result)[0].transpose(1, 2, 0)


@pytest.mark.parametrize("controls", CONTROLS)
def test_what_the_decoder_gives_is_what_is_written(
    model: BaseStylizer, photo: Path, art: Path, tmp_path: Path, controls: str
) -> None:
    how = CONTROLS[controls]
    expected = floats(model, photo, art, how)
    common: dict[str, Any] = {"stylizer": model, "style_size": 64, **how}
    for suffix in (".png", ".tif"):
        (made,) = adain.stylize_folder(photo, str(art), tmp_path / f"deep{suffix}", bits=16, **common)
        stored = read_stored(made.output)
        assert stored.values.dtype == np.uint16
        assert np.abs(stored.values / 65535 - expected).max() <= 1.1 / 65535
        assert stored.alpha is not None
        assert (made.details["height"], made.details["width"]) == stored.values.shape[:2]
        assert len(np.unique(stored.values % 257)) > 200  # and not 8 bits in 16
    adain.stylize_folder(photo, str(art), tmp_path / "plain.png", **common)
    adain.stylize_folder(photo, str(art), tmp_path / "dithered.png", dither=True, **common)
    plain, dithered = (np.asarray(Image.open(tmp_path / f"{name}.png")).astype(float) for name in ("plain", "dithered"))
    assert np.array_equal(plain[..., 3], dithered[..., 3])
    assert np.abs(plain[..., :3] - 255 * expected).max() <= 0.51
    assert 0.51 < np.abs(dithered[..., :3] - 255 * expected).max() < 1.01
    height, width = (side // 16 * 16 for side in expected.shape[:2])
    error = (dithered[..., :3] - 255 * expected)[:height, :width].reshape(height // 16, 16, width // 16, 16, 3)
    assert np.abs(error.mean((1, 3))).max() < 0.1


def test_folders_know_their_levels(fast: BaseStylizer, art: Path, tmp_path: Path) -> None:
    """Each way of rounding is a result of its own, and made anew where another is there."""
    (tmp_path / "photos").mkdir()
    for k in range(2):
        noise_image(40, 36, k).save(tmp_path / "photos" / f"{k}.png")

    def states(**more: Any) -> str:
        made = adain.stylize_folder(tmp_path / "photos", str(art), tmp_path / "out", stylizer=fast, **more)
        return "".join(result.status[0] for result in made)

    assert states() == "dd"
    assert states(bits=8, dither=False) == "ss"
    assert states(bits=16) == "dd"
    assert states(bits=16) == "ss"
    assert read_stored(tmp_path / "out" / f"0_stylized_{art.stem}.png").values.dtype == np.uint16
    assert states(dither=True) == "dd"
    assert states(dither=True) == "ss"
    assert states() == "dd"


@pytest.mark.slow
def test_several_processes(photo: Path, art: Path, tmp_path: Path, fast_files: tuple[Path, Path]) -> None:
    encoder, decoder = fast_files
    how: dict[str, Any] = {"encoder": encoder, "decoder": decoder, "backend": "torch", "style_size": 64, "bits": 16}
    (tmp_path / "photos").mkdir()
    for k in range(2):
        noise_image(40, 36, k).save(tmp_path / "photos" / f"{k}.tif")
    for jobs in (1, 2):
        adain.stylize_folder(tmp_path / "photos", str(art), tmp_path / f"out{jobs}", jobs=jobs, **how)
    for k in range(2):
        one, two = (tmp_path / f"out{jobs}" / f"{k}_stylized_{art.stem}.tif" for jobs in (1, 2))
        assert one.read_bytes() == two.read_bytes()
        assert read_stored(one).values.dtype == np.uint16


@pytest.mark.slow
def test_refinement(fast: BaseStylizer, art: Path, tmp_path: Path) -> None:
    photo = tmp_path / "small.png"
    noise_image(40, 36, 3, "RGBA").save(photo)
    common: dict[str, Any] = {"stylizer": fast, "style_size": 48}
    refined = adain.refine(photo, art, start="content", steps=1, bits=16, **common)
    assert isinstance(refined, np.ndarray)
    assert (refined.dtype, refined.shape) == (np.uint16, (36, 40, 4))
    plain = np.asarray(adain.refine(photo, art, start="content", steps=1, **common)).astype(int)
    assert np.abs(plain - refined / 257).max() <= 0.51
    (made,) = adain.stylize_folder(photo, str(art), tmp_path / "a.png", bits=16, refine=1, **common)
    values = read_stored(made.output).values
    assert len(np.unique(values % 257)) > 200


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"suffix": ".jpg", "bits": 16}, "in 16 bits, which JPEG has not: let its name end in .png or .tif"),
        ({"suffix": ".webp", "bits": 16}, "in 16 bits, which WEBP has not"),
        ({"bits": 16, "dither": True}, "dither is for 8 bits"),
        ({"bits": 16, "preview": True}, "make sheets of 8 bits: leave out bits and dither"),
        ({"dither": True, "grid": 2}, "make sheets of 8 bits: leave out bits and dither"),
        ({"bits": 10}, "bits is 8 or 16, not 10"),
    ],
)
def test_what_is_refused_before_any_work(photo: Path, art: Path, tmp_path: Path, more: Any, match: str) -> None:
    styles = [str(art)] * (2 if "grid" in more else 1)
    with pytest.raises(InputError, match=match) as caught:
        adain.stylize_folder(photo.parent, styles, tmp_path / "out", **more)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "out").exists()
