"""The sliced Wasserstein style loss: whole distributions compared, one direction at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._utils.errors import InputError
from ..nn.statistics import at_least_float32
from ..nn.vgg import STYLE_LAYERS
from .base import Features, Layers, StyleTargetLoss, wide_dtype

CHUNK = 2**22
"""Values sorted at a time: their ranks are eight bytes each, and all directions at once would take gigabytes."""


def directions(channels: int, count: int | None = None, *, seed: int = 0) -> Tensor:
    """Random unit vectors ``(count, channels)`` in float64, orthogonal in groups of ``channels``.

    Orthogonal directions cover the space more evenly than independent ones.

    Args:
        count: ≥ 1; as many as channels by default.
        seed: fixes the vectors, so that the same call gives the same loss.
    """
    count = channels if count is None else count
    if count < 1:
        raise InputError(f"the sliced loss needs at least one direction, not {count}")
    generator = torch.Generator().manual_seed(seed)
    shape = (channels, channels)
    squares = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(0, count, channels))
    return torch.cat([torch.linalg.qr(square).Q.T for square in squares])[:count].contiguous()


def sorted_projections(features: Tensor, along: Tensor, guide: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Values of the features along each direction in ascending order, and the share of the region each stands for.

    Args:
        features: ``(B, C, H, W)``, any floating dtype.
        along: ``(D, C)`` unit vectors.
        guide: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` weights at the same size, not 0 everywhere.

    Returns:
        Values ``(B, D, H·W)`` in float32 or better, and shares that sum to 1 along the last axis: ``(B, D, H·W)``, or
        ``(1, 1, H·W)`` without a guide, where all are equal. Positions that the guide leaves out repeat the largest
        value at the end with a share of 0.
    """
    values = _project(features, along)
    if guide is None:
        values, order = values.sort(dim=2)
        return values, _shares(None, order, values)
    weights = guide.to(values).flatten(2)
    outside = weights.expand(values.shape) == 0
    largest = values.masked_fill(outside, -torch.inf).amax(dim=2, keepdim=True)
    # Left between values that count, one that does not would still pull at what is interpolated from them.
    values, order = values.masked_fill(outside, torch.inf).sort(dim=2)
    return values.minimum(largest), _shares(weights, order, values)


