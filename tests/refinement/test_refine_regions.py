"""Refining several styles and regions from the one pass, which has to have the same styles in the same places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import adain
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image

RECIPE = {
    "losses": {
        "content": {"weight": 1, "layers": ["relu2_1"]},
        "secondary": {"weight": 1, "layers": ["relu2_1"]},
        "gram": {"weight": 1, "layers": ["relu1_1"]},
    }
}


@pytest.fixture
def refine(stylizer: Stylizer) -> Any:
    def run(style: Any, **values: Any) -> np.ndarray[Any, Any]:
        given = {"start": "adain", "recipe": RECIPE, "steps": 0, "stylizer": stylizer, "style_size": 0}
        return np.asarray(adain.refine(noise_image(64, 48, 1), style, **(given | values))).astype(int)

    return run


STYLES = [noise_image(64, 56, 2), noise_image(48, 48, 3)]


def half(left: bool) -> Image.Image:
    mask = Image.new("L", (64, 48), 0 if left else 255)
    mask.paste(255 if left else 0, (0, 0, 32, 48))
    return mask


def close(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    return bool(np.abs(a - b).max() <= 1)


def test_the_pass_has_the_same_blend(refine: Any, stylizer: Stylizer) -> None:
    sizes: Any = {"content_size": 0, "style_size": 0}
    wanted = stylizer.stylize(noise_image(64, 48, 1), STYLES, weights=[3, 1], alpha=0.8, **sizes)
    assert close(refine(style=STYLES, weights=[3, 1], alpha=0.8), np.asarray(wanted).astype(int))
    assert close(refine(style=STYLES, weights=[1, 0]), refine(style=STYLES[0]))


def test_the_pass_has_the_same_regions(refine: Any, stylizer: Stylizer) -> None:
    sizes: Any = {"content_size": 0, "style_size": 0}
    masks = [half(True), half(False)]
    wanted = stylizer.stylize(noise_image(64, 48, 1), STYLES, masks=masks, **sizes)
    found = refine(style=STYLES, masks=masks)
    assert close(found, np.asarray(wanted).astype(int))
    assert close(refine(style=STYLES[:1], masks=masks[:1], background=STYLES[1]), found)
    full = Image.new("L", (64, 48), 255)
    assert close(refine(style=STYLES[:1], masks=[full]), refine(style=STYLES[0]))
    assert close(refine(style=STYLES[:1], masks=[full], background=STYLES[1]), refine(style=STYLES[0]))


def test_the_pass_takes_the_same_part_of_an_artwork(refine: Any) -> None:
    full, top = Image.new("L", (8, 7), 255), Image.new("L", (64, 56))
    top.paste(255, (0, 0, 64, 28))
    whole = refine(style=STYLES[0])
    assert close(refine(style=STYLES[0], style_masks=[full]), whole)
    assert not close(refine(style=STYLES[0], style_masks=[top]), whole)
    assert not close(refine(style=STYLES, style_masks=[top, None]), refine(style=STYLES))


@pytest.mark.parametrize(
    "values",
    [
        {"weights": [2, 1]},
        {"masks": [half(True), half(False)], "feather": 6.0},
        {"masks": [half(True), half(False)], "weights": [3, 1], "style_masks": [None, Image.new("L", (48, 48), 255)]},
        {"masks": [half(True), half(True)], "background": STYLES[0], "color": ["luminance", "linear"]},
        {"masks": [half(True), half(False)], "crop": True},
    ],
)
def test_a_few_steps_from_there(refine: Any, values: dict[str, Any]) -> None:
    totals: list[float] = []
    start = refine(style=STYLES, **values)
    result = refine(style=STYLES, steps=5, progress=lambda p: totals.append(p.total) and None, **values)
    assert result.shape == start.shape
    assert min(totals) < totals[0]
    assert not np.array_equal(result, start)


def test_small_sizes_first(refine: Any) -> None:
    sizes: list[tuple[int, int]] = []
    values = {"style": STYLES, "masks": [half(True), half(False)], "coarsest": 36, "growth": 1.2, "steps": 4}
    assert refine(progress=lambda p: sizes.append(p.size) and None, **values).shape == (48, 64, 3)
    assert sizes == [(36, 48), (40, 53), (48, 64), (48, 64)]
