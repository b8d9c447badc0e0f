from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.losses import CovarianceLoss, covariance_loss, matrix_root, mean_covariance

from . import (
    SIZE,
    box_guide,
    check_autocast,
    check_batch_is_mean,
    check_gradient,
    check_half,
    feature_map,
    gradient,
    soft_guide,
)


def reference(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """W2² of one picture by another route: the roots of the eigenvalues of the unsymmetric product Σ₁ Σ₂."""
    means, sigmas = [], []
    for f in (x[0].flatten(1), y[0].flatten(1)):
        mean = torch.stack([row.mean() for row in f])
        rows = [row - row.mean() for row in f]
        means.append(mean)
        sigmas.append(torch.stack([torch.stack([(a * b).mean() for b in rows]) for a in rows]))
    cross = torch.linalg.eigvals(sigmas[0] @ sigmas[1]).real.clamp_min(0).sqrt().sum()
    spread = sigmas[0].trace() + sigmas[1].trace() - 2 * cross
    return ((means[0] - means[1]).square().sum() + spread) / x.shape[1]


def test_mean_covariance_loops() -> None:
    x, guide = feature_map(0, b=2), soft_guide(b=2)
    mean, sigma = mean_covariance(x, guide)
    assert mean.shape == (2, 3, 1)
    for b in range(2):
        weights = guide[b, 0] / guide[b, 0].sum()
        means = [(weights * x[b, i]).sum() for i in range(3)]
        for i in range(3):
            torch.testing.assert_close(mean[b, i, 0], means[i])
            for j in range(3):
                expected = (weights * (x[b, i] - means[i]) * (x[b, j] - means[j])).sum()
                torch.testing.assert_close(sigma[b, i, j], expected)
    whole = mean_covariance(x, torch.ones(1, 1, *SIZE))
    for got, wanted in zip(whole, mean_covariance(x), strict=True):
        torch.testing.assert_close(got, wanted)


def test_another_route() -> None:
    x, y = feature_map(0, c=5), feature_map(1, c=5) @ torch.randn(9, 9, dtype=torch.float64)
    loss = CovarianceLoss({"a": y}, 3.0, "a")
    torch.testing.assert_close(loss({"a": x}), 3.0 * reference(x, y))


def test_diagonal_closed_form() -> None:
    a, b = torch.tensor([4.0, 1.0, 0.25, 9.0]), torch.tensor([1.0, 16.0, 0.25, 0.0])
    zero = torch.zeros(1, 4, 1)
    got = covariance_loss(zero, torch.diag(a)[None], zero + 2.0, matrix_root(torch.diag(b)[None]))
    torch.testing.assert_close(got, ((a.sqrt() - b.sqrt()).square().sum() + 16.0) / 4)


def test_commuting_closed_form() -> None:
    turn = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q
    a, b = torch.rand(6, dtype=torch.float64), torch.rand(6, dtype=torch.float64)
    sigma, other = (turn @ torch.diag(v) @ turn.T for v in (a, b))
    zero = torch.zeros(1, 6, 1, dtype=torch.float64)
    got = covariance_loss(zero, sigma[None], zero, matrix_root(other[None]))
    torch.testing.assert_close(got, (a.sqrt() - b.sqrt()).square().mean())


def test_matrix_root() -> None:
    _, sigma = mean_covariance(feature_map(0, b=2, c=6))
    root = matrix_root(sigma)
    torch.testing.assert_close(root @ root, sigma)
    torch.testing.assert_close(root, root.transpose(1, 2))
    assert bool(matrix_root(-torch.eye(3)[None]).eq(0).all())


@pytest.mark.parametrize("guide", [None, soft_guide()], ids=["everywhere", "guided"])
def test_gradient(guide: torch.Tensor | None) -> None:
    loss = CovarianceLoss({"a": feature_map(1)}, 2.0, "a", guide)
    check_gradient(lambda f: loss({"a": f}), feature_map(0))


def test_gradient_of_equal_eigenvalues() -> None:
    """Where eigenvalues coincide the eigenvectors have no gradient, but their sum has."""
    x = torch.zeros(1, 3, 2, 3, dtype=torch.float64)
    for k in range(3):
        x[0, k, :, k] = torch.tensor([1.0, -1.0])
    root = torch.eye(3, dtype=torch.float64)[None]
    zero = torch.zeros(1, 3, 1, dtype=torch.float64)
    check_gradient(lambda f: covariance_loss(*mean_covariance(f), zero, root), x)


def test_guide() -> None:
    x, y = feature_map(0), feature_map(1, size=(10, 11))
    guided = CovarianceLoss(
        {"a": y}, layers="a", guide=box_guide(2, 3, 7, 4), target_guide=box_guide(1, 1, 5, 6, (10, 11))
    )
    torch.testing.assert_close(guided({"a": x}), reference(x[..., 2:9, 3:7], y[..., 1:6, 1:7]))


def test_batch() -> None:
    loss = CovarianceLoss({"a": feature_map(1)}, layers="a")
    check_batch_is_mean(lambda f: loss({"a": f}), feature_map(0, b=3))
    target = feature_map(1, b=3)
    each = [reference(feature_map(0), target[k : k + 1]) for k in range(3)]
    torch.testing.assert_close(
        CovarianceLoss({"a": target}, layers="a")({"a": feature_map(0)}), torch.stack(each).mean()
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 10.0))
def test_laws(seed: int, scale: float) -> None:
    x, target = feature_map(seed), feature_map(seed + 1)
    value = CovarianceLoss({"a": target}, layers="a")({"a": x})
    assert float(value) >= 0.0
    assert abs(float(CovarianceLoss({"a": x}, layers="a")({"a": x}))) < 1e-9
    shuffled = x.flatten(2)[..., torch.randperm(SIZE[0] * SIZE[1])].view_as(x)
    torch.testing.assert_close(CovarianceLoss({"a": target}, layers="a")({"a": shuffled}), value)
    torch.testing.assert_close(CovarianceLoss({"a": scale * target}, layers="a")({"a": scale * x}), scale**2 * value)
    # Symmetric in its two sides.
    torch.testing.assert_close(CovarianceLoss({"a": x}, layers="a")({"a": target}), value)


