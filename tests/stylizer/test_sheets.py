from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import adain
from adain._utils.errors import InputError
from adain.options import Options
from adain.stylizer.looks import Look
from adain.stylizer.sheets import grid_weights
from adain.stylizer.stylizer import Stylizer


def test_a_grid_is_a_sheet_of_blends(stylizer: Stylizer, photo: Path, art: Path) -> None:
    content = stylizer.encode_content(photo)
    styles = [stylizer.encode_style(path, size=32) for path in (art, photo)]
    result = stylizer.stylize(content, styles, grid=3)
    rows = [[stylizer.stylize(content, styles, weights=weights) for weights in ([1, 0], [0.5, 0.5], [0, 1])]]
    assert result.tobytes() == adain.image.contact_sheet(rows, cell=70).tobytes()
    assert stylizer.stylize(photo, styles, grid=2).height > 256  # a size of its own
    with pytest.raises(InputError, match="a sheet is made of pictures: give the photograph as a picture"):
        stylizer.stylize(torch.rand(1, 3, 32, 32), styles, grid=3)


def test_a_preview_is_a_sheet_of_alphas_and_style_sizes(
    stylizer: Stylizer, photo: Path, art: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adain.stylizer.sheets.PREVIEW_SIZES", (24, 40))
    monkeypatch.setattr("adain.stylizer.sheets.PREVIEW_ALPHAS", (0.5, 1.0))
    content = stylizer.encode_content(photo)
    result = stylizer.stylize(content, art, preview=True, alpha=0.8)
    rows = [[stylizer.stylize(content, art, style_size=size, alpha=a) for a in (0.4, 0.8)] for size in (24, 40)]
    labels: dict[str, Any] = {
        "row_labels": ["style size 24", "style size 40"],
        "column_labels": ["alpha 0.5", "alpha 1"],
    }
    assert result.tobytes() == adain.image.contact_sheet(rows, cell=70, **labels).tobytes()
    kept = Look([art], Options(preview=True, alpha=0.8)).encoded(stylizer)
    assert kept.styles == (str(art),)  # which is taken at several sizes
    assert kept.render(stylizer, content).tobytes() == result.tobytes()


# The weights of a grid


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
