"""Search by style: which of a bank's styles are nearest to one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .layout import ROWS


def distances(means: npt.NDArray[Any], stds: npt.NDArray[Any], mean: Any, std: Any) -> npt.NDArray[np.float32]:
    r"""``(N,)`` distances of styles ``(N, C)`` to one of ``(C,)``.

    .. math:: d = \sqrt{\frac{1}{C} \sum_c (\mu_c - \mu'_c)^2 + (\sigma_c - \sigma'_c)^2}

    That is the 2-Wasserstein distance between Gaussians of independent channels with these statistics, over √C; its
    square is the style loss of Huang & Belongie 2017, eq. 12, of one layer.
    """
    found = np.empty(len(means), np.float32)
    for start in range(0, len(means), ROWS):
        part = slice(start, start + ROWS)
        squares = (means[part].astype(np.float32) - mean) ** 2 + (stds[part].astype(np.float32) - std) ** 2
        found[part] = np.sqrt(squares.mean(axis=1))
    return found


def smallest(values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64]:
    """The places of the ``count`` smallest, the least first, equal ones in their order."""
    count = min(count, len(values))
    if count < len(values):
        limit = np.partition(values, count - 1)[count - 1] if count else -np.inf
        candidates = np.flatnonzero(values <= limit)
    else:
        candidates = np.arange(len(values))
    return candidates[np.argsort(values[candidates], kind="stable")][:count]
