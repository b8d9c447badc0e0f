"""Compare the ratios of a run with those of an earlier one; the seconds play no part.

A ratio is lost if it is worse than the baseline's by more than the tolerance in *every* result. Without results it
measures by itself, 20 seconds a time on two cores, and again, up to ``--repeat`` times, while anything looks lost. Exit
code 1 if a ratio is lost, 2 if there is nothing to compare. Ratios hold across machines only roughly: take a
baseline from the machine it serves, and a tolerance that the machine's moods do not reach.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import torch

from . import options
from .comparison import measure
from .comparison.contestants import OURS, TEXTBOOK, find
from .comparison.measure import Result, watched
from .comparison.plan import PLANS


def lost(baseline: dict[str, float], runs: Sequence[dict[str, float]], tolerance: float) -> list[str]:
    """The ratios that are worse by more than the tolerance in every run, each as a line for people."""
    best = {name: min((run[name] for run in runs if name in run), default=0.0) for name in baseline}
    return [
        f"{name}: {best[name]:.3f} at best, {before:.3f} before"
        for name, before in baseline.items()
        if best[name] > tolerance * before
    ]


def _measure() -> Result:
    return measure.measure(PLANS["ratios"], torch.get_num_threads(), contestants=[find(OURS), find(TEXTBOOK)])


@click.command(help=__doc__)
@click.argument("baseline", type=options.FILE)
@click.argument("results", type=options.PRESENT_FILE, nargs=-1)
@click.option("--tolerance", type=float, default=1.5, help="Of the baseline's ratio.")
@click.option("--repeat", type=int, default=3, help="Runs at most.")
@click.option("--write", is_flag=True, help="Measure, and write the baseline.")
def main(baseline: Path, results: Sequence[Path], tolerance: float, repeat: int, write: bool) -> None:
    if write:
        baseline.write_text(json.dumps(_measure(), indent=1) + "\n")
        return
    before = watched(json.loads(baseline.read_text()), OURS, TEXTBOOK)
    runs = [watched(json.loads(path.read_text()), OURS, TEXTBOOK) for path in results]
    while not results and len(runs) < repeat and (not runs or lost(before, runs, tolerance)):
        runs.append(watched(_measure(), OURS, TEXTBOOK))
    common = [name for name in before if any(name in run for run in runs)]
    if not common:
        print("check: the baseline and the results have no ratio in common", file=sys.stderr)
        sys.exit(2)
    for name in common:
        now = ", ".join(f"{run[name]:.3f}" for run in runs if name in run)
        print(f"{name:40} {before[name]:.3f} → {now}")
    failures = lost(before, runs, tolerance)
    for line in failures:
        print(f"check: lost: {line}", file=sys.stderr)
    sys.exit(1 if failures else 0)
