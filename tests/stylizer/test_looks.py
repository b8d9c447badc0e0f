from __future__ import annotations

import pytest

from adain._utils.errors import InputError
from adain.stylizer.looks import grid_weights


def test_line() -> None:
    assert grid_weights(2, 3) == [[(1, 0), (0.5, 0.5), (0, 1)]]


def test_triangle() -> None:
    assert grid_weights(3, 3) == [
        [(1, 0, 0), None, None],
        [(0.5, 0.5, 0), (0.5, 0, 0.5), None],
        [(0, 1, 0), (0, 0.5, 0.5), (0, 0, 1)],
    ]


def test_square() -> None:
    rows = grid_weights(4, 4)
    corners = [rows[0][0], rows[0][-1], rows[-1][0], rows[-1][-1]]
    assert corners == [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    for row in rows:
        assert all(w is not None and sum(w) == pytest.approx(1) and min(w) >= 0 for w in row)


@pytest.mark.parametrize(("count", "steps"), [(1, 3), (5, 3), (2, 1)])
def test_impossible(count: int, steps: int) -> None:
    with pytest.raises(InputError, match="style grid"):
        grid_weights(count, steps)
