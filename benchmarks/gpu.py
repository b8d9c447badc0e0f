"""What a GPU of CUDA makes of stylising, tiles and training, in five minutes, beside what it could.

Everybody's figures stand beside two floors, those of arithmetic and of memory at the rates that this very device was
found to have. The most important comes first, and what there is no time for is left out by name; what fails is a row
that says so. Writes ``gpu.json`` after every part, and at the end ``gpu.md``. ``--device cpu`` rehearses it, with small
numbers in the place of the defaults, and writes ``gpu-rehearsal.json`` and ``.md``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

import click
import torch

from adain._utils.errors import InputError
from adain._utils.files import atomic_path
from adain.nn import resolve_device
from adain.training import TrainingConfig

from . import options
from .gpu_clock import copy_rate, rate_of, tf32
from .gpu_floors import BYTES, COPY
from .gpu_parts import Deadline, Findings, Part, carry_out
from .gpu_report import write
from .gpu_stylise import WAYS, Case, stylised
from .gpu_sweeps import tiled, trained
from .gpu_targets import GOALS, HALF
from .measuring import describe

COMPILING = 40.0
"""Seconds that a compiler may take, and without which nothing is begun that needs one."""

KINDS = ("stylise", "tiles", "training")
"""What there is to measure, beside the rates of the device."""

RESERVE = 0.05
"""Part of the limit that is kept for what Python loads before, and for the report."""


Size = tuple[int, int]


def sides(text: str) -> list[Size]:
    """``512x512,1920x1080`` as widths and heights."""
    try:
        pairs = [tuple(map(int, part.split("x"))) for part in text.split(",")]
        return [(width, height) for width, height in pairs]
    except ValueError:
        raise click.UsageError(f"give sizes as 512x512,1920x1080, not {text}") from None


def listed(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Of names with commas between them, all of them known."""

    def names(text: str) -> list[str]:
        if unknown := set(options.names(text)) - set(known):
            raise click.UsageError(f"there is no {', '.join(sorted(unknown))}: use some of {', '.join(known)}")
        return options.names(text)

    return names


class NoDevice(click.ClickException):
    """There is nothing to measure with."""

    exit_code = 2


def rank_of(case: Case, is_compared: bool) -> float:
    """How late a case comes: what targets are about is first, and last of all what may leave the device unusable."""
    is_wanted = any(goal.is_about(case._replace(way=goal.way or case.way)) for goal in GOALS) or is_compared
    late = {"compile": 2.0, "tuned": 1.0, "exact": 1.0}.get(case.way, 0.0)
    return late + (0.0 if is_wanted else 1.0) + (0.0 if case.precision == HALF or is_compared else 2.0)


def of_rates(device: torch.device, precisions: list[str], rates: dict[str, float], seconds: float) -> Iterator[Part]:
    """Put what the device can do into ``rates``."""

    def put(name: str, measure: Callable[[], float]) -> dict[str, Any]:
        rates[name] = measure()
        return {"rate": rates[name]}

    for precision in precisions:
        work = partial(put, precision, partial(rate_of, precision, device))
        yield Part(f"rate of matrix products in {precision}", "rate", {"of": precision}, work, -1.0)
    yield Part("rate of copies", "rate", {"of": COPY}, partial(put, COPY, partial(copy_rate, device, seconds)), -1.0)


def of_stylising(device: torch.device, settings: Mapping[str, Any], seconds: float) -> Iterator[Part]:
    sizes, batches = settings["sizes"], settings["batches"]
    smallest = min(sizes, key=lambda size: size[0] * size[1])
    for model, precision, way, size, batch in product(
        settings["models"], settings["precisions"], settings["ways"], sizes, batches
    ):
        case = Case(model, precision, way, size[0], size[1], batch)
        compares = size == smallest
        if way == "exact" and not (compares and precision == "fp32" and batch == min(batches)):
            continue
        rank = 100.0 if case.is_vast else rank_of(case, compares and way in ("eager", "graph", "exact"))
        work = partial(stylised, case, device, seconds, compares=compares)
        needs = COMPILING if way == "compile" else 2 + 2 * seconds
        yield Part(case.name, "stylise", case._asdict(), work, rank, needs)


def of_tiles(device: torch.device, models: list[str], size: Size, tiles: list[str]) -> Iterator[Part]:
    for model, tile in product(models, tiles):
        name = f"{model} {size[0]}x{size[1]} in tiles of {tile}"
        yield Part(name, "tiles", {"model": model, "tile": tile}, partial(tiled, model, size, tile, device), 0.6, 8.0)


