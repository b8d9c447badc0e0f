"""What a plan's run leaves goes into the package only if it is better."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from adain._utils.resources import weights_dir
from adain.training.scores import Judge, Scores
from tests.conftest import ROOT, noise_image
from weights import install_decoder
from weights.install_decoder import install_better, is_better

NAMES = {"vgg19": ("decoder",), "fast": ("encoder", "decoder")}


def scores(residual: float, distance: float) -> Scores:
    return Scores(1, residual, residual, residual, distance)


@pytest.mark.parametrize(
    ("residual", "distance", "better"),
    [(0.98, 1.0, True), (1.0, 0.98, True), (0.98, 1.009, True), (0.995, 0.995, False), (0.5, 1.02, False)],
)
def test_what_is_better(residual: float, distance: float, better: bool) -> None:
    assert is_better(scores(0.1 * residual, 0.9 * distance), scores(0.1, 0.9)) is better


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    shutil.copytree(weights_dir(), folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "plans"))
    return folder


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    for kind in ("content", "style"):
        (tmp_path / "eval" / kind).mkdir(parents=True)
        noise_image(48, 40).save(tmp_path / "eval" / kind / "a.png")
    return Judge(tmp_path / "eval", torch.device("cpu"), 32)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A plan's run with other weights: a stage of the base model that failed, one that did not, and one of the fast."""
    stages: list[dict[str, Any]] = []
    settings = {"batch_size": 2, "crop": 32, "lr": 1e-3}
    for name, model, outcome in (("a", "vgg19", "time"), ("b", "vgg19", "failed"), ("c", "fast", "finished")):
        folder = tmp_path / "run" / name
        folder.mkdir(parents=True)
        for part in NAMES[model]:
            file = f"{'fast-' if model == 'fast' else ''}{part}.safetensors"
            state = {k: v * 0.999 for k, v in load_file(weights_dir() / file).items()}
            save_file(state, folder / f"{part}.safetensors")
        stages.append(
            {"name": name, "model": model, "outcome": outcome, "start": model, "steps": 7, "seconds": 90.0,
             "settings": settings}
        )  # fmt: skip
    (tmp_path / "run" / "plan.json").write_text("{}")
    report = {"device": "a GPU", "torch": "2.11", "stages": stages}
    (tmp_path / "run" / "report.json").write_text(json.dumps(report))
    return tmp_path / "run"


def test_only_what_is_better_is_installed(
    run: Path, shipped: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter([scores(0.2, 1.0), scores(0.1, 1.0), scores(0.15, 0.9), scores(0.18, 0.91)])
    monkeypatch.setattr(Judge, "__call__", lambda *_: next(given))
    before = {p.name: p.read_bytes() for p in shipped.iterdir()}
    lines = install_better(run, judge, shipped)
    assert lines == [
        "vgg19: residual 0.1000 -> 0.2000, content distance 1.0000 -> 1.0000 on 1 pairs: not better, left as it is",
        "fast: residual 0.1800 -> 0.1500, content distance 0.9100 -> 0.9000 on 1 pairs: installed",
    ]
    after = {p.name: p.read_bytes() for p in shipped.iterdir()}
    changed = {"fast-encoder.safetensors", "fast-decoder.safetensors", "manifest.json"}
    assert {name for name, data in after.items() if data != before[name]} == changed
    files = json.loads(after["manifest.json"])["files"]
    for name in changed - {"manifest.json"}:
        assert files[name]["sha256"] == hashlib.sha256(after[name]).hexdigest()
    entry, old = files["fast-decoder.safetensors"], json.loads(before["manifest.json"])["files"]
    assert entry["training"]["stages"][:-1] == old["fast-decoder.safetensors"]["training"]["stages"]
    added = entry["training"]["stages"][-1]
    assert (added["steps"], added["batch"], added["minutes"]) == (7, 2, 1.5)
    assert entry["figures"]["style_residual"] == 0.15
    assert files["decoder.safetensors"]["training"] == old["decoder.safetensors"]["training"]


def test_the_same_weights_are_not_better(run: Path, shipped: Path, judge: Judge) -> None:
    for part in NAMES["fast"]:
        shutil.copy(shipped / f"fast-{part}.safetensors", run / "c" / f"{part}.safetensors")
    shutil.copy(shipped / "decoder.safetensors", run / "a" / "decoder.safetensors")
    before = {p.name: p.read_bytes() for p in shipped.iterdir()}
    assert all(line.endswith("not better, left as it is") for line in install_better(run, judge, shipped))
    assert {p.name: p.read_bytes() for p in shipped.iterdir()} == before


def test_the_manifest_is_what_it_writes(shipped: Path) -> None:
    before = (shipped / "manifest.json").read_text()
    install_decoder.write_manifest({}, shipped)
    assert json.loads((shipped / "manifest.json").read_text()) == json.loads(before)
    assert before == (ROOT / "weights" / "manifest.json").read_text()


def test_a_plan_needs_pairs(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    wanted: list[tuple[list[str], str]] = [
        ([], "--pairs is missing"),
        (["--figures", "x.json"], "leave out --training and --figures"),
        (["--fast", "x"], "one at a time"),
    ]
    main: Callable[[], None] = install_decoder.main
    for more, words in wanted:
        monkeypatch.setattr(sys, "argv", ["install_decoder.py", str(run), *more])
        with pytest.raises(SystemExit):
            main()
        assert words in capsys.readouterr().err
