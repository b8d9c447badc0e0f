"""Running the plan: contestants side by side, one working at a time, in rounds."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import describe
from tqdm import tqdm

from .contestants import CONTESTANTS, Contestant
from .plan import BYTES_PER_PIXEL, REFERENCE_STEPS, Plan, pair
from .ratios import Result
from .scoring import Scorer
from .worker import Worker, cold_start


def measure(plan: Plan, threads: int, *, quiet: bool = True, contestants: Sequence[Contestant] = CONTESTANTS) -> Result:
    """Everything the plan asks for.

    Returns:
        An object that JSON can hold: ``machine`` and ``threads``; ``missing``, reasons by contestant; ``timings``,
        rows of seconds in each round; ``peaks`` in GB; ``rates`` of matrix products in FLOP/s and ``cold`` starts in
        seconds, each by contestant; ``optimisations`` with losses and the seconds until each step; ``scores``.

    Raises:
        WorkerError: if a contestant that is installed fails.
    """
    missing = {one.key: reason for one in contestants if (reason := one.missing())}
    present = [one for one in contestants if one.key not in missing]
    passes = [one.key for one in present if one.is_pass]
    result: Result = {"machine": describe(), "threads": threads, "missing": missing}
    result |= {name: [] for name in ("timings", "peaks", "optimisations", "scores", "left_out")}
    result |= {"rates": {}, "cold": {key: [] for key in passes if plan.cold_rounds}}
    with (
        tempfile.TemporaryDirectory() as folder,
        tqdm(total=_length(plan, present), disable=quiet, unit="turn") as bar,
    ):
        scorer = Scorer(plan.pairs, plan.scored)
        for size, rounds in plan.rounds.items():
            _passes(result, passes, plan, size, rounds, threads, scorer, Path(folder), bar)
        for _ in range(plan.cold_rounds):
            for key in passes:
                output = Path(folder) / "cold.jpg"
                result["cold"][key].append(cold_start(key, threads, *pair(0), plan.cold_size, output))
                bar.update()
        for one in present:
            for size, steps in plan.steps.get(one.key, {}).items():
                _optimise(result, one.key, size, steps, threads, scorer, Path(folder))
                bar.update()
        result["scores"] += scorer.photographs()
    return result


def _length(plan: Plan, present: Sequence[Contestant]) -> int:
    passes = sum(one.is_pass for one in present)
    turns = sum(plan.rounds.values()) + plan.cold_rounds
    return passes * turns + sum(len(plan.steps.get(one.key, {})) for one in present)


def _passes(
    result: Result,
    keys: Sequence[str],
    plan: Plan,
    size: int,
    rounds: int,
    threads: int,
    scorer: Scorer,
    folder: Path,
    bar: Any,
) -> None:
    photo, art = pair(0)
    with contextlib.ExitStack() as stack:
        workers = {key: stack.enter_context(Worker(key, threads)) for key in keys}
        seconds: dict[tuple[str, str], list[float]] = {}
        works: dict[str, list[str]] = {}
        for key, worker in workers.items():
            can = worker.ask("open", photo=photo, art=art, size=size)
            works[key] = ["image"] + (["frame"] if can["caches"] else [])
            works[key] += ["networks"] if can["networks"] and size <= plan.networks_upto else []
            worker.ask("frame")  # the first is slower: libraries choose their kernels, memory is taken
        for _ in range(rounds):
            for key, worker in workers.items():
                for what in works[key]:
                    seconds.setdefault((key, what), []).append(worker.ask(what)["seconds"])
                bar.update()
        for (key, what), values in seconds.items():
            result["timings"].append({"size": size, "contestant": key, "what": what, "seconds": values})
        for key, worker in workers.items():
            result["peaks"].append({"size": size, "contestant": key, "gb": worker.ask("peak")["gb"]})
            if key not in result["rates"] and (rate := worker.ask("rate")["flops"]) is not None:
                result["rates"][key] = rate
        for index in range(plan.pairs if size in plan.scored else 0):
            for key, worker in workers.items():
                output = folder / f"{key}.png"
                worker.ask("open", photo=pair(index)[0], art=pair(index)[1], size=size)
                worker.ask("save", path=str(output))
                result["scores"].append({"contestant": key, **scorer.score(output, index, size)})


def _optimise(result: Result, key: str, size: int, steps: int, threads: int, scorer: Scorer, folder: Path) -> None:
    need, free = BYTES_PER_PIXEL * size * size, free_memory()
    if free is not None and need > free:
        reason = f"needs about {need / 1e9:.0f} GB of memory, {free / 1e9:.0f} are free"
        result["left_out"].append({"contestant": key, "size": size, "reason": reason})
        return
    marks = [step for step in REFERENCE_STEPS if step < steps]
    with Worker(key, threads) as worker:
        worker.ask("open", photo=pair(0)[0], art=pair(0)[1], size=size)
        found = worker.ask("optimise", steps=steps, marks=marks, stem=str(folder / key))
        row = {"contestant": key, "size": size, "losses": found["losses"], "seconds": found["seconds"]}
        result["optimisations"].append({**row, "gb": worker.ask("peak")["gb"]})
    if size in scorer.sizes:
        for step, path in found["pictures"].items():
            score = scorer.score(Path(path), 0, size)
            result["scores"].append({"contestant": key, "steps": int(step), **score})


def free_memory() -> float | None:
    """Bytes that can be had without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return None
