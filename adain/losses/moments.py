"""Style losses on the mean and deviation of every channel, as AdaIN aligns them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..nn.statistics import channel_mean_std
from .base import Features, StyleTargetLoss, check_comparable

Stats = Mapping[str, tuple[Tensor, Tensor]]
"""Mean and standard deviation, each ``(B, C, 1, 1)``, by layer name."""


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
    """The AdaIN style loss (:func:`mean_std_distance`) against the statistics of a style picture.

    Arguments as :class:`~adain.losses.base.StyleTargetLoss`.
    """

    parts = ("mean", "std")

    def describe(self, features: Tensor, guide: Tensor | None) -> tuple[Tensor, ...]:
        return channel_mean_std(features, guide)

    def distance(self, features: Tensor, guide: Tensor | None, target: tuple[Tensor, ...]) -> Tensor:
        mean, std = target
        return _stats_distance(channel_mean_std(features, guide), (mean, std)).mean()
