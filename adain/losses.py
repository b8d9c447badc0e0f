"""Losses, each a plain function beside a module that holds its target."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .statistics import at_least_float32, channel_mean_std
from .vgg import CONTENT_LAYER, STYLE_LAYERS

Stats = Mapping[str, tuple[Tensor, Tensor]]
"""Mean and standard deviation, each ``(B, C, 1, 1)``, by layer name."""


def feature_stats(features: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """:func:`~adain.statistics.channel_mean_std` of every layer of an encoder's output."""
    return {layer: channel_mean_std(f) for layer, f in features.items()}


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of two feature maps (Huang & Belongie 2017, eq. 12).

    Args:
        features, target: ``(B, C, H, W)``. In training the target is the AdaIN output itself.

    Returns:
        A float32 scalar ≥ 0; the mean is over batch, channels and positions.
    """
    return F.mse_loss(at_least_float32(features), at_least_float32(target))


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
    terms = [
        (mean - target[layer][0]).square().mean(dim=(1, 2, 3)) + (std - target[layer][1]).square().mean(dim=(1, 2, 3))
        for layer, (mean, std) in stats.items()
    ]
    return torch.stack(terms).sum(dim=0)


def style_loss(features: Mapping[str, Tensor], target: Stats) -> Tensor:
    """:func:`mean_std_distance` of feature maps to a target, averaged over the batch: a float32 scalar."""
    return mean_std_distance(feature_stats(features), target).mean()


class ContentLoss(nn.Module):
    """:func:`content_loss` of one layer of an encoder's output against a stored target.

    Args:
        target: ``(B, C, H, W)`` features.
        weight: factor of the loss.
        layer: which entry of the encoder's output to compare.
    """

    target: Tensor

    def __init__(self, target: Tensor, weight: float = 1.0, layer: str = CONTENT_LAYER) -> None:
        super().__init__()
        self.register_buffer("target", target.detach(), persistent=False)
        self.weight = weight
        self.layer = layer

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        return self.weight * content_loss(features[self.layer], self.target)

    def extra_repr(self) -> str:
        return f"layer={self.layer}, weight={self.weight:g}"


class StyleLoss(nn.Module):
    """:func:`style_loss` against the statistics of a style image.

    Args:
        target: encoder features of the style at ``layers``.
        weight: factor of the loss.
        layers: which layers to compare.
    """

    def __init__(
        self,
        target: Mapping[str, Tensor],
        weight: float = 1.0,
        layers: tuple[str, ...] = STYLE_LAYERS,
    ) -> None:
        super().__init__()
        self.layers = layers
        self.weight = weight
        for layer in layers:
            mean, std = channel_mean_std(target[layer].detach())
            self.register_buffer(f"{layer}_mean", mean, persistent=False)
            self.register_buffer(f"{layer}_std", std, persistent=False)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        target = {layer: (self.get_buffer(f"{layer}_mean"), self.get_buffer(f"{layer}_std")) for layer in self.layers}
        return self.weight * style_loss({layer: features[layer] for layer in self.layers}, target)

    def extra_repr(self) -> str:
        return f"layers={', '.join(self.layers)}, weight={self.weight:g}"
