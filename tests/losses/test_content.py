from __future__ import annotations

from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.losses import CombinedImageLoss, ContentLoss, SecondaryContentLoss, combined_image, content_loss

from . import (
    SIZE,
    box_guide,
    check_autocast,
    check_batch_is_mean,
    check_gradient,
    check_half,
    feature_map,
    features,
    soft_guide,
)

Form = Literal["mean", "half-sum"]
FORMS = pytest.mark.parametrize("form", ["mean", "half-sum"])
GUIDES = pytest.mark.parametrize("guide", [None, soft_guide()], ids=["everywhere", "guided"])


def test_closed_form() -> None:
    x = torch.zeros(1, 2, 3, 3)
    torch.testing.assert_close(content_loss(x, x + 2.0), torch.tensor(4.0))
    torch.testing.assert_close(content_loss(x, x + 2.0, form="half-sum"), torch.tensor(36.0))


@FORMS
@GUIDES
def test_loops(form: Form, guide: torch.Tensor | None) -> None:
    x, y = feature_map(0), feature_map(1)
    g = torch.ones(SIZE, dtype=torch.float64) if guide is None else guide[0, 0]
    total, area = 0.0, 0.0
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            area += float(g[row, column])
            for c in range(3):
                total += float(g[row, column] * (x[0, c, row, column] - y[0, c, row, column]) ** 2)
    expected = total / (3 * area) if form == "mean" else 0.5 * total
    assert float(content_loss(x, y, guide, form=form)) == pytest.approx(expected)
    assert float(ContentLoss(y, 3.0, "a", guide, form=form)({"a": x})) == pytest.approx(3.0 * expected)


@FORMS
@GUIDES
@pytest.mark.parametrize("kind", [ContentLoss, SecondaryContentLoss, CombinedImageLoss])
def test_gradient(kind: type[ContentLoss], form: Form, guide: torch.Tensor | None) -> None:
    loss = kind(features(10), 2.0, {"relu2_1": 1.5}, guide, form=form)
    check_gradient(lambda f: loss({"relu2_1": f}), features(0)["relu2_1"])


def test_targets() -> None:
    """Features of one layer, or a mapping of more than is needed."""
    x, y = features(0), features(10)
    single = ContentLoss(y["relu4_1"], 3.0)(x)
    torch.testing.assert_close(single, 3.0 * content_loss(x["relu4_1"], y["relu4_1"]))
    torch.testing.assert_close(ContentLoss(y, 3.0)(x), single)
    both = ContentLoss(y, 1.0, {"relu4_1": 3.0, "relu1_1": 2.0})(x)
    torch.testing.assert_close(both, single + 2.0 * content_loss(x["relu1_1"], y["relu1_1"]))


@FORMS
def test_guide(form: Form) -> None:
    x, y = feature_map(0), feature_map(1)
    guided = ContentLoss(y, 1.0, "a", box_guide(2, 3, 7, 4), form=form)({"a": x})
    torch.testing.assert_close(guided, content_loss(x[..., 2:9, 3:7], y[..., 2:9, 3:7], form=form))
    everywhere = content_loss(x, y, torch.ones(1, 1, *SIZE), form=form)
    torch.testing.assert_close(everywhere, content_loss(x, y, form=form))


@FORMS
@GUIDES
def test_batch(form: Form, guide: torch.Tensor | None) -> None:
    x, y = feature_map(0, b=3), feature_map(1)
    check_batch_is_mean(lambda f: content_loss(f, y, guide, form=form), x)
    torch.testing.assert_close(content_loss(x, y, guide, form=form), content_loss(y, x, guide, form=form))


def test_guide_of_each_picture() -> None:
    """A picture with a small region weighs as much as one with a large."""
    x, y, guides = feature_map(0, b=2), feature_map(1, b=2), soft_guide(b=2)
    guides[1] *= box_guide(0, 0, 2, 3)[0]
    each = [content_loss(x[k : k + 1], y[k : k + 1], guides[k : k + 1]) for k in range(2)]
    torch.testing.assert_close(content_loss(x, y, guides), torch.stack(each).mean())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 10.0))
def test_laws(seed: int, scale: float) -> None:
    x, y = feature_map(seed), feature_map(seed + 1)
    value = content_loss(x, y)
    assert float(value) >= 0.0
    assert float(content_loss(x, x)) == 0.0
    torch.testing.assert_close(content_loss(scale * x, scale * y), scale**2 * value)
    torch.testing.assert_close(content_loss(x, y, form="half-sum"), 0.5 * x.numel() * value)


@FORMS
@GUIDES
def test_half_precision(form: Form, guide: torch.Tensor | None) -> None:
    loss = ContentLoss(feature_map(1).float(), 1.0, "a", guide, form=form)
    check_half(lambda f: loss({"a": f}), feature_map(0))
    check_autocast(lambda f: loss({"a": f}), feature_map(0))
    half_guide = None if guide is None else guide.half()
    assert content_loss(feature_map(0).half(), feature_map(1).half(), half_guide, form=form).dtype == torch.float32


def test_combined_image() -> None:
    content = torch.rand(2, 3, 24, 20)
    style = torch.rand(1, 3, 48, 64)
    assert torch.equal(combined_image(content, style, 0.0), content)
    covered = combined_image(content, style, 1.0)
    assert covered.shape == content.shape
    torch.testing.assert_close(combined_image(content, style, 0.25), 0.75 * content + 0.25 * covered)
    assert float(covered.min()) >= 0.0
    assert float(covered.max()) <= 1.0
    same = combined_image(content, content.flip(3), 0.5)
    torch.testing.assert_close(same, 0.5 * (content + content.flip(3)))


def test_errors() -> None:
    x = feature_map(0)
    with pytest.raises(InputError, match=r"features \(1, 3, 13, 9\) cannot be compared with a target \(1, 3, 9, 13\)"):
        content_loss(x, x.transpose(2, 3))
    with pytest.raises(InputError, match="cannot be compared"):
        content_loss(feature_map(0, b=2), feature_map(0, b=3))
    with pytest.raises(InputError, match="there is no content loss 'sum': use mean or half-sum"):
        content_loss(x, x, form="sum")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="there is no content loss 'sum'"):
        ContentLoss(x, layers="a", form="sum")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="give a mapping by layer"):
        ContentLoss(x, 1.0, ("relu3_1", "relu4_1"))
    with pytest.raises(InputError, match="ContentLoss needs relu3_1, which is not among relu4_1"):
        ContentLoss({"relu4_1": x}, 1.0, "relu3_1")
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="must be from 0 to 1"):
            combined_image(x, x, share)


def test_repr() -> None:
    assert repr(SecondaryContentLoss(feature_map(0))) == "SecondaryContentLoss(weight=1, layers=relu4_1)"
    assert repr(ContentLoss(feature_map(0), form="half-sum")).endswith("layers=relu4_1, form=half-sum)")
