"""How the loss falls: total and improvement in percent over the first iterations of an optimisation.

One iteration is a call of the optimiser with so many evaluations, as in the scripts that publish such tables (scipy's
L-BFGS with ``maxfun=20``). The improvement is that of the total on the iteration before; the first is measured on the
starting picture.
"""

from __future__ import annotations

from pathlib import Path

import click

from adain import refine
from adain.refinement import Progress, improvement

from . import options
from .measuring import NONE, describe, row, table


@click.command(help=__doc__)
@options.pair
@click.option("--recipe", default="keras-vgg19", help="Name or file of a recipe.")
@click.option("--iterations", type=int, default=10, help="How many.")
@click.option("--evaluations", type=int, default=20, help="Per iteration.")
@options.size(default=256, help="Shorter side of both in px.")
def main(content: Path, style: Path, recipe: str, iterations: int, evaluations: int, size: int) -> None:
    seen: list[Progress] = []
    # One more evaluation than iterations need: that of the picture the last one ends with.
    steps = iterations * evaluations + 1
    refine(content, style, recipe=recipe, steps=steps, content_size=size, style_size=size, progress=seen.append)
    print(describe())
    print(f"{recipe}, {content.name} × {style.name}, {size} px, {evaluations} evaluations each\n")
    names = list(seen[0].losses)
    print(table(f"iteration | {' | '.join(names)} | total | improvement % | seconds"))
    before = None
    for iteration, now in enumerate(seen[::evaluations]):
        gained = improvement(before, now.total)
        shown = NONE if gained is None else f"{gained:.2f}"
        terms = [f"{now.losses[name]:.4g}" for name in names]
        print(row((iteration or "start", *terms, f"{now.total:.4g}", shown, f"{now.seconds:.1f}")))
        before = now.total
