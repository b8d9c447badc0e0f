"""Plot the losses of runs that followed one another: ``python docs/scripts/plot_training.py RUN [RUN ...] PICTURE``.

Content, style and identity loss of the crops trained on, before their weights, each over its mean in the first
:data:`FIRST` steps. The runs must have had one ``--style-form`` for the style loss to mean the same.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from adain._utils.plots import Curve, plot_curves
from adain.training import RunLog

FIRST = 100


def main(runs: list[Path], picture: Path) -> None:
    points = []
    before = 0
    for run in runs:
        records = RunLog(run / "log.jsonl").read()
        points += [(before + record["step"], record) for record in records]
        before = points[-1][0] if points else 0
    steps = [step for step, _ in points]
    curves = []
    for name in ("style", "content", "identity"):
        start = statistics.mean(record[name] for step, record in points if step <= FIRST)
        curves.append(Curve(name, steps, [record[name] / start for _, record in points], smooth=True))
    plot_curves(picture, curves, xlabel="step", ylabel=f"loss, of its mean over the first {FIRST} steps")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main([Path(name) for name in sys.argv[1:-1]], Path(sys.argv[-1]))
