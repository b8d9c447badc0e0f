from __future__ import annotations

import os
from pathlib import Path

import pytest

from adain._utils.process import MOST, age
from tests.conftest import python


def write(root: Path, begun: float, uptime: str) -> None:
    (root / "self").mkdir(parents=True, exist_ok=True)
    fields = ["S", *["0"] * 18, str(round(begun * os.sysconf("SC_CLK_TCK"))), "0"]
    (root / "self" / "stat").write_text(f"1 (a b) c) {' '.join(fields)}\n")
    (root / "uptime").write_text(f"{uptime} 5.0\n")


def test_what_the_system_says(tmp_path: Path) -> None:
    write(tmp_path, 100.5, "103.25")
    assert age(tmp_path) == pytest.approx(2.75)
    for begun, uptime in ((100.5, "90"), (0, str(MOST + 1)), (100.5, "?")):
        write(tmp_path, begun, uptime)
        assert age(tmp_path) == 0
    assert age(tmp_path / "none") == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system tells of no process")
def test_of_a_process_that_has_just_begun() -> None:
    code = "import json, time; time.sleep(0.3); from adain._utils.process import age; print(json.dumps({'age': age()}))"
    told = python(code)["age"]
    assert isinstance(told, float)
    assert told >= 0.25
