"""Alphas and blends of training pairs."""

from __future__ import annotations

import torch
from torch import Tensor

from adain.control.style import Style, blend
from adain.nn.adain import adaptive_instance_norm
from adain.nn.statistics import channel_mean_std
from adain.training.config import TrainingConfig
from adain.training.mixing import PLAIN, Mix, draw_mix

PAIRS = 3


def stats(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand((PAIRS, 5, 1, 1), generator=generator) + 0.1 for _ in range(2))  # type: ignore[return-value]


def test_plain_changes_nothing() -> None:
    known = {"a": stats(0)}
    assert PLAIN.blended(known) is known
    assert PLAIN.softened({"a": stats(1)}, known) is known


def test_a_blend_is_that_of_two_styles() -> None:
    mean, std = stats(2)
    share = torch.tensor([0.25, 1.0, 0.6]).view(-1, 1, 1, 1)
    found = Mix(share=share).blended({"a": (mean, std)})["a"]
    for k in range(PAIRS):
        styles = [Style(mean[j : j + 1], std[j : j + 1]) for j in (k, (k - 1) % PAIRS)]
        wanted = blend(styles, [float(share[k]), 1.0 - float(share[k])])
        torch.testing.assert_close(found[0][k : k + 1], wanted.mean)
        torch.testing.assert_close(found[1][k : k + 1], wanted.std)


def test_soft_statistics_are_those_of_the_soft_features() -> None:
    content = torch.rand(PAIRS, 5, 9, 7)
    styles, alpha = stats(3), torch.tensor([0.0, 0.4, 1.0]).view(-1, 1, 1, 1)
    soft = torch.lerp(content, adaptive_instance_norm(content, *styles), alpha)
    found = Mix(alpha=alpha).softened({"a": channel_mean_std(content)}, {"a": styles})["a"]
    for own, wanted in zip(found, channel_mean_std(soft), strict=True):
        torch.testing.assert_close(own, wanted, rtol=1e-3, atol=1e-4)


def test_draws_are_a_function_of_seed_step_and_rank() -> None:
    config = TrainingConfig(batch_size=64, alpha_low=0.5, blend_share=0.25, seed=7)
    identity = torch.zeros(64, 1, 1, 1)
    identity[:8] = 1.0
    one, again = draw_mix(config, 3, 1, identity), draw_mix(config, 3, 1, identity)
    assert one.alpha is not None
    assert one.share is not None
    assert again.alpha is not None
    assert torch.equal(one.alpha, again.alpha)
    for step, rank in ((4, 1), (3, 0)):
        other = draw_mix(config, step, rank, identity)
        assert other.alpha is not None
        assert not torch.equal(one.alpha, other.alpha)
    assert bool((one.alpha[:8] == 1).all() and (one.share[:8] == 1).all())  # to come back unchanged
    assert float(one.alpha.min()) >= 0.5
    assert float(one.alpha[8:].max()) < 1.0
    assert 4 <= int((one.share < 1).sum()) <= 28


def test_defaults_draw_nothing() -> None:
    assert draw_mix(TrainingConfig(batch_size=2), 0, 0, torch.zeros(2, 1, 1, 1)) == Mix(None, None)
