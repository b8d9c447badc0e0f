"""The kernel's binaries are what its build makes of its source: nobody need trust them."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from adain.app.offline.modules import APP
from adain.app.offline.site import KERNEL

FOLDER = APP / "web" / "kernel"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("kernel_build", FOLDER / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_binaries_are_those_that_the_source_is_built_to(script: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    script.build(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in FOLDER.glob("*.wasm"))
    for built in tmp_path.iterdir():
        kept = FOLDER / built.name
        assert built.read_bytes() == kept.read_bytes(), f"{kept.name} is not kernel.c's: run {FOLDER / 'build.py'}"


def test_what_is_built_goes_along_with_the_page_which_asks_for_it(script: ModuleType) -> None:
    asked = re.findall(r'"kernel/(.+?)"', (APP / "web" / "parts.js").read_text("utf-8"))
    assert set(script.BINARIES) == set(KERNEL) == set(asked)


def test_the_compiler_is_the_one_that_developers_install(script: ModuleType) -> None:
    assert f"\n    ziglang=={script.VERSION}\n" in (APP.parents[1] / "setup.cfg").read_text("utf-8")


def test_another_compiler_is_refused(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "version", lambda _: "0.1.0")
    with pytest.raises(SystemExit, match=r"needs ziglang .*, and 0\.1\.0 is installed: pip install ziglang=="):
        script.main()
