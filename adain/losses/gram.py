"""Gram-matrix style losses (Gatys et al. 2016), plain and guided (Gatys et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..nn.statistics import at_least_float32
from .base import StyleTargetLoss, check_comparable


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
