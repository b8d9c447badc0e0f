from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adain import metrics
from adain._utils.errors import InputError
from adain.metrics import frechet_distance, gaussian_frechet_distance


def exactly(mean: Tensor, cov: Tensor, count: int, seed: int = 0) -> Tensor:
    """Feature vectors whose sample mean and covariance are exactly those given."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(count, len(mean), generator=g, dtype=torch.float64)
    x = x - x.mean(0)
    u, _, v = torch.linalg.svd(x, full_matrices=False)
    white = u @ v * (count - 1) ** 0.5
    return mean + white @ torch.linalg.cholesky(cov).mT


def covariance(seed: int, size: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    a = torch.randn(size, size, generator=g, dtype=torch.float64)
    return a @ a.mT + 0.1 * torch.eye(size, dtype=torch.float64)


def test_one_dimension() -> None:
    # (μa − μb)² + (σa − σb)²
    found = gaussian_frechet_distance(*(torch.tensor(x) for x in ([1.0], [[4.0]], [3.0], [[9.0]])))
    assert float(found) == pytest.approx(4.0 + 1.0)
    assert found.dtype == torch.float64


def test_covariances_that_commute() -> None:
    ones = torch.zeros(3)
    a, b = torch.diag(torch.tensor([1.0, 4.0, 0.0])), torch.diag(torch.tensor([9.0, 1.0, 25.0]))
    assert float(gaussian_frechet_distance(ones, a, ones + 2.0, b)) == pytest.approx(12.0 + 4.0 + 1.0 + 25.0)


def test_known_gaussian_features() -> None:
    mean_a, mean_b = torch.arange(4.0).double(), torch.tensor([1.0, -1.0, 0.5, 2.0]).double()
    cov_a, cov_b = covariance(1, 4), covariance(2, 4)
    # The root of a product of covariances has that product's eigenvalues, though it is not symmetric.
    roots = torch.linalg.eigvals(cov_a @ cov_b).real.sqrt().sum()
    expected = float((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * roots)
    assert float(gaussian_frechet_distance(mean_a, cov_a, mean_b, cov_b)) == pytest.approx(expected, rel=1e-9)
    found = frechet_distance(exactly(mean_a, cov_a, 40, 3), exactly(mean_b, cov_b, 9, 4))
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_the_same_pictures_are_at_no_distance_even_if_few() -> None:
    few = torch.rand(3, 512, generator=torch.Generator().manual_seed(0)) * 30
    assert float(frechet_distance(few, few)) < 1e-9
    assert float(frechet_distance(few, few[[2, 0, 1]])) < 1e-9


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 6), st.integers(2, 6), st.integers(7, 30), st.integers(0, 1000))
def test_fewer_pictures_than_features(n: int, m: int, d: int, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    a, b = torch.randn(n, d, generator=g).double(), 2.0 * torch.randn(m, d, generator=g).double() + 1.0
    # Through the singular covariances themselves, which the function itself does not form.
    expected = gaussian_frechet_distance(a.mean(0), torch.cov(a.mT), b.mean(0), torch.cov(b.mT))
    assert float(frechet_distance(a, b)) == pytest.approx(float(expected), rel=1e-6)
    assert float(frechet_distance(b, a)) == pytest.approx(float(expected), rel=1e-6)


def test_too_few_or_unlike_vectors() -> None:
    with pytest.raises(InputError, match="at least two"):
        frechet_distance(torch.rand(1, 4), torch.rand(5, 4))
    with pytest.raises(InputError, match="cannot be compared"):
        frechet_distance(torch.rand(3, 4), torch.rand(3, 5))


def test_small_samples_of_one_distribution_are_apart() -> None:
    # What the docstring warns of.
    g = torch.Generator().manual_seed(0)
    few, many = (
        float(frechet_distance(torch.randn(n, 16, generator=g), torch.randn(n, 16, generator=g))) for n in (8, 2000)
    )
    assert few > 5.0 > 0.2 > many


def test_pooled() -> None:
    x = torch.rand(2, 512, 3, 5)
    torch.testing.assert_close(metrics.pooled({metrics.FRECHET_LAYER: x}), x.mean((2, 3)))
