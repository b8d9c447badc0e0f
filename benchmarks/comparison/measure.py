"""Running the plan: contestants side by side, one working at a time, in rounds; and the ratios that come of it."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from adain._utils.memory import free_memory

from ..measuring import describe, instruction_sets, ratio
from .contestants import CONTESTANTS, TORCH, Adain, Contestant, Optimisation, Pass
from .plan import BYTES_PER_PIXEL, REFERENCE_STEPS, Plan, pair
from .scoring import guards, score
from .worker import Worker, cold_start, opened

Result = dict[str, Any]
"""As it lies in its JSON file; see :func:`measure`."""


def measure(plan: Plan, threads: int, *, contestants: Sequence[Contestant] = CONTESTANTS) -> Result:
    """Everything the plan asks for.

    Returns:
        An object that JSON can hold: ``machine``, its instruction ``sets`` and ``threads``; ``missing``, reasons by
        contestant; ``timings``, rows of seconds in each round; ``peaks`` in GB; ``differences``, the greatest in any
        pixel from torch; ``rates`` of matrix products in FLOP/s and ``cold`` starts in seconds, each by contestant;
        ``optimisations`` with losses and the seconds until each step; ``scores``.

    Raises:
        WorkerError: if a contestant that is installed fails.
    """
    missing = {one.key: reason for one in contestants if (reason := one.missing())}
    present = [one for one in contestants if one.key not in missing]
    passes = [one for one in present if isinstance(one, Pass)]
    able = [one for one in present if isinstance(one, Optimisation)]
    steps = [(one, size, count) for one in able for size, count in plan.steps.get(one.key, {}).items()]
    result: Result = {"machine": describe(), "sets": instruction_sets(), "threads": threads, "missing": missing}
    result |= {name: [] for name in ("timings", "peaks", "differences", "optimisations", "scores", "left_out")}
    result |= {"rates": {}, "cold": {one.key: [] for one in passes if plan.cold_rounds}}
    turns = len(passes) * (sum(plan.rounds.values()) + plan.cold_rounds) + len(steps)
    with tempfile.TemporaryDirectory() as folder, tqdm(total=turns, disable=None, unit="turn") as bar:
        run = _Run(result, plan, threads, Path(folder), bar)
        for size, rounds in plan.rounds.items():
            run.passes(passes, size, rounds)
        photo, art = Path(folder) / "photo.jpg", Path(pair(0)[1])
        opened(pair(0)[0], plan.cold_size).save(photo, quality=95)
        for one in passes * plan.cold_rounds:
            result["cold"][one.key].append(cold_start(one, threads, photo, art, Path(folder) / "cold.jpg"))
            bar.update()
        for optimisation, size, count in steps:
            run.optimise(optimisation, size, count)
            bar.update()
    for size, index in itertools.product(plan.scored, range(plan.pairs)):
        for name, picture in guards(index, size).items():
            result["scores"].append({"contestant": name, **score(picture, index, size)})
    return result


@dataclass
class _Run:
    """What the parts of a run share; they add to the result."""

    result: Result
    plan: Plan
    threads: int
    folder: Path
    bar: Any

    def passes(self, passes: Sequence[Pass], size: int, rounds: int) -> None:
        """Time and score everybody's one pass at a size."""
        photo, art = pair(0)
        with contextlib.ExitStack() as stack:
            workers = {one.key: stack.enter_context(Worker(one, self.threads)) for one in passes}
            seconds: dict[tuple[str, str], list[float]] = {}
            for key, worker in workers.items():
                worker.ask("open", photo=photo, art=art, size=size)
                for what in worker.ask("works", networks=size <= self.plan.networks_upto):
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
            if self.plan.compares_pixels:
                made = {one.key: workers[one.key].ask("pixels") for one in passes if isinstance(one, Adain)}
                for one in (one for one in passes if isinstance(one, Adain) and TORCH[one.model] in made):
                    gap = float(np.abs(made[one.key] - made[TORCH[one.model]]).max())
                    self._add("differences", one.key, size=size, greatest=gap)
            for index in range(self.plan.pairs if size in self.plan.scored else 0):
                photo, art = pair(index)
                for key, worker in workers.items():
                    output = self.folder / f"{key}.png"
                    worker.ask("open", photo=photo, art=art, size=size)
                    worker.ask("save", path=output)
                    self._add("scores", key, **score(output, index, size))

    def optimise(self, one: Optimisation, size: int, steps: int) -> None:
        """Time an optimisation at a size and score what it has made by the steps that are reported."""
        key = one.key
        need, free = BYTES_PER_PIXEL * size * size, free_memory(torch.device("cpu"))
        if need > free:
            reason = f"needs about {need / 1e9:.0f} GB of memory, {free / 1e9:.0f} are free"
            self._add("left_out", key, size=size, reason=reason)
            return
        photo, art = pair(0)
        marks = [step for step in REFERENCE_STEPS if step < steps]
        with Worker(one, self.threads) as worker:
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
