r"""Two scales of one style: coarse structure from an artwork at one size, fine texture from it at another.

The deviation of a channel over an artwork depends on the size it is encoded at: large, it tells of broad strokes,
small, of dense ones. The normalised content features :math:`n = (c - \mu_c) / \sigma_c` are parted into a low band,
their Gaussian average over neighbouring cells, and the rest; each band gets a deviation of its own:

.. math:: t = \mu_s + \sigma_s\, (G * n) + \sigma_f\, (n - G * n)

with the mean and the deviation of the coarse size in :math:`\mu_s, \sigma_s` and the deviation of the fine one in
:math:`\sigma_f`. Where both are equal this is AdaIN (Huang & Belongie 2017, eq. 8). As AdaIN is linear in
:math:`\sigma`, it is AdaIN plus :math:`(\sigma_f - \sigma_s)(n - G * n)`, and blends and regions carry over.

The tones, the broad shapes and the kind of marks are those of the coarse size, as they lie in the mean; the fine size
decides how strongly small marks stand out from their surroundings. A mixture of the two sizes in everything is a
blend of two styles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .adain import shares, spread
from .statistics import at_least_float32

SIGMA = 1.5
"""Deviation of the Gaussian in cells of relu4_1, 8 px each: what is broader than about 50 px is structure."""

REACH_CELLS = math.ceil(3 * SIGMA)
"""How far away the cells are that a cell depends on: it is cut off at three deviations."""


def fine_band(features: Tensor) -> Tensor:
    """``(B, C, H, W)`` features less their Gaussian average of :data:`SIGMA` cells, reflected at the borders."""
    from kornia.filters import gaussian_blur2d  # here: it takes a while to import

    f = at_least_float32(features)
    # Reflection reaches no further than the opposite border.
    rows, columns = (2 * min(REACH_CELLS, side - 1) + 1 for side in f.shape[2:])
    return f - gaussian_blur2d(f, (rows, columns), (SIGMA, SIGMA), border_type="reflect")


def fine_change(
    features: Tensor,
    deviations: Sequence[tuple[Tensor, Tensor | None]],
    std: Tensor,
    alphas: Sequence[float],
    cells: Tensor | None = None,
) -> Tensor:
    """What the fine deviations add to AdaIN, ``(B, C, H, W)``: the last term of the module's equation times alpha.

    Args:
        features, std: ``(B, C, H, W)`` of the content, and their deviation, for all regions or ``(R, B, C, 1, 1)``.
        deviations: of each region's style, ``(1 or B, C, 1, 1)``, coarse and fine; None for the latter adds nothing.
        cells: masks ``(R, 1, H, W)``; None for one style everywhere.
    """
    high = fine_band(features)
    changes = [
        alpha * ((coarse if fine is None else fine) - coarse) / (std[k] if std.ndim == 5 else std)
        for k, ((coarse, fine), alpha) in enumerate(zip(deviations, alphas, strict=True))
    ]
    if cells is None:
        return changes[0] * high
    changes = [change.expand(features.shape[0], -1, -1, -1) for change in changes]
    return spread(torch.stack(changes), shares(cells.to(high)), high) * high
