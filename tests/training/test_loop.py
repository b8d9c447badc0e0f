"""Runs that go by time: the schedule, its end, and how it is taken up again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adain._utils.signals import StopFlag
from adain.training import loop
from adain.training.checkpoint import CheckpointStore
from adain.training.config import TrainingConfig, learning_rate
from adain.training.loop import Clock
from adain.training.report import Reporter
from adain.training.trainer import Trainer

TIMED = TrainingConfig(
    crop=32, batch_size=1, preview_every=0, log_every=1, lr_schedule="time", lr_warmup=0, lr_final_factor=0.0,
    max_minutes=0.1, warmup_iter=0,
)  # fmt: skip


class Time:
    """A clock that is set by hand, and goes on by so much whenever somebody looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tick: float = 0.0) -> None:
        self.now, self.tick = 1000.0, tick
        monkeypatch.setattr(loop.time, "monotonic", self.look)

    def look(self) -> float:
        self.now += self.tick
        return self.now


def test_the_share_goes_evenly_from_the_first_step_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Time(monkeypatch)
    clock, flag = Clock(0.2), StopFlag(10)
    hand.now += 60  # to compile, say
    assert clock.share(flag.left) == 0.2
    clock.step_done()
    assert clock.share(flag.left) == 0.2
    hand.now += 270  # half of what is left
    assert clock.share(flag.left) == pytest.approx(0.6)
    hand.now += 270
    assert clock.share(flag.left) == 1
    hand.now += 5
    assert clock.share(flag.left) == 1


def test_a_step_takes_as_long_as_the_last_ones_did(monkeypatch: pytest.MonkeyPatch) -> None:
    hand, clock = Time(monkeypatch), Clock()
    clock.step_done()
    assert clock.step_seconds == 0
    for taken, wanted in ((4.0, 4.0), (4.0, 4.0), (9.0, 4.5)):
        hand.now += taken
        clock.step_done()
        assert clock.step_seconds == pytest.approx(wanted)


def start(config: TrainingConfig, content: Path, style: Path, output: Path) -> Trainer:
    return Trainer(config, [content], [style], output, device="cpu", init_from="fast", cache_dir=output.parent / "c")


def test_the_rate_has_fallen_when_time_is_up(
    content_dir: Path, style_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Time(monkeypatch, 0.05)
    config, begun = replace(TIMED, model="fast"), hand.now
    result = start(config, content_dir, style_dir, tmp_path / "run").run()
    assert result.reason == "time"
    assert 4 < hand.now - begun < 8  # of 6, with what is saved after them
    rates = [json.loads(line)["lr"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert len(rates) > 3
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == config.lr
    assert rates[-1] < 0.1 * config.lr
    assert 0.8 < result.progress.share <= 1


def test_a_timed_run_goes_on_from_where_its_schedule_was(
    content_dir: Path, style_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Time(monkeypatch, 0.05)

    class Stop(Reporter):
        def advance(self, step: int) -> None:
            if step == 4:
                raise KeyboardInterrupt

    output, config = tmp_path / "run", replace(TIMED, model="fast", checkpoint_every=3, max_minutes=1.0)
    trainer = start(config, content_dir, style_dir, output)
    trainer.reporter = Stop()
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    state = CheckpointStore(output / "checkpoints").load_latest()
    before = state["progress"]["share"]
    assert (state["step"], before > 0) == (3, True)
    again = Trainer.resume(output, given={"max_minutes": 0.05}, device="cpu")
    result = again.run()
    assert result.reason == "time"
    records = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records] == list(range(1, len(records) + 1))
    # The first step of a call is taken at the share that the checkpoint had.
    assert records[3]["lr"] == learning_rate(config, 3, before)
    assert records[-1]["lr"] < records[3]["lr"]


def test_slow_steps_are_saved_by_the_clock(content_dir: Path, style_dir: Path, tmp_path: Path) -> None:
    config = replace(TIMED, model="fast", lr_schedule="inverse", max_minutes=None, max_iter=3, checkpoint_minutes=1e-4)
    start(config, content_dir, style_dir, tmp_path / "run").run()
    names = [p.name for p in CheckpointStore(tmp_path / "run" / "checkpoints").paths()]
    assert names == ["step-00000001.pt", "step-00000002.pt", "step-00000003.pt"]
