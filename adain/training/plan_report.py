"""What became of a plan, stage by stage: for programs, and as a table for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch

from .checkpoint import DECODER_FILE, ENCODER_FILE
from .loop import TrainingResult
from .report import LOG_FILE, RunLog

LOSSES = ("loss", "content", "style", "identity")


@dataclass
class StageReport:
    """What became of a stage.

    Attributes:
        name, model, start: of the plan.
        settings: those it ran with.
        outcome: ``"waiting"``, ``"finished"``, ``"time"`` or ``"failed"``; the two in the middle are done.
        error: of a failed one, or what a waiting one waits for.
        steps, pairs, seconds: of training.
        pairs_per_second: median over the lines of its log.
        gflop_per_pair, rate_share: what a pair costs in 10⁹ operations, and how much of the device's matrix rate that
            makes.
        losses: of the last line of its log.
        before, after: scores of the weights it began with, and of those it left; None without evaluation pairs.
        files: bytes of the weights, by their path in the run's folder.
    """

    name: str
    model: str
    start: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    outcome: str = "waiting"
    error: str | None = None
    steps: int = 0
    pairs: int = 0
    seconds: float = 0.0
    pairs_per_second: float = 0.0
    gflop_per_pair: float = 0.0
    rate_share: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)
    before: dict[str, float] | None = None
    after: dict[str, float] | None = None
    files: dict[str, int] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether its weights are final."""
        return self.outcome in ("finished", "time")

    def tell(self, result: TrainingResult, folder: Path, flops: float, rate: float) -> None:
        """Put in what training has done.

        Args:
            folder: of the stage, beside those of others in the run's.
            flops: operations that a pair costs.
            rate: of the device's matrix products, operations a second.
        """
        progress, records = result.progress, RunLog(folder / LOG_FILE).read()
        self.outcome = result.reason
        self.steps, self.pairs, self.seconds = progress.step, progress.samples, round(progress.seconds, 1)
        speeds = [r["samples_per_s"] for r in records]
        self.pairs_per_second = round(median(speeds), 2) if speeds else 0.0
        self.gflop_per_pair = round(flops / 1e9, 2)
        self.rate_share = round(flops * self.pairs_per_second / rate, 4)
        last: Mapping[str, Any] = records[-1] if records else {}
        self.losses = {name: last[name] for name in LOSSES if last.get(name) is not None}
        files = [folder / name for name in (DECODER_FILE, ENCODER_FILE)]
        self.files = {str(p.relative_to(folder.parent)): p.stat().st_size for p in files if p.is_file()}


def told_of(
    device: torch.device, rate: float, minutes: float, spent: float, reports: Collection[StageReport]
) -> dict[str, Any]:
    """All of it as plain values; ``minutes`` were given, ``spent`` seconds were used."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "torch": torch.__version__,
        "matrix_tflops": round(rate / 1e12, 3),
        "minutes": minutes,
        "spent_minutes": round(spent / 60, 2),
        "pairs": sum(r.pairs for r in reports),
        "stages": [asdict(report) for report in reports],
    }


def table_of(told: Mapping[str, Any], reports: Collection[StageReport]) -> str:
    """The report for people."""
    lines = [
        f"{told['pairs']} pairs in {told['spent_minutes']:g} of {told['minutes']:g} minutes on {told['device']}, torch "
        f"{told['torch']}, {told['matrix_tflops']:g} TFLOP/s in matrix products.",
        "",
        "| stage | outcome | pairs | pairs a second | of the matrix rate | style residual | content distance |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in reports:
        scores = [
            f"{r.before[name] if r.before else '–'} → {r.after[name] if r.after else '–'}"
            for name in ("style_residual", "content_distance")
        ]
        cells = [r.name, r.error or r.outcome, r.pairs, r.pairs_per_second, f"{100 * r.rate_share:.0f} %", *scores]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"
