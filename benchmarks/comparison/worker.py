"""Contestants in processes of their own, so that memory, threads and start-up of each are its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .contestants import Optimisation, Pass, find

if TYPE_CHECKING:
    from PIL import Image

ENTRY = Path(__file__).resolve().parent.parent / "compare.py"


class WorkerError(RuntimeError):
    """A contestant failed; the message is its last line."""


def command(*arguments: object) -> list[str]:
    """How to start this script anew."""
    return [sys.executable, str(ENTRY), *map(str, arguments)]


def environment(threads: int) -> dict[str, str]:
    """That of a worker: every library in it uses so many threads."""
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def default_threads() -> int:
    """What torch would take: OMP_NUM_THREADS, else a thread for each core this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    cores = getattr(os, "sched_getaffinity", None)
    return len(cores(0)) if cores else os.cpu_count() or 1


class Worker:
    """The parent's end: ask, and wait for the answer. One at a time works; the others wait for input."""

    def __init__(self, key: str, threads: int) -> None:
        self.key = key
        self.process = subprocess.Popen(
            command("--worker", key, "--threads", threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(threads),
            text=True,
        )

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """Have it do something; see :func:`serve`.

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
    """Seconds from starting a process to its end, a picture made from files and written to a file.

    Raises:
        WorkerError: if it fails.
    """
    begun = time.perf_counter()
    arguments = command("--cold", key, photo, art, size, output, "--threads", threads)
    done = subprocess.run(arguments, env=environment(threads), capture_output=True, text=True, check=False)
    if done.returncode:
        raise WorkerError(f"{key} cannot start: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return time.perf_counter() - begun


def make_cold(key: str, threads: int, photo: str, art: str, size: int, output: str) -> None:
    """What :func:`cold_start` times, inside the process. Everybody reads and writes by Pillow."""
    from PIL import Image

    contestant = cast(Pass, find(key))
    contestant.load(threads)
    with Image.open(art) as image:
        artwork = image.convert("RGB")
    contestant.image(square(photo, size), artwork).save(output, quality=95)


def square(path: str, size: int) -> Image.Image:
    """The central square of a picture, resized; by Pillow alone, as not everybody has torch."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        return ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.LANCZOS)


def peak_gb() -> float:
    """Peak resident memory of this process in GB (10⁹ bytes)."""
    from adain._utils.memory import resident_peak  # which imports no torch

    return resident_peak() / 1e3


def serve(key: str, threads: int) -> None:
    """The worker's end: a JSON object a line in, one out.

    ``open`` a pair at a size; ``image``, ``frame`` and ``networks`` are timed; ``rate`` of matrix products; ``save`` a
    picture; ``optimise`` for some steps and save pictures at marks; ``peak`` memory.
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
        from PIL import Image

        self.photo = square(photo, size)
        with Image.open(art) as image:
            self.art = image.convert("RGB")
        if not isinstance(self.contestant, Pass):
            return {}
        self.style = self.contestant.encode_style(self.art)
        self.bare = self.contestant.bare(self.photo)
        return {"caches": self.contestant.caches, "networks": self.bare is not None}

    def image(self) -> dict[str, Any]:
        return self._timed(lambda: cast(Pass, self.contestant).image(self.photo, self.art))

    def frame(self) -> dict[str, Any]:
        return self._timed(lambda: cast(Pass, self.contestant).frame(self.photo, self.style))

    def networks(self) -> dict[str, Any]:
        assert self.bare is not None
        return self._timed(self.bare)

    def rate(self) -> dict[str, Any]:
        return {"flops": cast(Pass, self.contestant).rate()}

    def save(self, path: str) -> dict[str, Any]:
        cast(Pass, self.contestant).frame(self.photo, self.style).save(path)
        return {}

    def optimise(self, steps: int, marks: list[int], stem: str) -> dict[str, Any]:
        assert isinstance(self.contestant, Optimisation)
        pictures, losses, seconds = self.contestant.optimise(self.photo, self.art, steps, marks)
        for step, picture in pictures.items():
            picture.save(f"{stem}-{step}.png")
        return {"losses": losses, "seconds": seconds, "pictures": {s: f"{stem}-{s}.png" for s in pictures}}

    def peak(self) -> dict[str, Any]:
        return {"gb": peak_gb()}

    @staticmethod
    def _timed(work: Any) -> dict[str, Any]:
        begun = time.perf_counter()
        work()
        return {"seconds": time.perf_counter() - begun}
