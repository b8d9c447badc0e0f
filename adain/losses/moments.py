"""Style losses on the mean and deviation of every channel, as AdaIN aligns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..nn.statistics import channel_mean_std
from ..nn.vgg import STYLE_LAYERS
from .base import Features, Loss, check_comparable, total

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


class StyleLoss(Loss):
    """The AdaIN style loss (:func:`mean_std_distance`) against the statistics of a style image.

    Args:
        target: encoder features of the style at ``layers``.
        weight: factor of the loss.
        layers: a name, names, or names with a weight β each.
        guide: where in the stylised picture the style belongs; see :class:`Loss`.
        target_guide: from which part of the style picture it is taken, likewise.

    Raises:
        InputError: as :class:`Loss`; if the target lacks a layer or its guide is empty.
    """

    def __init__(
        self,
        target: Features,
        weight: float = 1.0,
        layers: str | Mapping[str, float] | Sequence[str] = STYLE_LAYERS,
        guide: Tensor | None = None,
        *,
        target_guide: Tensor | None = None,
    ) -> None:
        super().__init__(weight, layers, guide)
        for layer, f, region in self._each_target(target, target_guide):
            mean, std = channel_mean_std(f, region)
            self.keep("mean", layer, mean)
            self.keep("std", layer, std)

    def measure(self, features: Features) -> Tensor:
        terms = []
        for layer, beta, f, guide in self._each_layer(features):
            wanted = (self.kept("mean", layer), self.kept("std", layer))
            terms.append(beta * _stats_distance(channel_mean_std(f, guide), wanted).mean())
        return total(terms)
