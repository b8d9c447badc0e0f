"""Running the plan: contestants side by side, one working at a time, in rounds; and the ratios that come of it."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from adain._utils.memory import free_memory

from ..measuring import describe, ratio
from .contestants import CONTESTANTS, Contestant, Pass
from .plan import BYTES_PER_PIXEL, REFERENCE_STEPS, Plan, pair
from .scoring import photograph, score
from .worker import Worker, cold_start

Result = dict[str, Any]
"""As it lies in its JSON file; see :func:`measure`."""


def measure(plan: Plan, threads: int, *, contestants: Sequence[Contestant] = CONTESTANTS) -> Result:
    """Everything the plan asks for.

    Returns:
        An object that JSON can hold: ``machine`` and ``threads``; ``missing``, reasons by contestant; ``timings``,
        rows of seconds in each round; ``peaks`` in GB; ``rates`` of matrix products in FLOP/s and ``cold`` starts in
        seconds, each by contestant; ``optimisations`` with losses and the seconds until each step; ``scores``.

    Raises:
        WorkerError: if a contestant that is installed fails.
    """
    missing = {one.key: reason for one in contestants if (reason := one.missing())}
    present = [one.key for one in contestants if one.key not in missing]
    passes = [one.key for one in contestants if isinstance(one, Pass) and one.key in present]
    steps = [(key, size, count) for key in present for size, count in plan.steps.get(key, {}).items()]
    result: Result = {"machine": describe(), "threads": threads, "missing": missing}
    result |= {name: [] for name in ("timings", "peaks", "optimisations", "scores", "left_out")}
    result |= {"rates": {}, "cold": {key: [] for key in passes if plan.cold_rounds}}
    turns = len(passes) * (sum(plan.rounds.values()) + plan.cold_rounds) + len(steps)
    with tempfile.TemporaryDirectory() as folder, tqdm(total=turns, disable=None, unit="turn") as bar:
        run = _Run(result, plan, threads, Path(folder), bar)
        for size, rounds in plan.rounds.items():
            run.passes(passes, size, rounds)
        for key in passes * plan.cold_rounds:
            taken = cold_start(key, threads, *pair(0), plan.cold_size, Path(folder) / "cold.jpg")
            result["cold"][key].append(taken)
            bar.update()
        for key, size, count in steps:
            run.optimise(key, size, count)
            bar.update()
    for size, index in itertools.product(plan.scored, range(plan.pairs)):
        result["scores"].append({"contestant": "photograph", **score(photograph(index, size), index, size)})
    return result


@dataclass
class _Run:
    """What the parts of a run share; they add to the result."""

    result: Result
    plan: Plan
    threads: int
    folder: Path
    bar: Any

    def passes(self, keys: Sequence[str], size: int, rounds: int) -> None:
        """Time and score everybody's one pass at a size."""
        photo, art = pair(0)
        with contextlib.ExitStack() as stack:
            workers = {key: stack.enter_context(Worker(key, self.threads)) for key in keys}
            seconds: dict[tuple[str, str], list[float]] = {}
            for key, worker in workers.items():
                worker.ask("open", photo=photo, art=art, size=size)
                for what in worker.ask("works"):
                    if what != "networks" or size <= self.plan.networks_upto:
                        seconds[key, what] = []
                worker.ask("time", what="frame")  # the first is slower: libraries choose their kernels, memory is taken
            for _ in range(rounds):
                for (key, what), taken in seconds.items():
                    taken.append(workers[key].ask("time", what=what))
                    self.bar.update(what == "image")
            for (key, what), taken in seconds.items():
                self._add("timings", key, size=size, what=what, seconds=taken)
            for key, worker in workers.items():
                self._add("peaks", key, size=size, gb=worker.ask("peak"))
                if key not in self.result["rates"] and (rate := worker.ask("rate")) is not None:
                    self.result["rates"][key] = rate
            for index in range(self.plan.pairs if size in self.plan.scored else 0):
                photo, art = pair(index)
                for key, worker in workers.items():
                    output = self.folder / f"{key}.png"
                    worker.ask("open", photo=photo, art=art, size=size)
                    worker.ask("save", path=output)
                    self._add("scores", key, **score(output, index, size))

    def optimise(self, key: str, size: int, steps: int) -> None:
        """Time an optimisation at a size and score what it has made by the steps that are reported."""
        need, free = BYTES_PER_PIXEL * size * size, free_memory(torch.device("cpu"))
        if need > free:
            reason = f"needs about {need / 1e9:.0f} GB of memory, {free / 1e9:.0f} are free"
            self._add("left_out", key, size=size, reason=reason)
            return
        photo, art = pair(0)
        marks = [step for step in REFERENCE_STEPS if step < steps]
        with Worker(key, self.threads) as worker:
            worker.ask("open", photo=photo, art=art, size=size)
            pictures, losses, seconds = worker.ask("optimise", steps=steps, marks=marks)
            self._add("optimisations", key, size=size, losses=losses, seconds=seconds, gb=worker.ask("peak"))
        for step, picture in pictures.items() if size in self.plan.scored else ():
            self._add("scores", key, steps=step, **score(picture, 0, size))

    def _add(self, table: str, key: str, **figures: Any) -> None:
        self.result[table].append({"contestant": key, **figures})


def timings(result: Result, size: int) -> dict[tuple[str, str], list[float]]:
    """Seconds of every round at a size, by contestant and by what was timed (``image``, ``frame``, ``networks``).

    For who cannot keep a style, a frame is an image like any other.
    """
    found = {(row["contestant"], row["what"]): row["seconds"] for row in result["timings"] if row["size"] == size}
    for key, what in list(found):
        if what == "image":
            found.setdefault((key, "frame"), found[key, what])
    return found


def peak_memory(result: Result, size: int) -> dict[str, float]:
    """GB at a size, by contestant."""
    return {row["contestant"]: row["gb"] for row in result["peaks"] if row["size"] == size}


def watched(result: Result, ours: str, textbook: str) -> dict[str, float]:
    """The ratios that a later version must not lose, by name; smaller is better in all.

    Only what was measured is there.
    """
    found: dict[str, float] = {}
    for size in sorted({row["size"] for row in result["timings"]}):
        times = timings(result, size)
        for what, other, key, under in (
            ("frame", "textbook", textbook, "image"),
            ("image", "textbook", textbook, "image"),
            ("frame", "networks", ours, "networks"),
        ):
            above, below = times.get((ours, what)), times.get((key, under))
            if above and below:
                found[f"{what} / {other} at {size} px"] = round(ratio(above, below).median, 4)
        peaks = peak_memory(result, size)
        if ours in peaks and textbook in peaks:
            found[f"peak memory / textbook at {size} px"] = round(peaks[ours] / peaks[textbook], 4)
    return found
