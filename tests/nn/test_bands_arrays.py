"""The two bands of arrays: those of tensors, to 1e-6."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain.nn.bands import REACH_CELLS, SIGMA, STRIPE, fine_band, fine_change
from adain.nn.statistics import channel_mean_std, regional_mean_std

Array = npt.NDArray[Any]

sides = st.one_of(st.integers(1, 2 * REACH_CELLS), st.integers(STRIPE - 1, 3 * STRIPE + 1))
seeds = st.integers(0, 2**31)


def double(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float64))


@given(st.integers(1, 2), st.integers(1, 5), sides, sides, st.booleans(), seeds)
@settings(max_examples=60, deadline=None)
def test_agrees_with_tensors(
    batch: int, channels: int, height: int, width: int, channels_last: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, channels, height, width)).astype(np.float32)
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if channels_last else x
    before = x.copy()
    found = fine_band(x)
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    # In float64 kornia's weights are exact; in float32 they are what they are for tensors.
    for other in (double(x), torch.from_numpy(x.copy())):
        np.testing.assert_allclose(found, fine_band(other).numpy(), rtol=0, atol=1e-6)
    assert np.array_equal(x, before)


def test_of_many_cells() -> None:
    x = np.random.default_rng(0).standard_normal((1, 3, 130, 301)).astype(np.float32)
    np.testing.assert_allclose(fine_band(x), fine_band(double(x)).numpy(), rtol=0, atol=1e-6)


def test_closed_forms() -> None:
    flat = np.full((1, 2, 12, 20), 3.0, np.float32)
    assert abs(fine_band(flat)).max() < 1e-5
    assert fine_band(np.full((1, 1, 1, 1), 7.0, np.float32)).item() == pytest.approx(0.0, abs=1e-6)
    dot = np.zeros((1, 1, 21, 21), np.float64)
    dot[..., 10, 10] = 1
    weights = np.exp(-0.5 * (np.arange(-10, 11) / SIGMA) ** 2) * (abs(np.arange(-10, 11)) <= REACH_CELLS)
    weights /= weights.sum()
    assert fine_band(dot).dtype == np.float64
    np.testing.assert_allclose(fine_band(dot)[0, 0], dot[0, 0] - np.outer(weights, weights), atol=1e-15)


def test_half_precision() -> None:
    x = np.random.default_rng(0).standard_normal((1, 2, 9, 9)).astype(np.float16)
    assert fine_band(x).dtype == np.float32


@given(st.integers(1, 2), st.integers(1, 3), st.booleans(), seeds)
@settings(max_examples=30, deadline=None)
def test_changes_agree_with_tensors(batch: int, count: int, shared: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, 4, 9, 12)).astype(np.float32)
    cells = rng.random((count, 1, 9, 12), np.float32) + np.float32(0.01)
    pairs = [tuple(rng.random((1, 4, 1, 1), np.float32) for _ in range(2)) for _ in range(count)]
    deviations: Any = [(coarse, None if k == 1 else fine) for k, (coarse, fine) in enumerate(pairs)]
    doubled: Any = [(double(coarse), None if fine is None else double(fine)) for coarse, fine in deviations]
    alphas = rng.random(count).tolist()
    std = channel_mean_std(x)[1] if shared else regional_mean_std(x, cells)[1]
    found = fine_change(x, deviations, std, alphas, cells)
    assert found.dtype == np.float32
    wanted = fine_change(double(x), doubled, double(std), alphas, double(cells))
    atol = 1e-6 * (1 + float(abs(x).max()) / float(std.min()))
    np.testing.assert_allclose(found, wanted.numpy(), rtol=0, atol=atol)
    plain = channel_mean_std(x)[1]
    found = fine_change(x, deviations[:1], plain, alphas[:1])
    wanted = fine_change(double(x), doubled[:1], double(plain), alphas[:1])
    np.testing.assert_allclose(found, wanted.numpy(), rtol=0, atol=atol)