def deep_features(seed: int, channels: int, side: int) -> torch.Tensor:
    """Features like those of deep layers: never negative, few strong directions and many weak, float32."""
    g = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=g) * torch.logspace(0.5, -2, channels)
    return (mixing @ torch.randn(channels, side * side, generator=g)).relu().view(1, channels, side, side)


@pytest.mark.parametrize("side", [6, 16])
def test_fewer_positions_than_channels(side: int) -> None:
    """As at relu5_1 of a 256² picture, where 256 positions stand against 512 channels."""
    x, y = deep_features(0, 320, side), deep_features(1, 320, 24)
    loss = CovarianceLoss({"a": y}, layers="a")
    exact = CovarianceLoss({"a": y.double()}, layers="a")
    torch.testing.assert_close(loss({"a": x}).double(), exact({"a": x.double()}), rtol=1e-3, atol=1e-5)
    own = CovarianceLoss({"a": x}, layers="a")
    assert abs(float(own({"a": x}))) < 1e-4 * float(loss({"a": x}))
    slope, wanted = gradient(lambda f: loss({"a": f}), x), gradient(lambda f: exact({"a": f}), x.double())
    assert bool(slope.isfinite().all())
    assert float((slope.double() - wanted).norm() / wanted.norm()) < 1e-2


def test_descent_from_few_positions() -> None:
    x, y = deep_features(0, 96, 6).requires_grad_(), deep_features(1, 96, 12)
    loss = CovarianceLoss({"a": y}, layers="a")
    start = float(loss({"a": x.detach()}))
    optimizer = torch.optim.LBFGS([x], max_iter=40, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss({"a": x})
        value.backward()
        return value

    optimizer.step(closure)
    # 36 positions span 35 directions of 96, so not everything can be reached; the bound is that of the best rank.
    _, sigma = mean_covariance(y)
    rest = float(torch.linalg.eigvalsh(sigma[0])[: 96 - 35].sum()) / 96
    end = float(loss({"a": x.detach()}))
    assert rest <= end * 1.001
    assert end < rest + 0.02 * (start - rest)


def test_slope_is_bounded() -> None:
    """In a direction of the style that the picture hardly uses the root itself would rise by 1e15 per unit."""
    sigma = torch.diag(torch.tensor([1.0, 1e-30], dtype=torch.float64))[None]
    zero, root = torch.zeros(1, 2, 1, dtype=torch.float64), torch.eye(2, dtype=torch.float64)[None]
    slope = gradient(lambda s: covariance_loss(zero, s, zero, root), sigma)
    assert 1e4 < float(slope.abs().max()) < 1e7


@pytest.mark.parametrize("flat", ["picture", "target", "both"])
def test_flat_features(flat: str) -> None:
    grey, x = torch.ones(1, 8, 4, 4), feature_map(0, c=8, size=(4, 4)).float()
    loss = CovarianceLoss({"a": x if flat == "picture" else grey}, layers="a")
    start = x if flat == "target" else grey
    assert bool(loss({"a": start}).isfinite())
    assert bool(gradient(lambda f: loss({"a": f}), start).isfinite().all())


def test_half_precision() -> None:
    loss = CovarianceLoss({"a": feature_map(1, c=8).float()}, layers="a")
    check_half(lambda f: loss({"a": f}), feature_map(0, c=8))
    check_autocast(lambda f: loss({"a": f}), feature_map(0, c=8))
    check_autocast(lambda f: mean_covariance(f)[1], feature_map(0, c=8))
    check_autocast(lambda f: matrix_root(mean_covariance(f)[1]), feature_map(0, c=8))


def test_errors() -> None:
    loss = CovarianceLoss({"a": feature_map(1)}, layers="a")
    with pytest.raises(InputError, match=r"means \(1, 4, 1\) cannot be compared with a target \(1, 3, 1\)"):
        loss({"a": feature_map(0, c=4)})
    with pytest.raises(InputError, match="CovarianceLoss needs b"):
        CovarianceLoss({"a": feature_map(1)}, layers=["a", "b"])


def test_repr() -> None:
    assert repr(CovarianceLoss({"a": feature_map(1)}, 2.0, {"a": 0.5})) == "CovarianceLoss(weight=2, layers=0.5 a)"
