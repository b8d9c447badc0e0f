from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.metrics import falling, interpolation


def test_falling() -> None:
    assert falling([1.0, 0.8, 0.5, 0.4, 0.1]) == (1.0, 0.0)
    assert falling([1.0, 1.0]) == (0.0, 0.0)  # standing still is no fall
    share, setback = falling([1.0, 0.5, 0.75, 0.25, 0.375])
    assert share == 0.5
    assert setback == 0.25


@given(st.lists(st.floats(0, 10), min_size=2, max_size=9))
def test_it_turns_with_the_values(values: list[float]) -> None:
    share, setback = falling(values)
    back = falling(values[::-1])
    steps = len(values) - 1
    still = sum(a == b for a, b in pairwise(values))
    assert round(share * steps) + round(back.share * steps) + still == steps
    assert setback >= 0.0
    assert (setback == 0.0) == (sorted(values, reverse=True) == values)


def test_interpolation() -> None:
    assert interpolation([0.0, 0.3, 1.0], [1.0, 0.3, 0.0]) == (1.0, 0.0)
    share, setback = interpolation([0.0, 0.5, 0.25], [1.0, 0.5, 0.0])
    assert share == 0.75
    assert setback == 0.25
    # One that goes to the first style instead of the second.
    assert interpolation([1.0, 0.5, 0.0], [0.0, 0.5, 1.0]) == (0.0, 0.5)


def test_too_few() -> None:
    with pytest.raises(InputError, match="at least two"):
        falling([1.0])
    with pytest.raises(InputError, match="2 distances"):
        interpolation([0.0, 1.0], [1.0])
