"""In strips against as a whole: the same result within a level, whatever is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import adain
from adain._utils.errors import InputError
from adain.image import strip_reader as reader
from adain.image.strip_reader import open_strips
from adain.image.strips import Strips
from adain.stylizer.base import BaseStylizer
from adain.stylizer.content import Content, TileProgress
from adain.stylizer.stylizer import Stylizer

from ..conftest import noise_image
from ..models import stylizer

__all__ = ["stylizer"]

pytest.importorskip("pyvips")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "STRIP_PIXELS", 1 << 13)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Sides that are no multiples of 8, three tiles of 64 px across and two down."""
    path = tmp_path / "photo.tif"
    noise_image(131, 99, 5).save(path)
    return path


@pytest.fixture(scope="module")
def arts() -> list[Image.Image]:
    return [noise_image(70, 60, seed) for seed in (11, 12, 13)]


def levels(picture: Any) -> np.ndarray:
    if isinstance(picture, Strips):
        return np.concatenate([np.asarray(strip) for strip in picture.strips()]).astype(int)
    return np.asarray(picture).astype(int)


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "weaker": {"alpha": 0.5},
    "nothing": {"alpha": 0.0},
    "fine": {"fine_style_size": 40},
    "blend": {"count": 3, "weights": [1, 2, 0.5]},
    "blend-colors": {"count": 2, "weights": [1, 2], "color": ["luminance", None]},
    "luminance": {"color": "luminance"},
    "lab": {"color": adain.ColorPreservation("luminance", space="lab", strength=0.7)},
    "match-luma": {"color": adain.ColorPreservation("luminance", match_luma=True)},
    "linear": {"color": "linear"},
    "histogram": {"color": "histogram"},
    "crop": {"crop": True, "color": "luminance"},
    "size": {"content_size": 70},
    "larger": {"content_size": 150},
}


def check_same(model: BaseStylizer, path: Path, styles: Any, tile: int, **options: Any) -> np.ndarray:
    whole = model.stylize(path, styles, tile=tile, **options)
    opened = open_strips(path, size=options.get("content_size", 0), crop=options.get("crop", False))
    painted = model.stylize(opened, styles, tile=tile, **options)
    assert isinstance(painted, Strips)
    found, expected = levels(painted), levels(whole)
    assert painted.size == expected.shape[:2]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1
    return found


@pytest.mark.parametrize("name", CASES)
def test_everything_works_in_strips(stylizer: Stylizer, file: Path, arts: list[Image.Image], name: str) -> None:
    options = {"style_size": 64, **CASES[name]}
    check_same(stylizer, file, arts[: options.pop("count", 1)], 64, **options)


@pytest.mark.parametrize("backend", ["torch", "arrays"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_odd_sides_alpha_and_orientation(
    fast: Stylizer, fast_files: tuple[Path, Path], arts: list[Image.Image], tmp_path: Path, backend: str,
    orientation: int,
) -> None:  # fmt: skip
    picture, path, exif = noise_image(777, 1033, 5, "RGBA"), tmp_path / "photo.png", Image.Exif()
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    picture.paste((1, 2, 3, 0), (100, 200, 300, 500))
    exif[0x0112] = orientation
    picture.save(path, exif=exif, compress_level=1)
    model: BaseStylizer = fast
    if backend == "arrays":
        model = adain.NcnnStylizer(encoder=fast_files[0], decoder=fast_files[1], threads=1)
    found = check_same(model, path, arts[0], 256, style_size=64)
    height, width = (1033, 777) if orientation == 1 else (777, 1033)
    assert found.shape == (height, width, 4)
    turned = picture if orientation == 1 else picture.transpose(Image.Transpose.ROTATE_270)
    assert np.array_equal(found[..., 3], levels(turned)[..., 3])


@pytest.mark.parametrize("fine", [None, 40])
def test_left_and_right_meet(stylizer: Stylizer, arts: list[Image.Image], tmp_path: Path, fine: int | None) -> None:
    path = tmp_path / "panorama.png"
    noise_image(160, 99, 5).save(path)
    how: dict[str, Any] = {"wrap": "x", "style_size": 64, "fine_style_size": fine, "tile": 64}
    whole = stylizer.stylize(path, arts[0], **how)
    painted = stylizer.stylize(open_strips(path, wrap="x"), arts[0], **how)
    assert np.abs(levels(painted) - levels(whole)).max() <= 1
    assert open_strips(path, wrap="xy", keep=1 << 20).wrap == "xy"
    for more in ({"wrap": "y"}, {"wrap": "xy"}, {"wrap": "x", "size": 96}):
        with pytest.raises(InputError, match=r"where its left and right can meet .* multiple of 16 px: ask for"):
            open_strips(path, **more)


def test_statistics_are_taken_once(stylizer: Stylizer, file: Path, arts: list[Image.Image], encoded: list[int]) -> None:
    styles = [stylizer.encode_style(art, size=64) for art in arts[:2]]
    encoded.clear()
    seen: list[TileProgress] = []
    content = stylizer.encode_content(open_strips(file), tile=64, progress=seen.append)
    assert (content.is_strips, len(encoded), seen) == (True, 0, [])
    for style in styles:
        levels(stylizer.stylize(content, style))
    assert len(encoded) == 6 + 2 * 6  # 3 × 2 tiles, once for the statistics, once for each result
    assert [each.phase for each in seen] == ["encode"] * 6 + ["decode"] * 12
    assert [each.done for each in seen] == [1, 2, 3, 4, 5, 6] * 3
    assert all(each.total == 6 for each in seen)


def test_it_is_painted_anew_each_time(stylizer: Stylizer, file: Path, arts: list[Image.Image], tmp_path: Path) -> None:
    painted: Any = stylizer.stylize(open_strips(file), arts[0], tile=64, style_size=64)
    first = levels(painted)
    halfway = painted.strips()
    next(halfway)
    assert np.array_equal(levels(painted), first)
    assert np.array_equal(levels(adain.read_image(painted.save(tmp_path / "a.tif"))), first)


def test_strips_are_rows_of_tiles(stylizer: Stylizer, file: Path, arts: list[Image.Image]) -> None:
    painted: Any = stylizer.stylize(open_strips(file), arts[0], tile=64, style_size=64)
    assert [strip.size for strip in painted.strips()] == [(131, 48), (131, 51)]


REFUSED: dict[str, tuple[Callable[[Image.Image], dict[str, Any]], str]] = {
    "tile": (lambda _: {"tile": "off"}, r'tile="off" \(--tile off\) wants the whole picture in memory'),
    "sheet": (lambda _: {"preview": True}, r"a sheet is made of whole pictures: .*--content-size"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_the_whole(stylizer: Stylizer, file: Path, arts: list[Image.Image], name: str) -> None:
    options, text = REFUSED[name]
    with pytest.raises(InputError, match=text):
        stylizer.stylize(open_strips(file), arts[:1], **{"tile": 64, **options(arts[0])})


def test_automatic_tiles(stylizer: Stylizer, file: Path) -> None:
    """Always tiles, however much memory there is."""
    content: Content = stylizer.encode_content(open_strips(file))
    assert content.tiles is not None
    assert content.tiles.tiling.tile >= 64
