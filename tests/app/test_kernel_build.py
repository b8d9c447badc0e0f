"""The kernel's binaries are what its build makes of its source: nobody need trust them."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from adain.app.offline.modules import APP

KERNEL = APP / "web" / "kernel"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("kernel_build", KERNEL / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_binaries_are_those_that_the_source_is_built_to(script: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    script.build(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in KERNEL.glob("*.wasm"))
    for built in tmp_path.iterdir():
        kept = KERNEL / built.name
        assert built.read_bytes() == kept.read_bytes(), f"{kept.name} is not kernel.c's: run {KERNEL / 'build.py'}"


def test_the_compiler_is_the_one_that_developers_install(script: ModuleType) -> None:
    assert f"\n    ziglang=={script.VERSION}\n" in (APP.parents[1] / "setup.cfg").read_text("utf-8")


def test_another_compiler_is_refused(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "version", lambda _: "0.1.0")
    with pytest.raises(SystemExit, match=r"needs ziglang .*, and 0\.1\.0 is installed: pip install ziglang=="):
        script.main()
