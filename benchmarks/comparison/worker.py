"""Contestants in processes of their own, so that memory, threads and start-up of each are its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from adain._utils.memory import resident_peak  # which imports no torch

from .. import processes
from ..measuring import seconds
from ..processes import WorkerError
from .contestants import Optimisation, Pass, find

if TYPE_CHECKING:
    from PIL import Image


class Worker:
    """The parent's end: ask, and wait for the answer. One at a time works; the others wait for input."""

    def __init__(self, key: str, threads: int) -> None:
        self.key = key
        self.process = subprocess.Popen(
            processes.command("comparison.worker", key, "--threads", threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=processes.environment(threads) | find(key).environment,
            text=True,
        )

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """Have it do something; see :func:`main`.

        Raises:
            WorkerError: if it fails.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps({"do": do, **details}), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise WorkerError(f"{self.key} ended while it was asked to {do}") from None
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": f"it ended (status {self.process.wait()})"}
        if "error" in answer:
            raise WorkerError(f"{self.key} cannot {do}: {answer['error']}")
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def cold_start(key: str, threads: int, photo: str, art: str, size: int, output: Path) -> float:
    """Seconds from starting a process to its end, a picture made from files and written to a file by Pillow.

    Raises:
        WorkerError: if it fails.
    """
    begun = time.perf_counter()
    with Worker(key, threads) as worker:
        worker.ask("open", photo=photo, art=art, size=size)
        worker.ask("save", path=str(output))
    return time.perf_counter() - begun


def opened(path: str) -> Image.Image:
    """A picture as it is."""
    from PIL import Image

    with Image.open(path) as image:
        return image.convert("RGB")


def square(path: str, size: int) -> Image.Image:
    """The central square of a picture, resized; by Pillow alone, as not everybody has torch."""
    from PIL import Image, ImageOps

    return ImageOps.fit(opened(path), (size, size), Image.Resampling.LANCZOS)


@click.command(hidden=True)
@click.argument("key")
@click.option("--threads", type=int, required=True)
def main(key: str, threads: int) -> None:
    """The worker's end: a JSON object a line in, one out.

    ``open`` a pair at a size; ``time`` an ``image``, a ``frame`` or the ``networks``; ``rate`` of matrix products;
    ``save`` a picture; ``optimise`` for some steps and save pictures at marks; ``peak`` memory.
    """
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
    session = _Session(key, threads)
    for line in sys.stdin:
        message = json.loads(line)
        do = message.pop("do")
        try:
            answer = getattr(session, do)(**message)
        except Exception as error:
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
        print(json.dumps(answer), file=answers, flush=True)


class _Session:
    def __init__(self, key: str, threads: int) -> None:
        self.contestant = find(key)
        self.contestant.load(threads)

    def open(self, photo: str, art: str, size: int) -> dict[str, Any]:
        self.photo, self.art = square(photo, size), opened(art)
        if not isinstance(self.contestant, Pass):
            return {}
        self.style = self.contestant.encode_style(self.art)
        self.bare = self.contestant.bare(self.photo)
        return {"caches": self.contestant.caches, "networks": self.bare is not None}

    def time(self, what: str) -> dict[str, Any]:
        one = cast(Pass, self.contestant)
        works: dict[str, Any] = {
            "image": lambda: one.image(self.photo, self.art),
            "frame": lambda: one.frame(self.photo, self.style),
            "networks": self.bare,
        }
        return {"seconds": seconds(works[what])}

    def rate(self) -> dict[str, Any]:
        return {"flops": cast(Pass, self.contestant).rate()}

    def save(self, path: str) -> dict[str, Any]:
        cast(Pass, self.contestant).frame(self.photo, self.style).save(path, quality=95)
        return {}

    def optimise(self, steps: int, marks: list[int], stem: str) -> dict[str, Any]:
        assert isinstance(self.contestant, Optimisation)
        pictures, losses, times = self.contestant.optimise(self.photo, self.art, steps, marks)
        for step, picture in pictures.items():
            picture.save(f"{stem}-{step}.png")
        return {"losses": losses, "seconds": times, "pictures": {s: f"{stem}-{s}.png" for s in pictures}}

    def peak(self) -> dict[str, Any]:
        return {"gb": resident_peak() / 1e3}
