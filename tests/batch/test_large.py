from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from adain._utils.errors import InputError
from adain.batch import FolderOptions, Manifest, large, run, stylize_folder
from adain.image.strip_writer import write_strips
from adain.stylizer.stylizer import Stylizer

from ..conftest import ROOT, noise_image, one_line_error, python

pyvips = pytest.importorskip("pyvips")
pytestmark = pytest.mark.usefixtures("one_thread")

LIMIT = 80 * 80
"""Pixels beyond which pictures are large, in these tests."""


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "DEFAULT_MAX_PIXELS", LIMIT)
    monkeypatch.setattr("adain.batch.order.READ_AHEAD_PIXELS", LIMIT)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    noise_image(70, 60, 1).save(folder / "a.png")
    noise_image(131, 99, 2, "RGBA").save(folder / "huge.tif")
    noise_image(64, 64, 3).save(folder / "z.jpg")
    return folder


def levels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


@pytest.fixture
def wrote(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was written in strips."""
    names: list[str] = []

    def told(picture: Any, path: Any, **how: Any) -> Path:
        names.append(Path(path).name)
        return write_strips(picture, path, **how)

    monkeypatch.setattr(run, "write_strips", told)
    return names


def test_a_huge_one_among_others(fast: Stylizer, photos: Path, art: Path, tmp_path: Path, wrote: list[str]) -> None:
    how: dict[str, Any] = {"stylizer": fast, "style_size": 64, "tile": 64}
    results = stylize_folder(photos, art, tmp_path / "out", **how)
    assert [result.status for result in results] == ["done"] * 3
    assert wrote == ["huge_stylized_art.tif"]
    whole = stylize_folder(photos, art, tmp_path / "whole", strips="off", **how)
    assert wrote == ["huge_stylized_art.tif"]
    for ours, theirs in zip(results, whole, strict=True):
        assert np.abs(levels(ours.output) - levels(theirs.output)).max() <= 1
    assert (results[1].details["width"], results[1].details["height"], results[1].details["tiles"]) == (131, 99, 6)
    again = stylize_folder(photos, art, tmp_path / "out", **how)
    assert [result.status for result in again] == ["skipped"] * 3
    assert len(wrote) == 1


def test_smaller_is_held(fast: Stylizer, photos: Path, art: Path, tmp_path: Path, wrote: list[str]) -> None:
    """What is read in strips, and small afterwards, may be asked for anything."""
    how: dict[str, Any] = {"stylizer": fast, "content_size": 50, "masks": [Image.new("L", (131, 99), 255)]}
    (result,) = stylize_folder(photos / "huge.tif", art, tmp_path / "a.tif", style_size=64, **how)
    (whole,) = stylize_folder(photos / "huge.tif", art, tmp_path / "b.tif", style_size=64, strips="off", **how)
    assert result.error is None
    assert np.abs(levels(result.output) - levels(whole.output)).max() <= 1
    assert not wrote


def test_the_limit(photos: Path, art: Path, tmp_path: Path, fast: Stylizer) -> None:
    how: dict[str, Any] = {"stylizer": fast, "style_size": 64}
    (result,) = stylize_folder(photos / "huge.tif", art, tmp_path / "a.tif", max_pixels=10_000, **how)
    assert "131 x 99 pixels is over the limit of 10000; max_pixels (--max-pixels) raises it" in str(result.error)
    (result,) = stylize_folder(
        photos / "a.png", art, tmp_path / "a.tif", content_size=90, max_pixels=5000, strips="on", **how
    )
    assert "over the limit of 5000" in str(result.error)


def test_without_pyvips(
    photos: Path, art: Path, tmp_path: Path, fast: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyvips", None)
    how: dict[str, Any] = {"stylizer": fast, "style_size": 64}
    (result,) = stylize_folder(photos / "huge.tif", art, tmp_path / "a.tif", **how)
    assert str(result.error).endswith(
        f"131 x 99 pixels is over the limit of {LIMIT}; max_pixels (--max-pixels) raises it, or work in strips: "
        'pip install "adain[large]"'
    )
    (result,) = stylize_folder(photos / "huge.tif", art, tmp_path / "a.tif", max_pixels=13_000, **how)
    assert result.status == "done"  # as a whole
    for asked in ({"strips": "on"}, {"pyramid": True}):
        with pytest.raises(InputError, match=r'need pyvips: pip install "adain\[large\]"'):
            stylize_folder(photos / "a.png", art, tmp_path / "a.tif", **how, **asked)


def test_what_does_not_go_together(photos: Path, art: Path, tmp_path: Path, run_cli: Callable[..., Result]) -> None:
    def refused(*args: object) -> str:
        return one_line_error(run_cli("stylize", photos / "huge.tif", art, "-o", tmp_path / "out.tif", *args))

    assert "--refine needs the whole picture: leave it out, or --strips on" in refused("--strips", "on", "--refine", 1)
    assert "--preview needs the whole picture" in refused("--strips", "on", "--preview")
    assert "--tile off wants the whole picture at once" in refused("--strips", "on", "--tile", "off")
    assert "too large to be refined: ask for a smaller content_size" in refused("--refine", 1)
    assert "'onn' is not one of 'auto', 'on', 'off'" in refused("--strips", "onn")
    text = one_line_error(run_cli("stylize", photos / "a.png", art, "-o", tmp_path / "out.png", "--pyramid"))
    assert "--pyramid is for TIFFs: name the result .tif, or give --suffix .tif" in text
    assert "--pyramid does not go with --engine ray" in refused("--pyramid", "--engine", "ray")


@pytest.mark.parametrize("strips", ["on", "off"])
def test_pyramids(fast: Stylizer, tmp_path: Path, art: Path, strips: Any) -> None:
    photo = tmp_path / "photo.png"
    noise_image(600, 300, 4).save(photo)
    how: dict[str, Any] = {"stylizer": fast, "style_size": 64, "strips": strips, "tile": 256}
    (result,) = stylize_folder(photo, art, tmp_path / "a.tif", pyramid=True, **how)
    (plain,) = stylize_folder(photo, art, tmp_path / "b.png", **how)
    assert result.error is None
    with Image.open(result.output) as image:
        sizes = []
        for level in range(image.n_frames):
            image.seek(level)
            sizes.append(image.size)
    assert sizes == [(600, 300), (300, 150), (150, 75)]
    assert np.array_equal(levels(result.output), levels(plain.output))
    again, known = stylize_folder(result.output, art, tmp_path / "c.png", **how), plain.details
    assert again[0].error is None  # a pyramid is one picture
    assert (again[0].details["width"], "pages" in again[0].details) == (600, False)
    assert (known["width"], known["height"]) == (600, 300)


@pytest.mark.parametrize("how", [{"bits": 16}, {"dither": True}])
@pytest.mark.parametrize("pyramid", [True, False])
def test_levels(fast: Stylizer, photos: Path, art: Path, tmp_path: Path, how: Any, pyramid: bool) -> None:
    common: dict[str, Any] = {"stylizer": fast, "style_size": 64, "tile": 64, **how}
    (ours,) = stylize_folder(photos / "huge.tif", art, tmp_path / "a.tif", pyramid=pyramid, **common)
    (whole,) = stylize_folder(photos / "huge.tif", art, tmp_path / "b.tif", pyramid=pyramid, strips="off", **common)
    found, expected = (pyvips.Image.new_from_file(str(each.output)).numpy().astype(int) for each in (ours, whole))
    assert found.shape == expected.shape == (99, 131, 4)
    assert np.abs(found - expected).max() <= (13 if "bits" in how else 1)  # 13 / 65535 are 0.05 / 255
    assert (found.max() > 255) == ("bits" in how)


PEAK = """
import json
from adain._utils.memory import resident_peak
from adain.batch import stylize_folder
from adain.image import stored
stored.HELD_PIXELS = {held}
(result,) = stylize_folder({content!r}, {art!r}, {out!r}, model="fast", backend="ncnn", tile=256, strips={strips!r})
assert result.error is None, result.error
print(json.dumps({{"mb": resident_peak()}}))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_picture(art: Path, tmp_path: Path) -> None:
    """Six times as high: of what the picture and its result take more, hardly anything is held."""
    width, low, high = 2000, 2000, 12_000
    peaks: dict[tuple[int, str], float] = {}
    for height, strips in ((low, "on"), (high, "on"), (high, "off")):
        content = tmp_path / f"{height}.tif"
        noise_image(width, height, 1).save(content)
        where = {"content": os.fspath(content), "art": os.fspath(art), "out": os.fspath(tmp_path / "out.tif")}
        where |= {"held": "1 << 30"}  # "off" holds all of it, and lays nothing aside
        peaks[height, strips] = float(str(python(PEAK.format(strips=strips, **where))["mb"]))
    more = 2 * 3 * width * (high - low) / 1e6  # MB of 8 bits
    assert peaks[high, "on"] - peaks[low, "on"] < more / 2
    assert peaks[high, "off"] - peaks[high, "on"] > more


def test_decisive() -> None:
    """How it is computed and stored decides no pixel."""
    assert FolderOptions(strips="on", pyramid=True).decisive() == FolderOptions().decisive()


SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background has not
from adain.batch import large, order, stylize_folder
from adain.stylizer import strips
large.DEFAULT_MAX_PIXELS = 6400
paint = strips.PaintedStrips.strips
def slow(self):
    for strip in paint(self):
        yield strip
        print("strip", flush=True)
        for _ in range(600):
            time.sleep(0.1)
strips.PaintedStrips.strips = slow
stylize_folder(sys.argv[1], sys.argv[2], sys.argv[3], style_size=64, tile=64, model="fast", backend="torch")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("output", "how"), [("out/", signal.SIGKILL), ("out/a.tif", signal.SIGINT)])
def test_broken_off(how: signal.Signals, output: str, photos: Path, art: Path, tmp_path: Path) -> None:
    target = os.fspath(tmp_path) + "/" + output
    command = [sys.executable, "-c", SLOW, os.fspath(photos / "huge.tif"), os.fspath(art), target]
    if output == "out/":
        command[3] = os.fspath(photos)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"strip\n"
        began = time.monotonic()
        process.send_signal(how)
        process.wait(50)
        assert time.monotonic() - began < 50  # it did not wait for the picture
    left = {path.name for path in (tmp_path / "out").iterdir()}
    hidden = {name for name in left if name.startswith(".adain-")}
    assert not {"a.tif", "huge_stylized_art.tif"} & left
    assert bool(hidden) == (how == signal.SIGKILL)
    if output == "out/":
        results = stylize_folder(photos, art, target, style_size=64, tile=64, model="fast", backend="torch")
        assert [result.status for result in results] in (["skipped", "done", "done"], ["done"] * 3)
        assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".adain-")]
        records = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
        assert {record["status"] for record in records if "huge" in record["output"]} == {"writing", "done"}


