from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from adain._utils.peak import peak_memory, reset_peak_memory
from tests.conftest import python

CPU = torch.device("cpu")


def test_peak_memory_where_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    assert peak_memory(CPU) > 10
    original = builtins.__import__

    def without(name: str, *args: object, **more: object) -> object:
        if name == "resource":
            raise ImportError(name)
        return original(name, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("adain._utils.peak._STATUS", Path("/nowhere"))
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
        "import json, sys; from adain._utils.peak import resident_peak as r; print(json.dumps([r(), *sys.modules]))"
    )
    peak, modules = float(found[0]), found[1:]  # type: ignore[index]
    assert 5 < peak < 200 < held.nbytes / 1e6 < peak_memory(CPU)
    assert "torch" not in modules
