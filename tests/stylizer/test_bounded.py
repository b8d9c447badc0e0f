"""Alpha under a bound on drift: the search against a model whose drift is known, then by the real one."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from adain._utils.errors import InputError
from adain.control.regions import Placement
from adain.control.style import Style
from adain.image.drift import edge_drift
from adain.image.tensors import to_tensor
from adain.options import Options
from adain.stylizer.bounded import HALVINGS, bounded
from adain.stylizer.content import Content
from adain.stylizer.looks import Look, Paint
from adain.stylizer.stylizer import Stylizer
from tests.changes import random_change
from tests.conftest import noise_image
from tests.edges import step, waves

STYLE = Style(torch.zeros(1, 4, 1, 1), torch.ones(1, 4, 1, 1))
SIDE = 64


class Shifting:
    """Moves a step by so many px at alpha 1, from so many at alpha 0; remembers the alphas it was asked for."""

    def __init__(self, most: float, least: float = 0.0) -> None:
        self.most, self.least, self.alphas = most, least, list[float]()

    def render(self, content: Any, paint: Paint) -> Any:
        self.alphas.append(paint.alpha)
        shift = self.least + paint.alpha * (self.most - self.least)
        return picture(step(30.3 + shift, SIDE))


def picture(grey: Any) -> Image.Image:
    return Image.fromarray(np.rint(np.dstack([grey] * 3) * 255).astype(np.uint8))


def photograph(**more: Any) -> Content:
    pixels = torch.from_numpy(step(30.3, SIDE)).float().expand(1, 3, -1, -1)
    return Content(torch.zeros(1, 4, 8, 8), (SIDE, SIDE), pixels=pixels, **more)


@pytest.mark.parametrize(("bound", "alpha"), [(5.5, 1.0), (4.2, 13 / 16), (2.0, 6 / 16), (0.4, 1 / 16)])
def test_the_largest_alpha_within_the_bound_is_found(bound: float, alpha: float) -> None:
    model, notes = Shifting(5.0), dict[str, Any]()
    found = bounded(model, photograph(), Paint(STYLE), bound, notes)
    assert notes["alpha"] == round(alpha, 4)
    assert notes["drift"] == pytest.approx(5 * alpha, abs=0.05)
    assert "held" not in notes
    assert np.array_equal(np.asarray(found), np.asarray(picture(step(30.3 + 5 * alpha, SIDE))))
    assert len(model.alphas) == (1 if alpha == 1.0 else HALVINGS + 2)


def test_it_is_a_share_of_the_alpha_asked_for() -> None:
    model, notes = Shifting(5.0), dict[str, Any]()
    bounded(model, photograph(), Paint(STYLE, 0.5), 2.0, notes)
    assert max(model.alphas) == 0.5
    assert notes["alpha"] == 0.375


def test_where_even_alpha_0_moves_more_that_is_what_comes(caplog: pytest.LogCaptureFixture) -> None:
    model, notes = Shifting(6.0, 3.0), dict[str, Any]()
    bounded(model, photograph(), Paint(STYLE), 1.0, notes)
    assert notes == {"alpha": 0.0, "drift": pytest.approx(3.0, abs=0.05), "held": False}
    assert model.alphas == [1.0, 0.0]
    assert not caplog.records
    bounded(model, photograph(), Paint(STYLE), 1.0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.records[0].getMessage().startswith("max_drift of 1 px cannot be had: at alpha 0 half of the edges")


def test_lost_edges_are_no_number() -> None:
    model, notes = Shifting(40.0, 30.0), dict[str, Any]()
    bounded(model, photograph(), Paint(STYLE), 1.0, notes)
    assert notes == {"alpha": 0.0, "drift": None, "held": False}


def test_nothing_moves_in_what_has_no_edges() -> None:
    flat = Content(torch.zeros(1, 4, 8, 8), (SIDE, SIDE), pixels=torch.full((1, 3, SIDE, SIDE), 0.5))
    notes: dict[str, Any] = {}
    bounded(Shifting(5.0), flat, Paint(STYLE), 0.5, notes)
    assert notes == {"alpha": 1.0, "drift": 0.0}


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return Stylizer.from_pretrained("fast", device="cpu")


@pytest.fixture(scope="module")
def batch() -> Tensor:
    pictures = [waves(seed, side=SIDE) for seed in (0, 1)]
    return torch.from_numpy(np.stack(pictures)).float().permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="module")
def style(stylizer: Stylizer) -> Style:
    return stylizer.encode_style(noise_image(96, 96, 5), size=0)


def half(photograph: Tensor, result: Tensor) -> float:
    return edge_drift(photograph[0].permute(1, 2, 0).numpy(), result[0].detach().permute(1, 2, 0).numpy()).half


def test_each_of_a_batch_has_an_alpha_of_its_own(stylizer: Stylizer, style: Style, batch: Tensor) -> None:
    bound = 1.02 * max(half(one[None], stylizer.stylize(one[None], style, alpha=0)) for one in batch)
    together = stylizer.stylize(batch, style, max_drift=bound)
    assert together.shape == batch.shape
    for one, result in zip(batch, together, strict=True):
        assert torch.allclose(stylizer.stylize(one[None], style, max_drift=bound)[0], result, atol=1e-5)
        assert half(one[None], result[None]) <= bound + 1e-3
    single = stylizer.stylize(batch[0], style, max_drift=bound)
    assert single.shape == batch.shape[1:]


def test_a_style_for_each_of_a_batch(stylizer: Stylizer, style: Style, batch: Tensor) -> None:
    other = stylizer.encode_style(noise_image(96, 96, 6), size=0)
    both = Style(torch.cat([style.mean, other.mean]), torch.cat([style.std, other.std]))
    together = stylizer.stylize(batch, both, max_drift=1.0)
    second = stylizer.stylize(batch[1:], other, max_drift=1.0)
    assert torch.allclose(together[1:], second, atol=1e-5)
    assert stylizer.stylize(batch[:1], both, max_drift=1.0).shape[0] == 2


def test_gradients_pass_at_the_alpha_that_was_found(stylizer: Stylizer, style: Style, batch: Tensor) -> None:
    wanting = batch[:1].clone().requires_grad_()
    result = stylizer.stylize(wanting, style, max_drift=1.0)
    result.sum().backward()
    assert wanting.grad is not None
    assert bool(wanting.grad.abs().sum() > 0)
    assert torch.allclose(result.detach(), stylizer.stylize(batch[:1], style, max_drift=1.0), atol=1e-5)


def notes_of(stylizer: Stylizer, source: Any, styles: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    look, notes = Look(styles, Options(**options)), dict[str, Any]()
    known = {name: options[name] for name in ("tile", "wrap") if name in options}
    content = stylizer.encode_content(source, **known)
    return look.render(stylizer, content, notes=notes), notes


def test_the_alphas_of_regions_are_lowered_together() -> None:
    """The strength of the whole is, times which each has its own; where none has any, there is nothing to lower."""
    masks, cells = torch.ones(2, 1, SIDE, SIDE), torch.ones(2, 1, 8, 8)
    model, notes = Shifting(5.0), dict[str, Any]()
    bounded(model, photograph(), Paint(Placement((STYLE, STYLE), (1.0, 0.5), masks, cells)), 2.0, notes)
    assert notes["alpha"] == 0.375
    model = Shifting(5.0)
    bounded(model, photograph(), Paint(Placement((STYLE, STYLE), (0.0, 0.0), masks, cells)), 2.0, notes)
    assert model.alphas == [1.0]


def test_masks_and_blends(stylizer: Stylizer, style: Style, batch: Tensor) -> None:
    masks = [np.repeat(np.repeat(np.uint8([[255, 0]]), SIDE, 0), SIDE // 2, 1)]
    masks += [255 - masks[0]]
    options: dict[str, Any] = {"masks": [Image.fromarray(mask) for mask in masks], "alpha": (1.0, 0.5)}
    for more in (options, {"weights": (0.3, 0.7)}, {"gradient": "radial"}):
        full = stylizer.stylize(batch[:1], [style, style], **more)
        assert torch.allclose(stylizer.stylize(batch[:1], [style, style], max_drift=50.0, **more), full, atol=1e-5)


def test_tiles_wrap_and_transparency(stylizer: Stylizer, style: Style) -> None:
    image = Image.fromarray(np.rint(waves(2, side=128) * 255).astype(np.uint8))
    image.putalpha(200)
    bound = 1.05 * notes_of(stylizer, image, style, alpha=0, max_drift=20.0)[1]["drift"]
    whole, notes = notes_of(stylizer, image, style, max_drift=bound, tile="off")
    tiled, others = notes_of(stylizer, image, style, max_drift=bound, tile=64)
    assert notes["alpha"] == others["alpha"]
    assert notes["drift"] <= bound
    assert whole.mode == tiled.mode == "RGBA"
    around = notes_of(stylizer, image.crop((0, 0, 120, 128)), style, max_drift=0.6, wrap="x", tile="off")[0]
    assert around.size == (120, 128)
    with pytest.raises(InputError, match="of several pictures does not go with tiles"):
        stylizer.stylize(torch.rand(2, 3, 96, 96), style, max_drift=1.0, tile=64)


def test_colours_that_are_kept_are_measured_too(stylizer: Stylizer, style: Style, batch: Tensor) -> None:
    kept = stylizer.stylize(batch[:1], style, color="luminance", max_drift=0.5)
    assert kept.shape == batch[:1].shape


@pytest.mark.parametrize("how", ["correct", "keep_edges", "protect", "special"])
def test_what_changes_a_result_is_measured_with_it(stylizer: Stylizer, style: Style, how: str) -> None:
    """The bound is that of the result as it comes, which is the one of the alpha that is told."""
    image = Image.fromarray(np.rint(waves(2, side=SIDE) * 255).astype(np.uint8))
    left = Image.fromarray(np.repeat(np.repeat(np.uint8([[255, 0]]), SIDE, 0), SIDE // 2, 1))
    more: dict[str, Any] = {"correct": {"correct": 1}, "keep_edges": {"keep_edges": 0.3}, "protect": {"protect": left}}
    options = more.get(how, {})
    target = replace(style, change=random_change(stylizer, 1)) if how == "special" else style
    least, most = (
        notes_of(stylizer, image, target, alpha=alpha, max_drift=50.0, **options)[1]["drift"] for alpha in (0, 1)
    )
    bound = (least + most) / 2
    found, notes = notes_of(stylizer, image, target, max_drift=bound, **options)
    assert notes["drift"] <= bound or not notes.get("held", True)
    plain = stylizer.stylize(image, target, alpha=notes["alpha"], **options)
    assert np.abs(np.asarray(found, int) - np.asarray(plain, int)).max() <= 1


@pytest.mark.parametrize("name", ["grid", "preview"])
def test_sheets_are_refused(name: str, style: Style) -> None:
    value: Any = 2 if name == "grid" else True
    with pytest.raises(InputError, match="max_drift finds one alpha for a picture"):
        Look([style, style] if name == "grid" else style, Options(max_drift=1.0, **{name: value}))


@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, "x"])
def test_other_bounds_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match="max_drift must be"):
        Options(max_drift=value)


def test_arrays_need_no_torch(tmp_path: Path) -> None:
    from tests.conftest import python

    Image.fromarray(np.rint(waves(3, side=SIDE) * 255).astype(np.uint8)).save(tmp_path / "a.png")
    code = f"""
import json, sys
from adain.backends import open_model
from adain.options import ModelOptions
model = open_model(ModelOptions(backend="ncnn", model="fast"))
model.stylize({str(tmp_path / "a.png")!r}, {str(tmp_path / "a.png")!r}, max_drift=0.5).save({str(tmp_path / "o.png")!r})
print(json.dumps("torch" in sys.modules))
"""
    assert python(code) is False
    assert to_tensor(Image.open(tmp_path / "o.png").convert("RGB")).shape == (1, 3, SIDE, SIDE)
