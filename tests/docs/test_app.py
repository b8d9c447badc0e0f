"""The chapter on the page: its program and its calls do what it says, against a server as it says to start it."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT, noise_image

PAGE = (ROOT / "docs" / "app.md").read_text(encoding="utf-8")
MOST_LINES = 40
WAIT = 120

pytestmark = pytest.mark.slow


def block(start: str) -> str:
    """What stands in the fence that begins so."""
    found = re.search(rf"^```{re.escape(start)}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, start
    return found[1]


@contextlib.contextmanager
def served(*more: str) -> Iterator[str]:
    """A server of its own, on a port that is free; its address."""
    command = [sys.executable, "-m", "adain", "app", "--no-browser", "--port", "0", "--model", "fast", *more]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(WAIT)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as found:
        yield found.rstrip("/")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise_image(90, 60).save(tmp_path / "photo.jpg")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "client.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=WAIT, check=False)


def test_the_program_is_short_and_needs_nothing() -> None:
    program = block('python title="client.py"')
    assert program.count("\n") <= MOST_LINES
    nodes = [node for node in ast.walk(ast.parse(program)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_the_program_runs(address: str, folder: Path) -> None:
    program = block('python title="client.py"')
    assert "http://127.0.0.1:7860" in program
    (folder / "client.py").write_text(program.replace("http://127.0.0.1:7860", address), encoding="utf-8")
    done = run(folder, "photo.jpg", "gallery-great-wave")
    assert (done.returncode, done.stdout, done.stderr) == (0, "photo_stylized_great-wave.jpg\n", "")
    with Image.open(folder / "photo_stylized_great-wave.jpg") as made:
        assert (made.format, made.size) == ("JPEG", (90, 60))
    noise_image(64, 64, 3).save(folder / "own art.png")
    assert run(folder, "photo.jpg", "own art.png").stdout == "photo_stylized_own art.jpg\n"
    wrong = run(folder, "photo.jpg", "gallery-nonesuch")
    assert wrong.returncode == 1
    assert len(wrong.stderr.splitlines()) == 1
    assert "gallery-nonesuch" in wrong.stderr


def test_the_program_brings_a_token(folder: Path) -> None:
    program = block('python title="client.py"')
    with served("--token", "correct-horse") as found:
        address, _, _ = found.partition("/?token=")
        for token, code in (("correct-horse", 0), ("wrong", 1), ("", 1)):
            own = program.replace('"http://127.0.0.1:7860", ""', f'"{address}", "{token}"')
            (folder / "client.py").write_text(own, encoding="utf-8")
            assert run(folder, "photo.jpg", "gallery-great-wave").returncode == code


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("sh") is None, reason="there is no curl")
def test_the_calls_run(address: str, folder: Path) -> None:
    script = block("bash")
    assert "HERE=http://127.0.0.1:7860" in script
    script = "set -e\n" + script.replace("http://127.0.0.1:7860", address)
    done = subprocess.run(
        ["sh", "-c", script], cwd=folder, capture_output=True, text=True, timeout=WAIT, check=True, env={**os.environ}
    )
    assert '"error":"' not in done.stdout
    assert "event: done" in done.stdout
    assert '"shell":"adain stylize photo.jpg great-wave -o ' in done.stdout
    sizes = {}
    for name in ("preview.jpg", "finished.webp"):
        with Image.open(folder / name) as made:
            sizes[name] = (made.format, made.size)
    assert sizes == {"preview.jpg": ("JPEG", (90, 60)), "finished.webp": ("WEBP", (90, 60))}
