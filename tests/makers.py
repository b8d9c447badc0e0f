"""Makers that need no network, for the tests of folders; importable by other processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from PIL import Image

from adain._utils.errors import AdainError, InputError
from adain.batch.plan import Job
from adain.batch.run import Task


class Colors:
    """Gives every content a picture of one colour, taken from its name; some names have a meaning."""

    def read(self, content: Path) -> str:
        if "unreadable" in content.name:
            raise InputError(f"cannot read {content}")
        return content.stem

    def render(self, loaded: str, job: Job) -> Image.Image:
        if "odd" in loaded:
            raise LookupError("two\nlines")
        if "huge" in loaded:
            raise MemoryError
        if "deadly" in loaded:
            os.kill(os.getpid(), signal.SIGKILL)
        if "slow" in loaded:
            time.sleep(0.3)
        return Image.new("RGB", (9, 7), (sum(map(ord, loaded)) % 256, job.style, 0))

    def details(self) -> dict[str, Any]:
        return {"colors": 1}


def broken() -> Any:
    raise AdainError("no such model")


def killed() -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def tasks(folder: Path, *names: str, styles: int = 1, settings: str = "s") -> list[Task]:
    """One for each name and style, with outputs in a folder."""
    return [
        Task(Job(folder / name, k, folder / "out" / f"{name}_{k}.png"), settings, {"content": name})
        for name in names
        for k in range(styles)
    ]
