"""Contestants in processes of their own, so that memory, threads and start-up of each are its own."""

from __future__ import annotations

import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adain._utils.memory import resident_peak  # which imports no torch

from ..measuring import seconds
from ..processes import Process
from .contestants import Pass, find

if TYPE_CHECKING:
    from PIL import Image


class Worker(Process):
    """A contestant in a process of its own. One at a time works; the others wait."""

    def __init__(self, key: str, threads: int) -> None:
        own = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        super().__init__(key, **own, **find(key).environment)
        self.threads = threads

    def ask(self, do: str, **details: Any) -> Any:
        """Have it do something: a method of :class:`Session`.

        Raises:
            WorkerError: if it fails.
        """
        return self.do(_do, self.name, self.threads, do, details, what=do)


def cold_start(key: str, threads: int, photo: str, art: str, size: int, output: Path) -> float:
    """Seconds from starting a process to its end, a picture made from files and written to a file by Pillow.

    Raises:
        WorkerError: if it fails.
    """
    begun = time.perf_counter()
    with Worker(key, threads) as worker:
        worker.ask("open", photo=photo, art=art, size=size)
        worker.ask("save", path=output)
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

    def open(self, photo: str, art: str, size: int) -> None:
        """Take up a pair at a size."""
        self.photo, self.art = opened(photo, size), opened(art)
        if isinstance(self.contestant, Pass):
            self.style = self.contestant.encode_style(self.art)
            self.bare = self.contestant.bare(self.photo)

    def works(self) -> list[str]:
        """What of a pass can be timed."""
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
