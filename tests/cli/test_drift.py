"""--max-drift at the command line: what is told of it, and what it does not go with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from tests.conftest import noise_image, one_line_error
from tests.edges import waves

Run = Callable[..., Result]
FAST = ("--model", "fast", "--device", "cpu", "--style-size", "64")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for k in range(2):
        Image.fromarray(np.rint(waves(k, side=64) * 255).astype(np.uint8)).save(tmp_path / "photos" / f"{k}.png")
    noise_image(64, 64, 9).save(tmp_path / "art.png")
    return tmp_path


def test_alpha_and_drift_are_told(run_cli: Run, folder: Path) -> None:
    how = (folder / "photos", folder / "art.png", "-o", folder / "out", *FAST, "--max-drift", "50", "--json")
    result = run_cli("stylize", *how)
    assert result.exit_code == 0, result.output
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(record["alpha"] == 1.0 and 0 < record["drift"] < 8 for record in told)
    assert result.stderr == ""
    lines = [json.loads(line) for line in (folder / "out" / "manifest.jsonl").read_text().splitlines()]
    done = {line["output"]: line for line in lines if line["status"] == "done"}
    assert len(done) == 2
    assert all({"alpha", "drift", "max_drift"} <= line.keys() for line in done.values())
    again = [json.loads(line) for line in run_cli("stylize", *how).stdout.splitlines()]
    assert [record["status"] for record in again] == ["skipped", "skipped"]
    assert [(record["alpha"], record["drift"]) for record in again] == [(r["alpha"], r["drift"]) for r in told]


def test_a_bound_that_cannot_be_held_is_told_of_once(run_cli: Run, folder: Path) -> None:
    result = run_cli("stylize", folder / "photos", folder / "art.png", "-o", folder, *FAST, "--max-drift", "0.001")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == [
        f"adain stylize: warning: 2 results, such as {folder / '0_stylized_art.png'}, move edges by more than "
        "--max-drift even at alpha 0, which is what was made"
    ]
    said = run_cli("stylize", folder / "photos/0.png", folder / "art.png", "-o", folder / "o.png", *FAST,
                   "--max-drift", "0.001", "-v")  # fmt: skip
    assert "alpha 0: half of the edges lie within" in said.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--max-drift", "0"), "'--max-drift': must be a number, more than 0"),
        (("--max-drift", "far"), "'--max-drift': must be a number"),
        (("--max-drift", "1", "--preview"), "--max-drift finds one alpha for a picture: leave out"),
        (("--max-drift", "1", "--refine", "1"), "--max-drift does not go with refinement"),
        (("--max-drift", "1", "--strips", "on"), "--max-drift needs the whole picture"),
    ],
)
def test_what_it_does_not_go_with(run_cli: Run, folder: Path, more: tuple[str, ...], message: str) -> None:
    result = run_cli("stylize", folder / "photos/0.png", folder / "art.png", "-o", folder / "o.png", *FAST, *more)
    line = one_line_error(result)
    assert message in line


def test_videos_have_none(run_cli: Run, folder: Path) -> None:
    result = run_cli("video", folder / "photos/0.png", folder / "art.png", "-o", folder / "o.mp4", "--max-drift", "1")
    assert result.exit_code == 2
    assert "max-drift" in result.stderr
