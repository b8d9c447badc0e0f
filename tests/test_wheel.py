"""The wheel, built and installed in a place of its own, far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

KERNEL = ("kernel.wasm", "kernel-relaxed.wasm", "kernel.c", "kernel-blocks.h")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(out), str(ROOT)], check=True, cwd=out)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    return target


def run(installed: Path, cwd: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run([sys.executable, *args], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_contents(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "adain/py.typed",
        "adain/__init__.pyi",
        "adain/options.py",
        *(f"adain/app/page/{path.name}" for path in (ROOT / "adain" / "app" / "page").iterdir()),
        *(f"adain/app/web/{path.name}" for path in (ROOT / "adain" / "app" / "web").iterdir() if path.is_file()),
        *(f"adain/app/web/kernel/{name}" for name in KERNEL),
        "adain/batch/__init__.pyi",
        "adain/batch/ray/engine.py",
        "adain/cli/main.py",
        "adain/refinement/recipes/gatys2016.toml",
        "adain/training/trainer.py",
        "adain/weights/manifest.json",
        "adain/weights/MODEL_CARD.md",
        "adain/weights/vgg19.safetensors",
        "adain/weights/vgg19-conv5_2.safetensors",
        "adain/weights/decoder.safetensors",
        "adain/samples/SOURCES.tsv",
        "adain/samples/style/hokusai_great_wave.jpg",
    ):
        assert name in names, name
    # What builds the kernel is the checkout's.
    assert "adain/app/web/kernel/build.py" not in names
    # One name for the user: nothing beside adain but its metadata.
    assert {n.split("/")[0].split("-")[0] for n in names} == {"adain"}
    assert wheel.stat().st_size < 31e6
    folders = [path.parent for path in (ROOT / "adain").rglob("__init__.py")]
    faces = {f"{path.relative_to(ROOT).as_posix()}/__init__.py" for path in folders}
    assert faces <= names
    assert {f"{face}i" for face in faces if (ROOT / f"{face}i").is_file()} <= names


def test_faces_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    """Lazy names are read from the stubs, which have to be there."""
    code = (
        "import warnings; warnings.simplefilter('error', DeprecationWarning); import adain;"
        "rooms = [m for m in dir(adain) if isinstance(getattr(adain, m), type(warnings))];"
        "print(len(rooms), sum(bool(getattr(getattr(adain, m), n, n)) for m in rooms for n in dir(getattr(adain, m))))"
    )
    result = run(installed, tmp_path, "-c", code)
    assert result.returncode == 0, result.stderr
    rooms, names = map(int, result.stdout.split())
    assert rooms >= 10
    assert names > 100


def test_demo_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = run(installed, tmp_path, "-c", "import adain; print(adain.__file__)")
    assert Path(where.stdout.strip()).is_relative_to(installed), where.stderr
    result = run(installed, tmp_path, "-m", "adain", "demo", "--cell", "48")
    assert result.returncode == 0, result.stderr
    assert sorted(p.name for p in (tmp_path / "adain-demo").iterdir()) == [
        "contact-sheet.jpg",
        "stylized.jpg",
    ]


def test_command_and_weights(installed: Path, tmp_path: Path) -> None:
    script = installed / "bin" / "adain"
    result = run(installed, tmp_path, str(script), "weights", "verify")
    assert result.returncode == 0, result.stderr
    assert str(installed) in run(installed, tmp_path, str(script), "weights", "list", "--json").stdout


def test_from_the_checkout_without_installing(tmp_path: Path) -> None:
    code = (
        "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'ditable' not in repr(f)];"
        f"sys.path.insert(0, {str(ROOT)!r});"
        "import adain.weights, adain.cli, adain.samples, adain; print(adain.weights.__file__)"
    )
    result = run(tmp_path, tmp_path, "-c", code)
    assert result.stdout.strip() == str(ROOT / "weights" / "__init__.py"), result.stderr
