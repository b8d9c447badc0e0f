"""Statistics of arrays: those of tensors in float64, to 1e-6."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain.nn.statistics import (
    EPS,
    PIECE,
    RunningStatistics,
    channel_mean_std,
    normalize_channels,
    pieces,
    regional_mean_std,
)

Array = npt.NDArray[Any]


def agree(found: tuple[Any, ...], wanted: tuple[torch.Tensor, ...]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert isinstance(one, np.ndarray)
        assert one.dtype == np.float32
        assert one.shape == tuple(other.shape)
        np.testing.assert_allclose(one, other.numpy(), rtol=1e-6, atol=1e-6)


def double(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float64))


def features(rng: np.random.Generator, shape: tuple[int, ...], offset: float = 0.0) -> Array:
    return (offset + 3.0 * rng.standard_normal(shape)).astype(np.float32)


def laid_out(array: Array, layout: str) -> Array:
    """The same numbers, differently in memory."""
    if layout == "channels last":
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if layout == "cut out":
        return np.pad(array, ((0, 0), (1, 0), (2, 1), (1, 2)))[:, 1:, 2:-1, 1:-2]
    if layout == "channels apart":
        batch, channels, height, width = array.shape
        room = np.zeros((batch, channels, height * width + 5), array.dtype)
        room[..., :-5] = array.reshape(batch, channels, -1)
        return room[..., :-5].reshape(array.shape)
    return array


shapes = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 9), st.integers(1, 9))
layouts = st.sampled_from(["plain", "channels last", "cut out", "channels apart"])
seeds = st.integers(0, 2**31)


def test_closed_form() -> None:
    x = np.array([[[[1.0, 3.0], [3.0, 1.0]], [[5.0, 5.0], [5.0, 5.0]]]], np.float32)
    mean, std = channel_mean_std(x)
    assert mean.shape == std.shape == (1, 2, 1, 1)
    np.testing.assert_allclose(mean.ravel(), [2.0, 5.0], rtol=1e-6)
    np.testing.assert_allclose(std.ravel(), [(1 + EPS) ** 0.5, EPS**0.5], rtol=1e-6)


@given(shapes, layouts, st.floats(-20, 20), st.booleans(), seeds)
@settings(max_examples=60, deadline=None)
def test_agree_with_tensors(shape: tuple[int, ...], layout: str, offset: float, one_mask: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = laid_out(features(rng, shape, offset), layout)
    before = x.copy()
    agree(channel_mean_std(x), channel_mean_std(double(x)))
    mask = rng.random((1 if one_mask else shape[0], 1, *shape[2:]), np.float32) + np.float32(0.01)
    agree(channel_mean_std(x, mask), channel_mean_std(double(x), double(mask)))
    masks = rng.random((3, 1, *shape[2:]), np.float32) + np.float32(0.01)
    agree(regional_mean_std(x, masks), regional_mean_std(double(x), double(masks)))
    agree(channel_mean_std(x[:1], masks), channel_mean_std(double(x[:1]), double(masks)))
    wanted = normalize_channels(double(x)).numpy()
    found = normalize_channels(x)
    assert found.dtype == np.float32
    _, deviation = channel_mean_std(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * float((1 + abs(x) / deviation).max()))
    assert np.array_equal(x, before)


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (300, 301)])
def test_digits_are_kept_over_many_cells(size: tuple[int, int]) -> None:
    """In several pieces, and in one channel that is more than a piece; where all is the same, sums are the hardest."""
    rng = np.random.default_rng(1)
    x = np.maximum(features(rng, (2, 37, *size)), 0)
    x[:, :3] = np.float32(7.1) + np.sign(x[:, :3] - 1)
    masks = rng.random((2, 1, *size), np.float32)
    agree(channel_mean_std(x), channel_mean_std(double(x)))
    agree(channel_mean_std(x, masks), channel_mean_std(double(x), double(masks)))
    agree(regional_mean_std(x, masks), regional_mean_std(double(x), double(masks)))


@given(shapes, st.integers(1, 200))
@settings(max_examples=40, deadline=None)
def test_pieces_are_the_whole(shape: tuple[int, int, int, int], size: int) -> None:
    seen = np.zeros(shape, int)
    largest = None
    for place in pieces(shape, size):
        assert seen[place].shape[0] == 1 or seen[place].size <= size
        largest = largest or seen[place].size
        assert seen[place].size <= largest
        seen[place] += 1
    assert (seen == 1).all()
    assert len([*pieces((1, 512, 128, 128))]) == 512 * 128 * 128 // PIECE


def test_a_flat_region_beside_a_lively_one_keeps_its_digits() -> None:
    rng = np.random.default_rng(0)
    x = features(rng, (1, 4, 32, 32))
    x[..., :16] = 40 + 0.01 * rng.standard_normal((1, 4, 32, 16))
    masks = np.zeros((2, 1, 32, 32), np.float32)
    masks[0, ..., :16], masks[1, ..., 16:] = 1, 1
    _, std = regional_mean_std(x, masks)
    _, expected = channel_mean_std(double(x[..., :16]))
    np.testing.assert_allclose(std[0], expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize(("given_type", "wanted"), [("float16", "float32"), ("float32", "float32"), ("float64",) * 2])
def test_types(given_type: str, wanted: str) -> None:
    x = np.full((1, 1, 64, 64), 300, given_type)
    x[..., ::2] = 100
    mask = np.ones((1, 1, 64, 64), bool)
    for mean, std in (channel_mean_std(x), channel_mean_std(x, mask), regional_mean_std(x, mask)):
        assert mean.dtype == std.dtype == wanted
        np.testing.assert_allclose([mean.item(), std.item()], [200.0, 100.0], rtol=1e-6)
    assert normalize_channels(x).dtype == wanted


@given(st.integers(1, 4), st.integers(1, 2), st.floats(-50, 50), seeds)
@settings(max_examples=30, deadline=None)
def test_running_statistics(parts: int, batch: int, offset: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = features(rng, (batch, 3, 4 * parts, 5), offset)
    masks = rng.random((3, 1, 4 * parts, 5), np.float32)
    masks[1, :, :4] = 0.0  # seen by later parts only
    masks[1, :, -1, -1] = 0.5
    masks[2, :, 1:] = 0.0  # seen by the first part only
    plain, regional, tensors = RunningStatistics(), RunningStatistics(), RunningStatistics()
    for k in range(0, 4 * parts, 4):
        plain.add(x[:, :, k : k + 4])
        regional.add(x[:, :, k : k + 4], masks[:, :, k : k + 4])
        tensors.add(torch.from_numpy(x[:, :, k : k + 4].copy()))
    for result, known in ((plain, None), (regional, masks)):
        mean, std = result.result()
        whole = double(x)
        wanted = channel_mean_std(whole) if known is None else regional_mean_std(whole, double(known))
        assert mean.dtype == std.dtype == np.float32
        # Each part in float32: a region of one cell has no deviation but that of rounding.
        np.testing.assert_allclose(mean, wanted[0].numpy(), rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(std, wanted[1].numpy(), rtol=1e-5, atol=1e-5)
    assert all(isinstance(one, torch.Tensor) and one.dtype == torch.float32 for one in tensors.result())
    np.testing.assert_allclose(plain.result()[1], tensors.result()[1], rtol=1e-5)


def test_running_statistics_of_nothing() -> None:
    empty = RunningStatistics()
    empty.add(np.ones((1, 2, 3, 3), np.float32), np.zeros((1, 1, 3, 3), np.float32))
    with pytest.raises(ValueError, match="above 0 somewhere"):
        empty.result()


def test_errors() -> None:
    x, ones = np.zeros((1, 3, 4, 4), np.float32), np.ones((2, 1, 4, 4), np.float32)
    for function in (channel_mean_std, regional_mean_std):
        with pytest.raises(ValueError, match="features must be"):
            function(x[0], ones)
        for wrong in (ones[..., 1:], np.ones((1, 3, 4, 4), np.float32)):
            with pytest.raises(ValueError, match=r"masks? must be"):
                function(x, wrong)
    with pytest.raises(ValueError, match="the mask is empty"):
        channel_mean_std(x, 0 * ones)
    ones[1] = 0
    with pytest.raises(ValueError, match="mask 2 is empty"):
        regional_mean_std(x, ones)
