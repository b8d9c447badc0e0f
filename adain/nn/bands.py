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
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .._utils.arrays import Array, is_tensor, namespace
from .instance_norm import shares, spread
from .statistics import as_type_of, at_least_float32, pieces

SIGMA = 1.5
"""Deviation of the Gaussian in cells of relu4_1, 8 px each: what is broader than about 50 px is structure."""

REACH_CELLS = math.ceil(3 * SIGMA)
"""How far away the cells are that a cell depends on: it is cut off at three deviations."""

STRIPE = 16
"""Rows or columns that are averaged at a time in arrays: few, as all others but those around them weigh nothing."""


def fine_band(features: Array) -> Array:
    """``(B, C, H, W)`` features less their Gaussian average of :data:`SIGMA` cells, reflected at the borders.

    They are a tensor or an array.
    """
    f: Any = at_least_float32(features)
    band: Array = _band_of_tensor(f) if is_tensor(f) else _band_of_array(f)
    return band


def fine_change(
    features: Array,
    deviations: Sequence[tuple[Array, Array | None]],
    std: Array,
    alphas: Sequence[float],
    cells: Array | None = None,
) -> Array:
    """What the fine deviations add to AdaIN, ``(B, C, H, W)``: the last term of the module's equation times alpha.

    Args:
        features, std: ``(B, C, H, W)`` of the content, and their deviation, for all regions or ``(R, B, C, 1, 1)``;
            tensors or arrays, like all the others.
        deviations: of each region's style, ``(1 or B, C, 1, 1)``, coarse and fine; None for the latter adds nothing.
        cells: masks ``(R, 1, H, W)``; None for one style everywhere.
    """
    high: Any = fine_band(features)
    xp = namespace(high)
    changes: list[Any] = [
        alpha * ((coarse if fine is None else fine) - coarse) / (std[k] if std.ndim == 5 else std)
        for k, ((coarse, fine), alpha) in enumerate(zip(deviations, alphas, strict=True))
    ]
    if cells is None:
        total = changes[0]
    else:
        whole = (len(features), *changes[0].shape[1:])
        changes = [xp.broadcast_to(change, whole) for change in changes]
        total = spread(xp.stack(changes), shares(as_type_of(high, cells)), high)
    result: Array = total * high
    return result


def _band_of_tensor(f: Any) -> Any:
    from kornia.filters import gaussian_blur2d

    rows, columns = (2 * _reach(side) + 1 for side in f.shape[2:])
    return f - gaussian_blur2d(f, (rows, columns), (SIGMA, SIGMA), border_type="reflect")


def _band_of_array(f: Any) -> Any:
    height, width = f.shape[2:]
    down, across = _averaging(height, f.dtype), np.ascontiguousarray(_averaging(width, f.dtype).T)
    result = np.empty(f.shape, f.dtype)
    for place in pieces(f.shape):
        part, low = np.ascontiguousarray(f[place]), result[place]
        halfway = np.empty_like(part)
        for rows, near in _stripes(height):
            np.matmul(down[rows, near], part[:, near], out=halfway[:, rows])
        for columns, near in _stripes(width):
            np.matmul(halfway[..., near], across[near, columns], out=low[..., columns])
        np.subtract(part, low, out=low)
    return result


def _reach(side: int) -> int:
    return min(REACH_CELLS, side - 1)  # reflection reaches no further than the opposite border


def _stripes(side: int) -> Iterator[tuple[slice, slice]]:
    """What parts a side into stripes, each with what it depends on."""
    for first in range(0, side, STRIPE):
        last = min(first + STRIPE, side)
        yield slice(first, last), slice(max(first - REACH_CELLS, 0), last + REACH_CELLS)


def _averaging(side: int, dtype: Any) -> Any:
    """``(side, side)``: what each place weighs in the Gaussian average around each other."""
    reach = _reach(side)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    last, places = side - 1, np.arange(side)[:, None]
    reflected = last - np.abs(last - np.abs(places + offsets))
    matrix = np.zeros((side, side), dtype)
    np.add.at(matrix, (places, reflected), weights / weights.sum())
    return matrix
