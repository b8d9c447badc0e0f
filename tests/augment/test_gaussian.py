"""The Gaussian of styles: what it is fitted to is what it has, by closed forms."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adain import InputError
from adain.augment import Gaussian
from adain.augment.gaussian import coordinates, statistics


def rows(count: int, width: int = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    loading = rng.normal(size=(2, width)) * 3
    return 1.0 + rng.normal(size=(count, 2)) @ loading + 0.1 * rng.normal(size=(count, width))


@pytest.mark.parametrize("count", [8, 200], ids=["fewer rows than components", "more"])
@pytest.mark.parametrize("rank", [0, 2, 5])
def test_mean_and_variances_are_those_of_the_rows(count: int, rank: int) -> None:
    data = rows(count)
    fitted = Gaussian.fit(lambda: [data[:5], data[5:]], rank)
    covariance = np.cov(data.T)
    assert fitted.rank == rank
    np.testing.assert_allclose(fitted.mean, data.mean(axis=0))
    made = fitted.factors.T @ fitted.factors + np.diag(fitted.diagonal)
    np.testing.assert_allclose(np.diag(made), np.diag(covariance), rtol=1e-4)
    values = np.sort(np.linalg.eigvalsh(covariance))[::-1]
    np.testing.assert_allclose((fitted.factors**2).sum(axis=1), values[:rank], rtol=1e-4)
    # What the largest directions leave out is as small as can be (Eckart & Young 1936).
    left = np.linalg.norm(covariance - fitted.factors.T @ fitted.factors)
    assert left == pytest.approx(np.linalg.norm(values[rank:]), rel=1e-3)


def test_the_rank_is_that_of_the_rows_at_most() -> None:
    assert Gaussian.fit(lambda: [rows(4)], 9).rank == 3
    same = np.ones((5, 4))
    fitted = Gaussian.fit(lambda: [same], 3)
    assert fitted.rank == 0
    assert fitted.sample(2, np.random.default_rng(0)).tolist() == np.ones((2, 4)).tolist()
    for count in (0, 1):
        with pytest.raises(InputError, match="at least two"):
            Gaussian.fit(lambda count=count: [rows(5)[:count]])  # type: ignore[misc]


def test_what_is_drawn_has_the_fitted_moments() -> None:
    within = Gaussian.fit(lambda: [rows(500)], 2)
    fitted = dataclasses.replace(within, low=np.full(12, -np.inf), high=np.full(12, np.inf))
    drawn = fitted.sample(40_000, np.random.default_rng(1))
    covariance = fitted.factors.T @ fitted.factors + np.diag(fitted.diagonal)
    scale = np.sqrt(np.diag(covariance))
    assert np.abs((drawn.mean(axis=0) - fitted.mean) / scale).max() < 0.025  # five deviations of a mean of 40,000
    assert np.abs((np.cov(drawn.T) - covariance) / np.outer(scale, scale)).max() < 0.05
    half = fitted.sample(40_000, np.random.default_rng(1), spread=0.5)
    np.testing.assert_allclose(half - fitted.mean, 0.5 * (drawn - fitted.mean))
    cut = within.sample(40_000, np.random.default_rng(1))
    np.testing.assert_array_equal(cut, np.clip(drawn, rows(500).min(axis=0), rows(500).max(axis=0)))
    assert 0.0 < (cut != drawn).mean() < 0.01
    assert (fitted.sample(3, np.random.default_rng(1), spread=0.0) == fitted.mean).all()


def test_density_and_distance_are_the_dense_ones() -> None:
    data = rows(100)
    fitted = Gaussian.fit(lambda: [data], 2)
    covariance = fitted.factors.T @ fitted.factors + np.diag(fitted.diagonal)
    centred = data - fitted.mean
    squared = np.einsum("nd,de,ne->n", centred, np.linalg.inv(covariance), centred)
    np.testing.assert_allclose(fitted.mahalanobis(data), squared, rtol=1e-6)
    logdet = np.linalg.slogdet(covariance)[1]
    expected = -0.5 * (squared + logdet + 12 * np.log(2 * np.pi))
    np.testing.assert_allclose(fitted.log_density(data), expected, rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, (3, 4), elements=st.floats(0, 60_000, width=32)))
def test_statistics_come_back_from_coordinates(values: np.ndarray) -> None:
    mean, std = statistics(coordinates(values, values + np.float32(0.003)))
    np.testing.assert_allclose(mean, values, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(std, values + np.float32(0.003), rtol=1e-6)


def test_whatever_is_drawn_is_a_style() -> None:
    mean, std = statistics(np.random.default_rng(0).normal(scale=5, size=(100, 20)))
    assert (mean >= 0).all()
    assert (std > 0).all()
