from __future__ import annotations

import math

import pytest

from adain.training.config import TrainingConfig
from adain.training.schedule import ema_decay, learning_rate, phase_of

STYLE_ONLY = TrainingConfig(warmup_iter=0, lr_warmup=0, warmup_crop=64)


def test_phases() -> None:
    config = TrainingConfig(warmup_iter=3, warmup_crop=64)
    assert [phase_of(config, k) for k in (0, 2, 3, 10)] == [
        ("warmup", 0),
        ("warmup", 2),
        ("style", 0),
        ("style", 7),
    ]


@pytest.mark.parametrize("t", [0, 1, 1000, 160_000])
def test_inverse(t: int) -> None:
    assert learning_rate(STYLE_ONLY, t) == pytest.approx(1e-4 / (1 + 5e-5 * t), rel=1e-12)


def test_cosine_runs_from_lr_to_the_final_share() -> None:
    config = TrainingConfig(warmup_iter=0, lr_warmup=0, lr_schedule="cosine", max_iter=100, lr=1e-3)
    assert learning_rate(config, 0) == pytest.approx(1e-3)
    assert learning_rate(config, 50) == pytest.approx(1e-3 * (0.02 + 0.98 / 2))
    assert learning_rate(config, 25) == pytest.approx(1e-3 * (0.02 + 0.49 * (1 + math.cos(math.pi / 4))))
    assert learning_rate(config, 100) == pytest.approx(2e-5)


def test_rise_at_the_start_of_both_phases() -> None:
    config = TrainingConfig(warmup_iter=20, lr_warmup=4, lr_final_factor=1.0, lr_decay=0.0)
    assert [learning_rate(config, k) / config.warmup_lr for k in range(5)] == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert [learning_rate(config, 20 + k) / config.lr for k in range(5)] == pytest.approx([0.25, 0.5, 0.75, 1, 1])


def test_warmup_follows_a_cosine() -> None:
    config = TrainingConfig(warmup_iter=10, lr_warmup=0, lr_final_factor=0.0)
    assert learning_rate(config, 5) == pytest.approx(config.warmup_lr / 2)


def test_ema_decay_grows_to_its_limit_and_starts_anew_with_the_phase() -> None:
    config = TrainingConfig(warmup_iter=100, ema=0.9)
    assert ema_decay(config, 0) == pytest.approx(1 / 10)
    assert ema_decay(config, 10) == pytest.approx(11 / 20)
    assert ema_decay(config, 99) == 0.9
    assert ema_decay(config, 100) == pytest.approx(1 / 10)
    assert ema_decay(TrainingConfig(ema=0.0, warmup_iter=0), 5) == 0.0
