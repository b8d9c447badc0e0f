"""A stylizer as a module of torch."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest
import torch
from torch import Tensor, nn

from adain._utils.errors import InputError
from adain.control.style import Style
from adain.nn import load_decoder, load_encoder
from adain.stylizer import FixedStyle
from adain.stylizer.stylizer import Stylizer
from tests.changes import random_change

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def own() -> Stylizer:
    """One whose networks nobody shares."""
    return Stylizer(load_encoder("fast"), load_decoder("fast"), device="cpu")


@pytest.fixture
def style(own: Stylizer) -> Style:
    return own.encode_style(torch.rand(1, 3, 40, 48), size=0)


PHOTOS = (2, 3, 45, 70)


def test_a_call_is_stylize(own: Stylizer, style: Style) -> None:
    photos, art = torch.rand(PHOTOS), torch.rand(1, 3, 40, 48)
    for alpha in (0.0, 0.3, 1.0):
        expected = own.stylize(photos, style, alpha=alpha)
        assert torch.equal(own(photos, style, alpha), expected)
        assert torch.equal(own(photos, (style.mean, style.std), alpha=alpha), expected)
        torch.testing.assert_close(own(photos, style, torch.tensor(alpha)), expected, atol=1e-5, rtol=0)
    assert torch.equal(own(photos, art), own.stylize(photos, art, style_size=0))


def test_each_photograph_has_a_strength_and_a_style_of_its_own(own: Stylizer) -> None:
    photos, arts = torch.rand(PHOTOS), torch.rand(2, 3, 32, 32)
    style = own.encode_style(arts, size=0)
    made = own(photos, style, torch.tensor([0.25, 1.0]))
    for k, alpha in enumerate((0.25, 1.0)):
        alone = own(photos[k : k + 1], Style(style.mean[k : k + 1], style.std[k : k + 1]), alpha)
        torch.testing.assert_close(made[k : k + 1], alone, atol=1e-5, rtol=0)
    assert torch.equal(own(photos, style, torch.zeros(2)), own(photos, style, 0.0))


def test_fine_texture_and_a_strength_each(own: Stylizer) -> None:
    photos, style = torch.rand(2, 3, 64, 64), own.encode_style(torch.rand(1, 3, 64, 64), size=0, fine_size=32)
    assert style.fine_std is not None
    made = own(photos, style, torch.tensor([0.25, 0.0]))
    torch.testing.assert_close(made[:1], own(photos[:1], style, 0.25), atol=1e-5, rtol=0)
    torch.testing.assert_close(made[1:], own(photos[1:], style, 0.0), atol=1e-5, rtol=0)


def test_what_does_not_fit_is_refused(own: Stylizer, style: Style) -> None:
    photo = torch.rand(1, 3, 24, 24)
    for content, alpha, said in (
        (photo[0], 1.0, r"images must be \(B, 3, H, W\)"),
        (photo[..., :15], 1.0, "at least 16 px"),
        ((photo * 255).byte(), 1.0, "pixels must be floats"),
        (photo, 1.5, "alpha"),
        (photo, torch.tensor(1.5), "alpha map must lie between 0"),
        (photo, torch.tensor([0.1, 0.2]), "an alpha map must be"),
    ):
        with pytest.raises(InputError, match=said):
            own(content, style, alpha)
    for wrong in ([style, style], "wave.jpg", style.mean.numpy(), (style.mean,), None):
        with pytest.raises(InputError, match="a call takes one Style"):
            own(photo, wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"a call takes a tensor \(B, 3, H, W\), not ndarray"):
        own(photo.numpy(), style)
    with pytest.raises(InputError, match="the style has 5 channels"):
        own(photo, (torch.zeros(1, 5, 1, 1), torch.ones(1, 5, 1, 1)))


def test_gradients_reach_all_that_ask(own: Stylizer, style: Style) -> None:
    given = [torch.rand(1, 3, 16, 24), style.mean.clone(), style.std.clone(), torch.tensor(0.5)]
    photo, mean, std, alpha = (each.requires_grad_() for each in given)
    own(photo, (mean, std), alpha).sum().backward()
    assert all(each.grad is not None and bool(each.grad.abs().sum() > 0) for each in (photo, mean, std, alpha))
    assert all(each.grad is None for each in own.parameters())
    own.decoder.requires_grad_(True)
    own(photo.detach(), style).sum().backward()
    assert all(each.grad is not None for each in own.decoder.parameters())


def test_modes_and_types(own: Stylizer, style: Style) -> None:
    photos = torch.rand(PHOTOS)
    expected = own(photos, style)
    assert torch.equal(own.train()(photos, style), expected)
    assert torch.equal(own.eval()(photos, style), expected)
    assert own.to("cpu").device == torch.device("cpu")
    kept = own.state_dict()
    assert [*kept][:2] == ["encoder.conv1_1.weight", "encoder.conv1_1.bias"]
    assert [*kept][-2:] == ["decoder.conv1_1.weight", "decoder.conv1_1.bias"]
    assert len(kept) == 2 * (5 + 7)
    half = copy.deepcopy(own).to(torch.bfloat16)
    assert (half.dtype, own.dtype) == (torch.bfloat16, torch.float32)
    rough = Stylizer(load_encoder("fast"), load_decoder("fast"), device="cpu", precision="bf16")
    assert torch.equal(half(photos, style), rough.stylize(photos, style))
    assert half(photos, style).dtype == torch.float32
    half.float().load_state_dict(kept)
    assert torch.equal(half(photos, style), expected)
    double = copy.deepcopy(own).double()
    torch.testing.assert_close(double(photos.double(), style), expected, atol=1e-4, rtol=0)


def test_the_device_follows() -> None:
    own = Stylizer(load_encoder("fast"), load_decoder("fast"), device="cpu").to("meta")
    assert own.device == torch.device("meta")
    assert own.pixels(own.open(torch.rand(1, 3, 16, 16))).device == torch.device("meta")


def test_copies_and_pickles(own: Stylizer, style: Style) -> None:
    photos = torch.rand(PHOTOS)
    for other in (copy.deepcopy(own), pickle.loads(pickle.dumps(own))):
        assert torch.equal(other(photos, style), own(photos, style))
        assert other.encoder is not own.encoder
        assert (other.max_pixels, other.channels) == (own.max_pixels, own.channels)
        assert other.encoder_identity() == own.encoder_identity()


class Halved(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(x, 2)


def test_a_layer_in_a_pipeline(own: Stylizer, style: Style) -> None:
    layer, photos = FixedStyle(own, style, alpha=0.6), torch.rand(PHOTOS)
    made = nn.Sequential(layer, Halved())(photos)
    assert made.shape == (2, 3, 22, 35)
    assert torch.equal(layer(photos), own.stylize(photos, style, alpha=0.6))
    assert {"mean", "std", "stylizer.encoder.conv1_1.weight"} <= set(layer.state_dict())
    assert torch.equal(pickle.loads(pickle.dumps(layer))(photos), layer(photos))
    half = copy.deepcopy(layer).to(torch.bfloat16)
    assert half.stylizer.dtype == torch.bfloat16
    assert torch.equal(half.style.mean, style.mean)
    assert half.to("meta").mean.is_meta
    assert "alpha=0.6" in repr(layer)
    for wrong, alpha in (("great-wave", 1.0), (style, 1.5)):
        with pytest.raises(InputError):
            FixedStyle(own, wrong, alpha=alpha)  # type: ignore[arg-type]


@pytest.mark.slow
def test_export_of_any_style(own: Stylizer, style: Style) -> None:
    """And of any number and size of photographs, in multiples of 8; below, of one style, compiled."""
    batch, height, width = torch.export.Dim("batch"), torch.export.Dim("h", min=2), torch.export.Dim("w", min=2)
    sizes = {0: batch, 2: 8 * height, 3: 8 * width}
    given = (torch.rand(2, 3, 32, 48), (style.mean, style.std), torch.tensor(0.7))
    program = torch.export.export(own, given, dynamic_shapes=(sizes, ({}, {}), {})).module()
    for shape, alpha in (((1, 3, 16, 16), 0.7), ((3, 3, 64, 24), 0.2), ((2, 3, 40, 88), 1.0)):
        photos, other = torch.rand(shape), own.encode_style(torch.rand(1, 3, 32, 32), size=0)
        made = program(photos, (other.mean, other.std), torch.tensor(alpha))
        torch.testing.assert_close(made, own(photos, other, alpha), atol=1e-5, rtol=0)


@pytest.mark.slow
def test_export_and_compilation_of_one_style(own: Stylizer, style: Style) -> None:
    layer, photos = FixedStyle(own, style, alpha=0.6), torch.rand(PHOTOS)
    exported = torch.export.export(layer, (photos,)).module()
    torch.testing.assert_close(exported(photos), layer(photos), atol=1e-5, rtol=0)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(photos), layer(photos), atol=1e-5, rtol=0)


def test_specialised_styles(own: Stylizer, style: Style) -> None:
    photos, special = torch.rand(PHOTOS), dataclasses.replace(style, change=random_change(own, 1))
    expected = own.stylize(photos, special, alpha=0.6)
    assert not torch.equal(expected, own.stylize(photos, style, alpha=0.6))
    assert torch.equal(own(photos, special, 0.6), expected)
    layer = FixedStyle(own, special, alpha=0.6)
    assert torch.equal(layer(photos), expected)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(photos), expected)
    assert torch.equal(copy.deepcopy(own)(photos, special, 0.6), expected)
    with pytest.raises(InputError, match="one strength for all"):
        own(photos, special, torch.tensor([0.1, 0.2]))
    changed = own.changed(special.change)  # type: ignore[arg-type]
    assert own.to("cpu").changed(special.change) is not changed  # type: ignore[arg-type]  # it may lie elsewhere
