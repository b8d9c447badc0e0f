"""A style: the statistics of an artwork's features, and the blending of several."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import InputError


@dataclass(frozen=True, eq=False)
class Style:
    """What AdaIN needs to know of an artwork: mean and deviation of each channel at relu4_1.

    Attributes:
        mean: ``(1, 512, 1, 1)`` float32, or ``(B, 512, 1, 1)`` for a batch of styles.
        std: likewise, > 0.
        name: where it came from, for people.
        fine_std: deviations for the fine texture alone, of the shape of ``std``, from the artwork at another size
            (see :mod:`adain.bands`); None where ``std`` serves coarse and fine alike.
    """

    mean: Tensor
    std: Tensor
    name: str = ""
    fine_std: Tensor | None = None

    def to(self, device: torch.device | str) -> Style:
        """The same style on another device."""
        fine = None if self.fine_std is None else self.fine_std.to(device)
        return Style(self.mean.to(device), self.std.to(device), self.name, fine)

    def __repr__(self) -> str:
        channels, device = self.mean.shape[1], self.mean.device
        return f"Style({self.name or 'unnamed'!r}, channels={channels}, device={device})"


def normalize_weights(weights: Sequence[float]) -> list[float]:
    """Weights scaled to sum 1.

    Raises:
        InputError: if one is negative or not a finite number, or all are 0.
    """
    values = [float(w) for w in weights]
    if not values or any(not math.isfinite(w) or w < 0 for w in values) or not sum(values) > 0:
        raise InputError(f"style weights must be finite, not negative, and not all 0: {', '.join(map(str, weights))}")
    return [w / sum(values) for w in values]


def blend(styles: Sequence[Style], weights: Sequence[float] | None = None) -> Style:
    r"""A style between several: the weighted mean of their statistics.

    AdaIN is linear in the style's mean and deviation, so this equals the interpolation of feature maps
    :math:`\sum_k w_k \mathrm{AdaIN}(c, s_k)` of Huang & Belongie 2017, eq. 15, at the price of one.

    Args:
        styles: at least one.
        weights: one for each, ≥ 0, scaled to sum 1; equal by default.

    Raises:
        InputError: if there is no style, the counts differ, or the weights are unusable.
    """
    if not styles:
        raise InputError("a blend needs at least one style")
    shares = normalize_weights([1.0] * len(styles) if weights is None else weights)
    if len(shares) != len(styles):
        raise InputError(f"{len(styles)} styles need {len(styles)} weights, not {len(shares)}")
    # A weight of exactly 1 gives that style's own bytes.
    kept = [(share, style) for share, style in zip(shares, styles, strict=True) if share > 0]
    if len(kept) == 1:
        return kept[0][1]
    device = kept[0][1].mean.device
    mean = _sum([share * style.mean.to(device) for share, style in kept])
    std = _sum([share * style.std.to(device) for share, style in kept])
    fine = None
    if any(style.fine_std is not None for _, style in kept):
        own = [style.std if style.fine_std is None else style.fine_std for _, style in kept]
        fine = _sum([share * std.to(device) for (share, _), std in zip(kept, own, strict=True)])
    return Style(mean, std, " + ".join(f"{share:.3g} {style.name}" for share, style in kept), fine)


def _sum(terms: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one style or of a batch each."""
    return functools.reduce(torch.add, terms)
