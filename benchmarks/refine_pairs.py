"""Does an optimisation from the AdaIN picture beat a longer one from the photograph?

For content k with style k mod S, in name order: the total loss of ``gatys2016`` for 300 steps from the content and of
``refine-fast`` for 100 steps from its own start, made of the AdaIN picture, both of the picture as it is saved, in
[0, 1]. More figures put that in proportion: the loss of ``gatys2016`` before its colours are clipped, and
(``--bounded N``, for the first N pairs) that of ``gatys2016`` kept within bounds throughout, which the published recipe
does not do. Also the iteration at which the style loss of ``gatys2016`` falls to that of the AdaIN pass.

What the JSON file holds of a pair is not measured again: an interrupted run goes on, and after a change of one recipe
the other's figures serve once more.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import click
import torch

from adain import Stylizer, refine
from adain.image import list_images, open_source
from adain.refinement import LossNetwork, Pictures, Progress, RefineOptions, StylePicture, load_recipe

from . import options
from .measuring import NONE, describe, row, table

GATYS, FAST = "gatys2016", "refine-fast"


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
    paths = (content_path, style_path)
    content, style = (open_source(path, size=size).to_tensor(stylizer.device).contiguous() for path in paths)
    network = LossNetwork(load_recipe(GATYS), stylizer.device, None)
    objective = network(Pictures(content, (StylePicture(style),)))

    @torch.no_grad()
    def judge(image: Any) -> dict[str, float]:
        """The losses of gatys2016, of the picture as it would be saved but for the rounding to 8 bits."""
        terms = {name: float(value) for name, value in objective(image.clamp(0.0, 1.0)).items()}
        return {**terms, "total": sum(terms.values())}

    def run(options: RefineOptions) -> tuple[dict[str, float], list[dict[str, float]]]:
        course: list[dict[str, float]] = []

        def watch(now: Progress) -> None:
            course.append({**now.losses, "total": now.total})

        return judge(refine(content, style, options, style_size=0, stylizer=stylizer, progress=watch)), course

    found: dict[str, Any] = {
        "content": content_path.name,
        "style": style_path.name,
        "size": size,
        "photograph": judge(content),
        "one_pass": judge(stylizer.stylize(content, style, style_size=0)),
        **known,
    }

    def equal_at(term: str) -> int | None:
        """The iteration, from 1, at which a loss first falls to that of the one pass."""
        return next((k for k, row in enumerate(course, start=1) if row[term] <= found["one_pass"][term]), None)

    gatys = RefineOptions(recipe=GATYS, start="content", steps=steps[0])
    if "gatys" not in found:
        found["gatys"], course = run(gatys)
        totals = [row["total"] for row in course]
        found |= {"gatys_unclipped": min(totals), "gatys_course": totals}
        found |= {"style_equal_at": equal_at("gram"), "total_equal_at": equal_at("total")}
    if "fast" not in found:
        found["fast"], course = run(RefineOptions(recipe=FAST, steps=steps[1]))
        found["fast_course"] = [row["total"] for row in course]
    if bounded and "gatys_bounded" not in found:
        found["gatys_bounded"], course = run(gatys.change(settings={"bounds": "clamp"}))
        found["style_equal_at_bounded"] = equal_at("gram")
    return found


HEAD = (
    "pair | photograph | one pass | gatys2016 | … before clipping | … kept in bounds | refine-fast | lower? "
    "| style equal at | total equal at"
)


def line(found: dict[str, Any]) -> str:
    """One row of the table."""
    gatys, fast, bounded = (found.get(name, {}).get("total") for name in ("gatys", "fast", "gatys_bounded"))
    before = [f"{found[name]['total']:.2f}" for name in ("photograph", "one_pass")]
    others = [NONE if total is None else f"{total:.3f}" for total in (gatys, found["gatys_unclipped"], bounded, fast)]
    equal = [found[f"{what}_equal_at"] or "never" for what in ("style", "total")]
    names = f"{Path(found['content']).stem} × {Path(found['style']).stem}"
    return row([names, *before, *others, "yes" if fast < gatys else "no", *equal])


@click.command(help=__doc__)
@options.folders
@click.option("--pairs", type=int, default=10, help="How many.")
@options.size(default=256, help="Shorter side of both in px.")
@click.option("--steps", type=int, nargs=2, default=(300, 100), help="Of gatys2016 and of refine-fast.")
@click.option("--bounded", type=int, default=0, help="Pairs for which gatys2016 is also kept in bounds.")
@click.option("--json", "file", type=options.FILE, help="Figures of every pair; what it holds is not measured again.")
def main(
    contents: Path, styles: Path, pairs: int, size: int, steps: tuple[int, int], bounded: int, file: Path | None
) -> None:
    photos, arts = list_images(contents), list_images(styles)
    stylizer = Stylizer.from_pretrained()
    print(describe())
    print(f"{size} px; gatys2016 {steps[0]} steps, refine-fast {steps[1]} steps; total losses\n\n{table(HEAD)}")
    stored = json.loads(file.read_text()) if file and file.exists() else []
    rows: list[dict[str, Any]] = []
    for k, content in enumerate(photos[:pairs]):
        style = arts[k % len(arts)]
        key = {"content": content.name, "style": style.name, "size": size}
        known: dict[str, Any] = next((one for one in stored if key.items() <= one.items()), {})
        rows.append(measure_pair(stylizer, content, style, size, steps, k < bounded, known))
        print(line(rows[-1]), flush=True)
        if file:
            file.write_text(json.dumps([*rows, *stored[len(rows) :]]))
    lower = sum(one["fast"]["total"] < one["gatys"]["total"] for one in rows)
    below = sum(one["fast"]["total"] < one["gatys_unclipped"] for one in rows)
    print(f"\nrefine-fast ends lower on {lower} of {len(rows)} pairs; lower than gatys2016 unclipped on {below}.")
    equal = [one["style_equal_at"] or steps[0] for one in rows]
    print(f"gatys2016 reaches the style loss of the one pass at iteration {statistics.median(equal):g} (median).")
