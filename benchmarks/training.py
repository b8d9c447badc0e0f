"""Pairs a second of training: this build, this build without Winograd's algorithm, and an older one.

Each runs `adain train` for a few steps, in a process of its own, one after the other in every round, on the pictures
that ship. The first step of a run, which loads, does not count. ``--against`` is a folder as for ``engines``. Writes
``training.json`` and ``training.md``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import torch

from adain._utils.resources import sample_folder

from . import options
from .measuring import NONE, Spread, describe, instruction_sets, ratio, table

HERE, DIRECT, BEFORE = "this build", "… --winograd off", "before"

LEAST_FASTER = 1.8
"""How many times as fast as before the base model is to be trained, on a processor with AVX2 and not AVX-512."""


def pace(folder: Path | None, *settings: str) -> float:
    """Pairs a second of a run."""
    environment = os.environ | ({} if folder is None else {"PYTHONPATH": os.fspath(folder)})
    pictures = [f"--{kind}-dir={sample_folder(kind)}" for kind in ("content", "style")]
    with tempfile.TemporaryDirectory() as output:
        always = [*pictures, "--output", output, "--log-every", "1", "--preview-every", "0"]
        command = [sys.executable, "-P", "-m", "adain", "train", *always, *settings]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=output)
        if done.returncode != 0:
            raise click.ClickException(f"{' '.join(command)} failed: {done.stderr.strip()}")
        lines = (Path(output) / "log.jsonl").read_text().splitlines()
    return float(statistics.median(json.loads(line)["samples_per_s"] for line in lines[1:]))


def report(result: dict[str, Any]) -> str:
    """A table for each model, and whether the target is met."""
    settings = result["settings"]
    parts = [
        "# Pairs a second of training",
        f"Made by `python -m benchmarks training`, which rewrites this file. {result['machine']}. {settings['rounds']} "
        f"rounds of {settings['steps']} steps, {settings['batch']} pairs of {settings['crop']} px each; × is how many "
        "times as fast, taken within each round: median (lowest–highest).",
    ]
    for model, rates in result["rates"].items():
        others = [name for name in (DIRECT, BEFORE) if name in rates]
        rows = [
            (name, Spread.of(own), *(ratio(own, rates[other]) if other != name else NONE for other in others))
            for name, own in rates.items()
        ]
        parts.append(f"## {model}\n\n" + table(f"by | pairs a second | {' | '.join(f'× {n}' for n in others)}", rows))
    base = result["rates"].get("vgg19", {})
    if BEFORE in base and "avx2" in result["sets"] and "avx512f" not in result["sets"]:
        found = ratio(base[HERE], base[BEFORE])
        verdict = "pass" if found.median >= LEAST_FASTER else "FAIL"
        parts.append(
            f"Base model, times as fast as before on a processor without AVX-512: ≥ {LEAST_FASTER}: {found}, {verdict}."
        )
    return "\n\n".join(parts) + "\n"


@click.command(help=__doc__)
@click.option("--against", type=options.PRESENT_FOLDER, help="Folder with an older build, to take part as before.")
@click.option("--models", type=options.names, default="vgg19,fast", help="With commas between them.")
@click.option("--crop", type=int, default=256, help="Side of the pictures in px.")
@click.option("--batch", type=int, default=4, help="Pairs a step.")
@click.option("--steps", type=click.IntRange(2), default=5, help="Of a run.")
@click.option("--rounds", type=click.IntRange(1), default=3, help="Runs of each.")
@options.device()
@options.output
def main(
    against: Path | None, models: list[str], crop: int, batch: int, steps: int, rounds: int, device: str, output: Path
) -> None:
    common = [f"--crop={crop}", f"--batch-size={batch}", f"--max-iter={steps}", f"--device={device}"]
    runs: dict[str, tuple[Path | None, list[str]]] = {HERE: (None, []), DIRECT: (None, ["--winograd=off"])}
    if against is not None:
        runs[BEFORE] = against.resolve(), []
    rates: dict[str, dict[str, list[float]]] = {model: {name: [] for name in runs} for model in models}
    for _ in range(rounds):
        for model, found in rates.items():
            for name, (folder, own) in runs.items():
                found[name].append(pace(folder, *common, f"--model={model}", f"--init-from={model}", *own))
    settings = {"crop": crop, "batch": batch, "steps": steps, "rounds": rounds, "device": device}
    is_gpu = device not in ("auto", "cpu") or (device == "auto" and torch.cuda.is_available())
    sets = [] if is_gpu else instruction_sets()  # for the target, which is a processor's
    result = {"machine": describe(), "sets": sets, "settings": settings, "rates": rates}
    output.mkdir(parents=True, exist_ok=True)
    (output / "training.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = report(result)
    (output / "training.md").write_text(text, encoding="utf-8")
    print(text)
