"""Strengths and weights that a caller gives, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ._utils.errors import InputError


def check_alpha(alpha: float) -> float:
    """``alpha`` as a float, or :class:`~adain.InputError` if it is outside ``[0, 1]``."""
    value = float(alpha)
    if math.isnan(value) or not 0.0 <= value <= 1.0:
        raise InputError(f"alpha must be between 0 (photograph) and 1 (full style), not {alpha}")
    return value


def normalize_weights(weights: Sequence[float]) -> list[float]:
    """Weights scaled to sum 1.

    Raises:
        InputError: if one is negative or not a finite number, or all are 0.
    """
    values = [float(w) for w in weights]
    if not values or any(not math.isfinite(w) or w < 0 for w in values) or not sum(values) > 0:
        raise InputError(f"style weights must be finite, not negative, and not all 0: {', '.join(map(str, weights))}")
    return [w / sum(values) for w in values]
