from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.nn.adain import AdaIN, adaptive_instance_norm, check_alpha
from adain.nn.statistics import channel_mean_std


def reference(content: torch.Tensor, style: torch.Tensor, alpha: float) -> torch.Tensor:
    """Equations 8 and 14 written out."""
    mu_c, sd_c = channel_mean_std(content)
    mu_s, sd_s = channel_mean_std(style)
    t = sd_s * (content - mu_c) / sd_c + mu_s
    return (1 - alpha) * content + alpha * t


@given(st.floats(0.0, 1.0), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_agrees_with_the_equations(alpha: float, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    content = torch.randn(2, 4, 5, 6, generator=g, dtype=torch.float64) * 3 + 1
    style = torch.randn(1, 4, 7, 3, generator=g, dtype=torch.float64) * 2 - 4
    torch.testing.assert_close(AdaIN(alpha)(content, style), reference(content, style, alpha))


def test_output_has_the_statistics_of_the_style() -> None:
    content, style = torch.randn(1, 8, 20, 20), torch.randn(1, 8, 9, 9) * 5 + 2
    mean, std = channel_mean_std(AdaIN()(content, style))
    expected = channel_mean_std(style)
    torch.testing.assert_close(mean, expected[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(std, expected[1], atol=1e-3, rtol=1e-3)


def test_alpha_zero_is_the_content_itself() -> None:
    content = torch.randn(1, 3, 4, 4)
    assert adaptive_instance_norm(content, *channel_mean_std(content * 9), 0.0) is content


def test_own_statistics_change_nothing() -> None:
    content = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(AdaIN()(content, content), content, atol=1e-5, rtol=1e-5)


def test_statistics_of_the_whole_normalise_a_part() -> None:
    content, style = torch.randn(1, 3, 8, 8), torch.randn(1, 3, 8, 8) * 4
    stats, target = channel_mean_std(content), channel_mean_std(style)
    whole = adaptive_instance_norm(content, *target)
    part = adaptive_instance_norm(content[..., :3, :5], *target, content_stats=stats)
    torch.testing.assert_close(part, whole[..., :3, :5])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_its_type_and_stays_finite(dtype: torch.dtype) -> None:
    content = (torch.randn(1, 4, 64, 64) * 300 + 900).to(dtype)
    out = AdaIN()(content, content * 2)
    assert out.dtype == dtype
    assert bool(out.isfinite().all())


def test_gradient() -> None:
    content = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    style = torch.randn(1, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(AdaIN(0.6), (content, style))


@pytest.mark.parametrize("alpha", [-0.01, 1.01, 2.0, math.nan, math.inf])
def test_alpha_out_of_range(alpha: float) -> None:
    with pytest.raises(InputError, match="alpha must be between 0"):
        check_alpha(alpha)


def test_other_encoder() -> None:
    content, other = torch.randn(1, 3, 4, 4), torch.randn(1, 5, 4, 4)
    with pytest.raises(InputError, match="same encoder"):
        AdaIN()(content, other)
