"""AdaIN of styles and regions on arrays: that on tensors in float64, to 1e-6 of what is added up; without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.control.regions import Placement
from adain.control.style import Style
from adain.image.box import Box
from adain.stylizer.transfer import content_statistics, has_fine_band, plain_change, transfer
from tests.conftest import python

Array = npt.NDArray[Any]


def double(array: Any) -> Any:
    return None if array is None else torch.from_numpy(np.array(array, np.float64))


def doubled(target: Style | Placement) -> Any:
    if isinstance(target, Style):
        return Style(double(target.mean), double(target.std), target.name, double(target.fine_std))
    styles = tuple(doubled(style) for style in target.styles)
    return Placement(styles, target.alphas, double(target.masks), double(target.cells), target.shared_content)


def make_style(rng: np.random.Generator, has_fine: bool, batch: int = 1) -> Style:
    mean, std, fine = (rng.random((batch, 5, 1, 1), np.float32) + np.float32(0.5) for _ in range(3))
    return Style(mean, std, "s", fine if has_fine else None)


@st.composite
def targets(draw: st.DrawFn) -> tuple[Array, Style | Placement]:
    """Features with a style, or with regions laid on them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    batch, height, width = draw(st.integers(1, 2)), draw(st.integers(6, 11)), draw(st.integers(6, 20))
    x = rng.standard_normal((batch, 5, height, width)).astype(np.float32)
    count = draw(st.integers(0, 3))
    if not count:
        return x, make_style(rng, draw(st.booleans()), draw(st.sampled_from([1, batch])))
    cells = rng.random((count, 1, height, width), np.float32)
    if draw(st.booleans()):
        cells = (cells > 0.4).astype(np.float32)
    cells[:, :, 2:4, 2:4] = 1
    if count == 1 and draw(st.booleans()):
        cells[...] = 1
    styles = tuple(make_style(rng, draw(st.booleans())) for _ in range(count))
    return x, Placement(styles, tuple(rng.random(count).tolist()), cells, cells, draw(st.booleans()))


def agree(found: Array, wanted: torch.Tensor) -> None:
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    # Regions hold few cells, at least four; their deviation may be small.
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-6, atol=1e-6 * max(20.0, 2 * float(abs(wanted).max())))


@settings(max_examples=40, deadline=None)
@given(targets(), st.sampled_from([0.0, 0.25, 1.0]))
def test_one_style_is_one_change_of_each_channel(case: tuple[Array, Style | Placement], alpha: float) -> None:
    """To the bit, as engines make it tile by tile of what others change whole."""
    x, target = case
    change = plain_change(x, target, alpha)
    is_one = isinstance(target, Style) or (len(target.styles) == 1 and bool((target.cells == 1).all()))
    assert (change is not None) == (is_one and alpha > 0 and not has_fine_band(target))
    if change is not None:
        np.testing.assert_array_equal(x * change[0] + change[1], transfer(x, target, alpha))


def test_several_styles_of_one_content_are_no_change_of_it() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 5, 6, 6)).astype(np.float32)
    assert plain_change(x, make_style(rng, has_fine=False, batch=2), 1.0) is None


@given(targets(), st.sampled_from([1.0, 0.3, 0.0]))
@settings(max_examples=80, deadline=None)
def test_agrees_with_tensors(drawn: tuple[Array, Style | Placement], alpha: float) -> None:
    x, target = drawn
    before = x.copy()
    found = transfer(x, target, alpha)
    agree(found, transfer(double(x), doubled(target), alpha))
    assert np.array_equal(x, before)
    if alpha == 0.0:
        np.testing.assert_allclose(found, x, atol=1e-6)


@given(targets(), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_statistics_of_parts_are_those_of_the_whole(drawn: tuple[Array, Style | Placement], step: int) -> None:
    x, target = drawn
    height, width = x.shape[2:]
    boxes = [Box(top, 0, min(top + step, height), width) for top in range(0, height, step)]
    stats = content_statistics([(box, x[(..., *box.slices)]) for box in boxes], target)
    assert all(isinstance(one, np.ndarray) and one.dtype == np.float32 for one in stats)
    agree(transfer(x, target, content_stats=stats), transfer(double(x), doubled(target)))
    if isinstance(target, Placement):
        box = Box(1, 2, 6, 5)
        cells = target.cells[(..., *box.slices)]
        part = Placement(target.styles, target.alphas, cells, cells, target.shared_content)
        if all(style.fine_std is None for style in target.styles):
            found = transfer(x[(..., *box.slices)], part, content_stats=stats)
            whole = transfer(double(x), doubled(target))
            agree(found, whole[(..., *box.slices)])


def test_equal_deviations_are_adain() -> None:
    rng = np.random.default_rng(0)
    x, style = rng.random((2, 5, 9, 12), np.float32), make_style(rng, False)
    both = Style(style.mean, style.std, "", style.std)
    np.testing.assert_allclose(transfer(x, both, 0.7), transfer(x, style, 0.7), atol=1e-6)


def test_errors() -> None:
    rng = np.random.default_rng(0)
    style = make_style(rng, False)
    with pytest.raises(InputError, match="alpha must be between"):
        transfer(rng.random((1, 5, 4, 4), np.float32), style, 1.5)
    with pytest.raises(InputError, match="same encoder"):
        transfer(rng.random((1, 6, 4, 4), np.float32), style)


def test_no_torch_for_arrays() -> None:
    code = """
import json, sys
import numpy as np
from adain.control.regions import Placement
from adain.control.style import Style
from adain.image.box import Box
from adain.stylizer.transfer import content_statistics, transfer
x = np.random.default_rng(0).random((1, 5, 8, 8), np.float32)
mean, std = x[..., :1, :1], x[..., 1:2, 1:2] + 1
style = Style(mean, std, "", 2 * std)
cells = np.ones((2, 1, 8, 8), np.float32) / 2
shapes = []
for target in (style, Placement((style, style), (1.0, 0.5), cells, cells)):
    stats = content_statistics([(Box(0, 0, 8, 8), x)], target)
    shapes += [transfer(x, target).shape, transfer(x, target, 0.5, content_stats=stats).shape]
loaded = [name for name in ("torch", "kornia") if name in sys.modules]
print(json.dumps({"shapes": shapes, "loaded": loaded}))
"""
    assert python(code) == {"shapes": [[1, 5, 8, 8]] * 4, "loaded": []}
