"""Animations and files of several pages at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from adain.batch import order
from adain.image import read_image
from adain.stylizer.stylizer import Stylizer
from tests.animations import pages, write_pages
from tests.conftest import noise_image, one_line_error

Run = Callable[..., Result]
FAST = ("--style-size", "32", "--device", "cpu")


@pytest.fixture(autouse=True)
def loaded(stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "open_model", lambda *_, **__: stylizer)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_of_an_animation_the_first_frame_and_a_word(run_cli: Run, art: Path, tmp_path: Path, suffix: str) -> None:
    source = write_pages(tmp_path / f"anim{suffix}", pages(3), duration=50)
    out = tmp_path / "out.png"
    result = run_cli("stylize", source, art, "-o", out, *FAST)
    assert result.exit_code == 0
    assert result.stdout.strip() == str(out)
    assert result.stderr == (
        f"adain stylize: warning: {source} has 3 frames, and the first is what was made: "
        "adain video makes all of them, --page 2 takes another\n"
    )
    assert run_cli("stylize", source, art, "-o", out, "-q", *FAST).stderr == ""
    record = json.loads(run_cli("stylize", source, art, "-o", out, "--json", *FAST).stdout)
    assert record["frames"] == 3


def test_of_pages_the_first_and_a_word(run_cli: Run, art: Path, tmp_path: Path) -> None:
    source = write_pages(tmp_path / "scan.tif", pages(3))
    result = run_cli("stylize", source, art, "-o", tmp_path / "out.png", *FAST)
    assert f"{source} has 3 pages, and the first is what was made: --page 2 takes another" in result.stderr
    light = {}
    for page in (1, 3):
        out = tmp_path / f"{page}.png"
        result = run_cli("stylize", source, art, "-o", out, "--page", page, "--alpha", 0, *FAST)
        assert result.exit_code == 0
        light[page] = np.asarray(read_image(out)).mean()
    assert light[3] > light[1] + 30  # of 60 levels
    assert "has 3 pages; --page takes 1 to 3" in one_line_error(
        run_cli("stylize", source, art, "-o", tmp_path / "4.png", "--page", 4, *FAST)
    )
    result = run_cli("stylize", source, art, "-o", tmp_path / "all", "--page", "all", *FAST)
    assert result.stderr == ""
    assert [Path(line).name for line in result.stdout.split()] == [
        f"scan-p{k}_stylized_{art.stem}.tif" for k in (1, 2, 3)
    ]


def test_of_a_folder_one_line_for_each_kind(run_cli: Run, art: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.gif", "b.gif", "c.gif"):
        write_pages(tmp_path / "in" / name, pages(2), duration=50)
    write_pages(tmp_path / "in" / "d.tif", pages(4))
    noise_image(40, 36).save(tmp_path / "in" / "e.png")
    result = run_cli("stylize", tmp_path / "in", art, art, "-o", tmp_path / "out", *FAST)
    assert result.stderr.splitlines() == [
        f"adain stylize: warning: {tmp_path}/in/d.tif has 4 pages, and the first is what was made: "
        "--page 2 takes another, --page all makes a result of each",
        f"adain stylize: warning: 3 photographs have several frames, such as {tmp_path}/in/a.gif; "
        "the first of each was made: adain video makes all of them, --page 2 takes another",
    ]


@pytest.mark.parametrize("value", ["0", "none", "1,2", ""])
def test_bad_pages(run_cli: Run, photo: Path, art: Path, value: str) -> None:
    assert "--page" in one_line_error(run_cli("stylize", photo, art, "--page", value, *FAST))


def test_videos_have_no_pages(run_cli: Run, photo: Path, art: Path) -> None:
    assert "--page" in one_line_error(run_cli("video", photo, art, "--page", 2))


def test_refine_takes_a_page_and_tells(run_cli: Run, art: Path, tmp_path: Path) -> None:
    source = write_pages(tmp_path / "scan.tif", pages(2))
    how = ("--steps", 1, "--json", *FAST)
    result = run_cli("refine", source, art, "-o", tmp_path / "o.png", *how)
    assert json.loads(result.stdout)["pages"] == 2
    assert f"adain refine: warning: {source} has 2 pages" in result.stderr
    result = run_cli("refine", source, art, "-o", tmp_path / "o.png", "--page", 2, *how)
    record = json.loads(result.stdout)
    assert (record["content"], record["page"], "pages" in record, result.stderr) == (str(source), 2, False, "")
