from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adain._utils.errors import InputError
from adain.losses import IMAGE, ContentLoss, CovarianceLoss, GramLoss, LossSum, PyramidLoss, TotalVariationLoss
from adain.losses.container import scaled_size

from . import check_batch_is_mean, check_gradient


class TinyEncoder(nn.Module):
    """Two smooth convolutions, the second at half the size; it counts its runs and what was asked of them."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect", dtype=torch.float64)
        self.two = nn.Conv2d(4, 5, 3, padding=1, padding_mode="reflect", dtype=torch.float64)
        self.requires_grad_(False)
        self.asked: list[tuple[str, ...]] = []

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        self.asked.append(tuple(layers))
        first = F.softplus(self.one(image))
        second = F.softplus(self.two(F.avg_pool2d(first, 2, ceil_mode=True)))
        return {name: f for name, f in (("relu1_1", first), ("relu2_1", second)) if name in layers}


def picture(seed: int, height: int = 11, width: int = 7, b: int = 1) -> Tensor:
    return torch.rand(b, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def level(encoder: TinyEncoder, content: Tensor, style: Tensor) -> LossSum:
    layers = ("relu1_1", "relu2_1")
    c, s = encoder(content, layers), encoder(style, layers)
    return LossSum(
        {
            "content": ContentLoss(c, 1.0, "relu2_1"),
            "gram": [GramLoss(s, 10.0, layers), GramLoss(c, 2.0, layers)],
            "covariance": CovarianceLoss(s, 1.0, "relu1_1"),
            "variation": TotalVariationLoss(0.1, form="squared"),
        }
    )


def pyramid(encoder: TinyEncoder, scales: Sequence[float]) -> PyramidLoss:
    content = picture(1)
    sizes = {s: scaled_size((11, 7), s) for s in scales}
    return PyramidLoss(
        encoder, {s: level(encoder, F.adaptive_avg_pool2d(content, size), picture(2)) for s, size in sizes.items()}
    )


def test_sum() -> None:
    encoder = TinyEncoder()
    losses = level(encoder, picture(1), picture(2))
    assert losses.layers == ("relu2_1", "relu1_1")  # each once, and not the picture
    x = picture(3)
    f = {IMAGE: x, **encoder(x, losses.layers)}
    found = losses(f)
    assert list(found) == ["content", "gram", "covariance", "variation"]
    assert all(value.shape == () for value in found.values())
    torch.testing.assert_close(found["gram"], losses["gram"][0](f) + losses["gram"][1](f))
    torch.testing.assert_close(found["content"], losses["content"][0](f))


@pytest.mark.parametrize("scales", [(1.0,), (1.0, 0.6), (0.5,)])
def test_gradient(scales: tuple[float, ...]) -> None:
    loss = pyramid(TinyEncoder(), scales)
    check_gradient(lambda image: torch.stack(list(loss(image).values())).sum(), picture(3))


def test_encoder_runs_once_per_scale() -> None:
    encoder = TinyEncoder()
    loss = pyramid(encoder, (1.0, 0.5))
    encoder.asked.clear()
    found = loss(picture(3))
    assert encoder.asked == [("relu2_1", "relu1_1")] * 2
    assert list(found)[:4] == ["content@1", "gram@1", "covariance@1", "variation@1"]
    assert list(found)[4:] == ["content@0.5", "gram@0.5", "covariance@0.5", "variation@0.5"]


def test_pixels_need_no_encoder() -> None:
    encoder = TinyEncoder()
    x = picture(3)
    found = PyramidLoss(encoder, {1.0: LossSum({"variation": TotalVariationLoss()})})(x)
    assert not encoder.asked
    assert list(found) == ["variation"]
    torch.testing.assert_close(found["variation"], TotalVariationLoss()({IMAGE: x}))


def test_weights() -> None:
    encoder = TinyEncoder()
    x = picture(3)
    losses = {s: LossSum({"variation": TotalVariationLoss()}) for s in (1.0, 0.5)}
    equal, weighted = PyramidLoss(encoder, losses)(x), PyramidLoss(encoder, losses, {1.0: 3.0, 0.5: 0.25})(x)
    full = TotalVariationLoss()({IMAGE: x})
    half = TotalVariationLoss()({IMAGE: F.adaptive_avg_pool2d(x, scaled_size((11, 7), 0.5))})
    torch.testing.assert_close(list(equal.values()), [0.5 * full, 0.5 * half])
    torch.testing.assert_close(list(weighted.values()), [3.0 * full, 0.25 * half])


def test_guide_of_the_full_picture_at_half_the_scale() -> None:
    encoder = TinyEncoder()
    guide = torch.zeros(1, 1, 16, 12, dtype=torch.float64)
    guide[..., 4:12, 4:8] = 1.0
    style = encoder(picture(2), ("relu1_1",))
    at_half = PyramidLoss(encoder, {0.5: LossSum({"gram": GramLoss(style, 1.0, "relu1_1", guide)})})
    reduced = F.avg_pool2d(guide, 2)
    expected = PyramidLoss(encoder, {0.5: LossSum({"gram": GramLoss(style, 1.0, "relu1_1", reduced)})})
    x = picture(3, 16, 12)
    torch.testing.assert_close(at_half(x), expected(x))


def test_batch() -> None:
    loss = pyramid(TinyEncoder(), (1.0, 0.5))
    check_batch_is_mean(lambda image: torch.stack(list(loss(image).values())).sum(), picture(3, b=3))


def test_state_and_moving() -> None:
    """The state dict holds the encoder alone; what belongs to the pictures moves along all the same."""
    encoder = TinyEncoder()
    loss = pyramid(encoder, (1.0, 0.5))
    assert set(loss.state_dict()) == {f"encoder.{name}" for name in encoder.state_dict()}
    assert not loss.levels.state_dict()
    loss.float()
    assert all(t.dtype == torch.float32 for t in [*loss.buffers(), *loss.parameters()])
    assert all(value.dtype == torch.float32 for value in loss(picture(3).float()).values())


def test_scaled_size() -> None:
    assert scaled_size((11, 7), 1.0) == (11, 7)
    assert scaled_size((11, 7), 0.5) == (6, 4)
    assert scaled_size((11, 7), 0.01) == (1, 1)


def test_errors() -> None:
    one = TotalVariationLoss()
    for nothing in ({}, {"a": []}):
        with pytest.raises(InputError, match="needs at least one loss"):
            LossSum(nothing)
    with pytest.raises(InputError, match="there is no loss 'gram' among variation"):
        LossSum({"variation": one})["gram"]
    losses, encoder = LossSum({"variation": one}), TinyEncoder()
    with pytest.raises(InputError, match="needs scales above 0 up to 1, not none"):
        PyramidLoss(encoder, {})
    for scale in (0.0, -1.0, 1.5, math.nan):
        with pytest.raises(InputError, match="needs scales above 0 up to 1"):
            PyramidLoss(encoder, {scale: losses})
    for weights in ({}, {0.5: 1.0}, {1.0: 1.0, 0.5: 1.0}):
        with pytest.raises(InputError, match=r"scales 1.0 needs a weight for each"):
            PyramidLoss(encoder, {1.0: losses}, weights)
    with pytest.raises(InputError, match="the weight of scale 1 must be a number from 0 up"):
        PyramidLoss(encoder, {1.0: losses}, {1.0: -1.0})


def test_repr() -> None:
    loss = pyramid(TinyEncoder(), (1.0, 0.5))
    text = repr(loss)
    assert text.startswith("PyramidLoss(\n  scales=1, 0.5\n  (encoder): TinyEncoder(")
    assert "names=content, gram, covariance, variation" in text
    assert "GramLoss(weight=10, layers=relu1_1, relu2_1)" in text