def test_written_but_not_recorded(fast: Stylizer, photos: Path, art: Path, tmp_path: Path, wrote: list[str]) -> None:
    """What a kill leaves between the last byte and the last line is known to be complete."""
    how: dict[str, Any] = {"stylizer": fast, "style_size": 64, "tile": 64}
    stylize_folder(photos, art, tmp_path / "out", **how)
    path = tmp_path / "out" / "manifest.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{line}\n" for line in lines if not ("huge" in line and '"done"' in line)))
    assert Manifest(tmp_path / "out").latest["huge_stylized_art.tif"]["status"] == "writing"
    again = stylize_folder(photos, art, tmp_path / "out", **how)
    assert [result.status for result in again] == ["skipped"] * 3
    assert len(wrote) == 1


@pytest.mark.parametrize(("mode", "expected"), [("basic", "Ann"), ("none", None)])
def test_author_comes_along(
    fast: Stylizer, art: Path, tmp_path: Path, mode: str, expected: str | None, wrote: list[str]
) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Ann"
    noise_image(64, 48).save(tmp_path / "photo.jpg", exif=exif.tobytes())
    how: dict[str, Any] = {"stylizer": fast, "style_size": 64, "metadata": mode}
    (result,) = stylize_folder(tmp_path / "photo.jpg", art, tmp_path / "out.png", strips="on", **how)
    assert wrote == ["out.png"]
    with Image.open(result.output) as image:
        assert image.getexif().get(0x013B) == expected


def test_a_pyramid_is_another_file(fast: Stylizer, photos: Path, art: Path, tmp_path: Path) -> None:
    """Asked for later, it is made; and what has one is made anew without."""
    how: dict[str, Any] = {"stylizer": fast, "style_size": 64, "suffix": ".tif"}
    for pyramid, expected in ((False, "done"), (True, "done"), (True, "skipped"), (False, "done"), (False, "skipped")):
        results = stylize_folder([photos / "a.png"], art, tmp_path / "out", pyramid=pyramid, **how)
        assert [result.status for result in results] == [expected]
