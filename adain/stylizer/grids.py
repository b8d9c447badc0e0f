"""Interpolation grids: the weights of two to four styles over a line, a triangle or a square."""

from __future__ import annotations

from .._utils.errors import InputError


def grid_weights(count: int, steps: int) -> list[list[tuple[float, ...] | None]]:
    """The weights of every picture of a grid, row by row; each tuple sums to 1 up to rounding.

    Args:
        count: of styles. Two lie at the ends of one row. Three lie at the corners of a triangle: the first at the top,
            the second and the third at the ends of the last row; what lies beside the triangle is None. Four lie at
            the corners of a square, in reading order.
        steps: pictures along a side, at least 2.

    Raises:
        InputError: if there are not two to four styles, or fewer than 2 steps.
    """
    if count not in (2, 3, 4):
        raise InputError(f"a style grid is for two to four styles, not {count}")
    if steps < 2:
        raise InputError(f"a style grid needs at least 2 pictures a side, not {steps}")
    last = steps - 1
    if count == 2:
        return [[(1 - x / last, x / last) for x in range(steps)]]
    rows: list[list[tuple[float, ...] | None]] = []
    for y in range(steps):
        v = y / last
        if count == 3:
            inside: list[tuple[float, ...] | None] = [
                ((last - y) / last, (y - x) / last, x / last) for x in range(y + 1)
            ]
            rows.append(inside + [None] * (last - y))
        else:
            rows.append(
                [((1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u) for u in (x / last for x in range(steps))]
            )
    return rows
