"""Adaptive instance normalisation of arrays: that of tensors in float64, to 1e-6 of the terms it is the sum of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.nn import adain
from adain.nn.instance_norm import adaptive_instance_norm, regional_instance_norm, shares, spread
from adain.nn.statistics import channel_mean_std, regional_mean_std

Array = npt.NDArray[Any]

shapes = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(2, 9), st.integers(2, 9))
seeds = st.integers(0, 2**31)
alphas = st.one_of(st.just(1.0), st.floats(0.0, 1.0))


def double(value: Any) -> Any:
    return torch.from_numpy(np.array(value, np.float64)) if isinstance(value, np.ndarray) else value


def agree(found: Array, wanted: torch.Tensor, terms: float) -> None:
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted.numpy(), rtol=0, atol=1e-6 * terms)


def lively(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return (3.0 * rng.standard_normal(shape) + 1.0).astype(np.float32)


def style(rng: np.random.Generator, channels: int, batch: int = 1) -> tuple[Array, Array]:
    mean = lively(rng, (batch, channels, 1, 1))
    return mean, rng.random((batch, channels, 1, 1), np.float32) + np.float32(0.1)


def size_of_terms(x: Array, stds: list[Array], means: list[Array], known: tuple[Array, Array]) -> float:
    """The largest number that is added up, for all regions."""
    ratio = max(float(s.max()) for s in stds) / float(known[1].min())
    return 4 * (1 + float(abs(x).max())) * (1 + ratio) + max(float(abs(m).max()) for m in means)


@given(shapes, alphas, st.booleans(), st.booleans(), seeds)
@settings(max_examples=60, deadline=None)
def test_agrees_with_tensors(shape: tuple[int, ...], alpha: float, cut: bool, is_batch: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = lively(rng, shape)
    x = whole[..., 1:, 1:] if cut else whole
    before = x.copy()
    mean, std = style(rng, shape[1], shape[0] if is_batch else 1)
    known = channel_mean_std(whole)
    terms = size_of_terms(whole, [std], [mean], known)
    given_stats = (double(known[0]), double(known[1]))
    wanted = adaptive_instance_norm(double(x), double(mean), double(std), alpha, content_stats=given_stats)
    agree(adaptive_instance_norm(x, mean, std, alpha, content_stats=known), wanted, terms)
    wanted = adaptive_instance_norm(double(whole), double(mean), double(std), alpha)
    agree(adaptive_instance_norm(whole, mean, std, alpha), wanted, terms)
    assert np.array_equal(x, before)


def test_output_has_the_statistics_of_the_style() -> None:
    rng = np.random.default_rng(0)
    mean, std = style(rng, 8)
    found = channel_mean_std(adaptive_instance_norm(lively(rng, (2, 8, 20, 20)), mean, std))
    np.testing.assert_allclose(found[0], np.broadcast_to(mean, found[0].shape), atol=1e-5)
    np.testing.assert_allclose(found[1], np.broadcast_to(std, found[1].shape), rtol=1e-3)


def test_several_styles_of_one_content() -> None:
    rng = np.random.default_rng(0)
    x, (mean, std) = lively(rng, (1, 4, 5, 6)), style(rng, 4, batch=3)
    found = adaptive_instance_norm(x, mean, std)
    for k in range(3):
        assert np.array_equal(found[k], adaptive_instance_norm(x, mean[k : k + 1], std[k : k + 1])[0])


def test_alpha_zero_is_the_content_itself() -> None:
    rng = np.random.default_rng(0)
    x, (mean, std) = lively(rng, (1, 3, 4, 4)), style(rng, 3)
    assert adaptive_instance_norm(x, mean, std, 0.0) is x
    masks = np.full((1, 1, 4, 4), 0.5, np.float32)
    assert regional_instance_norm(x, [mean], [std], masks, 0.0) is x


def test_one_cell() -> None:
    """Where the scales are as many as the features, none of what was given is written to."""
    x, one = np.full((1, 2, 1, 1), 3.0, np.float32), np.ones((1, 2, 1, 1), np.float32)
    assert np.array_equal(adaptive_instance_norm(x, 5 * one, one, content_stats=(one, one)), 7 * one)
    assert np.array_equal(x, 3 * one)
    assert np.array_equal(one, np.ones_like(one))


def test_types_are_kept() -> None:
    rng = np.random.default_rng(0)
    mean, std = style(rng, 3)
    masks = rng.random((2, 1, 8, 8))
    for kind in (np.float16, np.float32, np.float64):
        x = lively(rng, (1, 3, 8, 8)).astype(kind)
        assert adaptive_instance_norm(x, mean, std, 0.5).dtype == kind
        assert adaptive_instance_norm(x, mean, std, masks[:1]).dtype == kind
        assert regional_instance_norm(x, [mean, mean], [std, std], masks).dtype == kind


@given(shapes, st.booleans(), seeds)
@settings(max_examples=30, deadline=None)
def test_alpha_map(shape: tuple[int, ...], is_batch: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, (mean, std) = lively(rng, shape), style(rng, shape[1])
    strength = rng.random((shape[0] if is_batch else 1, 1, *shape[2:]), np.float32)
    strength[..., 0], strength[..., -1] = 1, 0
    found = adaptive_instance_norm(x, mean, std, strength)
    terms = size_of_terms(x, [std], [mean], channel_mean_std(x))
    agree(found, adaptive_instance_norm(double(x), double(mean), double(std), double(strength)), terms)
    assert np.array_equal(found[..., 0], adaptive_instance_norm(x, mean, std)[..., 0])
    assert np.array_equal(found[..., -1], x[..., -1])


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        (np.ones((1, 1, 4, 5)), "must be"),
        (np.ones((3, 1, 4, 4)), "must be"),
        (np.ones((4, 4)), "must be"),
        (np.full((1, 1, 4, 4), 1.5), "between 0"),
        (np.full((1, 1, 4, 4), np.nan), "between 0"),
    ],
)
def test_alpha_maps_that_do_not_fit(alpha: Array, message: str) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=f"an alpha map must .*{message}|an alpha map {message}"):
        adaptive_instance_norm(lively(rng, (2, 3, 4, 4)), *style(rng, 3), alpha)


@given(shapes, st.integers(1, 4), st.sampled_from(["region", "one for all", "one for each"]), st.booleans(), seeds)
@settings(max_examples=60, deadline=None)
def test_regions_agree_with_tensors(shape: tuple[int, ...], count: int, stats: str, is_batch: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, before = (lively(rng, shape),) * 2
    before = before.copy()
    masks = rng.random((count, 1, *shape[2:]), np.float32) + np.float32(0.01)
    styles = [style(rng, shape[1], shape[0] if is_batch and k == 0 else 1) for k in range(count)]
    means, stds = [mean for mean, _ in styles], [std for _, std in styles]
    strengths = rng.random(count).tolist()
    own = regional_mean_std(x, masks)
    known: Any = {"region": "region", "one for all": channel_mean_std(x), "one for each": own}[stats]
    found = regional_instance_norm(x, means, stds, masks, strengths, content_stats=known)
    wanted = regional_instance_norm(
        double(x),
        [double(mean) for mean in means],
        [double(std) for std in stds],
        double(masks),
        strengths,
        content_stats="region" if known == "region" else tuple(double(statistic) for statistic in known),
    )
    agree(found, wanted, size_of_terms(x, stds, means, own if stats != "one for all" else known))
    assert np.array_equal(x, before)


def test_regions_of_many_channels_and_cells() -> None:
    """Products in pieces are the product."""
    rng = np.random.default_rng(0)
    values, weights = rng.random((3, 2, 70, 1, 1), np.float32), rng.random((3, 1, 60, 50), np.float32)
    wanted = np.einsum("kbcxy,kzhw->bchw", values.astype(float), weights.astype(float))
    np.testing.assert_allclose(spread(values, weights, np.empty((2, 70, 60, 50), np.float32)), wanted, rtol=1e-6)


def test_a_mask_of_ones_is_plain_adain_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    x, (mean, std), ones = lively(rng, (2, 5, 8, 9)), style(rng, 5), np.ones((1, 1, 8, 9), np.float32)
    assert np.array_equal(regional_instance_norm(x, [mean], [std], ones), adaptive_instance_norm(x, mean, std))
    known = regional_mean_std(2 * x, ones)
    whole = (known[0][0], known[1][0])
    wanted = adaptive_instance_norm(x, mean, std, 0.6, content_stats=whole)
    for stats in (known, whole):
        assert np.array_equal(regional_instance_norm(x, [mean], [std], ones, 0.6, content_stats=stats), wanted)


def test_uncovered_cells_and_regions_of_alpha_zero_keep_the_content_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    x, (mean, std) = lively(rng, (1, 6, 9, 9)), style(rng, 6)
    masks = np.zeros((3, 1, 9, 9), np.float32)
    masks[0, ..., :3], masks[1, ..., 3:6], masks[2, ..., 3:4] = 1, 0.7, 0.9
    out = regional_instance_norm(x, [mean] * 3, [std] * 3, masks, [1.0, 0.0, 0.0])
    assert np.array_equal(out[..., 3:], x[..., 3:])
    assert not np.array_equal(out[..., :3], x[..., :3])


def test_shares() -> None:
    regions = np.array([0.5, 1.0, 0.2, 0.0, 0.75, 1.0], np.float32).reshape(2, 1, 1, 3)
    wanted = np.array([0.5, 1 / 1.75, 0.2 / 1.2, 0.0, 0.75 / 1.75, 1 / 1.2]).reshape(2, 1, 1, 3)
    assert shares(regions).dtype == np.float32
    np.testing.assert_allclose(shares(regions), wanted, rtol=1e-6)


def test_errors() -> None:
    rng = np.random.default_rng(0)
    x, masks, styles = lively(rng, (1, 3, 4, 4)), rng.random((2, 1, 4, 4), np.float32), style(rng, 3)
    with pytest.raises(InputError, match="same encoder"):
        adaptive_instance_norm(x, *style(rng, 5))
    with pytest.raises(InputError, match="2 styles do not fit 3 contents"):
        adaptive_instance_norm(np.concatenate([x] * 3), *style(rng, 3, batch=2))
    with pytest.raises(InputError, match="2 regions need 2 styles, not 1"):
        regional_instance_norm(x, [styles[0]], [styles[1]], masks)
    with pytest.raises(ValueError, match="masks must be"):
        regional_instance_norm(x, [styles[0]] * 2, [styles[1]] * 2, masks[..., 1:])
    masks[1] = 0
    with pytest.raises(ValueError, match="mask 2 is empty"):
        regional_instance_norm(x, [styles[0]] * 2, [styles[1]] * 2, masks)


def test_the_module_of_the_layer_hands_them_on() -> None:
    assert adain.adaptive_instance_norm is adaptive_instance_norm
    assert adain.regional_instance_norm is regional_instance_norm
    assert (adain.shares, adain.spread) == (shares, spread)
