"""How the loss falls: total and improvement in percent over the first iterations of an optimisation.

    python benchmarks/iterations.py [CONTENT STYLE] [--recipe keras-vgg19] [--iterations 10] [--evaluations 20]

One iteration is a call of the optimiser with so many evaluations, as in the scripts that publish such tables (scipy's
L-BFGS with ``maxfun=20``). The improvement is that of the total on the iteration before; the first is measured on the
starting picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from machine import describe

from adain._utils.resources import sample_folder
from adain.refinement import Progress, improvement, load_recipe, refine


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("content", type=Path, nargs="?", default=sample_folder("content") / "cincinnati-bridge.jpg")
    parser.add_argument("style", type=Path, nargs="?", default=sample_folder("style") / "hokusai_great_wave.jpg")
    parser.add_argument("--recipe", default="keras-vgg19")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--evaluations", type=int, default=20, help="per iteration")
    parser.add_argument("--size", type=int, default=256, help="shorter side of both in px")
    args = parser.parse_args()
    seen: list[Progress] = []
    # One more evaluation than iterations need: that of the picture the last one ends with.
    steps = args.iterations * args.evaluations + 1
    refine(
        content=args.content,
        style=args.style,
        recipe=load_recipe(args.recipe),
        steps=steps,
        content_size=args.size,
        style_size=args.size,
        callback=seen.append,
    )
    print(describe())
    print(
        f"{args.recipe}, {args.content.name} × {args.style.name}, {args.size} px, {args.evaluations} evaluations each\n"
    )
    names = list(seen[0].losses)
    print(f"| iteration | {' | '.join(names)} | total | improvement % | seconds |\n|{'---|' * (len(names) + 4)}")
    before = None
    for iteration in range(args.iterations + 1):
        now = seen[iteration * args.evaluations]
        gained = improvement(before, now.total)
        shown = "–" if gained is None else f"{gained:.2f}"
        terms = " | ".join(f"{now.losses[name]:.4g}" for name in names)
        print(f"| {iteration or 'start'} | {terms} | {now.total:.4g} | {shown} | {now.seconds:.1f} |")
        before = now.total


if __name__ == "__main__":
    main()
