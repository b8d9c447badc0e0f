"""Gram-matrix style losses (Gatys et al. 2016), plain and guided (Gatys et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..nn.statistics import at_least_float32
from .base import Features, Loss, check_comparable, total


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


class GramLoss(Loss):
    """:func:`gram_loss` against a style picture, weighted by layer and summed.

    Args:
        target: encoder output of the style at ``layers``.
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
        weight: float,
        layers: str | Mapping[str, float] | Sequence[str],
        guide: Tensor | None = None,
        *,
        target_guide: Tensor | None = None,
    ) -> None:
        super().__init__(weight, layers, guide)
        for layer, f, region in self._each_target(target, target_guide):
            self.keep("gram", layer, gram_matrix(f, region))

    def measure(self, features: Features) -> Tensor:
        return total(
            [
                beta * gram_loss(gram_matrix(f, guide), self.kept("gram", layer))
                for layer, beta, f, guide in self._each_layer(features)
            ]
        )
