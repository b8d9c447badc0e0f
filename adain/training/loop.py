"""The training loop: step, log, save, look whether to stop."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .._utils.errors import TrainingError
from .._utils.files import atomic_path
from .._utils.prefetch import read_ahead
from .._utils.signals import CODES, Reason, StopFlag
from .aside import Readings, WriterThread, frozen, on_host
from .checkpoint import DECODER_FILE, ENCODER_FILE, CheckpointStore, State, random_state, restore_random_state
from .config import TrainingConfig, learning_rate, phase_of
from .crops import Batch, BatchMaker
from .distributed import Team
from .learner import METRICS, Learner
from .pool import PooledBatch
from .report import LOG_FILE, Preview, Record, Reporter, RunLog, paint_preview, plot_losses, save_preview

PREVIEW_SIZE = 256


@dataclass
class TrainingProgress:
    """What is counted along the way; part of every checkpoint.

    Attributes:
        step: steps done in the whole run.
        samples, seconds: seen and spent in the whole run.
        loss: mean over the steps of the last line of the log, None before there is one.
        best_loss, best_step: the lowest such mean of style training, and when it was.
        share: the part of the run's time that was over at the last step, which ``--lr-schedule time`` goes by.
    """

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    loss: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    share: float = 0.0


@dataclass(frozen=True)
class TrainingResult:
    """How a call of :meth:`~adain.training.trainer.Trainer.run` ended.

    Attributes:
        reason: ``"finished"``, ``"time"``, ``"SIGINT"`` or ``"SIGTERM"``.
        progress: where the run stands.
        decoder: the file to use, None if nothing was trained.
        checkpoint: the newest checkpoint.
        encoder: the other file of the fast model, else None.
    """

    reason: Reason
    progress: TrainingProgress
    decoder: Path | None
    checkpoint: Path | None
    encoder: Path | None = None


@dataclass
class Clock:
    """How far a run is by time.

    The first step of a call does not count, which loads and compiles. From its end on the share goes evenly from what
    it was before to 1 at the end of the call's time; so a run that is taken up again, with as much time as it is given
    then, goes on from where the checkpoint was, and never back.

    Attributes:
        before: the share at the beginning of the call.
        step_seconds: about how long a step takes, 0 before that is known.
    """

    before: float = 0.0
    step_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._begun: float | None = None
        self._last = 0.0

    def share(self, left: float) -> float:
        """The share now, with so many seconds left."""
        if self._begun is None:
            return self.before
        gone = time.monotonic() - self._begun
        return min(1.0, self.before + (1.0 - self.before) * gone / max(1e-9, gone + max(0.0, left)))

    def step_done(self) -> None:
        """To be told after every step."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = now
        else:
            taken = now - self._last
            self.step_seconds = 0.9 * self.step_seconds + 0.1 * taken if self.step_seconds else taken
        self._last = now


