"""The benchmarks run, on the smallest of inputs; what they print is looked at by people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import NAMES, Benchmarks, sentence
from benchmarks.scenes import Face

from ..conftest import ROOT, noise_image


def run(name: str, *args: object) -> str:
    command = [sys.executable, "-m", "benchmarks", name, *map(str, args)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_help_lists_every_benchmark() -> None:
    code = (
        "import sys; from benchmarks.__main__ import main; main(['-h'], standalone_mode=False); assert 'torch' not in "
    )
    command = [sys.executable, "-c", code + "sys.modules"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = {line.split()[0] for line in out.partition("Benchmarks:")[2].splitlines() if line.startswith("  ")}
    modules = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "def main(" in path.read_text()}
    assert modules - {"__main__"} <= listed


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_has_help(name: str) -> None:
    command = Benchmarks().get_command(click.Context(click.Command("x")), name)
    assert command is not None
    shown = CliRunner().invoke(command, ["--help"])
    assert shown.exit_code == 0
    assert sentence(name).split()[0] in shown.output


@pytest.mark.slow
def test_iterations() -> None:
    rows = run("iterations", "--iterations", 2, "--evaluations", 2, "--size", 48).splitlines()
    table = [row for row in rows if row.startswith("|")]
    assert len(table) == 2 + 3  # head, the starting picture, two iterations
    assert table[2].startswith("| start | ")


@pytest.mark.slow
def test_pairs(tmp_path: Path) -> None:
    for kind in ("content", "style"):
        (tmp_path / kind).mkdir()
        noise_image(64, 64, 1).save(tmp_path / kind / "a.png")
    noise_image(64, 64, 2).save(tmp_path / "content" / "b.png")
    args = ("--pairs", 2, "--size", 48, "--steps", 3, 2, "--bounded", 1)
    out = run("refine_pairs", tmp_path / "content", tmp_path / "style", *args)
    assert "of 2 pairs" in out


@pytest.mark.slow
def test_scenes(tmp_path: Path) -> None:
    art = noise_image(64, 64, 1)
    art.save(tmp_path / "art.png")
    given = ("--sky", tmp_path / "art.png", "--face", f"{tmp_path / 'art.png'}:0,0,64,64", "--artworks", tmp_path)
    rows = [line.split(" | ") for line in run("scenes", *given, "--sizes", 64, "--against", "vgg19").splitlines()]
    assert rows[2] == rows[3]  # of one model both times
    assert rows[2][0] == "| vgg19"
    assert rows[2][1] == "64"
    assert rows[-1] == ["| mean", "× 1.00", "× 1.00 |"]


def test_a_face_has_a_box() -> None:
    assert Face.parse("a:b/c.jpg:1,2,3,4") == Face(Path("a:b/c.jpg"), (1, 2, 3, 4))
    with pytest.raises(click.UsageError, match="give a face as PHOTO:left,top,right,bottom"):
        Face.parse("c.jpg:1,2,3")


@pytest.mark.slow
def test_folders() -> None:
    out = run("folders", "--count", 3, "--size", 32, "--style-size", 32, "--runs", 1, "--device", "cpu")
    assert "calls / folder" in out


@pytest.mark.slow
def test_methods() -> None:
    out = run("methods", "--sizes", 72, "--share", 0.01)
    for method in ("Gatys from the content", "AdaIN pass", "AdaIN + refinement", "dynamic, multi-scale"):
        assert f"| 72 | {method} | " in out


@pytest.mark.slow
def test_rates_of_videos() -> None:
    out = run("video", "speed", "--models", "fast", "--sizes", "48x32", "--seconds", 0.1, "--runs", 1)
    assert "48x32" in out


def test_video() -> None:
    out = run("video", "--size", 48, "--frames", 3, "--styles", 1, "--stability", "0,0.7")
    for row in ("| pan | 0 | ", "| moving disc | 0.7 | ", "| clean | 0.7 | 0.00 | 0.00 | no |"):
        assert row in out


def test_tiling(tmp_path: Path) -> None:
    out = run("tiling", "difference", "--sizes", "150x90", "--tiles", 64, "--images", tmp_path)
    row = [cell.strip() for cell in out.splitlines()[-1].split("|")]
    assert row[1:4] == ["150x90", "64", "6"]
    assert float(row[5]) < 1e-3
    assert len(list(tmp_path.iterdir())) == 1
    assert "| 128 | 0.0 | " in run("tiling", "time", "--sides", 128, "--tile", 64, "--runs", 1)
    record = json.loads(run("tiling", "memory", "--side", 128, "--tile", 64))
    assert record["tiles"] == 4
    assert record["peak_gb"] >= record["start_gb"] > 0


def test_million() -> None:
    rows = run("million", "--sizes", 32, "--count", 1, "--names", 70).splitlines()
    assert [row.startswith("| 32 | .") for row in rows[3:]] == [True, True, False]
    assert rows[-1].startswith("70 names: ")


@pytest.mark.slow
def test_exported() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    record = json.loads(run("exported", "--size", 40, "--runs", 1, "--json"))
    assert [row["storage"] for row in record["rows"]] == ["fp32", "fp16", "int8"]
    assert record["rows"][0]["max_difference"] < 2e-3


@pytest.mark.slow
def test_labels(tmp_path: Path) -> None:
    for kind in ("content", "style"):
        (tmp_path / kind).mkdir()
        noise_image(64, 64, 1 + len(kind)).save(tmp_path / kind / "a.png")
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("file,left,top,right,bottom\na.png,0.2,0.2,0.7,0.8\n")
    how = (
        "--models",
        "fast",
        "--sizes",
        64,
        "--alphas",
        "0,1",
        "--bounds",
        "1",
        "--boxes",
        boxes,
        "--with",
        "correct=1",
    )
    out = run("labels", tmp_path / "content", tmp_path / "style", *how, "--output", tmp_path)
    assert [line for line in out.splitlines() if line.startswith("| fast, `--max-drift 1` | ")]
    assert "| fast, `--correct 1` | " in out
    assert "| chance | " in out
    found = json.loads((tmp_path / "labels.json").read_text())
    assert {len(records) for records in found.values()} == {1}
    assert len(found["fast 64 alpha 1"][0]["sides"]) == 4
    assert (tmp_path / "labels.md").read_text() in out
