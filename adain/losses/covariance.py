"""The style loss on whole covariances: every moment of the features up to the second."""

from __future__ import annotations

import torch
from torch import Tensor

from ..nn.statistics import EPS, at_least_float32
from .base import StyleTargetLoss, check_comparable, in_double

FLOOR = 1e-6
"""Standard deviations below this share of the whole count as none under the root. The gradient would be infinite in a
direction the style uses and the picture does not, and float32 features leave about so much uncertain."""


def mean_covariance(features: Tensor, guide: Tensor | None = None) -> tuple[Tensor, Tensor]:
    r"""Mean and population covariance of the channels over positions, or over those of a region.

    .. math:: \mu_i = \frac{\sum_p g_p f_{ip}}{\sum_p g_p}, \qquad
              \Sigma_{ij} = \frac{\sum_p g_p (f_{ip} - \mu_i)(f_{jp} - \mu_j)}{\sum_p g_p}

    Args:
        features: ``(B, C, H, W)``, any floating dtype.
        guide: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` weights at the same size, not 0 everywhere; :math:`g_p = 1`
            without one.

    Returns:
        ``(B, C, 1)`` and ``(B, C, C)`` in float32 or better, also inside autocast.
    """
    with torch.autocast(features.device.type, enabled=False):
        f = at_least_float32(features).flatten(2)
        if guide is None:
            mean = f.mean(dim=2, keepdim=True)
            centred = f - mean
            return mean, centred @ centred.transpose(1, 2) / f.shape[2]
        g = guide.to(f).flatten(2)
        area = g.sum(dim=2, keepdim=True)
        mean = (f * g).sum(dim=2, keepdim=True) / area
        centred = f - mean
        return mean, (centred * g) @ centred.transpose(1, 2) / area


def covariance_loss(mean: Tensor, covariance: Tensor, target_mean: Tensor, target_root: Tensor) -> Tensor:
    r"""Squared Wasserstein-2 distance of two Gaussians (Dowson & Landau 1982), over the number of channels.

    .. math:: \frac1C \left( \lVert\mu_1 - \mu_2\rVert^2 + \operatorname{tr}\left(\Sigma_1 + \Sigma_2
              - 2 (\Sigma_2^{1/2} \Sigma_1 \Sigma_2^{1/2})^{1/2}\right) \right)

    The trace of the root is the sum of the roots of eigenvalues, whose gradient needs no difference of two of them
    and so stays finite where they coincide. They are found in float64: in float32 the small ones are lost behind the
    large, and the root turns an error of 1e-7 into one of 3e-4.

    Args:
        mean, covariance: ``(B, C, 1)`` and ``(B, C, C)`` of :func:`mean_covariance`.
        target_mean, target_root: those of the style, its covariance given by its symmetric root (:func:`matrix_root`);
            either side may have a batch of 1.

    Returns:
        A scalar in the dtype of ``mean``, averaged over the batch: ≥ 0, and 0 for equal moments, up to rounding.

    Raises:
        InputError: if the channel counts or batches differ.
    """
    check_comparable(mean, target_mean, "means")
    sigma, root = in_double(covariance), in_double(target_root)
    own, wanted = _trace(sigma), root.square().sum(dim=(1, 2))
    floor = FLOOR**2 * (own.detach() + EPS) * (wanted + EPS)
    products = torch.linalg.eigvalsh(root @ sigma @ root).clamp_min(0.0)
    # A root that is 0 at 0, has a finite slope there and is the plain one from the floor up, unlike √(x + ε).
    roots = products / (products + floor.unsqueeze(1)).sqrt()
    spread = own + wanted - 2.0 * roots.sum(dim=1)
    distance: Tensor = (mean - target_mean).square().sum(dim=(1, 2)) + spread.to(mean)
    return (distance / mean.shape[1]).mean()


def matrix_root(covariance: Tensor) -> Tensor:
    """The symmetric root of ``(B, C, C)`` positive semi-definite matrices; negative eigenvalues count as 0."""
    values, vectors = torch.linalg.eigh(in_double(covariance))
    root: Tensor = (vectors * values.clamp_min(0.0).sqrt().unsqueeze(1)) @ vectors.transpose(1, 2)
    return root.to(covariance)


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=1, dim2=2).sum(dim=1)


class CovarianceLoss(StyleTargetLoss):
    """:func:`covariance_loss` against a style picture; arguments as :class:`~adain.losses.base.StyleTargetLoss`."""

    parts = ("mean", "root")

    def describe(self, features: Tensor, guide: Tensor | None) -> tuple[Tensor, ...]:
        mean, covariance = mean_covariance(features, guide)
        return mean, matrix_root(covariance)

    def distance(self, features: Tensor, guide: Tensor | None, target: tuple[Tensor, ...]) -> Tensor:
        return covariance_loss(*mean_covariance(features, guide), *target)
