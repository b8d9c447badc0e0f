"""300 damaged files through the commands: a result, or one line; no traceback, no crash, no end of waiting.

A crash or a hang of a library is told with the number of the file. Such a file is none to keep: mend what calls the
library, or let :mod:`tests.fuzz.mutate` make others.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import ROOT, noise_image
from tests.fuzz.mutate import pictures, series, videos

pytestmark = pytest.mark.slow

PATIENCE = 20  # seconds for a file
ROOM = 400 << 20  # bytes of memory beyond what the first good file takes

STILL, MOVING = 240, 60


class Worker:
    """The other process, and what it says."""

    def __init__(self) -> None:
        # Its own messages go with its answers; those of commands it catches itself.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": ""},
        )  # fmt: skip
        self.peak = self.answer("its start", 60)["peak"]

    def answer(self, name: str, patience: float = PATIENCE) -> dict[str, Any]:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], patience)
        if not ready:
            self.process.kill()
            raise AssertionError(f"{name} took more than {patience} s")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"{name} ended the process, with {self.process.wait()}")
        told: dict[str, Any] = json.loads(line)
        return told

    def run(self, name: str, *arguments: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
        self.process.stdin.flush()
        return self.answer(name)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.process.kill()
    made.process.wait()


@pytest.fixture(scope="module")
def fast(fast_files: tuple[Path, Path]) -> tuple[object, ...]:
    """Options under which a good file takes milliseconds."""
    networks = ("--encoder", fast_files[0], "--decoder", fast_files[1])
    return (*networks, "--device", "cpu", "--style-size", 32, "--max-pixels", 200_000)


def check(told: dict[str, Any], name: str, folder: Path, out: Path) -> None:
    """A result and what is odd about it, or one line and nothing."""
    lines = told["err"].splitlines()
    assert "Traceback" not in told["err"], f"{name}: {told['err']}"
    if told["code"] == 0:
        assert [line for line in lines if not line.startswith("adain ")] == [], name
        assert told["out"].strip() == str(out), name
        assert out.is_file(), name
    else:
        assert told["code"] == 2, (name, told)
        assert len(lines) == 1, (name, lines)
        assert lines[0].startswith("adain"), (name, lines)
        assert told["out"] == "", (name, told["out"])
        assert not out.exists(), name
    left = {path.name for path in folder.iterdir()} - {out.name}
    kept = f"{out.name}.parts"
    assert left <= ({kept} if kept in told["err"] else set()), (name, left)


def test_pictures(worker: Worker, fast: tuple[object, ...], tmp_path: Path) -> None:
    photo, art = tmp_path / "photo.png", tmp_path / "art.png"
    noise_image(48, 40, 5).save(photo)
    noise_image(40, 48, 6).save(art)
    folder = tmp_path / "out"
    folder.mkdir()
    out = folder / "out.png"
    whole = pictures()
    for name, data in whole.items():
        (tmp_path / name).write_bytes(data)
        told = worker.run(name, "stylize", tmp_path / name, art, "-o", out, *fast)
        assert (told["code"], told["out"].strip()) == (0, str(out)), (name, told)
        out.unlink()
    least = told["peak"]
    made = 0
    for number, (name, data) in enumerate(series(whole, STILL, 22)):
        file = tmp_path / f"damaged-{name}"
        file.write_bytes(data)
        as_art, as_mask = ("stylize", photo, file), ("stylize", photo, art, "--mask", file)
        command = (("stylize", file, art), as_art, as_mask)[number % 3]
        told = worker.run(f"{number}, {name}", *command, "-o", out, *fast)
        check(told, f"{number}, {name}, {command[1:]}", folder, out)
        if out.exists():
            made += 1
            with Image.open(out) as image:
                image.load()
            out.unlink()
        assert told["peak"] < least + ROOM, (number, name)
    assert STILL // 10 < made < STILL


def test_videos(worker: Worker, fast: tuple[object, ...], tmp_path: Path) -> None:
    art, folder = tmp_path / "art.png", tmp_path / "out"
    noise_image(40, 48, 6).save(art)
    folder.mkdir()
    out = folder / "out.mkv"
    whole = videos(tmp_path)
    for name, data in whole.items():
        (tmp_path / name).write_bytes(data)
        told = worker.run(name, "video", tmp_path / name, art, "-o", out, *fast)
        assert told["code"] == 0, (name, told)
        out.unlink()
    least = told["peak"]
    made = 0
    for number, (name, data) in enumerate(series(whole, MOVING, 23)):
        file = tmp_path / f"damaged-{name}"
        file.write_bytes(data)
        told = worker.run(f"{number}, {name}", "video", file, art, "-o", out, *fast, "--restart")
        check(told, f"{number}, {name}", folder, out)
        made += out.exists()
        out.unlink(missing_ok=True)
        assert told["peak"] < least + ROOM, (number, name)
    assert MOVING // 10 < made < MOVING
