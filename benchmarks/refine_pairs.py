"""Does an optimisation from the AdaIN picture beat a longer one from the photograph?

    python benchmarks/refine_pairs.py CONTENT_DIR STYLE_DIR [--pairs 10] [--size 256] [--json FILE]

For content k with style k mod S, in name order: the total loss of ``gatys2016`` for 300 steps from the content and of
``refine-fast`` for 100 steps from its own start, made of the AdaIN picture, both of the picture as it is saved, in
[0, 1]. More figures put that in proportion: the loss of ``gatys2016`` before its colours are clipped, and
(``--bounded N``, for the first N pairs) that of ``gatys2016`` kept within bounds throughout, which the published recipe
does not do. Also the iteration at which the style loss of ``gatys2016`` falls to that of the AdaIN pass.

What the JSON file holds of a pair is not measured again: an interrupted run goes on, and after a change of one recipe
the other's figures serve once more.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import torch
from machine import describe
from torch import Tensor

import adain
from adain.image.io import list_images
from adain.refinement import LossNetwork, Pictures, Progress, StylePicture, load_recipe, refine
from adain.stylizer.stylizer import Stylizer

GATYS, FAST = "gatys2016", "refine-fast"


class Judge:
    """The losses of ``gatys2016`` of any picture of one content and style."""

    def __init__(self, stylizer: Stylizer, content: Tensor, style: Tensor) -> None:
        network = LossNetwork(load_recipe(GATYS), stylizer.device, None)
        self.objective = network(Pictures(content, (StylePicture(style),)))

    @torch.no_grad()
    def __call__(self, image: Tensor) -> dict[str, float]:
        """Every term and their total, of the picture as it would be saved but for the rounding to 8 bits."""
        terms = {name: float(value) for name, value in self.objective(image.clamp(0.0, 1.0)).items()}
        return {**terms, "total": sum(terms.values())}


def first_at_most(values: list[float], bound: float) -> int | None:
    """The number, from 1, of the first value that is at most ``bound``."""
    return next((number for number, value in enumerate(values, start=1) if value <= bound), None)


def measure_pair(
    stylizer: Stylizer,
    content_path: Path,
    style_path: Path,
    size: int,
    steps: tuple[int, int],
    bounded: bool,
    known: dict[str, Any],
) -> dict[str, Any]:
    """All figures of one pair; those of ``known`` are taken over."""
    content = stylizer.pixels(content_path, size=size)[0].contiguous()
    style = stylizer.pixels(style_path, size=size)[0].contiguous()
    judge = Judge(stylizer, content, style)
    one_pass = stylizer.stylize(content, style, content_size=0, style_size=0)
    common: dict[str, Any] = {"content": content, "style": style, "style_size": 0, "stylizer": stylizer}

    def run(recipe: str, start: Any, count: int, **changes: Any) -> tuple[dict[str, float], list[dict[str, float]]]:
        course: list[dict[str, float]] = []

        def watch(progress: Progress) -> None:
            course.append({**progress.losses, "total": progress.total})

        picture = refine(start, recipe=recipe, steps=count, callback=watch, **common, **changes)
        assert isinstance(picture, Tensor)
        return judge(picture), course

    found: dict[str, Any] = {
        "content": content_path.name,
        "style": style_path.name,
        "size": size,
        "photograph": judge(content),
        "one_pass": judge(one_pass),
        **known,
    }
    one = found["one_pass"]
    if "gatys" not in found:
        found["gatys"], course = run(GATYS, "content", steps[0])
        found["gatys_unclipped"] = min(row["total"] for row in course)
        found["style_equal_at"] = first_at_most([row["gram"] for row in course], one["gram"])
        found["total_equal_at"] = first_at_most([row["total"] for row in course], one["total"])
        found["gatys_course"] = [row["total"] for row in course]
    if "fast" not in found:
        found["fast"], course = run(FAST, None, steps[1])
        found["fast_course"] = [row["total"] for row in course]
    if bounded and "gatys_bounded" not in found:
        found["gatys_bounded"], course = run(GATYS, "content", steps[0], bounds="clamp")
        found["style_equal_at_bounded"] = first_at_most([row["gram"] for row in course], one["gram"])
    return found


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    bounded = row.get("gatys_bounded")
    cells = [
        f"{Path(row['content']).stem} × {Path(row['style']).stem}",
        f"{row['photograph']['total']:.2f}",
        f"{row['one_pass']['total']:.2f}",
        f"{row['gatys']['total']:.3f}",
        f"{row['gatys_unclipped']:.3f}",
        "–" if bounded is None else f"{bounded['total']:.3f}",
        f"{row['fast']['total']:.3f}",
        "yes" if row["fast"]["total"] < row["gatys"]["total"] else "no",
        str(row["style_equal_at"] or "never"),
        str(row["total_equal_at"] or "never"),
    ]
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| pair | photograph | one pass | gatys2016 | … before clipping | … kept in bounds | refine-fast | lower? "
    "| style equal at | total equal at |\n|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("contents", type=Path)
    parser.add_argument("styles", type=Path)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--size", type=int, default=256, help="shorter side of both in px")
    parser.add_argument("--steps", type=int, nargs=2, default=(300, 100), help="of gatys2016 and of refine-fast")
    parser.add_argument("--bounded", type=int, default=0, help="pairs for which gatys2016 is also kept in bounds")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    contents, styles = list_images(args.contents), list_images(args.styles)
    stylizer = adain.Stylizer.from_pretrained()
    print(describe())
    print(f"{args.size} px; gatys2016 {args.steps[0]} steps, refine-fast {args.steps[1]} steps; total losses\n\n{HEAD}")
    stored = json.loads(args.json.read_text()) if args.json and args.json.exists() else []
    rows: list[dict[str, Any]] = []
    for k in range(min(args.pairs, len(contents))):
        content, style = contents[k], styles[k % len(styles)]
        key = {"content": content.name, "style": style.name, "size": args.size}
        known: dict[str, Any] = next((row for row in stored if key.items() <= row.items()), {})
        row = measure_pair(stylizer, content, style, args.size, tuple(args.steps), k < args.bounded, known)
        rows.append(row)
        print(line(row), flush=True)
        if args.json:
            args.json.write_text(json.dumps([*rows, *stored[len(rows) :]]))
    lower = sum(row["fast"]["total"] < row["gatys"]["total"] for row in rows)
    below = sum(row["fast"]["total"] < row["gatys_unclipped"] for row in rows)
    print(f"\nrefine-fast ends lower on {lower} of {len(rows)} pairs; lower than gatys2016 unclipped on {below}.")
    equal = [row["style_equal_at"] or args.steps[0] for row in rows]
    print(f"gatys2016 reaches the style loss of the one pass at iteration {statistics.median(equal):g} (median).")


if __name__ == "__main__":
    main()
