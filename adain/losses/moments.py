"""Style losses on the moments of each layer: means and deviations (AdaIN), and whole covariances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..errors import InputError
from ..statistics import EPS, at_least_float32, channel_mean_std
from ..vgg import STYLE_LAYERS
from .base import Features, Loss, guide_at, total

Stats = Mapping[str, tuple[Tensor, Tensor]]
"""Mean and standard deviation, each ``(B, C, 1, 1)``, by layer name."""


def feature_stats(features: Features) -> dict[str, tuple[Tensor, Tensor]]:
    """:func:`~adain.statistics.channel_mean_std` of every layer of an encoder's output."""
    return {layer: channel_mean_std(f) for layer, f in features.items()}


def mean_std_distance(stats: Stats, target: Stats) -> Tensor:
    r"""AdaIN style distance of every image (Huang & Belongie 2017, eq. 13).

    .. math:: \sum_l \operatorname{mean}_c\left[(\mu_{lc} - \hat\mu_{lc})^2 + (\sigma_{lc} - \hat\sigma_{lc})^2\right]

    The squares are *averaged* over the channels of a layer, so that a weight of 10 corresponds to the reference
    PyTorch training, and summed over the layers.

    Args:
        stats, target: statistics of the same layers.

    Returns:
        ``(B,)`` float32, each ≥ 0.
    """
    terms = [_stats_distance(found, target[layer]) for layer, found in stats.items()]
    return torch.stack(terms).sum(dim=0)


def _stats_distance(found: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> Tensor:
    squares = ((f - w).square().mean(dim=(1, 2, 3)) for f, w in zip(found, wanted, strict=True))
    return next(squares) + next(squares)


def style_loss(features: Features, target: Stats) -> Tensor:
    """:func:`mean_std_distance` of feature maps to a target, averaged over the batch: a float32 scalar."""
    return mean_std_distance(feature_stats(features), target).mean()


class StyleLoss(Loss):
    """The AdaIN style loss (:func:`mean_std_distance`) against the statistics of a style image.

    Args:
        target: encoder features of the style at ``layers``.
        weight: factor of the loss.
        layers: names, or names with a weight β each.
        guide: where in the stylised picture the style belongs; see :class:`Loss`.
        target_guide: from which part of the style picture it is taken, likewise.
    """

    def __init__(
        self,
        target: Features,
        weight: float = 1.0,
        layers: Mapping[str, float] | Sequence[str] = STYLE_LAYERS,
        guide: Tensor | None = None,
        *,
        target_guide: Tensor | None = None,
    ) -> None:
        super().__init__(weight, layers, guide)
        for layer in self.layers:
            f = target[layer].detach()
            mean, std = channel_mean_std(f, guide_at(target_guide, f, layer))
            self.keep(f"mean_{layer}", mean)
            self.keep(f"std_{layer}", std)

    def measure(self, features: Features) -> Tensor:
        terms = []
        for layer, beta, f, guide in self._each_layer(features):
            wanted = (self.get_buffer(f"mean_{layer}"), self.get_buffer(f"std_{layer}"))
            terms.append(beta * _stats_distance(channel_mean_std(f, guide), wanted).mean())
        return total(terms)


def mean_covariance(features: Tensor, guide: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean ``(B, C, 1)`` and population covariance ``(B, C, C)`` of the channels over positions.

    Args:
        features: ``(B, C, H, W)``, any floating dtype.
        guide: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` weights at the same size.
    """
    with torch.autocast(features.device.type, enabled=False):
        f = at_least_float32(features).flatten(2)
        if guide is None:
            mean = f.mean(dim=2, keepdim=True)
            centred = f - mean
            return mean, centred @ centred.transpose(1, 2) / f.shape[2]
        g = guide.to(f).flatten(2)
        g = g / g.sum(dim=2, keepdim=True)
        mean = (f * g).sum(dim=2, keepdim=True)
        centred = f - mean
        return mean, (centred * g) @ centred.transpose(1, 2)


def covariance_loss(mean: Tensor, covariance: Tensor, target_mean: Tensor, target_root: Tensor) -> Tensor:
    r"""Squared Wasserstein-2 distance of two Gaussians, over the number of channels.

    .. math:: \frac1C \left( \lVert\mu_1 - \mu_2\rVert^2
              + \operatorname{tr}\left(\Sigma_1 + \Sigma_2 - 2 (\Sigma_2^{1/2} \Sigma_1 \Sigma_2^{1/2})^{1/2}\right) \right)

    (Dowson & Landau 1982; between feature maps it compares every moment up to the second.) The trace of the root is
    the sum of the roots of eigenvalues, whose gradient needs no difference of two of them and so stays finite.

    Args:
        mean, covariance: ``(B, C, 1)`` and ``(B, C, C)`` of :func:`mean_covariance`.
        target_mean, target_root: those of the style, its covariance given by its symmetric root (:func:`matrix_root`).

    Returns:
        A scalar ≥ 0 up to rounding, averaged over the batch.
    """
    inner = target_root @ covariance @ target_root
    # The floor keeps the root differentiable where the picture uses fewer directions than there are channels.
    roots = (torch.linalg.eigvalsh(inner).clamp_min(0.0) + EPS**2).sqrt() - EPS
    trace = _trace(covariance) + target_root.square().sum(dim=(1, 2)) - 2.0 * roots.sum(dim=1)
    means = (mean - target_mean).square().sum(dim=(1, 2))
    return ((means + trace) / mean.shape[1]).mean()


def matrix_root(covariance: Tensor) -> Tensor:
    """The symmetric root of ``(B, C, C)`` positive semi-definite matrices."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0.0).sqrt().unsqueeze(1)) @ vectors.transpose(1, 2)


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=1, dim2=2).sum(dim=1)


class CovarianceLoss(Loss):
    """:func:`covariance_loss` against a style picture, weighted by layer and summed; arguments as :class:`StyleLoss`."""

    def __init__(
        self,
        target: Features,
        weight: float = 1.0,
        layers: Mapping[str, float] | Sequence[str] = STYLE_LAYERS,
        guide: Tensor | None = None,
        *,
        target_guide: Tensor | None = None,
    ) -> None:
        super().__init__(weight, layers, guide)
        for layer in self.layers:
            f = target[layer].detach()
            mean, covariance = mean_covariance(f, guide_at(target_guide, f, layer))
            self.keep(f"mean_{layer}", mean)
            self.keep(f"root_{layer}", matrix_root(covariance))

    def measure(self, features: Features) -> Tensor:
        terms = []
        for layer, beta, f, guide in self._each_layer(features):
            mean, covariance = mean_covariance(f, guide)
            wanted_mean, root = self.get_buffer(f"mean_{layer}"), self.get_buffer(f"root_{layer}")
            if mean.shape[1] != wanted_mean.shape[1]:
                raise InputError(f"{layer} has {mean.shape[1]} channels and the target {wanted_mean.shape[1]}")
            terms.append(beta * covariance_loss(mean, covariance, wanted_mean, root))
        return total(terms)
