"""``--tile`` on the command line: its values, its record, its bar, and results equal to those without it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from adain._utils import mapped, memory
from adain.cli.reporting import tile_bar
from adain.stylizer import store as featurestore
from adain.stylizer.content import TileProgress

from ..conftest import noise_image, one_line_error

Run = Callable[..., Result]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.png"
    noise_image(131, 99, 1).save(path)
    return path


def levels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.asarray(Image.open(path)).astype(np.int64)


@pytest.mark.parametrize("more", [(), ("--preserve-color",), ("--gradient", "radial")], ids=lambda more: "".join(more))
def test_same_picture(run_cli: Run, large: Path, art: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    args = ["stylize", large, art, *([art] if "--gradient" in more else []), "--style-size", 64, *more, "--json"]
    records = {}
    for tile in ("off", "64"):
        result = run_cli(*args, "--tile", tile, "-o", tmp_path / f"{tile}.png")
        assert result.exit_code == 0, result.stderr
        assert result.stderr == ""
        records[tile] = json.loads(result.stdout)
    assert np.abs(levels(tmp_path / "off.png") - levels(tmp_path / "64.png")).max() <= 1
    assert (records["off"]["tiles"], records["off"]["overlap"]) == (1, 0.0)
    assert records["64"]["tiles"] == 6
    assert records["64"]["overlap"] > 0.5


def test_auto_tiles_where_memory_is_short(
    run_cli: Run, large: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tiles() -> object:
        return json.loads(run_cli("stylize", large, art, "-o", tmp_path / "a.png", "--json").stdout)["tiles"]

    assert tiles() == 1
    monkeypatch.setattr(memory, "free_memory", lambda device=None: 1 << 20)
    assert tiles() == 6


@pytest.mark.parametrize("value", ["0", "63", "-64", "64.5", "big", ""])
def test_unusable_values(run_cli: Run, photo: Path, art: Path, value: str) -> None:
    line = one_line_error(run_cli("stylize", photo, art, "--tile", value))
    assert "--tile" in line
    assert "auto, off" in line


def test_full_disk(run_cli: Run, large: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(featurestore, "IN_MEMORY", 0)
    monkeypatch.setattr(mapped, "_scratch_folder", lambda: str(tmp_path / "none"))
    target = tmp_path / "out.png"
    target.write_bytes(b"before")
    line = one_line_error(run_cli("stylize", large, art, "--tile", 64, "-o", target))
    assert "TMPDIR" in line
    assert target.read_bytes() == b"before"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_counts_tiles_and_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tile_bar() is None  # nobody looks
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    progress = tile_bar()
    assert progress is not None
    for phase in ("encode", "decode", "decode"):
        for k in (1, 2, 3):
            progress(TileProgress(phase, k, 3))
    for steps in (1, 2):  # it may well be done before all steps are
        for k in range(1, steps + 1):
            progress(SimpleNamespace(step=k, steps=9))
    progress(TileProgress("encode", 1, 3))
    shown = screen.getvalue()
    for text in ("encode", "decode", "/3 ", "refine", "/9 "):
        assert text in shown
