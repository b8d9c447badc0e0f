from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from click.testing import Result

from adain._utils.errors import InputError, TrainingError
from adain.training import selfcheck
from adain.training.config import TrainingConfig
from adain.training.crops import Batch
from adain.training.learner import Learner
from adain.training.plan import TrainingPlan, TrainingStage
from adain.training.rates import matrix_rate, pair_flops
from adain.training.selfcheck import check
from tests.conftest import one_line_error

SMALL = TrainingConfig(crop=32, batch_size=4, model="fast", precision="fp32")


def of_one(config: TrainingConfig = SMALL, start: str | None = "fast") -> TrainingPlan:
    return TrainingPlan((TrainingStage("", config, start, 1.0),))


def test_a_machine_without_a_gpu_says_so(run_cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    line = one_line_error(run_cli("train", "--check"))
    assert line.endswith("this machine has no GPU to check: --device cpu checks the CPU")


def test_the_cpu_is_checked_where_it_is_asked_for(run_cli: Callable[..., Result]) -> None:
    flags = ("--crop", 32, "--batch-size", 4, "--model", "fast", "--device", "cpu", "--max-minutes", 2)
    result = run_cli("train", "--check", *flags, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (stage,) = told["stages"]
    assert stage["batch_size"] == stage["measured_with"] == 4
    assert stage["pairs"] == pytest.approx(120 * stage["pairs_per_second"], abs=1)
    # Half precision.
    assert told["files"]["encoder.safetensors"] + told["files"]["decoder.safetensors"] == 2 * 314_787
    for_people = run_cli("train", "--check", *flags).stdout.splitlines()
    assert [line.split()[0] for line in for_people][:4] == ["device", "matrix", "compile", "stage"]
    both = one_line_error(run_cli("train", "--check", "--resume"))
    assert "leave out one of them" in both


def test_what_a_pair_costs() -> None:
    assert pair_flops(TrainingConfig()) == pytest.approx(220.1e9, rel=1e-3)
    small, large = (pair_flops(TrainingConfig(crop=side)) for side in (64, 128))
    assert large == 4 * small
    assert pair_flops(TrainingConfig(model="fast")) < pair_flops(TrainingConfig())
    assert 1e8 < matrix_rate(torch.device("cpu"), torch.float32) < 1e15


def test_too_little_memory_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    healthy = Learner.step

    def tight(self: Learner, step: int, batch: Batch, share: float = 0.0) -> torch.Tensor:
        if len(batch.identity) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return healthy(self, step, batch, share)

    monkeypatch.setattr(Learner, "step", tight)
    forecast = check(of_one(), "cpu")
    assert forecast.stages[0].batch_size == 1
    assert forecast.notes == ("the run: 4 pairs of 32 px do not fit into memory, 1 do: --batch-size 1",)

    def tighter(self: Learner, step: int, batch: Batch, share: float = 0.0) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Learner, "step", tighter)
    with pytest.raises(TrainingError, match="not even a single pair of 32 px fits into memory: use a smaller --crop"):
        check(of_one(), "cpu")


@pytest.mark.parametrize(
    ("broken", "precision", "switch"),
    [("matrix", "bf16", "--precision fp32"), ("step", "bf16", "--precision fp32"), ("compile", "fp32", "--no-compile")],
)
def test_the_first_error_names_the_switch(
    monkeypatch: pytest.MonkeyPatch, broken: str, precision: str, switch: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel image\nis available")

    if broken == "matrix":
        monkeypatch.setattr(selfcheck, "matrix_rate", fails)
    elif broken == "step":
        monkeypatch.setattr(Learner, "step", fails)
    else:
        monkeypatch.setattr(torch, "compile", fails)
    settings = {"crop": 32, "batch_size": 1, "precision": precision, "compile": broken != "step"}
    config = TrainingConfig.from_json(json.dumps(settings))
    with pytest.raises(TrainingError, match=rf"no kernel image\): use {switch}$"):
        check(of_one(config, None), "cpu")


def test_on_a_slow_device_crops_are_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainingConfig(crop=256)
    flops = pair_flops(config)
    for slower, wanted in ((1, 256), (4, 128), (1e3, 64)):
        assert selfcheck._affordable(config, flops / slower, 2.1).crop == wanted
    reduced = selfcheck._affordable(TrainingConfig(crop=256, model="fast", loss_size=128), 1.0, 2.1)
    assert (reduced.crop, reduced.loss_size) == (64, 64)
    monkeypatch.setattr(selfcheck, "matrix_rate", lambda *_: flops / 1e3)
    (stage,) = check(of_one(TrainingConfig(crop=128, model="fast", batch_size=2)), "cpu").stages
    assert stage.measured_crop == 64
    assert stage.gflop_per_pair == pair_flops(TrainingConfig(crop=128, model="fast")) / 1e9


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(InputError, match="no device"):
        check(of_one(), "tpu")