def of_training(
    device: torch.device, rates: dict[str, float], configs: list[TrainingConfig], steps: int, deadline: Deadline
) -> Iterator[Part]:
    def work(config: TrainingConfig) -> dict[str, Any]:
        return trained(config, device, rates.get(config.precision), steps, max(deadline.left, 1.0) / 60)

    for config in configs:
        facts = {"model": config.model, "batch": config.batch_size, "compile": config.compile}
        name = f"training of {config.model}, batch {config.batch_size}{', compiled' if config.compile else ''}"
        rank, needs = (2.5, 2 * COMPILING) if config.compile else (0.5, 15.0)
        rank += 0 if not config.compile or config.batch_size == configs[0].batch_size else 3
        yield Part(name, "training", facts, partial(work, config), rank, needs)


def show(result: dict[str, Any], path: Path, as_json: bool) -> None:
    """Write the report beside the JSON, and print one of them."""
    text = write(result)
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(json.dumps(result) if as_json else text)


@click.command(help=__doc__)
@options.device(default="cuda")
@click.option("--seconds", type=click.FloatRange(0), default=300.0, help="Of all of it.")
@click.option("--each", type=float, default=0.5, help="Seconds for which a way to stylise is timed.")
@click.option("--models", type=options.names, default="vgg19,fast", help="With commas between them.")
@click.option("--precisions", type=listed(BYTES), default=",".join(BYTES), help="With commas between them.")
@click.option("--ways", type=listed(WAYS), default=",".join(WAYS), help="To stylise, with commas between them.")
@click.option("--sizes", type=sides, default="512x512,1920x1080,3840x2160", help="Of photographs, commas between.")
@click.option("--batches", type=options.ints, default="1,8", help="Photographs at a time, with commas between.")
@click.option("--tiled-size", type=sides, default="3840x2160", help="Of the photograph that is tiled.")
@click.option("--tiles", type=options.names, default="256,512,1024,2048,off", help="Sides in px, commas between.")
@click.option("--crop", type=int, default=256, help="Side of the pictures that are trained with, in px.")
@click.option("--pairs", type=options.ints, default="32,8", help="Pairs a step of training, with commas between.")
@click.option("--steps", type=click.IntRange(2), default=20, help="Of training.")
@click.option("--only", type=listed(KINDS), default=",".join(KINDS), help="With commas between them.")
@options.output
@click.option("--report", "old", type=options.PRESENT_FILE, help="Measure nothing; the report of this JSON file.")
@options.as_json
def main(
    device: str, seconds: float, each: float, output: Path, old: Path | None, as_json: bool, **settings: Any
) -> None:
    if old is not None:
        show(json.loads(old.read_text(encoding="utf-8")), old, as_json)
        return
    deadline = Deadline(seconds * (1.0 - RESERVE))
    try:
        where = resolve_device(device)
    except InputError:
        way_out = "run this on a machine with a GPU of CUDA, or rehearse it with --device cpu"
        raise NoDevice(f"there is no device {device!r} here: {way_out}") from None
    is_gpu = where.type == "cuda"
    if is_gpu and where.index is not None:
        torch.cuda.set_device(where)
    trained_in: Literal["bf16", "fp32"] = "bf16" if HALF in settings["precisions"] else "fp32"
    models, rates = settings["models"], dict[str, float]()
    (tiled_size,) = settings["tiled_size"][:1]
    configs = [
        TrainingConfig(model=model, batch_size=batch, crop=settings["crop"], precision=trained_in, compile=compiles)
        for compiles, model, batch in product((False, True), models, settings["pairs"])
        if "compile" in settings["ways"] or not compiles
    ]
    every = [
        *of_rates(where, settings["precisions"], rates, each),
        *of_stylising(where, settings, each),
        *of_tiles(where, models, tiled_size, settings["tiles"]),
        *of_training(where, rates, configs, settings["steps"], deadline),
    ]
    parts = [part for part in every if part.kind in ("rate", *settings["only"])]
    about = {
        "machine": describe(), "device": str(where), "is_gpu": is_gpu, "tf32": tf32(), "limit_s": seconds,
        "settings": {**settings, "tiled_size": tiled_size, "trained_in": trained_in},
    }  # fmt: skip
    output.mkdir(parents=True, exist_ok=True)
    path = output / ("gpu.json" if is_gpu else "gpu-rehearsal.json")

    def keep(found: Findings) -> dict[str, Any]:
        result = {**about, "spent_s": round(deadline.spent, 1), "rates": rates, **vars(found)}
        with atomic_path(path) as temporary:  # as this process may be killed
            temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        return result

    def after(found: Findings) -> None:
        row = found.rows[-1]
        figures = {
            name: row[name] for name in ("error", "rate", "per_second", "taken_s", "pairs_per_second") if name in row
        }
        click.echo(f"{deadline.spent:5.0f} s  {row['part']}: {' '.join(map(str, figures.values()))}", err=True)
        keep(found)

    show(keep(carry_out(parts, deadline, after)), path, as_json)
