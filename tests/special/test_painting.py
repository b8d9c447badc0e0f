"""Where specialised styles go: strengths, blends, regions, tiles, sides that meet, and every back end."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adain import NcnnStylizer, Style, Stylizer, WeightsError, blend
from adain.stylizer.special import KEPT, Kept
from tests.changes import random_change
from tests.conftest import noise_image

from adain.image import to_tensor  # isort: skip


@pytest.fixture(scope="module")
def photo() -> Tensor:
    return to_tensor(noise_image(72, 56, seed=3))


def plain(style: Style) -> Style:
    return dataclasses.replace(style, change=None)


def test_the_decoder_is_the_changed_one(shipped_fast: Stylizer, special: Style, photo: Tensor) -> None:
    assert special.change is not None
    changed = special.change.applied({k: v.numpy() for k, v in shipped_fast.decoder.state_dict().items()})
    decoder = type(shipped_fast.decoder)().requires_grad_(False)
    decoder.load_state_dict({name: torch.from_numpy(value) for name, value in changed.items()})
    other = Stylizer(shipped_fast.encoder, decoder, device="cpu")
    found = shipped_fast.stylize(photo, special)
    assert torch.equal(found, other.stylize(photo, plain(special)))
    assert float((found - shipped_fast.stylize(photo, plain(special))).abs().max()) > 0.05


def test_strength_is_one_of_the_change_too(shipped_fast: Stylizer, special: Style, photo: Tensor) -> None:
    nothing = shipped_fast.stylize(photo, special, alpha=0.0)
    assert torch.equal(nothing, shipped_fast.stylize(photo, plain(special), alpha=0.0))
    assert special.change is not None
    half = dataclasses.replace(special, change=special.change.scaled(0.5))
    with_half = shipped_fast.changed(half.change, "").stylize(photo, plain(special), alpha=0.5)  # type: ignore[arg-type]
    assert torch.equal(shipped_fast.stylize(photo, special, alpha=0.5), with_half)


def test_a_style_of_whole_blends_is_that_style(shipped_fast: Stylizer, special: Style, photo: Tensor) -> None:
    twice = shipped_fast.stylize(photo, blend([special, special], [0.5, 0.5]))
    torch.testing.assert_close(twice, shipped_fast.stylize(photo, special), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "how",
    [
        {"tile": 64},
        {"wrap": "x"},
        {"masks": True},
        {"masks": True, "correct": 1},
        {"masks": True, "correct": 1, "wrap": "xy"},
        {"gradient": "horizontal"},
    ],
)
def test_back_ends_agree(shipped_fast: Stylizer, special: Style, photo: Tensor, how: dict[str, Any]) -> None:
    styles: list[Style] = [special]
    if how.get("masks") or how.get("gradient"):
        other = dataclasses.replace(special, change=random_change(shipped_fast, seed=4))
        styles = [special, other]
    if how.get("masks"):
        left = np.zeros((56, 72), np.float32)
        left[:, :36] = 1
        how = how | {"masks": [left, (1 - left) * (np.arange(56) > 20)[:, None]]}
    found = shipped_fast.stylize(photo, styles, **how)
    by_ncnn = NcnnStylizer("fast").stylize(photo, styles, **how)
    torch.testing.assert_close(found, by_ncnn, atol=1e-3, rtol=0)
    if "tile" not in how:
        torch.testing.assert_close(found, shipped_fast.stylize(photo, styles, tile=64, **how), atol=1e-4, rtol=0)


def test_each_region_is_painted_by_its_own_decoder(shipped_fast: Stylizer, special: Style, photo: Tensor) -> None:
    left = np.zeros((56, 72), np.float32)
    left[:, :40] = 1
    before = shipped_fast.stylize(photo, [plain(special)] * 2, masks=[left, 1 - left])
    after = shipped_fast.stylize(photo, [special, plain(special)], masks=[left, 1 - left])
    assert torch.equal(after[..., 40:], before[..., 40:])
    assert float((after - before)[..., :40].abs().max()) > 0.05
    nothing = shipped_fast.stylize(photo, [special], masks=[left], alpha=[0.0])
    assert torch.equal(nothing, shipped_fast.stylize(photo, [plain(special)], masks=[left], alpha=[0.0]))


def test_one_change_everywhere_is_one_pass(
    shipped_fast: Stylizer, special: Style, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    before = Stylizer.decode_features
    monkeypatch.setattr(Stylizer, "decode_features", lambda self, x: [calls.append(1), before(self, x)][1])
    shipped_fast.stylize(photo, [special, special], gradient="vertical")
    assert len(calls) == 1


def test_gradients_pass(shipped_fast: Stylizer, special: Style, photo: Tensor) -> None:
    wanted = photo.clone().requires_grad_()
    mean = special.mean.clone().requires_grad_()
    shipped_fast.stylize(wanted, dataclasses.replace(special, mean=mean)).square().mean().backward()
    assert wanted.grad is not None
    assert mean.grad is not None
    assert float(wanted.grad.abs().sum()) > 0
    assert float(mean.grad.abs().sum()) > 0


def test_batches_of_styles(shipped_fast: Stylizer, special: Style, photo: Tensor) -> None:
    both = dataclasses.replace(special, mean=special.mean.repeat(2, 1, 1, 1), std=special.std.repeat(2, 1, 1, 1))
    found = shipped_fast.stylize(photo, both)
    assert found.shape == (2, *photo.shape[1:])
    torch.testing.assert_close(found[:1], shipped_fast.stylize(photo, special), atol=1e-5, rtol=0)


def test_half_precision(shipped_fast: Stylizer, special: Style, photo: Tensor) -> None:
    half = Stylizer.from_pretrained("fast", device="cpu", precision="bf16")
    assert half.weights == shipped_fast.weights
    torch.testing.assert_close(half.stylize(photo, special), shipped_fast.stylize(photo, special), atol=0.1, rtol=0)


def test_a_model_made_without_gradients(special: Style, shipped_fast: Stylizer, photo: Tensor) -> None:
    with torch.inference_mode():
        own = Stylizer.from_pretrained("fast", device="cpu")
        made = own.stylize(photo, special)
    torch.testing.assert_close(made, shipped_fast.stylize(photo, special))


def test_half_precision_that_comes_later(special: Style, shipped_fast: Stylizer, photo: Tensor) -> None:
    own = Stylizer.from_pretrained("fast", device="cpu").to(torch.bfloat16)
    torch.testing.assert_close(own.stylize(photo, special), shipped_fast.stylize(photo, special), atol=0.05, rtol=0)
    assert own.weights == shipped_fast.weights


def test_other_weights_are_refused(fast: Stylizer, special: Style, photo: Tensor) -> None:
    wanted = r"^wave was specialised for the model fast with the weights \w{12}, and these are \w{12}: use that model"
    with pytest.raises(WeightsError, match=wanted):
        fast.stylize(photo, special)
    with pytest.raises(WeightsError, match=wanted):
        NcnnStylizer("classic").stylize(photo, special)
    with pytest.raises(WeightsError, match=wanted):
        fast.stylize(photo, special, tile=64)


def test_weights_that_change_meanwhile_are_noticed(special: Style, photo: Tensor) -> None:
    own = Stylizer.from_pretrained("fast", device="cpu")
    own.stylize(photo, special)
    own.decoder.get_parameter("conv1_1.bias").add_(0.1)
    with pytest.raises(WeightsError, match="these are"):
        own.stylize(photo, special)


def test_the_digest_is_one_for_all_back_ends(stylizer: Stylizer) -> None:
    assert stylizer.weights == NcnnStylizer().weights


def test_few_changed_models_are_kept(shipped_fast: Stylizer) -> None:
    kept: Kept[object] = Kept()
    changes = [random_change(shipped_fast, seed=seed, rank=1) for seed in range(KEPT + 1)]
    made = [kept.get(change, object) for change in changes]
    assert kept.get(changes[-1], object) is made[-1]
    assert kept.get(changes[0], object) is not made[0]
