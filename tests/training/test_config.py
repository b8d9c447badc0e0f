from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from typing import Any

import pytest

from adain._utils.errors import InputError
from adain.training.config import LEAST_CROPS, MIN_CROP, RESUMABLE, TrainingConfig, ema_decay, learning_rate, phase_of
from tests.conftest import ROOT


def test_defaults_are_the_published_recipe() -> None:
    config = TrainingConfig().validate()
    assert (config.lr, config.lr_decay, config.lr_schedule) == (1e-4, 5e-5, "inverse")
    assert (config.max_iter, config.batch_size, config.crop) == (160_000, 8, 256)
    assert (config.style_weight, config.content_weight) == (10.0, 1.0)


def test_every_setting_has_help() -> None:
    for setting in dataclasses.fields(TrainingConfig):
        assert len(setting.metadata["help"]) > 10, setting.name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_iter", 0),
        ("batch_size", 0),
        ("crop", 100),
        ("crop", 24),
        ("crop_scale", (0.0, 1.0)),
        ("crop_scale", (0.8, 0.2)),
        ("crop_scale", (0.5, 1.5)),
        ("lr", 0.0),
        ("lr", float("nan")),
        ("lr_schedule", "linear"),
        ("lr_decay", -1.0),
        ("lr_final_factor", 2.0),
        ("lr_warmup", -1),
        ("betas", (0.9, 1.0)),
        ("clip_norm", float("inf")),
        ("style_weight", -1.0),
        ("identity_share", 1.1),
        ("warmup_iter", -1),
        ("warmup_crop", 31),
        ("ema", 1.0),
        ("seed", -1),
        ("precision", "fp16"),
        ("cache_size", 32),
        ("log_every", 0),
        ("preview_every", -1),
        ("max_minutes", -1.0),
        ("checkpoint_minutes", -1.0),
    ],
)
def test_bad_values_name_their_flag(name: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        TrainingConfig(**{name: value}).validate()
    assert f"--{name.replace('_', '-')} must be" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "least"), LEAST_CROPS.items())
def test_what_repeats_needs_room(name: str, least: int) -> None:
    small: dict[str, Any] = {"crop": least - 8, name: 1.0}
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} must be 0 where --crop is below {least}, or "):
        TrainingConfig(**small).validate()
    config = TrainingConfig(**small | {"crop": least}).validate()
    assert config.least_crop == least
    assert TrainingConfig().least_crop == MIN_CROP


def test_weights_that_teach_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="nothing would be learnt"):
        TrainingConfig(content_weight=0, style_weight=0).validate()


def test_json_round_trip() -> None:
    config = TrainingConfig(crop_scale=(0.2, 0.9), warmup_iter=7, max_minutes=1.5, compile=True)
    assert TrainingConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "JSON object"),
        (json.dumps({"epochs": 3}), "unknown settings: epochs"),
        (json.dumps({"lr": "fast"}), "damaged"),
        (json.dumps({"lr": 7}), "--lr must be"),
    ],
)
def test_damaged_json(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        TrainingConfig.from_json(text)


def test_resolving_depends_on_the_start() -> None:
    scratch = TrainingConfig().resolved(from_scratch=True)
    assert (scratch.warmup_steps, scratch.warmup_crop) == (2000, 128)
    assert scratch.total_steps == 162_000
    assert TrainingConfig().resolved(from_scratch=False).warmup_steps == 0
    assert TrainingConfig(warmup_iter=5, crop=64).resolved(from_scratch=False).warmup_crop == 64
    assert TrainingConfig(crop=264).resolved(from_scratch=True).validate().warmup_crop == 128


def test_resuming_may_change_only_what_does_not_change_the_past() -> None:
    config = TrainingConfig()
    changed = config.overridden({"max_iter": 10, "precision": "fp32", "lr": config.lr})
    assert (changed.max_iter, changed.precision) == (10, "fp32")
    for setting in dataclasses.fields(TrainingConfig):
        if setting.name not in RESUMABLE:
            with pytest.raises(InputError, match=f"--{setting.name.replace('_', '-')} is"):
                config.overridden({setting.name: "other"})
    with pytest.raises(InputError, match="--max-iter must be"):
        config.overridden({"max_iter": 0})


def test_reading_the_defaults_does_not_load_torch() -> None:
    code = "import sys, adain.training.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


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


def test_time_is_the_cosine_of_what_is_over() -> None:
    config = TrainingConfig(lr_schedule="time", max_minutes=1, max_iter=100, lr=1e-3, lr_final_factor=0.1, lr_warmup=0)
    steps = dataclasses.replace(config, lr_schedule="cosine").validate()
    for share in (0.0, 0.25, 0.5, 1.0):
        assert learning_rate(config.validate(), 0, share) == pytest.approx(learning_rate(steps, round(100 * share)))
        assert learning_rate(steps, 0, share) == 1e-3
    assert learning_rate(config, 50, 0.1) == pytest.approx(learning_rate(steps, 50))
    with pytest.raises(InputError, match="--lr-schedule time needs --max-minutes"):
        dataclasses.replace(config, max_minutes=None).validate()


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