@dataclass
class Loop:
    """One call's share of a run; see :class:`~adain.training.trainer.Trainer` for the files it leaves."""

    config: TrainingConfig  # resolved
    learner: Learner
    maker: BatchMaker
    batches: Callable[[int], Batch | PooledBatch]  # the same crops, by whoever cuts them
    facts: dict[str, Any]  # put into every checkpoint as "run"
    output: Path
    team: Team
    stop: StopFlag
    reporter: Reporter

    def __post_init__(self) -> None:
        self.progress = TrainingProgress()
        self._store = CheckpointStore(self.output / "checkpoints", self.config.keep_checkpoints)
        self._log = RunLog(self.output / LOG_FILE)
        self._saved: int | None = None
        self._drawn: int | None = None
        # Sums since the last line of the log, and the first step that went wrong: kept on the device,
        # because reading a number back would make a GPU wait at every step.
        self._sums = torch.zeros(len(METRICS), device=self.learner.device)
        self._count = 0
        self._ticked = time.monotonic()
        self._logged = TrainingProgress()
        self._bad = torch.full((), -1, dtype=torch.int64, device=self.learner.device)
        self._clock = Clock()
        self._writer, self._readings = WriterThread(), Readings()

    def restore(self, state: State) -> None:
        """Go back to what a checkpoint says."""
        self.learner.load(state["learner"])
        self.progress = TrainingProgress(**state["progress"])
        self._sums.copy_(state["window"]["sums"])
        self._count = state["window"]["count"]
        self._saved = self.progress.step
        self._logged = replace(self.progress)
        restore_random_state(state["random"])

    def run(self) -> TrainingResult:
        """Train up to ``total_steps``, or until there is a reason to stop."""
        config, start = self.config, self.progress.step
        with closing(self._writer):
            self._prepare()
            code = self._train()
            reason = CODES[code]
            self._save()
            # Whoever sends SIGTERM often kills soon after: what is saved will have to do.
            if reason in ("finished", "time") and self.progress.step > start and config.preview_every:
                self._draw()
            self._writer.wait()
        self.team.agree(0)  # nobody leaves before all is written
        encoder = self.output / ENCODER_FILE if config.model == "fast" else None
        checkpoint = self._store.path(self.progress.step)
        return TrainingResult(reason, self.progress, self.output / DECODER_FILE, checkpoint, encoder)

    def _train(self) -> int:
        """Step after step; the code of the reason to stop."""
        config, start = self.config, self.progress.step
        workers = min(8, max(1, (os.cpu_count() or 2) - 2)) if self.learner.device.type == "cuda" else 1
        self.reporter.begin(start, config.total_steps)
        self._ticked = self._checkpointed = time.monotonic()
        self._clock = Clock(self.progress.share)
        ahead = read_ahead(range(start, config.total_steps), self.batches, threads=workers, ahead=2 * workers)
        with closing(ahead) as batches:
            for _, batch in batches:
                self._step(batch.result())
                step = self.progress.step
                if self._due(step, config.log_every) or step == config.warmup_steps:
                    self._begin_log()
                self._write_log()
                # A step that would end too late is not begun.
                code = self.team.agree(self.stop.within(self._clock.step_seconds))
                if code:
                    return code
                if self._due(step, config.checkpoint_every) or self._checkpoint_is_old():
                    self._save()
                if config.preview_every and self._due(step, config.preview_every):
                    self._draw()
        return 0

    def _due(self, step: int, every: int) -> bool:
        return step % every == 0 or step == self.config.total_steps

    def _checkpoint_is_old(self) -> bool:
        limit = 60 * self.config.checkpoint_minutes
        return 0 < limit <= time.monotonic() - self._checkpointed

    def _prepare(self) -> None:
        """Bring the folder in line with where the run stands."""
        if not self.team.ranks.is_main:
            return
        with atomic_path(self.output / "run.json") as temporary:
            facts = self.facts | {"config": json.loads(self.facts["config"])}
            temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        self._log.truncate(self.progress.step)
        if self._saved is None:
            self._save()

    def _step(self, batch: Batch | PooledBatch) -> None:
        step = self.progress.step
        if self.config.lr_schedule == "time":
            self.progress.share = self.team.largest(self._clock.share(self.stop.left))
        metrics = self.learner.step(step, batch, self.progress.share)
        self._clock.step_done()
        self._sums += metrics
        self._count += 1
        self._bad = torch.where((self._bad < 0) & ~torch.isfinite(metrics).all(), step, self._bad)
        if self.learner.device.type == "cpu":
            self._guard()
        self.progress.step = step + 1
        self.progress.samples += self.config.batch_size * self.team.ranks.world_size
        self.reporter.advance(step + 1)

    def _guard(self) -> None:
        """End the run if a step so far was not finite; nothing is saved then. Waits for the device."""
        self._check_step(int(self._bad))

    def _check_step(self, bad: int) -> None:
        if bad < 0:
            return
        self._writer.wait()
        kept = self._store.paths()
        good = f"the last good checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
        raise TrainingError(
            f"the loss or its gradient is not finite at step {bad + 1}: {good}; start a new run with "
            f"--init-from {self.output} and a lower --lr, or --resume with --precision fp32"
        )

    def _begin_log(self) -> None:
        """Set a line of the log on its way; :meth:`_write_log` writes it when its numbers have come."""
        if not self._count:
            return
        step = self.progress.step
        phase, _ = phase_of(self.config, step - 1)
        self._tick()
        seconds = max(1e-9, self.progress.seconds - self._logged.seconds)
        record: Record = {
            "step": step,
            "phase": phase,
            "samples": self.progress.samples,
            "seconds": round(self.progress.seconds, 2),
            "samples_per_s": round((self.progress.samples - self._logged.samples) / seconds, 2),
            "lr": learning_rate(self.config, step - 1, self.progress.share),
        }
        alone = self.team.ranks.world_size == 1
        means = (self._sums if alone else self.team.mean(self._sums)) / self._count
        bad = self._bad
        self._readings.add(torch.cat([means, bad.to(means).view(1)]), record)
        self._sums.zero_()
        self._count = 0
        self._logged = replace(self.progress)

    def _write_log(self, *, all_of_it: bool = False) -> None:
        for numbers, record in self._readings.arrived(all_of_them=all_of_it):
            *means, bad = numbers.tolist()
            self._check_step(int(bad))
            values = dict(zip(METRICS, means, strict=True))
            if record["phase"] == "warmup":
                # content: the distance in distillation
                values |= {"content": values["content"] or None, "style": None}
            record |= values
            self.progress.loss = record["loss"]
            if record["phase"] == "style" and record["loss"] < (self.progress.best_loss or float("inf")):
                self.progress.best_loss, self.progress.best_step = record["loss"], record["step"]
            if self.team.ranks.is_main:
                self._log.append(record)
                self.reporter.record(record)

    def _save(self) -> None:
        """A checkpoint and the averaged weights, unless this step has one; written while training goes on."""
        self._tick()
        self._write_log(all_of_it=True)
        self._guard()
        step = self.progress.step
        if self.team.ranks.is_main and self._saved != step:
            state: State = {
                "run": self.facts,
                "learner": frozen(self.learner.state()),
                "progress": asdict(self.progress),
                "window": {"sums": self._sums.clone(), "count": self._count},
                "random": random_state(),
            }
            self._writer.do(lambda: self._write(step, state))
        self._saved = step
        self._ticked = self._checkpointed = time.monotonic()

    def _write(self, step: int, state: State) -> None:
        state = on_host(state)
        self._store.save(step, state)
        self.learner.save(self.output, state["learner"])

    def _draw(self) -> None:
        """Preview sheet and plot, unless this step has them; painted here, written while training goes on."""
        self._tick()
        self._write_log(all_of_it=True)
        if self.team.ranks.is_main and self._drawn != self.progress.step:
            path = self.output / "previews" / f"step-{self.progress.step:07d}.jpg"
            preview = paint_preview(self.learner, self.maker.contents, self.maker.styles, PREVIEW_SIZE)
            self._writer.do(lambda: self._write_preview(preview, path))
        self._drawn = self.progress.step
        self._ticked = time.monotonic()

    def _write_preview(self, preview: Preview, path: Path) -> None:
        save_preview(preview, PREVIEW_SIZE, path)
        if not plot_losses(self._log.read(), self.output / "loss.png"):
            self.reporter.note("loss.png is left out: it needs matplotlib")

    def _tick(self) -> None:
        """Count the time since the last look as training; saving and drawing are left out."""
        now = time.monotonic()
        self.progress.seconds += now - self._ticked
        self._ticked = now
