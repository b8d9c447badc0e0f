"""A plan from its first stage to its last, within its minutes, and the folder that it leaves.

``plan.toml`` and ``plan.json`` say what was to be done and what has been, ``report.json`` and ``report.md`` how it
went. Each stage has a folder of its name, with the weights and the log of a run, and a sheet in ``pictures``.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .._utils.errors import InputError, TrainingError, out_of_memory
from .._utils.files import atomic_path
from .._utils.signals import StopFlag, Stopped
from ..nn.decoder import Decoder
from ..nn.devices import resolve_device
from ..nn.pretrained import load_encoder
from ..nn.vgg import CONTENT_LAYER, VGGEncoder
from .checkpoint import CheckpointStore
from .distributed import Ranks
from .learner import working_dtype
from .loop import TrainingResult
from .networks import FastNet
from .plan import TrainingPlan, TrainingStage, parse_plan
from .plan_report import StageReport, table_of, told_of
from .rates import matrix_rate, pair_flops
from .report import LOG_FILE, Reporter, RunLog
from .scores import SIZE, Judge, Scores, save_sheet
from .trainer import Trainer, fast_arithmetic, read_decoder, read_fast

PLAN_FILE, STATE_FILE, REPORT_FILE, TABLE_FILE = "plan.toml", "plan.json", "report.json", "report.md"

MARGIN_SECONDS, MARGIN_SHARE = 3.0, 0.01
"""Time kept back for the last report: so many seconds, and this part of the whole."""

JUDGED_SHARE = 0.02
"""Part of the time that one evaluation may take."""

COMPILING_SECONDS = 150.0
"""A stage with less time than this on a GPU is not compiled, which takes about a minute."""


@dataclass(frozen=True)
class PlanSources:
    """Where the pictures are, and where what is made of them goes.

    Attributes:
        contents, styles: as for :class:`~adain.training.trainer.Trainer`.
        evaluation: folder of evaluation pairs, see :class:`~adain.training.scores.Judge`; None for none.
        evaluation_size: side of their pictures.
        cache_dir: as for the trainer; None is a folder that is removed when all stages are done.
    """

    contents: tuple[str, ...]
    styles: tuple[str, ...]
    evaluation: str | None = None
    evaluation_size: int = SIZE
    cache_dir: str | None = None

    def absolute(self) -> PlanSources:
        """The same from wherever a run is taken up again."""
        contents, styles = (tuple(map(os.path.abspath, paths)) for paths in (self.contents, self.styles))
        evaluation, cache_dir = (p and os.path.abspath(p) for p in (self.evaluation, self.cache_dir))
        return PlanSources(contents, styles, evaluation, self.evaluation_size, cache_dir)


@dataclass(frozen=True)
class PlanResult:
    """How a call of :meth:`PlanRun.run` ended: as a :class:`~adain.training.loop.TrainingResult` does."""

    reason: str
    stages: tuple[StageReport, ...]
    report: Path


class PlanRun:
    """Runs a plan.

    What a call is given as minutes covers all of it: decoding, compiling, every stage, evaluations and the report. A
    stage gets its share of what is left when it begins, so that what one loses or saves the later ones share.

    Args:
        text: the plan, in TOML.
        sources: pictures.
        output: the run's folder; must not hold a run already.
        minutes: see above.
        given: settings that replace those of every stage.
        device: as for the trainer.
        reporter: is told what happens.
        begun: when the call began, of ``time.monotonic()``; now by default.

    Raises:
        InputError: if the plan or the minutes are of no use, or the folder holds a run.
    """

    def __init__(
        self,
        text: str,
        sources: PlanSources,
        output: str | Path,
        *,
        minutes: float,
        given: Mapping[str, Any] | None = None,
        device: str = "auto",
        reporter: Reporter | None = None,
        begun: float | None = None,
        resumed: Mapping[str, Any] | None = None,
    ) -> None:
        if Ranks.from_environment().world_size > 1:
            raise InputError("--plan runs in one process: start its stages one by one with torchrun")
        if not 0 < minutes < float("inf"):
            raise InputError(f"--minutes must be above 0, not {minutes}")
        self.output, self.sources, self.text = Path(output), sources.absolute(), text
        self.given = dict(given or {})
        self.plan: TrainingPlan = parse_plan(text, str(self.output / PLAN_FILE) if resumed else "the plan", self.given)
        self.device = resolve_device(device)
        self.reporter = reporter or Reporter()
        self.minutes = minutes
        self._begun = time.monotonic() if begun is None else begun
        self._deadline = self._begun + 60 * minutes
        self._spent_before = 0.0
        self.reports = {s.name: StageReport(s.name, s.config.model, s.start) for s in self.plan.stages}
        self._judging = 0.0  # seconds of an evaluation, once one is known
        self._rate = 0.0
        if resumed is not None:
            self._spent_before = float(resumed["spent"])
            for report in resumed["stages"]:
                self.reports[report["name"]] = StageReport(**report)
            self._spent_before += float(resumed.get("trained", 0.0))
        elif any((self.output / name).exists() for name in ("checkpoints", *self.reports)):
            raise InputError(f"{self.output} holds a run already: add --resume to continue it, or choose another -o")

    @classmethod
    def is_one(cls, output: str | Path) -> bool:
        """Whether a folder holds the run of a plan."""
        return (Path(output) / STATE_FILE).is_file()

    @classmethod
    def resume(
        cls,
        output: str | Path,
        *,
        minutes: float | None = None,
        device: str = "auto",
        reporter: Reporter | None = None,
        begun: float | None = None,
    ) -> PlanRun:
        """The run in a folder, ready to go on: stages that are done stay, the one that was broken off goes on.

        Args:
            minutes: for this call; None for what is left of those of the run.
            output, device, reporter, begun: as for a new run.

        Raises:
            TrainingError: if what the folder says of itself cannot be read.
            InputError: if no time is left.
        """
        folder = Path(output)
        try:
            state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
            sources: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in state["sources"].items()}
            given = {k: tuple(v) if isinstance(v, list) else v for k, v in state["given"].items()}
            waiting = [r for r in state["stages"] if r["outcome"] == "waiting"]
            trained = sum(_trained(folder / r["name"]) for r in waiting[:1])
            state["trained"] = trained
            left = state["minutes"] - (state["spent"] + trained) / 60
            text = (folder / PLAN_FILE).read_text(encoding="utf-8")
            where = PlanSources(**sources)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"{folder / STATE_FILE} is damaged ({error}): start a new run") from None
        if minutes is None and waiting and left <= 0:
            raise InputError(f"the {state['minutes']:g} minutes of this plan are spent: give it more with --minutes")
        allowed = minutes if minutes is not None else max(left, 1e-3)
        more: dict[str, Any] = {"device": device, "reporter": reporter, "begun": begun, "resumed": state}
        return cls(text, where, folder, minutes=allowed, given=given, **more)

    def run(self) -> PlanResult:
        """Run what is not done yet; the report is written after every stage.

        A stage that fails, as its loss is no longer finite, is passed over with those that start from it.

        Raises:
            InputError: if there are no usable pictures.
        """
        reason: str = "finished"
        try:
            with StopFlag() as stop, fast_arithmetic(self.device):
                judge = self._judge(stop)
                self._save()
                self._rate = matrix_rate(self.device, working_dtype(self.plan.stages[0].config, self.device))
                encoder = load_encoder(upto=CONTENT_LAYER).to(self.device)
                for stage in self.plan.stages:
                    if self.reports[stage.name].outcome != "waiting":
                        self._finish(stage, judge, encoder)
                        continue
                    reason = self._stage(stage, judge, encoder, stop)
                    self._save()
                    if reason not in ("finished", "failed"):
                        break
                else:
                    reason = "finished"
        except Stopped as stopped:
            reason = stopped.reason
        if reason == "finished":
            self._tidy()
        self._save()
        return PlanResult(reason, tuple(self.reports.values()), self.output / REPORT_FILE)

    def _judge(self, stop: StopFlag) -> Judge | None:
        if self.sources.evaluation is None:
            return None
        seconds = JUDGED_SHARE * 60 * self.minutes
        folder = Path(self.sources.evaluation)
        # Scores of different pairs are no comparison: those of before are taken again.
        known = [int(scores["pairs"]) for report in self.reports.values() if (scores := report.before)]
        return Judge(folder, self.device, self.sources.evaluation_size, seconds, max(known, default=0), stop.check)

    def _stage(self, stage: TrainingStage, judge: Judge | None, encoder: VGGEncoder, stop: StopFlag) -> str:
        """Run one stage; why it ended."""
        report, folder = self.reports[stage.name], self.output / stage.name
        start = self._start(stage)
        failed = self.reports.get(stage.start or "")
        if failed is not None and not failed.is_done:
            report.outcome, report.error = "failed", f"stage {failed.name} has left no weights to start from"
            return "failed"
        if judge is not None and start is not None and report.before is None:
            report.before = self._judged(judge, encoder, _network(stage, start))
            self._save()
        seconds = self._allowed(stage, judge)
        if seconds <= 0:
            return self._too_late(stage)
        report.error = None
        self.reporter.note(f"stage {stage.name}: {seconds / 60:.1f} minutes")
        try:
            result = self._train(stage, folder, start, seconds / 60)
        except TrainingError as error:
            report.outcome, report.error = "failed", str(error)
            self.reporter.note(f"stage {stage.name} failed: {error}")
            return "failed"
        if result.reason.startswith("SIG"):
            return result.reason
        if result.decoder is None:  # the pictures took all of it
            return self._too_late(stage)
        report.tell(result, folder, pair_flops(stage.config), self._rate)
        self._save()
        self._finish(stage, judge, encoder)
        return "finished"

    def _finish(self, stage: TrainingStage, judge: Judge | None, encoder: VGGEncoder) -> None:
        """Score and show what a stage has left, unless that has been done."""
        report, folder = self.reports[stage.name], self.output / stage.name
        if not report.is_done or not (folder / "checkpoints").exists():
            return
        if judge is not None:
            network = _network(stage, str(folder)).to(self.device)
            report.after = self._judged(judge, encoder, network)
            path = self.output / "pictures" / f"{stage.name}.jpg"
            save_sheet(encoder, network, self.device, judge.contents, judge.styles, path)
        # The schedule is over: nothing can go on from these, which are the only large files.
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)

    def _too_late(self, stage: TrainingStage) -> str:
        self.reports[stage.name].error = "no time was left for it"
        self.reporter.note(f"stage {stage.name}: no time was left for it: --resume with --minutes gives it some")
        return "time"

    def _start(self, stage: TrainingStage) -> str | None:
        return str(self.output / stage.start) if stage.start in self.reports else stage.start

    def _allowed(self, stage: TrainingStage, judge: Judge | None) -> float:
        """Seconds for a stage that begins now."""
        stages = self.plan.stages
        waiting = [s for s in stages[stages.index(stage) :] if self.reports[s.name].outcome == "waiting"]
        evaluations = 0 if judge is None else 2 * len(waiting) - 1
        kept = MARGIN_SECONDS + MARGIN_SHARE * 60 * self.minutes + 1.5 * self._judging * evaluations
        left = self._deadline - time.monotonic() - kept
        return left * stage.share / sum(s.share for s in waiting)

    def _train(self, stage: TrainingStage, folder: Path, start: str | None, minutes: float) -> TrainingResult:
        """Train within some minutes, with half the batch as often as memory asks for it."""
        config = replace(stage.config, max_minutes=minutes)
        worthwhile = stage.compiles_on(self.device.type) and 60 * minutes >= COMPILING_SECONDS
        config = replace(config, compile=worthwhile)
        cache_dir = self.sources.cache_dir or self.output / "cache"
        where: dict[str, Any] = {"device": str(self.device), "cache_dir": cache_dir, "reporter": self.reporter}
        sources = self.sources.contents, self.sources.styles
        began = time.monotonic()
        while True:
            store = CheckpointStore(folder / "checkpoints")
            left = max(1e-3, minutes - (time.monotonic() - began) / 60)
            try:
                if store.paths():
                    trainer = Trainer.resume(
                        folder, given={"max_minutes": left}, contents=sources[0], styles=sources[1], **where
                    )
                else:
                    trainer = Trainer(replace(config, max_minutes=left), *sources, folder, init_from=start, **where)
                self.reports[stage.name].settings = json.loads(trainer.config.to_json())
                return trainer.run()
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                if config.batch_size == 1 or store.paths()[-1:] > [store.path(0)]:
                    raise TrainingError(f"memory is too small: use a smaller --crop than {config.crop}") from None
                shutil.rmtree(folder, ignore_errors=True)  # nothing has been learnt in it
                config = replace(config, batch_size=config.batch_size // 2)
                self.reporter.note(
                    f"stage {stage.name}: memory is too small for {2 * config.batch_size} pairs of {config.crop} px: "
                    f"going on with batches of {config.batch_size}"
                )
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _judged(self, judge: Judge, encoder: VGGEncoder, network: Decoder | FastNet) -> dict[str, float]:
        start = time.monotonic()
        scores: Scores = judge(encoder, network.to(self.device))
        self._judging = max(self._judging, time.monotonic() - start)
        return {name: round(value, 4) for name, value in asdict(scores).items()}

    def _tidy(self) -> None:
        if self.sources.cache_dir is None:
            shutil.rmtree(self.output / "cache", ignore_errors=True)

    def _save(self) -> None:
        """State and report, as of now."""
        self.output.mkdir(parents=True, exist_ok=True)
        spent = self._spent_before + time.monotonic() - self._begun
        stages = [asdict(report) for report in self.reports.values()]
        minutes = self.minutes + self._spent_before / 60
        facts = {
            "minutes": minutes,
            "spent": spent,
            "given": self.given,
            "sources": asdict(self.sources),
            "stages": stages,
        }
        told = told_of(self.device, self._rate, minutes, spent, self.reports.values())
        texts = {
            PLAN_FILE: self.text,
            STATE_FILE: json.dumps(facts, indent=2) + "\n",
            REPORT_FILE: json.dumps(told, indent=2) + "\n",
            TABLE_FILE: table_of(told, self.reports.values()),
        }
        for name, text in texts.items():
            with atomic_path(self.output / name) as temporary:
                temporary.write_text(text, encoding="utf-8")


def _network(stage: TrainingStage, source: str) -> Decoder | FastNet:
    return read_fast(source) if stage.config.model == "fast" else read_decoder(source, stage.config.model)


def _trained(folder: Path) -> float:
    """Seconds that the log of a stage which was broken off accounts for."""
    records = RunLog(folder / LOG_FILE).read()
    return float(records[-1]["seconds"]) if records else 0.0
