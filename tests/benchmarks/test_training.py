"""The benchmark ``training``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import training
from tests.benchmarks.test_benchmarks import run
from tests.conftest import ROOT


@pytest.mark.slow
def test_a_small_run(tmp_path: Path) -> None:
    how = ("--crop", 32, "--batch", 1, "--steps", 2, "--rounds", 1, "--device", "cpu")
    said = run("training", *how, "--models", "vgg19", "--against", ROOT, "--output", tmp_path)
    rates = json.loads((tmp_path / "training.json").read_text())["rates"]["vgg19"]
    assert list(rates) == [training.HERE, training.DIRECT, training.BEFORE]
    assert all(len(values) == 1 and values[0] > 0 for values in rates.values())
    assert said.strip() == (tmp_path / "training.md").read_text().strip()


@pytest.mark.parametrize(("before", "verdict"), [(0.5, "pass"), (0.6, "FAIL")])
def test_the_target(before: float, verdict: str) -> None:
    rates = {training.HERE: [1.0, 1.0], training.DIRECT: [0.8, 0.8], training.BEFORE: [before, before]}
    settings = {"rounds": 2, "steps": 5, "batch": 4, "crop": 256}
    result = {"machine": "a machine", "sets": ["avx2"], "settings": settings, "rates": {"vgg19": rates}}
    text = training.report(result)
    assert text.rstrip().endswith(f"{verdict}.")
    for sets in ([], ["avx2", "avx512f"]):  # of which the target is not
        assert verdict not in training.report(result | {"sets": sets})
    assert "| this build | 1.00 (1.00–1.00) | 1.25 (1.25–1.25) |" in text
