"""What is asked of a pair beyond one style at full strength: an alpha of its own, and a share of another style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .config import TrainingConfig
from .crops import ALPHA_STREAM, BLEND_STREAM

Stats = Mapping[str, tuple[Tensor, Tensor]]
"""Mean and deviation by layer."""


class Mix(NamedTuple):
    """For each pair of a batch, what it is trained at. None stands for 1 everywhere.

    Attributes:
        alpha: ``(B, 1, 1, 1)`` strengths in ``[0, 1]``.
        share: ``(B, 1, 1, 1)`` shares in ``[0, 1]`` of the pair's own style; the rest is that of the pair before it.
    """

    alpha: Tensor | None = None
    share: Tensor | None = None

    def blended(self, styles: Stats) -> Stats:
        """The statistics of the blends, given those of the styles: linear, as in :func:`adain.blend`."""
        if self.share is None:
            return styles
        share = self.share
        return {layer: _lerped((m.roll(1, 0), s.roll(1, 0)), (m, s), share) for layer, (m, s) in styles.items()}

    def softened(self, contents: Stats, styles: Stats) -> Stats:
        """The statistics at the pairs' alphas: those of :math:`(1 - \\alpha) c + \\alpha \\mathrm{AdaIN}(c, s)`."""
        if self.alpha is None:
            return styles
        return {layer: _lerped(contents[layer], styles[layer], self.alpha) for layer in styles}


PLAIN = Mix()
"""One style at full strength."""


def draw_mix(config: TrainingConfig, step: int, rank: int, identity: Tensor) -> Mix:
    """The mixes of a step, a pure function of the seed, the step and the rank.

    Args:
        identity: ``(B, 1, 1, 1)``, 1 where a pair is to come back unchanged: such pairs are left plain.
    """

    def spared(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Tensor:
        drawn = torch.from_numpy(values).to(identity).view(-1, 1, 1, 1)
        return torch.where(identity > 0, torch.ones_like(drawn), drawn)

    alpha = share = None
    if config.alpha_low < 1.0:
        rng = np.random.default_rng([config.seed, ALPHA_STREAM, step, rank])
        alpha = spared(rng.uniform(config.alpha_low, 1.0, config.batch_size))
    if config.blend_share > 0.0:
        rng = np.random.default_rng([config.seed, BLEND_STREAM, step, rank])
        chosen = rng.random(config.batch_size) < config.blend_share
        share = spared(np.where(chosen, rng.random(config.batch_size), 1.0))
    return Mix(alpha, share)


def _lerped(start: tuple[Tensor, Tensor], end: tuple[Tensor, Tensor], by: Tensor) -> tuple[Tensor, Tensor]:
    return torch.lerp(start[0], end[0], by), torch.lerp(start[1], end[1], by)
