"""The sliced Wasserstein style loss: whole distributions compared, one direction at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..statistics import at_least_float32
from ..vgg import STYLE_LAYERS
from .base import Features, Loss, guide_at, total

SEED = 0
"""Fixes the directions, so that the same call gives the same loss."""


def directions(channels: int, count: int | None = None, *, seed: int = SEED) -> Tensor:
    """``(count, channels)`` random unit vectors, orthogonal in groups of ``channels``; as many as channels by default.

    Orthogonal directions cover the space more evenly than independent ones.
    """
    generator = torch.Generator().manual_seed(seed)
    count = channels if count is None else count
    groups = []
    while sum(len(group) for group in groups) < count:
        square = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
        groups.append(torch.linalg.qr(square).Q.T)
    return torch.cat(groups)[:count]


def sorted_projections(features: Tensor, along: Tensor, guide: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Values of the features along each direction in ascending order, and the share of the region each stands for.

    Args:
        features: ``(B, C, H, W)``.
        along: ``(D, C)`` unit vectors.
        guide: ``(B or 1, 1, H, W)`` weights at the same size.

    Returns:
        Values and shares, each ``(B, D, H·W)``; the shares sum to 1 along the last axis.
    """
    with torch.autocast(features.device.type, enabled=False):
        f = at_least_float32(features).flatten(2)
        values, order = torch.sort(along.to(f) @ f, dim=2)
    if guide is None:
        return values, torch.full_like(values, 1.0 / values.shape[2])
    weights = guide.to(f).flatten(2).expand(values.shape).gather(2, order)
    return values, weights / weights.sum(dim=2, keepdim=True)


def sliced_wasserstein_loss(values: Tensor, shares: Tensor, target_values: Tensor, target_shares: Tensor) -> Tensor:
    r"""Mean squared distance to the optimal transport along each direction (Heitz et al. 2021, eq. 5 and 6).

    .. math:: \operatorname{mean}_d \sum_p s_{dp} \left(x_{dp} - Q_d(u_{dp})\right)^2

    with :math:`u` the quantile of each value and :math:`Q` the quantile function of the target, interpolated
    linearly, so that the two pictures may differ in size. Zero exactly for equal distributions of equal size.

    Args:
        values, shares: of :func:`sorted_projections`.
        target_values, target_shares: those of the style, along the same directions.

    Returns:
        A scalar ≥ 0, averaged over batch and directions.
    """
    with torch.no_grad():
        wanted = _quantiles(target_values, target_shares, _levels(shares))
    return (shares * (values - wanted).square()).sum(dim=2).mean()


def _levels(shares: Tensor) -> Tensor:
    """The quantile in the middle of each value's share."""
    return shares.cumsum(dim=2) - 0.5 * shares


def _quantiles(values: Tensor, shares: Tensor, levels: Tensor) -> Tensor:
    """The quantile function of sorted ``values`` at ``levels``, constant beyond its ends."""
    batch = levels.shape[0]
    values, own = values.expand(batch, -1, -1).contiguous(), _levels(shares).expand(batch, -1, -1).contiguous()
    right = torch.searchsorted(own, levels.contiguous()).clamp(1, max(1, own.shape[2] - 1))
    right = right.clamp_max(own.shape[2] - 1)
    left = (right - 1).clamp_min(0)
    low, high = own.gather(2, left), own.gather(2, right)
    part = ((levels - low) / (high - low).clamp_min(torch.finfo(own.dtype).tiny)).clamp(0.0, 1.0)
    start = values.gather(2, left)
    return start + part * (values.gather(2, right) - start)


class SlicedWassersteinLoss(Loss):
    """:func:`sliced_wasserstein_loss` against a style picture, weighted by layer and summed.

    Args:
        target: encoder features of the style at ``layers``.
        weight: factor of the loss.
        layers: names, or names with a weight β each.
        guide: where in the stylised picture the style belongs; see :class:`Loss`.
        target_guide: from which part of the style picture it is taken, likewise.
        count: directions per layer; as many as it has channels by default.
    """

    def __init__(
        self,
        target: Features,
        weight: float = 1.0,
        layers: Mapping[str, float] | Sequence[str] = STYLE_LAYERS,
        guide: Tensor | None = None,
        *,
        target_guide: Tensor | None = None,
        count: int | None = None,
    ) -> None:
        super().__init__(weight, layers, guide)
        for layer in self.layers:
            f = target[layer].detach()
            along = directions(f.shape[1], count).to(at_least_float32(f))
            values, shares = sorted_projections(f, along, guide_at(target_guide, f, layer))
            self.keep(f"along_{layer}", along)
            self.keep(f"values_{layer}", values)
            self.keep(f"shares_{layer}", shares)

    def measure(self, features: Features) -> Tensor:
        terms = []
        for layer, beta, f, guide in self._each_layer(features):
            values, shares = sorted_projections(f, self.get_buffer(f"along_{layer}"), guide)
            wanted = (self.get_buffer(f"values_{layer}"), self.get_buffer(f"shares_{layer}"))
            terms.append(beta * sliced_wasserstein_loss(values, shares, *wanted))
        return total(terms)
