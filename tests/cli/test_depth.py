from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from adain.image.io import read_stored
from tests.conftest import one_line_error

Run = Callable[..., Result]
FAST = ("--style-size", 32, "--device", "cpu")
LIGHT = ("--loss", "content=1:relu2_1", "--loss", "gram=1:relu1_1", "--start", "content", "--steps", 1)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("command", ["stylize", "refine"])
def test_16_bits_and_dithered(run_cli: Run, photo: Path, art: Path, tmp_path: Path, command: str) -> None:
    light = LIGHT if command == "refine" else ()

    def make(name: str, *flags: object) -> Path:
        result = run_cli(command, photo, art, "-o", tmp_path / name, *FAST, *light, *flags, "--json")
        assert result.exit_code == 0, result.output
        record = json.loads(result.stdout)
        assert (record["width"], record["height"]) == (70, 45)
        return Path(record["output"])

    deep = read_stored(make("deep.tif", "--bits", 16)).values
    assert deep.dtype == np.uint16
    assert np.array_equal(read_stored(make("deep.png", "--bits", 16)).values, deep)
    plain = np.asarray(Image.open(make("plain.png"))).astype(float)
    dithered = np.asarray(Image.open(make("dithered.png", "--dither"))).astype(float)
    assert np.abs(plain - deep / 257).max() <= 0.51
    assert 0.51 < np.abs(dithered - deep / 257).max() < 1.01
    assert make("again.png", "--dither").read_bytes() == (tmp_path / "dithered.png").read_bytes()


@pytest.mark.parametrize("command", ["stylize", "refine"])
def test_what_is_refused(run_cli: Run, photo: Path, art: Path, tmp_path: Path, command: str) -> None:
    out = tmp_path / "a.jpg"
    result = run_cli(command, photo, art, "-o", out, "--bits", 16, *FAST)
    assert "a.jpg in 16 bits, which JPEG has not: let its name end in .png or .tif" in one_line_error(result)
    result = run_cli(command, photo, art, "-o", tmp_path / "a.png", "--bits", 16, "--dither", *FAST)
    assert "--dither is for 8 bits, as steps of 16 are not seen: leave out --dither or --bits" in one_line_error(result)
    result = run_cli(command, photo, art, "-o", tmp_path / "a.png", "--bits", 12, *FAST)
    assert "--bits is 8 or 16, not 12" in one_line_error(result)
    assert {path.name for path in tmp_path.iterdir()} == {"photo.png", "art.png"}
