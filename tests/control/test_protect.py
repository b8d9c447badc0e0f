"""Protecting a part of the photograph: what the mask does to features and edges, and in every kind of pass."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import adain
from adain import InputError, Style, WeightsError
from adain.backends import open_model
from adain.backends.export import export_onnx
from adain.control.protect import ALPHA, EDGES, Protection
from adain.metrics import ssim
from adain.options import ModelOptions
from adain.stylizer.base import BaseStylizer
from adain.stylizer.stylizer import Stylizer

from ..changes import random_change
from ..conftest import noise_image, sample


@pytest.fixture(scope="module")
def fast() -> Stylizer:
    return Stylizer.from_pretrained("fast", device="cpu")


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    with Image.open(sample("content", "astronaut")) as picture:
        return picture.convert("RGB").resize((200, 200))


@pytest.fixture(scope="module")
def art() -> Image.Image:
    return noise_image(40, 40, 4).resize((160, 160))


def box_mask(size: tuple[int, int] = (200, 200)) -> Image.Image:
    """White about the astronaut's face."""
    mask = Image.new("L", (200, 200))
    mask.paste(255, (50, 10, 130, 90))
    return mask.resize(size)


def test_black_is_nothing_and_white_is_everything(fast: Stylizer, photo: Image.Image, art: Image.Image) -> None:
    tensor = adain.image.to_tensor(photo)
    plain = fast.stylize(tensor, art)
    black = fast.stylize(tensor, art, protect=torch.zeros(200, 200))
    torch.testing.assert_close(black, plain, atol=1e-5, rtol=0)
    white = fast.stylize(tensor, art, protect=torch.ones(200, 200))
    torch.testing.assert_close(white, fast.stylize(tensor, art, alpha=ALPHA, keep_edges=EDGES), atol=1e-4, rtol=0)


def test_only_the_region_changes(fast: Stylizer, photo: Image.Image, art: Image.Image) -> None:
    tensor = adain.image.to_tensor(photo)
    plain, kept = fast.stylize(tensor, art), fast.stylize(tensor, art, protect=box_mask(), feather=4)
    far = (..., slice(160, None), slice(None))  # beyond the decoder's reach
    torch.testing.assert_close(kept[far], plain[far], atol=1e-5, rtol=0)
    face = (..., slice(20, 80), slice(60, 120))
    before, after = (float(ssim(each[face], tensor[face])) for each in (plain, kept))
    assert after > before + 0.2


def test_soft_masks_protect_in_part(fast: Stylizer, photo: Image.Image, art: Image.Image) -> None:
    tensor = adain.image.to_tensor(photo)
    scores = [
        float(ssim(fast.stylize(tensor, art, protect=torch.full((50, 50), m)), tensor))
        for m in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert scores == sorted(scores)


def test_softness() -> None:
    canvas = adain.control.regions.Canvas((200, 200))
    hard, soft = (Protection.lay(box_mask(), canvas, radius).mask for radius in (0.001, 0.0))
    assert int(((soft > 0.05) & (soft < 0.95)).sum()) > 4 * int(((hard > 0.05) & (hard < 0.95)).sum()) + 100


@pytest.mark.parametrize("more", [{}, {"masks": 1}, {"correct": 1}, {"color": "luminance"}, {"wrap": "x"}, {"fine": 1}])
def test_tiles(fast: Stylizer, photo: Image.Image, art: Image.Image, more: dict[str, Any]) -> None:
    tensor = adain.image.to_tensor(photo.crop((0, 0, 192, 200)))
    how: dict[str, Any] = {"protect": box_mask().crop((0, 0, 192, 200)), **more}
    if how.pop("masks", None):
        half = torch.zeros(200, 192)
        half[:, :100] = 1
        how["masks"] = [half]
    if how.pop("fine", None):
        how["fine_style_size"] = 64
    with torch.no_grad():
        whole, tiled = (fast.stylize(tensor, [art], tile=tile, **how) for tile in ("off", 64))
    torch.testing.assert_close(tiled, whole, atol=1e-3, rtol=0)


def test_arrays(fast: Stylizer, photo: Image.Image, art: Image.Image) -> None:
    pytest.importorskip("ncnn")
    model = open_model(ModelOptions(model="fast", backend="ncnn"))
    got, wanted = (np.asarray(each.stylize(photo, art, protect=box_mask())).astype(int) for each in (model, fast))
    assert np.abs(got - wanted).max() <= 1


def test_another_shape_is_refused(fast: Stylizer, photo: Image.Image, art: Image.Image) -> None:
    with pytest.raises(InputError, match="shapes differ"):
        fast.stylize(photo, art, protect=box_mask((200, 100)))


@pytest.fixture(scope="module")
def models(fast: Stylizer, tmp_path_factory: pytest.TempPathFactory) -> list[BaseStylizer]:
    """By torch, ncnn and onnxruntime."""
    pytest.importorskip("ncnn")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("protect") / "model"
    export_onnx(fast.encoder, fast.decoder, folder)
    return [fast, open_model(ModelOptions(model="fast", backend="ncnn")), open_model(ModelOptions(onnx=folder))]


@pytest.fixture(scope="module")
def special(fast: Stylizer, art: Image.Image) -> Style:
    return dataclasses.replace(fast.encode_style(art), change=random_change(fast, seed=1))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keep_edges=st.sampled_from([0.0, 0.3, 1.0]),
    protect=st.booleans(),
    masks=st.booleans(),
    color=st.sampled_from([None, "luminance", "linear"]),
    tile=st.sampled_from(["off", 64]),
    alpha=st.sampled_from([0.0, 0.4, 1.0]),
    wrap=st.sampled_from(["none", "x"]),
    correct=st.sampled_from([0, 1]),
    crop=st.booleans(),
    backend=st.sampled_from([0, 1, 2]),
    is_special=st.booleans(),
)
def test_combinations(models: list[BaseStylizer], photo: Image.Image, art: Image.Image, special: Style, protect: bool,
                      masks: bool, backend: int, is_special: bool, **how: Any) -> None:  # fmt: skip
    """Each is what torch makes of the whole, or is refused in one line."""
    picture = photo.crop((0, 0, 112, 80))
    mask = Image.new("L", (112, 80))
    mask.paste(255, (0, 0, 60, 80))
    if protect:
        how["protect"] = mask
    if masks:
        how["masks"] = [mask]
    style = special if is_special else art
    asked = functools.partial(models[backend].stylize, picture, [style], **how)
    is_exported = is_special and backend == 2 and how["alpha"] > 0
    if (how["crop"] and how["wrap"] != "none") or (is_special and how["color"] == "linear") or is_exported:
        with pytest.raises((InputError, WeightsError), match=r"\A[^\n]+\Z"):
            asked()
        return
    result = np.asarray(asked())
    assert result.shape == ((80, 80, 3) if how["crop"] else (80, 112, 3))
    wanted = np.asarray(models[0].stylize(picture, [style], **{**how, "tile": "off"}))
    assert np.abs(result.astype(int) - wanted).max() <= 1
