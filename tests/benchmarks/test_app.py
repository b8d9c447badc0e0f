"""The benchmarks of the page run, on the smallest of inputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..app.browser import need_browser
from .test_benchmarks import run

pytestmark = pytest.mark.slow


def test_four_clients(tmp_path: Path) -> None:
    run("app", "--soak", 0.05, "--output", tmp_path)
    told = json.loads((tmp_path / "app-soak.json").read_text())
    assert told["faults"] == []
    assert told["done"]["preview 200"] > 0
    assert told["files_after_stop"] == 0


def test_the_page(tmp_path: Path) -> None:
    need_browser()
    run("app", "--size", 64, "--rounds", 2, "--seconds", 1, "--output", tmp_path)
    told = json.loads((tmp_path / "app.json").read_text())
    assert told["latency"]["rounds"] == 2
    assert told["latency"]["server_ms"]["decode"][0] > 0
    assert told["moves"]["painted"] > 0
    assert len(told["moves"]["peaks"]) == 2
    assert max(told["moves"]["peaks"].values()) <= 1
