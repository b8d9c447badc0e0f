"""The three pictures of the report: speed against quality, time against pixels, losses over steps."""

from __future__ import annotations

import statistics
from pathlib import Path

from adain._utils.plots import Curve, drawing, plot_curves

from .contestants import CONTESTANTS, find
from .measure import Result, timings


def draw(result: Result, folder: Path, stem: str, suffix: str) -> list[Path]:
    """Draw what the result has figures for; the paths of the files, ``{stem}-quality.png`` and so on."""
    plots = {"quality": speed_quality, "scaling": scaling, "losses": losses}
    paths = {name: folder / f"{stem}-{name}{suffix}" for name in plots}
    return [paths[name] for name, plot in plots.items() if plot(result, paths[name])]


def speed_quality(result: Result, path: Path) -> bool:
    """Style residual over seconds a picture, first pair, at the smallest size scored; a dot for each contestant."""
    rows = [row for row in result["scores"] if row["pair"] == 0 and row["contestant"] != "photograph"]
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


def scaling(result: Result, path: Path) -> bool:
    """Seconds a picture over megapixels, on logarithmic axes; the line of each one-pass contestant."""
    sizes = sorted({row["size"] for row in result["timings"]})
    if not sizes:
        return False
    with drawing(path) as axes:
        for one in CONTESTANTS:
            points = [(s * s / 1e6, timings(result, s).get((one.key, "frame"))) for s in sizes]
            kept = [(x, statistics.median(y)) for x, y in points if y]
            if kept:
                axes.plot(*zip(*kept, strict=True), marker="o", label=one.name)
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
