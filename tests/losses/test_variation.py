from __future__ import annotations

from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.losses import IMAGE, TotalVariationLoss, total_variation

from . import SIZE, box_guide, check_autocast, check_batch_is_mean, check_gradient, check_half, feature_map, soft_guide

Form = Literal["absolute", "squared"]
FORMS = pytest.mark.parametrize("form", ["absolute", "squared"])
GUIDES = pytest.mark.parametrize("guide", [None, soft_guide()], ids=["everywhere", "guided"])


def loss_of(x: torch.Tensor, form: Form, guide: torch.Tensor | None = None) -> torch.Tensor:
    return TotalVariationLoss(1.0, guide, form=form)({IMAGE: x})


@FORMS
def test_slices(form: Form) -> None:
    x = feature_map(0)
    down, right = x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]
    power = 1 if form == "absolute" else 2
    expected = down.abs().pow(power).mean() + right.abs().pow(power).mean()
    torch.testing.assert_close(total_variation(x, form=form), expected)
    torch.testing.assert_close(TotalVariationLoss(3.0, form=form)({IMAGE: x}), 3.0 * expected)
    torch.testing.assert_close(total_variation(x, torch.ones(1, 1, *SIZE), form=form), expected)


@FORMS
def test_guided_loops(form: Form) -> None:
    x, guide = feature_map(0), soft_guide()
    g = guide[0, 0]
    expected = 0.0
    for dy, dx in ((1, 0), (0, 1)):
        cost, area = 0.0, 0.0
        for row in range(SIZE[0] - dy):
            for column in range(SIZE[1] - dx):
                w = min(float(g[row, column]), float(g[row + dy, column + dx]))
                step = (x[0, :, row + dy, column + dx] - x[0, :, row, column]).abs()
                cost += w * float((step if form == "absolute" else step**2).mean())
                area += w
        expected += cost / area
    assert float(total_variation(x, guide, form=form)) == pytest.approx(expected)


def test_ramp() -> None:
    """A ramp of 0.1 a pixel varies by 0.1 in one direction and by 0 in the other."""
    x = (0.1 * torch.arange(7.0)).expand(1, 3, 5, 7)
    torch.testing.assert_close(total_variation(x), torch.tensor(0.1))
    torch.testing.assert_close(total_variation(x, form="squared"), torch.tensor(0.01))


@FORMS
@GUIDES
def test_gradient(form: Form, guide: torch.Tensor | None) -> None:
    check_gradient(lambda f: loss_of(f, form, guide), feature_map(0))


@FORMS
def test_guide(form: Form) -> None:
    x = feature_map(0)
    torch.testing.assert_close(loss_of(x, form, box_guide(2, 3, 7, 4)), loss_of(x[..., 2:9, 3:7], form))
    # One pixel alone has no neighbour to differ from.
    assert float(loss_of(x, form, box_guide(5, 5, 1, 1))) == 0.0


@FORMS
@GUIDES
def test_batch(form: Form, guide: torch.Tensor | None) -> None:
    x = feature_map(0, b=3)
    check_batch_is_mean(lambda f: loss_of(f, form, guide), x)
    guides = soft_guide(b=3)
    guides[1] *= box_guide(0, 0, 4, 4)[0]
    each = [loss_of(x[k : k + 1], form, guides[k : k + 1]) for k in range(3)]
    torch.testing.assert_close(loss_of(x, form, guides), torch.stack(each).mean())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 10.0))
def test_laws(seed: int, scale: float) -> None:
    x = feature_map(seed)
    for form, power in (("absolute", 1), ("squared", 2)):
        value = loss_of(x, form)
        assert float(value) >= 0.0
        assert float(loss_of(torch.full_like(x, scale), form)) == 0.0
        torch.testing.assert_close(loss_of(scale * x + 1.0, form), scale**power * value)
        torch.testing.assert_close(loss_of(x.flip(3), form), value)
        torch.testing.assert_close(loss_of(x.transpose(2, 3), form), value)


@FORMS
@GUIDES
def test_half_precision(form: Form, guide: torch.Tensor | None) -> None:
    check_half(lambda f: loss_of(f, form, guide), feature_map(0))
    check_autocast(lambda f: loss_of(f, form, guide), feature_map(0))


def test_errors() -> None:
    x = feature_map(0)
    with pytest.raises(InputError, match="there is no total variation 'cubed': use absolute or squared"):
        total_variation(x, form="cubed")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="there is no total variation 'cubed'"):
        TotalVariationLoss(form="cubed")  # type: ignore[arg-type]
    for form in ("absolute", "squared"):
        with pytest.raises(InputError, match="needs two pixels a side, not 9x1"):
            total_variation(x[..., :1, :], form=form)
    with pytest.raises(InputError, match="TotalVariationLoss needs image, which is not among relu1_1"):
        TotalVariationLoss()({"relu1_1": x})
    with pytest.raises(InputError, match="covers nothing at image"):
        loss_of(x, "absolute", torch.zeros(1, 1, *SIZE))


def test_repr() -> None:
    loss = TotalVariationLoss(0.5, soft_guide(), form="squared")
    assert repr(loss) == "TotalVariationLoss(weight=0.5, layers=image, guided, form=squared)"