def sliced_wasserstein_loss(
    features: Tensor, along: Tensor, target_values: Tensor, target_shares: Tensor, guide: Tensor | None = None
) -> Tensor:
    r"""Mean squared distance to the optimal transport along each direction (Heitz et al. 2021).

    .. math:: \operatorname{mean}_d \sum_p s_p \left(\langle v_d, f_p \rangle - Q_d(u_{dp})\right)^2, \qquad
              s_p = \frac{g_p}{\sum g}

    with :math:`u_{dp}` the quantile of a value among all those along :math:`v_d` and :math:`Q_d` the quantile
    function of the target, interpolated linearly, so that the two pictures may differ in size. For pictures of one
    size this is the distance of the sorted values, exactly. Where a value goes is constant for small steps, so the
    gradient needs no sorting.

    Sorting makes this the dearest of the style losses: with 64 directions at relu1_1 of a 1024² picture seven or
    eight times the Gram loss on a CPU, up to twice that with a guide. The cost is proportional to the number of
    directions. (To drop positions instead would leave pixels without a gradient.)

    Args:
        features: ``(B, C, H, W)``, any floating dtype.
        along: ``(D, C)`` unit vectors.
        target_values, target_shares: :func:`sorted_projections` of the style along the same directions; its batch may
            be 1.
        guide: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` weights :math:`g_p` at the same size, not 0 everywhere; 1 without.

    Returns:
        A scalar ≥ 0 in float32 or better, averaged over batch and directions.

    Raises:
        InputError: if channels, directions or batches do not fit.
    """
    if target_values.shape[1] != len(along) or target_values.shape[0] not in (1, features.shape[0]):
        raise InputError(
            f"values along {len(along)} directions of {features.shape[0]} pictures cannot be compared with a target "
            f"{tuple(target_values.shape)}"
        )
    values = _project(features, along)
    weights = None if guide is None else guide.to(values).flatten(2)
    with torch.no_grad():
        wanted = torch.empty_like(values)
        step = max(1, CHUNK // (values.shape[0] * values.shape[2]))
        for start in range(0, len(along), step):
            part = slice(start, start + step)
            shares = target_shares[:, part] if target_shares.shape[1] > 1 else target_shares
            wanted[:, part] = _destinations(values[:, part], weights, target_values[:, part], shares)
    if weights is None:
        return F.mse_loss(values, wanted)
    return (((values - wanted).square() * weights).sum(dim=2) / weights.sum(dim=2)).mean()


def _project(features: Tensor, along: Tensor) -> Tensor:
    """``(B, D, H·W)`` values along ``(D, C)`` directions."""
    if features.shape[1] != along.shape[1]:
        raise InputError(f"directions in {along.shape[1]} dimensions do not fit features {tuple(features.shape)}")
    with torch.autocast(features.device.type, enabled=False):
        f = at_least_float32(features).flatten(2)
        return along.to(f) @ f


def _shares(weights: Tensor | None, order: Tensor, values: Tensor) -> Tensor:
    """The share of the region that each value stands for, brought into an order."""
    if weights is None:
        return values.new_full((1, 1, values.shape[2]), 1.0 / values.shape[2])
    ordered = weights.expand(values.shape).gather(2, order)
    return ordered / ordered.sum(dim=2, keepdim=True)


def _destinations(values: Tensor, weights: Tensor | None, wanted: Tensor, wanted_shares: Tensor) -> Tensor:
    """For each of the unsorted ``values`` the one of the target that it is transported to."""
    order = values.argsort(dim=2)
    goals = _quantiles(wanted, wanted_shares, _levels(_shares(weights, order, values)))
    return torch.empty_like(values).scatter_(2, order, goals.expand(values.shape))


def _levels(shares: Tensor) -> Tensor:
    """The quantile in the middle of each value's share."""
    # Near 1, float32 cannot tell the ranks of 4096² positions apart; MPS has nothing better.
    s = shares if shares.device.type == "mps" else shares.double()
    return s.cumsum(dim=2) - 0.5 * s


def _quantiles(values: Tensor, shares: Tensor, levels: Tensor) -> Tensor:
    """The quantile function of sorted ``values`` at ``levels``, constant beyond its ends."""
    own, levels = (each.contiguous() for each in _together(_levels(shares), levels))
    last = own.shape[2] - 1
    right = torch.searchsorted(own, levels).clamp(min(1, last), last)
    left = (right - 1).clamp_min(0)
    low, high = own.gather(2, left), own.gather(2, right)
    part = ((levels - low) / (high - low).clamp_min(torch.finfo(own.dtype).tiny)).clamp(0.0, 1.0)
    values, left, right = _together(values, left, right)
    return torch.lerp(values.gather(2, left), values.gather(2, right), part.to(values))


def _together(*tensors: Tensor) -> list[Tensor]:
    """All with the first two axes of whichever is largest."""
    lead = [max(sizes) for sizes in zip(*(each.shape[:2] for each in tensors), strict=True)]
    return [each.expand(*lead, -1) for each in tensors]


class SlicedWassersteinLoss(StyleTargetLoss):
    """:func:`sliced_wasserstein_loss` against a style picture; most as :class:`~adain.losses.base.StyleTargetLoss`.

    Args:
        count: directions per layer, ≥ 1; as many as it has channels by default.
    """

    parts = ("along", "values", "shares")

    def __init__(
        self,
        target: Features,
        weight: float = 1.0,
        layers: Layers = STYLE_LAYERS,
        guide: Tensor | None = None,
        *,
        target_guide: Tensor | None = None,
        count: int | None = None,
    ) -> None:
        self.count = count  # which the target is measured with
        super().__init__(target, weight, layers, guide, target_guide=target_guide)

    def describe(self, features: Tensor, guide: Tensor | None) -> tuple[Tensor, ...]:
        along = directions(features.shape[1], self.count).to(device=features.device, dtype=wide_dtype(features))
        return along, *sorted_projections(features, along, guide)

    def distance(self, features: Tensor, guide: Tensor | None, target: tuple[Tensor, ...]) -> Tensor:
        along, values, shares = target
        return sliced_wasserstein_loss(features, along, values, shares, guide)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.count is None else f", count={self.count}")
