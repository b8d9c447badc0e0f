"""Which phase a step belongs to, and its learning rate: pure functions of the config and the step."""

from __future__ import annotations

import math
from typing import Literal

from .config import TrainingConfig

Phase = Literal["warmup", "style"]


def phase_of(config: TrainingConfig, step: int) -> tuple[Phase, int]:
    """The phase of a step (counted from 0 over the whole run), and the step's number within it."""
    if step < config.warmup_steps:
        return "warmup", step
    return "style", step - config.warmup_steps


def learning_rate(config: TrainingConfig, step: int) -> float:
    r"""The learning rate of one step.

    .. math:: \text{inverse: } \frac{\eta}{1 + \lambda t}, \qquad
              \text{cosine: } \eta \left(f + (1 - f) \frac{1 + \cos(\pi t / T)}{2}\right)

    with :math:`t` counted from 0 within the phase; the warm-up always follows the cosine. Over the first
    ``lr_warmup`` steps of either phase this is multiplied by :math:`(t + 1) / \text{lr\_warmup}`, because
    Adam's second moment is still a poor estimate there.
    """
    phase, t = phase_of(config, step)
    rise = min(1.0, (t + 1) / config.lr_warmup) if config.lr_warmup else 1.0
    if phase == "warmup":
        return rise * config.warmup_lr * _cosine(t / config.warmup_steps, config.lr_final_factor)
    if config.lr_schedule == "cosine":
        return rise * config.lr * _cosine(t / config.max_iter, config.lr_final_factor)
    return rise * config.lr / (1.0 + config.lr_decay * t)


def ema_decay(config: TrainingConfig, step: int) -> float:
    """Decay of the weight average at a step: short at first, so that the start is soon forgotten."""
    _, t = phase_of(config, step)
    return min(config.ema, (t + 1) / (t + 10))


def _cosine(progress: float, final: float) -> float:
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
