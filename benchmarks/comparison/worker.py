"""Contestants in processes of their own, so that memory, threads and start-up of each are its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adain._utils.memory import resident_peak  # which imports no torch

from ..measuring import seconds
from ..processes import Process, WorkerError
from .contestants import Contestant, Pass, find
from .older import prefer

if TYPE_CHECKING:
    from PIL import Image


class Worker(Process):
    """A contestant in a process of its own. One at a time works; the others wait."""

    def __init__(self, contestant: Contestant, threads: int) -> None:
        super().__init__(contestant.key, **_environment(threads))
        self.threads = threads
        if contestant.folder is not None:
            self.do(prefer, str(contestant.folder))  # before anything else is imported there

    def ask(self, do: str, **details: Any) -> Any:
        """Have it do something: a method of :class:`Session`.

        Raises:
            WorkerError: if it fails.
        """
        return self.do(_do, self.name, self.threads, do, details, what=do)


def _environment(threads: int) -> dict[str, str]:
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))


def cold_start(one: Pass, threads: int, photo: Path, art: Path, output: Path) -> float:
    """Seconds from starting a process to its end, a picture made from files and written to a file.

    By the contestant's own command line, or, where it has none, by what is written here for it.

    Raises:
        WorkerError: if it fails.
    """
    command = one.command(photo, art, output)
    begun = time.perf_counter()
    if command is None:
        with Worker(one, threads) as worker:
            worker.ask("open", photo=str(photo), art=str(art))
            worker.ask("save", path=output)
    else:
        environment = {**os.environ, **_environment(threads)}
        # The current folder comes first on the path.
        ran = subprocess.run(command, cwd=one.folder, env=environment, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise WorkerError(f"{one.key} cannot start: {ran.stderr.strip()}")
    return time.perf_counter() - begun


def opened(path: str, size: int | None = None) -> Image.Image:
    """A picture, or its central square resized; by Pillow alone, as not everybody has torch."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        picture = image.convert("RGB")
    return ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS) if size else picture


def _do(key: str, threads: int, do: str, details: dict[str, Any]) -> Any:
    return getattr(_session(key, threads), do)(**details)


class Session:
    """What goes on in the process: a contestant and the pair it works on."""

    def __init__(self, key: str, threads: int) -> None:
        sys.stdout = sys.stderr  # for whatever a library prints
        self.contestant: Any = find(key)
        self.contestant.load(threads)

    def open(self, photo: str, art: str, size: int | None = None) -> None:
        """Take up a pair, at a size or as it is."""
        self.photo, self.art, self.bare = opened(photo, size), opened(art), None
        if isinstance(self.contestant, Pass):
            self.style = self.contestant.encode_style(self.art)

    def works(self, networks: bool) -> list[str]:
        """What of a pass can be timed; ``networks`` alone only if that is wanted."""
        self.bare = self.contestant.bare(self.photo) if networks else None
        able = {"image": True, "frame": self.contestant.caches, "networks": self.bare is not None}
        return [what for what, can in able.items() if can]

    def time(self, what: str) -> float:
        """Seconds of an ``image``, a ``frame`` or the ``networks``."""
        one = self.contestant
        works: dict[str, Any] = {
            "image": lambda: one.image(self.photo, self.art),
            "frame": lambda: one.frame(self.photo, self.style),
            "networks": self.bare,
        }
        return seconds(works[what])

    def rate(self) -> float | None:
        """FLOP/s of matrix products."""
        return self.contestant.rate()  # type: ignore[no-any-return]

    def pixels(self) -> Any:
        """See :meth:`~benchmarks.comparison.contestants.Adain.pixels`."""
        return self.contestant.pixels(self.photo, self.style)

    def save(self, path: Path) -> None:
        """Write a picture."""
        self.contestant.frame(self.photo, self.style).save(path, quality=95)

    def optimise(self, steps: int, marks: list[int]) -> Any:
        """See :meth:`~benchmarks.comparison.contestants.Optimisation.optimise`."""
        return self.contestant.optimise(self.photo, self.art, steps, marks)

    def peak(self) -> float:
        """Peak memory in GB."""
        return resident_peak() / 1e3


_session = cache(Session)
