"""Whether turning a control further also changes the picture further."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .._utils.errors import InputError

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""The alphas, and the shares of the second style, that pictures are made at."""


class Monotonicity(NamedTuple):
    """How steadily values go one way.

    Attributes:
        share: of the steps that go the right way, in ``[0, 1]``; a step of 0 does not. Higher is better.
        setback: the largest step the wrong way, ≥ 0, in the unit of the values; 0 for none. Lower is better.
    """

    share: float
    setback: float


def falling(values: Sequence[float]) -> Monotonicity:
    r"""How steadily values fall.

    .. math:: \text{share} = \frac{|\{k : v_{k+1} < v_k\}|}{n - 1}, \qquad
              \text{setback} = \max\left(0, \max_k (v_{k+1} - v_k)\right)

    *Alpha monotonicity* is this of the style residual at alpha 0, ¼, ½, ¾, 1: more strength should leave less of the
    way to the style. A measure of this project's own.

    Returns:
        The share, in ``[0, 1]``: higher is better; and the setback, ≥ 0: lower is better.

    Raises:
        InputError: if there are fewer than two values.
    """
    if len(values) < 2:
        raise InputError("monotonicity needs at least two values")
    steps = [after - before for before, after in pairwise(values)]
    return Monotonicity(sum(step < 0 for step in steps) / len(steps), max(0.0, *steps))


def interpolation(to_first: Sequence[float], to_second: Sequence[float]) -> Monotonicity:
    """How steadily a blend goes from one style to another: away from the first and towards the second.

    *Interpolation monotonicity* is this of the AdaIN style distances of a picture to two styles, each divided by the
    distance of the styles from each other, at shares 0, ¼, ½, ¾, 1 of the second: the distance to the first should
    rise with every step and that to the second fall. A measure of this project's own.

    Args:
        to_first, to_second: distances in the order of the shares, as many of the one as of the other.

    Returns:
        The share of the steps of both that go the right way, in ``[0, 1]``: higher is better; and the largest step
        that does not, as a part of the way between the styles, ≥ 0: lower is better.

    Raises:
        InputError: if there are fewer than two distances, or not as many of both.
    """
    if len(to_first) != len(to_second):
        raise InputError(f"{len(to_first)} distances to one style and {len(to_second)} to the other")
    away, towards = falling([-value for value in to_first]), falling(to_second)
    return Monotonicity((away.share + towards.share) / 2, max(away.setback, towards.setback))
