"""Free memory as different systems tell it, and the peak of what was in use."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest
import torch

from adain._utils import memory
from adain._utils.memory import free_memory, peak_memory, reset_peak_memory, resident, resident_peak
from tests.conftest import python

CPU = torch.device("cpu")
GIB = 1 << 30


def write(path: Path, text: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def test_this_machine() -> None:
    assert 0 < free_memory(CPU) < 1 << 50


def test_what_is_resident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "status", "Name:\tpython\nVmHWM:\t  2000 kB\nVmRSS:\t  1000 kB")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    assert resident() == 1000 << 10
    assert resident_peak() == (2000 << 10) / 1e6
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    assert resident() == 0


def test_of_the_kernel(tmp_path: Path) -> None:
    write(tmp_path / "proc/meminfo", "MemTotal: 999 kB\nMemAvailable:  2048 kB\nSwapFree: 5 kB")
    assert free_memory(CPU, root=tmp_path) == 2 << 20


@pytest.mark.parametrize("path", ["/", "/a/b", "/not/here"])
def test_of_a_control_group(tmp_path: Path, path: str) -> None:
    """Also where the group's path is the host's, and where the limit is an ancestor's."""
    write(tmp_path / "proc/meminfo", f"MemAvailable: {8 << 20} kB")
    write(tmp_path / "proc/self/cgroup", f"0::{path}")
    group = tmp_path / "sys/fs/cgroup"
    write(group / "memory.max", 2 * GIB)
    write(group / "memory.current", GIB)
    write(group / "memory.stat", f"anon 5\ninactive_file {GIB // 4}\nactive_file {GIB // 8}")
    write(group / "a/b/memory.max", "max")
    assert free_memory(CPU, root=tmp_path) == GIB + GIB // 4 + GIB // 8


def test_of_a_control_group_of_version_1(tmp_path: Path) -> None:
    write(tmp_path / "proc/meminfo", f"MemAvailable: {8 << 20} kB")
    write(tmp_path / "proc/self/cgroup", "5:cpu:/x\n4:memory:/x")
    group = tmp_path / "sys/fs/cgroup/memory/x"
    write(group / "memory.limit_in_bytes", 3 * GIB)
    write(group / "memory.usage_in_bytes", GIB)
    write(group / "memory.stat", f"inactive_file 7\ntotal_inactive_file {GIB // 2}\ntotal_active_file 0")
    assert free_memory(CPU, root=tmp_path) == 2 * GIB + GIB // 2


def test_where_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(memory.os, "sysconf", raising=False)
    assert free_memory(CPU, root=tmp_path) == memory.ASSUMED


def test_peak_memory_where_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    assert peak_memory(CPU) > 10
    original = builtins.__import__

    def without(name: str, *args: object, **more: object) -> object:
        if name == "resource":
            raise ImportError(name)
        return original(name, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("adain._utils.memory._STATUS", Path("/nowhere"))
    assert peak_memory(CPU) > 10  # as on other systems than Linux
    monkeypatch.setattr(builtins, "__import__", without)  # as on Windows
    assert peak_memory(CPU) == 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_a_peak_can_be_forgotten() -> None:
    if not reset_peak_memory(CPU):
        pytest.skip("this system does not let a process reset it")
    before = peak_memory(CPU)
    held = torch.ones(50_000_000)  # 200 MB
    assert peak_memory(CPU) > before + 150
    del held
    assert peak_memory(CPU) > before + 150  # a peak, not what is in use
    assert reset_peak_memory(CPU)
    assert peak_memory(CPU) < before + 50


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_process_does_not_begin_with_the_peak_of_the_one_that_started_it() -> None:
    held = torch.ones(100_000_000)  # 400 MB
    found = python(
        "import json, sys; from adain._utils.memory import resident_peak as r; print(json.dumps([r(), *sys.modules]))"
    )
    peak, modules = float(found[0]), found[1:]  # type: ignore[index]
    assert 5 < peak < 200 < held.nbytes / 1e6 < peak_memory(CPU)
    assert "torch" not in modules


KEPT = """
import json
import numpy as np
from adain._utils.memory import keeping_freed, resident

def taken():
    before = resident()
    block = np.ones(100_000_000, np.uint8)
    del block
    return resident() - before

plain = taken()
with keeping_freed(), keeping_freed():
    kept = taken()
    again = taken()
print(json.dumps({"plain": plain, "kept": kept, "again": again, "after": resident(), "later": taken()}))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")
def test_what_is_freed_is_kept_for_a_while() -> None:
    found = python(KEPT)
    least = 90e6
    assert float(str(found["plain"])) < least / 2
    assert float(str(found["kept"])) > least
    assert float(str(found["again"])) < least / 2
    assert float(str(found["later"])) < least / 2
