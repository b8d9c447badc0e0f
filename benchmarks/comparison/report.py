"""The report: a result as Markdown, and its pictures: speed against quality, time against pixels, losses over steps."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from adain._utils.plots import Curve, drawing, plot_curves
from adain.metrics import GUARDS
from adain.nn import BaseDecoder, FastDecoder, FastEncoder, VGGEncoder

from ..measuring import NONE, Spread, ratio, short, table
from .contestants import CONTESTANTS, OURS, TEXTBOOK, Contestant, find
from .measure import Result, peak_memory, timings
from .plan import PAIRS, REFERENCE_STEPS

SCORES = {
    "style_residual": "style residual ↓",
    "content_distance": "content distance ↓",
    "gram_difference": "Gram difference ↓",
    "ssim": "SSIM ↑",
}
"""Names of figures, and how a table calls them."""

GUARDED = "*identity* is the photograph itself, *style* the artwork itself: a figure that one of them wins says little."


def write(result: Result, called: str, figures: Sequence[Path]) -> str:
    """The whole report; ``called`` is the command that made it."""
    sizes = sorted({row["size"] for row in result["timings"]})
    parts = [
        "# This library and what else could be used",
        f"Made by `{called}`, which rewrites this file. {result['machine']}. Every contestant has a process of its own "
        f"and {result['threads']} of these threads; they take turns, one working at a time. A ratio is taken within "
        "each round, and given as the median with the lowest and the highest: read the ratios, the seconds are this "
        "machine's.",
        "## Who takes part",
        _contestants(result),
    ]
    if sizes:
        parts += ["## One picture", *(_passes(result, size) for size in sizes)]
        parts += ["## Against the floor", _floor(result, sizes)]
    if any(result["cold"].values()):
        parts += ["## From a cold start", _cold(result)]
    if result["optimisations"] or result["left_out"]:
        parts += ["## Optimisation", _optimisations(result)]
    if result["scores"]:
        parts += ["## How good the pictures are", _scores(result)]
    parts += [f"![{path.stem.replace('-', ' ')}]({path.name})" for path in figures]
    return "\n\n".join(parts) + "\n"


def _contestants(result: Result) -> str:
    measured = {row["contestant"] for name in ("timings", "optimisations") for row in result[name]}
    states = {one.key: "yes" if one.key in measured else "not asked for" for one in CONTESTANTS} | result["missing"]
    rows = [(one.name, one.about, states[one.key]) for one in CONTESTANTS]
    return table("name | what it is | measured", rows)


def _passes(result: Result, size: int) -> str:
    times, peaks = timings(result, size), peak_memory(result, size)
    base = times.get((TEXTBOOK, "image"))
    rows = []
    for one in (one for one in CONTESTANTS if (one.key, "image") in times):
        taken = [times[one.key, what] for what in ("image", "frame")]
        seconds = [short(statistics.median(each)) for each in taken]
        faster = [ratio(base, each) if base else NONE for each in taken]
        rows.append((one.name, *seconds, *faster, short(peaks[one.key]) if one.key in peaks else NONE))
    head = "contestant | s, new style | s, cached style | × faster, new | × faster, cached | peak GB"
    count = len(base) if base else 0
    intro = f"{size} × {size} px, {count} rounds; *faster* than {find(TEXTBOOK).name}, which keeps no style."
    return f"{intro}\n\n{table(head, rows)}"


def network_flops(height: int, width: int, model: str = "vgg19") -> int:
    """Floating-point operations of the convolutions of a model's encoder and decoder on one picture.

    Two for each multiply-add, biases left out, as is the custom; counted by torch without computing anything. The
    sides are multiples of 8.
    """
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        encoder, decoder = (FastEncoder(), FastDecoder()) if model == "fast" else (VGGEncoder(), BaseDecoder())
        encoder = encoder.giving(decoder.network.folded)
        decoder(encoder.features(torch.empty(1, 3, height, width)))
    return int(counter.get_total_flops())


def _floor(result: Result, sizes: Sequence[int]) -> str:
    rows = []
    for one, size in itertools.product(CONTESTANTS, sizes):
        times, rate = timings(result, size), result["rates"].get(one.key)
        frame, bare = times.get((one.key, "frame")), times.get((one.key, "networks"))
        if frame and rate:
            flops, median = network_flops(size, size, getattr(one, "model", "vgg19")), statistics.median(frame)
            speeds = (f"{flops / 1e9:.0f}", f"{rate / 1e9:.0f}", short(flops / rate))
            alone, times_alone = (short(statistics.median(bare)), ratio(frame, bare)) if bare else (NONE, NONE)
            rows.append((one.name, size, *speeds, alone, short(median), f"{median * rate / flops:.2f}", times_alone))
    head = (
        "contestant | px | GFLOP | GFLOP/s | floor, s | networks alone, s | picture, s | picture / floor "
        "| picture / networks"
    )
    intro = (
        "The arithmetic of both networks' convolutions over the speed of a large matrix product, measured in the same "
        "process; the networks alone on the same pixels; and a whole picture, from a picture in memory to a picture in "
        "memory, with a cached style. The arithmetic is counted as the textbook has it: Winograd's algorithm, by which "
        "ncnn convolves, needs less, and so a picture may take less than the floor."
    )
    return f"{intro}\n\n{table(head, rows)}"


def _cold(result: Result) -> str:
    cold = result["cold"]
    base = cold.get(TEXTBOOK)
    rows = [(find(k).name, short(statistics.median(v)), ratio(v, base) if base else NONE) for k, v in cold.items() if v]
    intro = (
        "From starting a process to its end: a picture and an artwork read from files, the result written to one; by "
        "the command line of who has one."
    )
    return f"{intro}\n\n{table(f'contestant | seconds | × {find(TEXTBOOK).name}', rows)}"


def _optimisations(result: Result) -> str:
    rows: list[tuple[object, ...]] = []
    for row in result["optimisations"]:
        seconds, done = row["seconds"], len(row["seconds"])
        per_step = seconds[-1] / done
        cells = [short(seconds[n - 1]) if n <= done else f"≈ {short(per_step * n)}" for n in REFERENCE_STEPS]
        frame = timings(result, row["size"]).get((OURS, "frame"))
        times = NONE if not frame else short(per_step * REFERENCE_STEPS[-1] / statistics.median(frame))
        memory = NONE if row["gb"] is None else short(row["gb"])
        rows.append((find(row["contestant"]).name, row["size"], done, short(per_step), *cells, times, memory))
    for row in result["left_out"]:
        rows.append((find(row["contestant"]).name, row["size"], 0, *[NONE] * 4, f"not run: {row['reason']}"))
    each = " | ".join(f"s for {steps}" for steps in REFERENCE_STEPS)
    last = f"{REFERENCE_STEPS[-1]} steps / {find(OURS).name}, cached style"
    head = f"contestant | px | steps measured | s a step | {each} | {last} | peak GB"
    intro = "≈ is extrapolated: the mean of the steps that were measured times the number of steps."
    return f"{intro}\n\n{table(head, rows)}"


def _scores(result: Result) -> str:
    groups: dict[tuple[int, str, int | None], list[dict[str, Any]]] = {}
    for row in result["scores"]:
        groups.setdefault((row["size"], row["contestant"], row.get("steps")), []).append(row)

    def lines(size: int, indices: set[int]) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        for (at, key, steps), rows in groups.items():
            chosen = [row for row in rows if row["pair"] in indices]
            # Of a mean over several pairs, nobody may have fewer.
            if at == size and len(chosen) == len(indices):
                spreads = [Spread.of([row[name] for row in chosen]) for name in SCORES]
                label = key if key in GUARDS else find(key).name + (f", {steps} steps" if steps else "")
                found.append((label, *(str(s) if len(indices) > 1 else f"{s.median:.3f}" for s in spreads)))
        return found

    head = " | ".join(("picture", *SCORES.values()))
    parts = [
        "All by the same normalised VGG-19, against the photograph and the artwork at 512 px on its shorter side. "
        "*Style residual*: 1 for the photograph itself, 0 for the style's own statistics; the losses that this "
        "library's decoder was trained with. *Gram difference*: what Gatys et al. minimise. *Content distance* and "
        f"*SSIM* tell how much of the photograph is left. {GUARDED}"
    ]
    for size in sorted({row["size"] for row in result["scores"]}):
        pairs = {row["pair"] for row in result["scores"] if row["size"] == size}
        first = f"{PAIRS[0][0]} × {PAIRS[0][1]}, {size} px"
        parts.append(f"{first}:\n\n{table(head, lines(size, {0}))}")
        if len(pairs) > 1:
            parts.append(f"Median (range) of {len(pairs)} pairs, {size} px:\n\n{table(head, lines(size, pairs))}")
    return "\n\n".join(parts)


def draw(result: Result, folder: Path, stem: str, suffix: str) -> list[Path]:
    """Draw what the result has figures for; the paths of the files, ``{stem}-quality.png`` and so on."""
    plots = {"quality": speed_quality, "scaling": scaling, "losses": losses}
    paths = {name: folder / f"{stem}-{name}{suffix}" for name in plots}
    return [paths[name] for name, plot in plots.items() if plot(result, paths[name])]


def speed_quality(result: Result, path: Path) -> bool:
    """Style residual over seconds a picture, first pair, at the smallest size scored; a dot for each contestant."""
    rows = [row for row in result["scores"] if row["pair"] == 0 and row["contestant"] not in GUARDS]
    size = min((row["size"] for row in rows), default=0)
    times = timings(result, size)
    dots: list[tuple[float, float, str]] = []
    for row in (row for row in rows if row["size"] == size):
        key, steps = row["contestant"], row.get("steps")
        if steps is None:
            seconds, label = statistics.median(times[key, "image"]), find(key).name
        else:
            run = next(r for r in result["optimisations"] if (r["contestant"], r["size"]) == (key, size))
            seconds, label = run["seconds"][steps - 1], f"{find(key).name}, {steps} steps"
        dots.append((seconds, row["style_residual"], label))
    if not dots:
        return False
    with drawing(path) as axes:
        for number, (seconds, residual, label) in enumerate(dots):
            axes.scatter([seconds], [residual], color=f"C{number}", s=60, label=label)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"seconds a picture at {size} × {size} px, artwork encoded")
        axes.set_ylabel("style residual (1: photograph, 0: the style's own)")
    return True


def scaling(result: Result, path: Path, contestants: Sequence[Contestant] = CONTESTANTS) -> bool:
    """Seconds a picture over megapixels, on logarithmic axes; the line of each one-pass contestant.

    That of the fast model is dashed.
    """
    sizes = sorted({row["size"] for row in result["timings"]})
    if not sizes:
        return False
    with drawing(path) as axes:
        for one in contestants:
            points = [(s * s / 1e6, timings(result, s).get((one.key, "frame"))) for s in sizes]
            kept = [(x, statistics.median(y)) for x, y in points if y]
            if kept:
                dashes = "--" if getattr(one, "model", "") == "fast" else "-"
                axes.plot(*zip(*kept, strict=True), marker="o", linestyle=dashes, label=one.name)
        axes.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="seconds a picture, style encoded before")
    return True


def losses(result: Result, path: Path) -> bool:
    """Total loss over steps of the optimisations at the size that has most steps; that of the one pass beside them."""
    rows = result["optimisations"]
    if not rows:
        return False
    size = max(rows, key=lambda row: len(row["losses"]))["size"]
    chosen = [row for row in rows if row["size"] == size]
    curves = [Curve(find(row["contestant"]).name, range(1, len(row["losses"]) + 1), row["losses"]) for row in chosen]
    longest = max(len(row["losses"]) for row in chosen)
    # The refinement begins at the one pass and has the losses of Gatys et al.
    begins = [row["losses"][0] for row in chosen if row["contestant"] == "refine"]
    curves += [Curve("the one pass", (1, longest), (begin, begin)) for begin in begins]
    plot_curves(path, curves, xlabel=f"step, at {size} × {size} px", ylabel="content and style loss")
    return True
