"""What this machine has, asked for without torch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from adain._utils import threads
from adain._utils.threads import count_cores, count_threads
from adain.backends import machine
from tests.conftest import python


def test_torch_is_asked_only_where_there_is_a_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = """
import json, sys
from adain.backends import machine
machine._DRIVERS = (%r,)
machine.has_gpu()
print(json.dumps({"torch": "torch" in sys.modules}))
"""
    if sys.platform.startswith("linux"):
        (tmp_path / "driver").touch()
        assert python(code % str(tmp_path / "none")) == {"torch": False}
        assert python(code % str(tmp_path / "driver")) == {"torch": True}
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert machine.has_gpu()


def test_a_cpu_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert machine.is_fast_cpu()
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    for has in (True, False):
        monkeypatch.setattr("ncnn.cpu_support_x86_avx2", lambda has=has: int(has))
        assert machine.is_fast_cpu() is has


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "count_cores", lambda: 8)
    monkeypatch.setattr("torch.get_num_threads", lambda: 5)
    assert [count_threads(share) for share in (1, 2, 9)] == [5, 2, 1]
    monkeypatch.setattr("torch.get_num_threads", lambda: 64)
    assert count_threads() == 8
    monkeypatch.delitem(sys.modules, "torch")
    for said, count in (("3", 3), ("2,1", 2), ("64", 8), ("0", 8), ("many", 8), ("", 8)):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert count_threads() == count
    assert count_cores() >= 1
