"""Compare the ratios of a run with those of an earlier one; the seconds play no part.

    python benchmarks/check.py BASELINE.json [RESULT.json …] [--tolerance 1.5] [--repeat 3]
    python benchmarks/check.py BASELINE.json --write

A ratio is lost if it is worse than the baseline's by more than the tolerance in *every* result. Without results it
measures by itself, 20 seconds a time on two cores, and again, up to ``--repeat`` times, while anything looks lost. Exit
code 1 if a ratio is lost, 2 if there is nothing to compare. Ratios hold across machines only roughly: take a
baseline from the machine it serves, and a tolerance that the machine's moods do not reach.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from comparison.contestants import OURS, TEXTBOOK, find
from comparison.ratios import Result, watched
from comparison.worker import default_threads

TOLERANCE = 1.5
REPEAT = 3


def lost(baseline: dict[str, float], runs: Sequence[dict[str, float]], tolerance: float) -> list[str]:
    """The ratios that are worse by more than the tolerance in every run, each as a line for people."""
    found = []
    for name, before in baseline.items():
        now = [run[name] for run in runs if name in run]
        if now and min(now) > tolerance * before:
            found.append(f"{name}: {min(now):.3f} at best, {before:.3f} before")
    return found


def _measure() -> Result:
    from comparison.measure import measure
    from comparison.plan import PLANS

    return measure(PLANS["ratios"], default_threads(), contestants=[find(OURS), find(TEXTBOOK)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("baseline", type=Path)
    parser.add_argument("results", type=Path, nargs="*")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    parser.add_argument("--repeat", type=int, default=REPEAT)
    parser.add_argument("--write", action="store_true", help="measure, and write the baseline")
    args = parser.parse_args()
    if args.write:
        args.baseline.write_text(json.dumps(_measure(), indent=1) + "\n")
        return
    baseline = watched(json.loads(args.baseline.read_text()), OURS, TEXTBOOK)
    runs = [watched(json.loads(path.read_text()), OURS, TEXTBOOK) for path in args.results]
    if not runs:
        while len(runs) < args.repeat and (not runs or lost(baseline, runs, args.tolerance)):
            runs.append(watched(_measure(), OURS, TEXTBOOK))
    common = [name for name in baseline if any(name in run for run in runs)]
    if not common:
        print("check.py: the baseline and the results have no ratio in common", file=sys.stderr)
        sys.exit(2)
    for name in common:
        now = ", ".join(f"{run[name]:.3f}" for run in runs if name in run)
        print(f"{name:40} {baseline[name]:.3f} → {now}")
    failures = lost(baseline, runs, args.tolerance)
    for line in failures:
        print(f"check.py: lost: {line}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
