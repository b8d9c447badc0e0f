"""The page without a server on the documentation's site."""

from __future__ import annotations

import importlib
import subprocess
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import ROOT


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "docs" / "scripts")
    module = importlib.import_module("demo")
    module.demo.cache_clear()
    return module


def test_it_is_a_page(demo: ModuleType) -> None:
    made = demo.demo()
    needed = {"index.html", "model/weights.bin", "kernel/kernel.wasm", "finish/weights.bin"}
    assert {f"demo/{name}" for name in needed} <= set(made)


def test_one_that_cannot_be_made_is_a_fault(demo: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(command: Any, **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 2, "", "adain: error: the disk is full")

    monkeypatch.setattr(demo.subprocess, "run", failed)
    with pytest.raises(RuntimeError, match="the disk is full"):
        demo.demo()


def test_the_page_that_links_to_it(demo: ModuleType) -> None:
    hooks = importlib.import_module("hooks")
    page = (ROOT / "docs" / "web.md").read_text(encoding="utf-8")
    assert page.count(f"\n\n{hooks.DEMO}\n\n") == 1
    assert f"]({demo.FOLDER}/index.html)" in demo.LINK
