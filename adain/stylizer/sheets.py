"""Sheets: one photograph in many mixtures of its artworks, or by many alphas and style sizes, in one picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from .._utils.errors import ImageError, InputError
from ..image import contact_sheet
from ..options import PREVIEW_ALPHAS, PREVIEW_SIZES

if TYPE_CHECKING:
    from PIL import Image

    from .looks import Look, Model


def sheet_of(look: Look, model: Model, content: Any, notes: dict[str, Any] | None) -> Image.Image:
    """The sheet that the options of a look ask for, by ``grid`` or by ``preview``.

    Args and errors: see :meth:`~adain.stylizer.Look.render`.
    """
    if getattr(content, "is_strips", False):
        raise InputError("a sheet is made of whole pictures: ask for a smaller content_size (--content-size)")
    if getattr(content, "is_tensor", False):
        raise InputError("a sheet is made of pictures: give the photograph as a picture, not as a tensor")
    if look.options.grid is None:
        return _of_strengths(look, model, content, notes)
    return _of_mixtures(look, model, content, look.options.grid, notes)


def _of_mixtures(look: Look, model: Model, content: Any, steps: int, notes: dict[str, Any] | None) -> Image.Image:
    """The artworks at the corners, and their mixtures between them, ``steps`` pictures a side."""
    several = grid_weights(len(look.styles), steps)
    _check_size(model, content, len(several), len(several[0]))
    mixed = look.mixing(model, content, notes)
    rows: list[list[Image.Image | None]] = [
        [None if weights is None else model.render(content, mixed(weights)) for weights in row] for row in several
    ]
    return contact_sheet(rows, cell=max(content.result_size))


def _of_strengths(look: Look, model: Model, content: Any, notes: dict[str, Any] | None) -> Image.Image:
    """A column for each alpha, a row for each style size."""
    _check_size(model, content, len(PREVIEW_SIZES), len(PREVIEW_ALPHAS))
    rows = []
    for size in PREVIEW_SIZES:
        options = look.options.change(style_size=size, preview=False)
        paint = dataclasses.replace(look, options=options).resolve(model, content, notes)
        several = [dataclasses.replace(paint, alpha=paint.alpha * alpha) for alpha in PREVIEW_ALPHAS]
        rows.append([model.render(content, each) for each in several])
    return contact_sheet(
        rows,
        row_labels=[f"style size {size}" for size in PREVIEW_SIZES],
        column_labels=[f"alpha {alpha:g}" for alpha in PREVIEW_ALPHAS],
        cell=max(content.result_size),
    )


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
    if count == 3:
        return [
            [((last - y) / last, (y - x) / last, x / last) if x <= y else None for x in range(steps)]
            for y in range(steps)
        ]
    shares = [k / last for k in range(steps)]
    return [[((1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u) for u in shares] for v in shares]


def _check_size(model: Model, content: Any, rows: int, columns: int) -> None:
    """See that a sheet is not larger than a picture may be."""
    cell = max(content.result_size)
    if model.max_pixels is not None and rows * columns * cell**2 > model.max_pixels:
        raise ImageError(
            f"a sheet of {rows} x {columns} pictures of {cell} px a side has more than the limit of {model.max_pixels} "
            "pixels: ask for a smaller content_size (--content-size), or a larger max_pixels (--max-pixels)"
        )
