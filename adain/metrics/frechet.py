"""Fréchet distances between sets of pictures."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..losses.base import in_double
from ..nn.statistics import at_least_float32

FRECHET_LAYER = "relu5_1"
"""Whose pooled features VGG-FD compares. Deeper than what AdaIN and its losses match, so that it is no mere echo."""


def pooled(features: Mapping[str, Tensor]) -> Tensor:
    """Mean over the picture of every channel at :data:`FRECHET_LAYER`: ``(B, 512)`` float32."""
    return at_least_float32(features[FRECHET_LAYER]).mean(dim=(2, 3))


def gaussian_frechet_distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> Tensor:
    r"""Squared Fréchet distance of two Gaussians (Dowson & Landau 1982; Heusel et al. 2017, eq. 6).

    .. math:: \lVert \mu_a - \mu_b \rVert^2 + \operatorname{tr}\left(
              \Sigma_a + \Sigma_b - 2 (\Sigma_a^{1/2} \Sigma_b \Sigma_a^{1/2})^{1/2}\right)

    The product in the middle is symmetric, so that its root comes from eigenvalues, in float64: covariances may be
    singular, as they are of fewer pictures than features.

    Args:
        mean_a, mean_b: ``(D,)``.
        cov_a, cov_b: ``(D, D)``, symmetric and positive semidefinite.

    Returns:
        A float64 scalar ≥ 0; 0 for equal Gaussians. Lower is better.
    """
    ma, mb, ca, cb = (in_double(x) for x in (mean_a, mean_b, cov_a, cov_b))
    values, vectors = torch.linalg.eigh(ca)
    half = vectors * _positive(values).sqrt() @ vectors.mT
    product = half @ cb @ half
    shared = _positive(torch.linalg.eigvalsh((product + product.mT) / 2)).sqrt().sum()
    distance: Tensor = (ma - mb).square().sum() + ca.trace() + cb.trace() - 2.0 * shared
    return distance.clamp_min(0.0)


def _positive(values: Tensor) -> Tensor:
    """Eigenvalues without what rounding leaves where they are 0: its root would be 1e8 times as large."""
    floor = values.abs().max() * len(values) * torch.finfo(values.dtype).eps
    return torch.where(values > floor, values, 0.0)


def frechet_distance(output: Tensor, style: Tensor) -> Tensor:
    r""":func:`gaussian_frechet_distance` of the Gaussians fitted to two sets of feature vectors.

    With pooled relu5_1 features of the normalised VGG-19 (:func:`pooled`) it is *VGG-FD*; with those of an Inception
    network, FID (Heusel et al. 2017). Covariances are divided by n − 1. **Small samples bias it upwards**: it is 0 for
    the same set, but sets drawn from the same distribution come out above 0, the more the fewer they are. Compare
    figures of the same number of pictures only, and trust none below some hundreds.

    Args:
        output, style: ``(N, D)`` and ``(M, D)``, at least two vectors each.

    Returns:
        A float64 scalar ≥ 0. Lower is better.

    Raises:
        InputError: if there are fewer than two vectors in a set, or their lengths differ.
    """
    if output.ndim != 2 or style.ndim != 2 or output.shape[1] != style.shape[1]:
        raise InputError(f"feature vectors {tuple(output.shape)} and {tuple(style.shape)} cannot be compared")
    if min(len(output), len(style)) < 2:
        raise InputError("a Fréchet distance needs at least two pictures on either side")
    (mean_a, a), (mean_b, b) = (_centred(in_double(x)) for x in (output, style))
    if max(len(a), len(b)) > a.shape[1]:
        return gaussian_frechet_distance(mean_a, a.mT @ a, mean_b, b.mT @ b)
    # With Σ = XᵀX the root's trace is the sum of the singular values of X Yᵀ: as many rows as there are pictures, where
    # the covariances of Inception features would have 2,048.
    shared = torch.linalg.svdvals(a @ b.mT).sum()
    distance: Tensor = (mean_a - mean_b).square().sum() + a.square().sum() + b.square().sum() - 2.0 * shared
    return distance.clamp_min(0.0)


def _centred(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, and what is left, scaled so that its product with itself is the covariance."""
    mean = vectors.mean(dim=0)
    return mean, (vectors - mean) / (len(vectors) - 1) ** 0.5
