"""The page without a server on the documentation's site: there where it can be made, and no fault where it cannot."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "docs" / "scripts")
    module = importlib.import_module("demo")
    module.demo.cache_clear()
    monkeypatch.delenv(module.RUNTIME, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return module


def test_without_npm_there_is_none(demo: ModuleType) -> None:
    assert demo.demo() == {}


def test_npm_that_fails_is_no_fault(demo: ModuleType, tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    npm.chmod(0o755)
    assert demo.demo() == {}


def test_a_runtime_that_was_named_is_there(demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(demo.RUNTIME, str(tmp_path / "gone.tgz"))
    with pytest.raises(RuntimeError, match=r"gone\.tgz"):
        demo.demo()


def test_the_page_that_links_to_it(demo: ModuleType) -> None:
    hooks = importlib.import_module("hooks")
    page = (ROOT / "docs" / "web.md").read_text(encoding="utf-8")
    assert page.count(f"\n\n{hooks.DEMO}\n\n") == 1
    assert f"]({demo.FOLDER}/index.html)" in demo.LINK
