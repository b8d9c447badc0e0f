from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain.nn.statistics import (
    EPS,
    RunningStatistics,
    at_least_float32,
    channel_mean_std,
    normalize_channels,
    regional_mean_std,
)


def test_closed_form() -> None:
    # Channel 0 holds 1 and 3 in equal parts: mean 2, variance 1. Channel 1 is constant.
    features = torch.tensor([[[[1.0, 3.0], [3.0, 1.0]], [[5.0, 5.0], [5.0, 5.0]]]])
    mean, std = channel_mean_std(features)
    assert mean.shape == std.shape == (1, 2, 1, 1)
    torch.testing.assert_close(mean.flatten(), torch.tensor([2.0, 5.0]))
    torch.testing.assert_close(std.flatten(), torch.tensor([(1 + EPS) ** 0.5, EPS**0.5]))


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_agrees_with_numpy(b: int, c: int, h: int, w: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(3.0, 5.0, (b, c, h, w))
    mean, std = channel_mean_std(torch.from_numpy(x))
    np.testing.assert_allclose(mean[..., 0, 0], x.mean((2, 3)), atol=1e-9)
    np.testing.assert_allclose(std[..., 0, 0], np.sqrt(x.var((2, 3)) + EPS), atol=1e-9)


def test_mask_is_the_statistics_of_the_region() -> None:
    x = torch.randn(2, 3, 6, 8, dtype=torch.float64)
    mask = torch.zeros(1, 1, 6, 8, dtype=torch.float64)
    mask[..., 1:4, 2:7] = 1.0
    masked, plain = channel_mean_std(x, mask), channel_mean_std(x[..., 1:4, 2:7])
    torch.testing.assert_close(masked, plain)


def test_soft_mask_is_a_weighting() -> None:
    # A weight of 1/2 on every pixel but one with 1 equals repeating that one pixel.
    x = torch.tensor([0.0, 4.0, 8.0], dtype=torch.float64).reshape(1, 1, 1, 3)
    mask = torch.tensor([0.5, 0.5, 1.0]).reshape(1, 1, 1, 3)
    repeated = torch.tensor([0.0, 4.0, 8.0, 8.0], dtype=torch.float64).reshape(1, 1, 1, 4)
    torch.testing.assert_close(channel_mean_std(x, mask), channel_mean_std(repeated))


def test_half_precision_does_not_overflow() -> None:
    # The sum of squares, 64 · 64 · 300², is far beyond float16's largest number.
    x = torch.full((1, 1, 64, 64), 300.0, dtype=torch.float16)
    x[..., ::2] = 100.0
    mean, std = channel_mean_std(x)
    assert mean.dtype == std.dtype == torch.float32
    torch.testing.assert_close(mean.item(), 200.0)
    torch.testing.assert_close(std.item(), 100.0, rtol=1e-4, atol=0.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wide_types_pass_unchanged(dtype: torch.dtype) -> None:
    x = torch.randn(2, dtype=dtype)
    assert at_least_float32(x) is x


def test_normalized_channels_have_mean_zero_and_deviation_one() -> None:
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64) * 7 + 3
    mean, std = channel_mean_std(normalize_channels(x))
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-9, rtol=0)
    torch.testing.assert_close(std, torch.ones_like(std), atol=1e-5, rtol=0)


def test_gradient() -> None:
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(1, 1, 3, 4, dtype=torch.float64) + 0.1
    assert torch.autograd.gradcheck(channel_mean_std, (x,))
    assert torch.autograd.gradcheck(lambda f: channel_mean_std(f, mask), (x,))


@pytest.mark.parametrize(
    ("features", "mask", "message"),
    [
        (torch.zeros(3, 4, 4), None, "must be"),
        (torch.zeros(1, 3, 4, 4), torch.ones(1, 1, 4, 5), "mask must be"),
        (torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4), "mask must be"),
        (torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4), "empty"),
    ],
)
def test_errors(features: torch.Tensor, mask: torch.Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        channel_mean_std(features, mask)


@given(st.integers(1, 4), st.floats(-50, 50), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_running_statistics_are_those_of_the_whole(parts: int, offset: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, 3, 4 * parts, 5, generator=generator) + offset
    masks = torch.rand(3, 1, 4 * parts, 5, generator=generator)
    masks[1, :, :4] = 0.0  # seen by later parts only
    masks[1, :, -1, -1] = 0.5
    masks[2, :, 1:] = 0.0  # seen by the first part only
    plain, regional = RunningStatistics(), RunningStatistics()
    for part, cells in zip(features.split(4, dim=2), masks.split(4, dim=2), strict=True):
        plain.add(part)
        regional.add(part, cells)
    for found, wanted in zip(plain.result(), channel_mean_std(features), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    for found, wanted in zip(regional.result(), regional_mean_std(features, masks), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_running_statistics_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        RunningStatistics().result()
    empty = RunningStatistics()
    empty.add(torch.rand(1, 2, 3, 3), torch.zeros(1, 1, 3, 3))
    with pytest.raises(ValueError, match="above 0 somewhere"):
        empty.result()
