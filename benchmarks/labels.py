"""What stylising does to labels: drift of edges and of boxes, by model, size and strength, with and without a bound.

Every photograph is stylised in every artwork. Figures are means over pairs, in px of the result; *offset* is the length
of the mean vector by which whole pictures move, and *chance* what is found of photographs in the artworks themselves.
Boxes are those of ``--boxes``, a table with the columns file, left, top, right and bottom, in parts of width and
height; of a side the drift is the median over the edges that run along it. Writes ``labels.md`` and ``labels.json``.
"""

from __future__ import annotations

import csv
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from adain.backends import open_model
from adain.image import Drift, Edges, center_crop_square, drift_of_boxes, list_images, read_image, resize_shorter
from adain.options import ModelOptions, Options
from adain.stylizer import Look

from . import options
from .measuring import NONE, describe, table

MOST_EDGES = 2000

CHANCE = "chance"

Box = tuple[float, float, float, float]


def looks(alphas: Sequence[float], bounds: Sequence[float], more: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The options of each row by its name."""
    rows: dict[str, dict[str, Any]] = {f"alpha {alpha:g}": {"alpha": alpha} for alpha in alphas}
    rows |= {f"`--max-drift {bound:g}`": {"max_drift": bound} for bound in bounds}
    for text in more:
        name, _, value = text.partition("=")
        rows[f"`--{name} {value}`"] = {name.replace("-", "_"): json.loads(value)}
    return rows


def read_boxes(path: Path | None) -> dict[str, list[Box]]:
    """Top, left, bottom and right of each, in parts of height and width, by the name of the photograph."""
    found: dict[str, list[Box]] = defaultdict(list)
    if path is not None:
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                top, left, bottom, right = (float(line[key]) for key in ("top", "left", "bottom", "right"))
                found[line["file"]].append((top, left, bottom, right))
    return found


def sides(drift: Drift, boxes: Iterable[Box], size: int) -> list[float]:
    """By how much the sides of boxes have moved, without those along the border of the picture; NaN where unknown."""
    pixels = [tuple(round(part * size) for part in box) for box in boxes]
    moved = drift_of_boxes(drift, pixels)  # type: ignore[arg-type]
    return [
        float(side) for box, row in zip(pixels, moved, strict=True) for at, side in zip(box, row, strict=True)
        if 4 < at < size - 4
    ]  # fmt: skip


def record(drift: Drift, boxes: Sequence[Box], size: int, **more: Any) -> dict[str, Any]:
    """The figures of one pair."""
    figures = {"median": drift.median, "high": drift.high, "lost": drift.lost, "half": drift.half}
    return {**figures, "offset": drift.offset, "sides": sides(drift, boxes, size), **more}


def summary(name: str, records: Sequence[dict[str, Any]]) -> list[str]:
    """A row of the table."""

    def mean(key: str, digits: int = 2) -> str:
        values = [each[key] for each in records if key in each and math.isfinite(each[key])]
        return f"{statistics.mean(values):.{digits}f}" if values else NONE

    known = [each["offset"] for each in records if all(map(math.isfinite, each["offset"]))]
    offset = f"{math.hypot(*np.mean(known, axis=0)):.2f}" if known else NONE
    moved = [abs(side) for each in records for side in each["sides"] if math.isfinite(side)]
    count = sum(len(each["sides"]) for each in records)
    boxes = [NONE] * 3
    if moved:
        boxes = [
            f"{np.median(moved):.2f}",
            f"{np.percentile(moved, 90):.2f}",
            f"{100 * (1 - len(moved) / count):.0f} %",
        ]
    held = [each["held"] for each in records if "held" in each]
    share = f"{100 * sum(held) / len(held):.0f} %" if held else NONE
    lost = f"{100 * statistics.mean(each['lost'] for each in records):.0f} %"
    return [name, mean("alpha"), share, mean("median"), mean("high"), lost, offset, *boxes]


def plain(value: Any) -> Any:
    """For JSON: to four decimals, and None for what is no number."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


HEAD = (
    " | alpha | held | median | 90th percentile | edges lost | offset | sides of boxes: median | 90th percentile | lost"
)


@click.command(help=__doc__)
@options.folders
@click.option("--models", type=options.names, default="vgg19,fast", help="Of the registry.")
@options.sizes(default="512,224", help="Sides of the square photographs in px.")
@click.option("--alphas", type=options.floats, default="0,0.5,1", help="Strengths.")
@click.option("--bounds", type=options.floats, default="1,0.5", help="Of --max-drift, in px.")
@click.option("--with", "more", multiple=True, metavar="OPTION=VALUE", help="A row of another option; may be repeated.")
@click.option("--boxes", type=options.PRESENT_FILE, help="Table of boxes.")
@click.option("--style-size", type=int, default=512, help="Shorter side of the artworks in px.")
@options.device()
@options.output
def main(
    contents: Path,
    styles: Path,
    models: list[str],
    sizes: list[int],
    alphas: list[float],
    bounds: list[float],
    more: tuple[str, ...],
    boxes: Path | None,
    style_size: int,
    device: str,
    output: Path,
) -> None:
    photographs, artworks, marked = list_images(contents), list_images(styles), read_boxes(boxes)
    rows = looks(alphas, bounds, more)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with tqdm(total=len(models) * len(sizes) * len(photographs) * len(artworks), disable=None) as bar:
        for model_name, size in ((name, size) for name in models for size in sizes):
            model: Any = open_model(ModelOptions(model=model_name, device=device))
            encoded = {path: model.encode_style(path, size=style_size) for path in artworks}
            for photograph in photographs:
                picture = center_crop_square(resize_shorter(read_image(photograph), size))
                edges, own = Edges.of(np.asarray(picture), most=MOST_EDGES), marked[photograph.name]
                content = model.encode_content(picture)
                for artwork in artworks:
                    for name, how in rows.items():
                        notes: dict[str, Any] = {}
                        result = Look(encoded[artwork], Options(**how)).render(model, content, notes=notes)
                        told = {"alpha": notes.get("alpha", how.get("alpha", 1.0))}
                        told |= {"held": notes.get("held", True)} if "alpha" in notes else {}
                        what = {"content": photograph.name, "style": artwork.name}
                        drift = edges.drift(np.asarray(result))
                        found[f"{model_name} {size} {name}"].append(record(drift, own, size, **what, **told))
                    if model_name == models[0]:
                        other = center_crop_square(resize_shorter(read_image(artwork), size))
                        drift = edges.drift(np.asarray(other))
                        found[f"{model_name} {size} {CHANCE}"].append(record(drift, own, size))
                    bar.update()
    output.mkdir(parents=True, exist_ok=True)
    (output / "labels.json").write_text(json.dumps(plain(found)) + "\n", encoding="utf-8")
    parts = [
        "# What stylising does to labels",
        f"Made by `python -m benchmarks labels`, which rewrites it. {describe()}. {len(photographs)} photographs in "
        f"{len(artworks)} artworks, means over pairs, in px of the result.",
    ]
    for size in sizes:
        several = {key: records for key, records in found.items() if key.split()[1] == str(size)}
        lines = [summary(key.replace(f" {size} ", ", ").replace(f"{models[0]}, {CHANCE}", CHANCE), records)
                 for key, records in several.items()]  # fmt: skip
        parts += [f"## {size} × {size} px", table(HEAD, lines)]
    text = "\n\n".join(parts) + "\n"
    (output / "labels.md").write_text(text, encoding="utf-8")
    click.echo(text)
