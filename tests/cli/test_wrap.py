"""``--wrap`` on the command line: one picture, folders, and what it does not go with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from ..conftest import noise_image, one_line_error

Run = Callable[..., Result]


@pytest.fixture
def panoramas(tmp_path: Path) -> list[Path]:
    """One, and the same rolled by half."""
    folder = tmp_path / "in"
    folder.mkdir()
    levels = np.asarray(noise_image(200, 70, 1))
    paths = []
    for name, shift in (("a", 0), ("b", 100)):
        paths.append(folder / f"{name}.png")
        Image.fromarray(np.roll(levels, shift, 1)).save(paths[-1])
    return paths


def levels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.asarray(Image.open(path)).astype(np.int64)


def worst(first: Path, second: Path) -> int:
    """Largest difference of two files, the second rolled by half, in levels of 255."""
    assert levels(first).shape == levels(second).shape == (70, 200, 3)
    return int(np.abs(np.roll(levels(first), 100, 1) - levels(second)).max())


def test_rolled_by_half_it_is_the_same_file(run_cli: Run, panoramas: list[Path], art: Path, tmp_path: Path) -> None:
    for wrap, tile, is_same in (("x", "off", True), ("x", "64", True), ("none", "off", False)):
        out = tmp_path / f"{wrap}-{tile}"
        result = run_cli(
            "stylize", panoramas[0].parent, art, "--style-size", 64, "--wrap", wrap, "--tile", tile, "-o", f"{out}/"
        )
        assert result.exit_code == 0, result.stderr
        difference = worst(*sorted(out.glob("*.png")))
        assert difference <= 2 if is_same else difference > 20
    assert worst(tmp_path / "x-64" / "a_stylized_art.png", tmp_path / "x-off" / "b_stylized_art.png") <= 2


def test_a_folder_is_made_again_where_it_is_to_wrap(
    run_cli: Run, panoramas: list[Path], art: Path, tmp_path: Path
) -> None:
    args = ["stylize", panoramas[0].parent, art, "--style-size", 64, "-o", tmp_path / "out"]
    for wrap, done in (("none", 2), ("x", 2), ("x", 0)):
        result = run_cli(*args, "--wrap", wrap, "--json")
        assert result.exit_code == 0, result.stderr
        records = [json.loads(line) for line in result.stdout.splitlines()]
        assert sum(record.get("status") == "done" for record in records) == done, result.stdout
    assert worst(*sorted((tmp_path / "out").glob("*.png"))) <= 2


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("--wrap", "z"), "'z' is not one of 'none', 'x', 'y', 'xy'"),
        (("--wrap", "x", "--crop"), "--crop cuts off the sides that --wrap lets meet: leave out one or the other"),
        (("--wrap", "x", "--refine", "3"), "--wrap does not go with refinement: leave out one or the other"),
    ],
)
def test_what_it_does_not_go_with(
    run_cli: Run, photo: Path, art: Path, tmp_path: Path, args: tuple[str, ...], reason: str
) -> None:
    out = tmp_path / "o.png"
    assert reason in one_line_error(run_cli("stylize", photo, art, *args, "-o", out))
    assert not out.exists()
