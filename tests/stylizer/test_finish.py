"""Edges and colours of the photograph in results: whole, in tiles and strips, around sides that meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import adain
from adain.backends import open_model
from adain.control import keep_edges, preserve_luminance
from adain.image import strip_reader
from adain.image.strip_reader import open_strips
from adain.metrics import ssim
from adain.options import ModelOptions
from adain.stylizer.stylizer import Stylizer

from ..conftest import noise_image, sample


@pytest.fixture(scope="module")
def fast() -> Stylizer:
    return Stylizer.from_pretrained("fast", device="cpu")


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """Sides that are no multiples of 8, five tiles of 64 px down and three across."""
    with Image.open(sample("content", "montStMichel")) as picture:
        return picture.crop((300, 0, 471, 285)).convert("RGB")


@pytest.fixture(scope="module")
def art() -> Image.Image:
    return noise_image(80, 80, 4).resize((160, 160))


def test_nothing_asked_for_nothing_changes(fast: Stylizer, photo: Image.Image, art: Image.Image) -> None:
    before, after = (fast.stylize(photo, art, **how) for how in ({}, {"keep_edges": 0.0}))
    assert np.array_equal(np.asarray(before), np.asarray(after))


def test_it_is_the_filter_and_then_colours(fast: Stylizer, photo: Image.Image, art: Image.Image) -> None:
    content = fast.encode_content(photo)
    plain = fast.decode(content, fast.encode_style(art))
    wanted = keep_edges(plain, content.colors(), 0.6)
    tensor = content.colors().clone()
    got = fast.stylize(tensor, art, keep_edges=0.6)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=0)
    coloured = fast.stylize(tensor, art, keep_edges=0.6, color="luminance")
    torch.testing.assert_close(coloured, preserve_luminance(wanted, tensor), atol=1e-5, rtol=0)


@pytest.mark.parametrize("wrap", ["none", "x", "y", "xy"])
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_tiles(fast: Stylizer, photo: Image.Image, art: Image.Image, wrap: Any, strength: float) -> None:
    tensor = adain.image.to_tensor(photo)
    how = {"keep_edges": strength, "wrap": wrap, "color": "luminance"}
    with torch.no_grad():
        whole, tiled = (fast.stylize(tensor, art, tile=tile, **how) for tile in ("off", 64))
    torch.testing.assert_close(tiled, whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("wrap", ["none", "x"])
def test_strips(
    fast: Stylizer, photo: Image.Image, art: Image.Image, wrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyvips")
    monkeypatch.setattr(strip_reader, "STRIP_PIXELS", 1 << 13)
    photo = photo.crop((0, 0, 160, 285))
    photo.save(tmp_path / "photo.tif")
    strips = fast.stylize(open_strips(tmp_path / "photo.tif", wrap=wrap), art, tile=64, keep_edges=0.4, wrap=wrap)
    got = np.concatenate([np.asarray(strip) for strip in strips.strips()]).astype(int)
    wanted = np.asarray(fast.stylize(photo, art, tile="off", keep_edges=0.4, wrap=wrap)).astype(int)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= 1


def test_arrays(fast: Stylizer, photo: Image.Image, art: Image.Image) -> None:
    pytest.importorskip("ncnn")
    model = open_model(ModelOptions(model="fast", backend="ncnn"))
    got, wanted = (np.asarray(each.stylize(photo, art, keep_edges=0.5)).astype(int) for each in (model, fast))
    assert np.abs(got - wanted).max() <= 1


def test_differentiable(fast: Stylizer, photo: Image.Image, art: Image.Image) -> None:
    tensor = adain.image.to_tensor(photo)[..., :64, :64].requires_grad_()
    fast.stylize(tensor, art, keep_edges=0.5).mean().backward()
    assert tensor.grad is not None
    assert bool(tensor.grad.isfinite().all())
    assert float(tensor.grad.abs().sum()) > 0


def test_alpha_does_not_switch_it_off(fast: Stylizer, photo: Image.Image, art: Image.Image) -> None:
    tensor = adain.image.to_tensor(photo)
    plain, kept = (fast.stylize(tensor, art, alpha=0.0, keep_edges=k) for k in (0.0, 1.0))
    assert float(ssim(kept, tensor)) > float(ssim(plain, tensor))


def test_a_photograph_in_its_own_style(fast: Stylizer) -> None:
    # As a photograph in the artwork's light and colours, where those are its own, it is the photograph.
    with Image.open(sample("content", "machuPicchu")) as picture:
        tensor = adain.image.to_tensor(picture.convert("RGB").resize((512, 288)))
    scores = [float(ssim(fast.stylize(tensor, tensor, keep_edges=k), tensor)) for k in (0.0, 0.25, 0.5, 1.0)]
    assert scores == sorted(scores)
    assert scores[0] < 0.8
    assert scores[-1] >= 0.9


def test_a_flat_sky_is_calm(fast: Stylizer) -> None:
    with Image.open(sample("content", "montStMichel")) as picture:
        tensor = adain.image.to_tensor(picture.convert("RGB").resize((512, 288)))
    sky = (..., slice(8, 96), slice(16, 280))
    own = float(tensor[sky].std((2, 3)).mean())
    for style in ("hokusai_great_wave", "vangogh_village_street_auvers"):
        result = fast.stylize(tensor, sample("style", style), style_size=256, keep_edges=1.0)
        assert float(result[sky].std((2, 3)).mean()) <= 1.5 * own
