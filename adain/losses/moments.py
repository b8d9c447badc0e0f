"""Style losses on moments of the features: Gram matrices, means and deviations, and whole covariances."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..nn.statistics import EPS, at_least_float32, channel_mean_std
from .base import Features, StyleTargetLoss, check_comparable, in_double

Stats = Mapping[str, tuple[Tensor, Tensor]]
"""Mean and standard deviation, each ``(B, C, 1, 1)``, by layer name."""

FLOOR = 1e-6
"""Standard deviations below this share of the whole count as none under the root. The gradient would be infinite in a
direction the style uses and the picture does not, and float32 features leave about so much uncertain."""


def gram_matrix(features: Tensor, guide: Tensor | None = None) -> Tensor:
    r"""Correlations of channels over the picture, or over a region of it.

    .. math:: G_{ij} = \frac{\sum_p g_p f_{ip} f_{jp}}{\sum_p g_p}

    Without a guide this is the Gram matrix of Gatys et al. 2016, eq. 3, over the number of positions :math:`M`.
    With one it is the guided Gram matrix of Gatys et al. 2017, whose guidance :math:`T_p = \sqrt{g_p / \sum g}`
    has :math:`\sum_p T_p^2 = 1`: a region counts by its own area, so that a small one keeps the scale of a large
    one. A guide of ones gives the plain matrix to the bit.

    Args:
        features: ``(B, C, H, W)``, any floating dtype.
        guide: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` in ``[0, 1]`` at the same size, not 0 everywhere.

    Returns:
        ``(B, C, C)`` in float32 or better, also inside autocast: half precision overflows.
    """
    with torch.autocast(features.device.type, enabled=False):
        f = at_least_float32(features).flatten(2)
        if guide is None:
            return f @ f.transpose(1, 2) / f.shape[2]
        g = guide.to(f).flatten(2)
        return (f * g) @ f.transpose(1, 2) / g.sum(dim=2, keepdim=True)


def gram_loss(gram: Tensor, target: Tensor) -> Tensor:
    r"""The classic style loss of one layer (Gatys et al. 2016, eq. 4).

    .. math:: E = \frac{1}{4 N^2 M^2} \sum_{ij} (M G_{ij} - M A_{ij})^2 = \frac{1}{4 N^2} \sum_{ij} (G_{ij} - A_{ij})^2

    with :math:`N` channels and :func:`gram_matrix` divided by the positions :math:`M` of its own picture already,
    so that style and content may differ in size.

    Args:
        gram, target: ``(B, C, C)``; either may have a batch of 1.

    Returns:
        A scalar ≥ 0, averaged over the batch.

    Raises:
        InputError: if the channel counts or batches differ.
    """
    check_comparable(gram, target, "Gram matrices")
    return 0.25 * (gram - target).square().mean(dim=(1, 2)).mean()


class GramLoss(StyleTargetLoss):
    """:func:`gram_loss` against a style picture; arguments as :class:`~adain.losses.base.StyleTargetLoss`."""

    parts = ("gram",)

    def describe(self, features: Tensor, guide: Tensor | None) -> tuple[Tensor, ...]:
        return (gram_matrix(features, guide),)

    def distance(self, features: Tensor, guide: Tensor | None, target: tuple[Tensor, ...]) -> Tensor:
        return gram_loss(gram_matrix(features, guide), *target)


def feature_stats(features: Features) -> dict[str, tuple[Tensor, Tensor]]:
    """:func:`~adain.nn.statistics.channel_mean_std` of every layer of an encoder's output."""
    return {layer: channel_mean_std(f) for layer, f in features.items()}


def mean_std_distance(stats: Stats, target: Stats) -> Tensor:
    r"""AdaIN style distance of every image (Huang & Belongie 2017, eq. 13).

    .. math:: \sum_l \operatorname{mean}_c\left[(\mu_{lc} - \hat\mu_{lc})^2 + (\sigma_{lc} - \hat\sigma_{lc})^2\right]

    The paper's norms are not squared; these, as in training code, are, and they are *averaged* over the channels of
    a layer, so that a weight of 10 corresponds to the reference PyTorch training, and summed over the layers.

    Args:
        stats: of one layer or more.
        target: statistics of at least the same layers; either may have a batch of 1.

    Returns:
        ``(B,)`` float32 (float64 for float64 statistics), each ≥ 0.

    Raises:
        InputError: if the target lacks a layer, or channel counts or batches differ.
    """
    missing = [layer for layer in stats if layer not in target]
    if missing:
        raise InputError(f"the target has no statistics of {', '.join(missing)}")
    return torch.stack([_stats_distance(found, target[layer]) for layer, found in stats.items()]).sum(dim=0)


def _stats_distance(found: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> Tensor:
    check_comparable(found[0], wanted[0], "statistics")
    means, deviations = ((f - w).square().mean(dim=(1, 2, 3)) for f, w in zip(found, wanted, strict=True))
    return means + deviations


def style_loss(features: Features, target: Stats) -> Tensor:
    """:func:`mean_std_distance` of feature maps to a target, averaged over the batch: a float32 scalar."""
    return mean_std_distance(feature_stats(features), target).mean()


class StyleLoss(StyleTargetLoss):
    """:func:`mean_std_distance` to a style picture; arguments as :class:`~adain.losses.base.StyleTargetLoss`."""

    parts = ("mean", "std")

    def describe(self, features: Tensor, guide: Tensor | None) -> tuple[Tensor, ...]:
        return channel_mean_std(features, guide)

    def distance(self, features: Tensor, guide: Tensor | None, target: tuple[Tensor, ...]) -> Tensor:
        mean, std = target
        return _stats_distance(channel_mean_std(features, guide), (mean, std)).mean()


def mean_covariance(features: Tensor, guide: Tensor | None = None) -> tuple[Tensor, Tensor]:
    r"""Mean and population covariance of the channels over positions, or over those of a region.

    .. math:: \mu_i = \frac{\sum_p g_p f_{ip}}{\sum_p g_p}, \qquad
              \Sigma_{ij} = \frac{\sum_p g_p (f_{ip} - \mu_i)(f_{jp} - \mu_j)}{\sum_p g_p}

    Features and guide are those of :func:`gram_matrix`; :math:`g_p = 1` without one.

    Returns:
        ``(B, C, 1)`` and ``(B, C, C)`` in float32 or better, also inside autocast.
    """
    f = at_least_float32(features).flatten(2)
    if guide is None:
        mean = f.mean(dim=2, keepdim=True)
    else:
        g = guide.to(f).flatten(2)
        mean = (f * g).sum(dim=2, keepdim=True) / g.sum(dim=2, keepdim=True)
    return mean, gram_matrix(f - mean, guide)


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
    own, wanted = sigma.diagonal(dim1=1, dim2=2).sum(dim=1), root.square().sum(dim=(1, 2))
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


class CovarianceLoss(StyleTargetLoss):
    """:func:`covariance_loss` against a style picture; arguments as :class:`~adain.losses.base.StyleTargetLoss`."""

    parts = ("mean", "root")

    def describe(self, features: Tensor, guide: Tensor | None) -> tuple[Tensor, ...]:
        mean, covariance = mean_covariance(features, guide)
        return mean, matrix_root(covariance)

    def distance(self, features: Tensor, guide: Tensor | None, target: tuple[Tensor, ...]) -> Tensor:
        return covariance_loss(*mean_covariance(features, guide), *target)
