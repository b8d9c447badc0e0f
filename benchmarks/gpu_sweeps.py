"""Tiles of every size over a large photograph, and a few steps of training, on a device."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from adain._utils.memory import peak_memory, reset_peak_memory
from adain.options import ModelOptions
from adain.training import Reporter, StageReport, Trainer, TrainingConfig, pair_flops, synchronize

from .gpu_stylise import opened, photograph
from .measuring import Spread, take_turns

TILED_RUNS = 3
PICTURES = 12
"""Of each kind, to train with."""


def tiled(model: str, size: tuple[int, int], tile: str, device: torch.device) -> dict[str, Any]:
    """A photograph in tiles, picture in and picture out, by the model as it is opened unless asked otherwise."""
    stylizer, style = opened(model, ModelOptions.precision, device)
    photo, side = photograph(*size), "off" if tile == "off" else int(tile)

    def work() -> None:
        stylizer.stylize(photo, style, tile=side)

    work()
    reset_peak_memory(device)
    (times,) = take_turns({tile: work}, TILED_RUNS).values()
    return {"taken_s": Spread.of(times).rounded(4), "peak_gb": round(peak_memory(device) / 1e3, 3)}


@dataclass
class Pacer(Reporter):
    """Waits for the device before a line of the log: a step counts when it is done, not when it is asked for."""

    device: torch.device
    every: int
    notes: list[str] = field(default_factory=list)

    def advance(self, step: int) -> None:
        if step % self.every == 0:
            synchronize(self.device)

    def note(self, message: str) -> None:
        self.notes.append(message)


def trained(
    config: TrainingConfig, device: torch.device, rate: float | None, steps: int, minutes: float
) -> dict[str, Any]:
    """Pairs a second of a run that begins with the shipped weights, on noise.

    Args:
        config: model, batch and so on.
        rate: of the device's matrix products, operations a second; None where it is not known.
        steps: that are measured, behind half as many that are not.
        minutes: after which the run ends, however far it is.
    """
    every = max(1, steps // 2)
    settings: dict[str, Any] = {"max_iter": every + steps, "log_every": every, "preview_every": 0}
    config = TrainingConfig(**{**vars(config), **settings, "max_minutes": minutes})
    reset_peak_memory(device)
    with tempfile.TemporaryDirectory() as folder:
        sources = [noise(Path(folder) / kind, 2 * config.crop, seed) for seed, kind in enumerate(("content", "style"))]
        reporter, output = Pacer(device, every), Path(folder) / "run"
        trainer = Trainer(
            config, sources[:1], sources[1:], output, device=str(device), init_from=config.model, reporter=reporter
        )
        result = trainer.run()
        if result.reason.startswith("SIG"):  # the run takes signals for itself
            raise KeyboardInterrupt
        report = StageReport("", config.model, config.model)
        report.tell(result, output, pair_flops(trainer.config), rate or float("inf"))
    row: dict[str, Any] = {"steps": report.steps, "pairs_per_second": report.pairs_per_second}
    row |= {"gflop_per_pair": report.gflop_per_pair, "rate_share": report.rate_share if rate else None}
    return row | {"peak_gb": round(peak_memory(device) / 1e3, 3), "notes": reporter.notes}


def noise(folder: Path, side: int, seed: int) -> Path:
    """A folder of pictures of noise."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    for number in range(PICTURES):
        levels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(levels).save(folder / f"{number}.png", compress_level=0)
    return folder
