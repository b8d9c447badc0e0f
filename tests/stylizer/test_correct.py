"""Correction: what it converges to, that it is local, and that tiles, strips and regions have it as a whole has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import adain
from adain import Region, Regions, Style
from adain._utils.errors import InputError
from adain.image import Source
from adain.image.box import Box
from adain.image.strip_reader import open_strips
from adain.image.strips import Strips
from adain.nn.layers import BASE, FAST, STRIDE
from adain.nn.statistics import channel_mean_std
from adain.options import MOST_ROUNDS
from adain.stylizer.base import BaseStylizer
from adain.stylizer.content import TileProgress
from adain.stylizer.correct import FAST_STEPS, STEPS, corrected, steps_of
from adain.stylizer.halo import DECODER_REACH
from adain.stylizer.stylizer import Stylizer
from adain.stylizer.tiles import complete

from ..conftest import noise_image, sample

pytestmark = pytest.mark.usefixtures("one_thread")

EXACT = 1e-4
"""Ten times stricter than what is promised of tiles."""


class Faulty(BaseStylizer):
    """A cell's features are its pixels, and the decoder gives each channel ``gain`` of them, and ``bias`` more."""

    device, channels, max_pixels, style_cache = torch.device("cpu"), 3 * STRIDE**2, None, None
    specs = BASE.encoder, BASE.decoder

    def __init__(self, gain: float = 0.7, bias: float = 0.05) -> None:
        self.gain, self.bias = gain, bias
        self.passes: list[str] = []

    def pixels(self, opened: Source) -> Any:
        return opened.to_tensor(self.device)

    def encode(self, pixels: Any) -> Any:
        self.passes.append("encode")
        return torch.nn.functional.pixel_unshuffle(complete(pixels), STRIDE)

    def encode_part(self, pixels: Any, inner: Box, outer: Box) -> Any:
        return self.encode(pixels)[(..., *inner.within(outer).slices)]

    def decode_features(self, features: Any) -> Any:
        self.passes.append("decode")
        return torch.nn.functional.pixel_shuffle(self.gain * features + self.bias, STRIDE)

    def decode_part(self, features: Any, inner: Box, outer: Box) -> Any:
        return self.decode_features(features[(..., *inner.within(outer).slices)])

    def pass_bytes(self) -> int:
        return 100

    def identity(self) -> list[Any]:
        return [self.gain, self.bias]

    def encoder_identity(self) -> str:
        return "faulty"


def flat_style(mean: float = 0.5, std: float = 0.1, dtype: torch.dtype = torch.float32) -> Style:
    shape = (1, Faulty.channels, 1, 1)
    return Style(torch.full(shape, mean, dtype=dtype), torch.full(shape, std, dtype=dtype))


def smooth(batch: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Tones about the middle, so that nothing is cut off."""
    return 0.4 + 0.2 * torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


def difference(first: Any, second: Any) -> float:
    assert first.shape == second.shape
    return float(np.abs(np.asarray(first) - np.asarray(second)).max())


# ------------------------------------------------------------------------------------------------------- what it does


@pytest.mark.parametrize(("gain", "step"), [(0.7, STEPS.rising), (1.2, STEPS.falling)])
def test_the_rounds_are_those_of_the_formula(gain: float, step: float) -> None:
    model = Faulty(gain)
    content, mean, std = model.encode_content(smooth(1, 64, 72)), 0.5, 0.1
    for rounds in range(4):
        found = channel_mean_std(model.encode(model.decode(content, flat_style(), correct=rounds)))
        assert torch.allclose(found[0], torch.full_like(found[0], gain * mean + model.bias), atol=1e-4)
        assert torch.allclose(found[1], torch.full_like(found[1], gain * std), rtol=2e-3)
        mean += STEPS.mean * (0.5 - (gain * mean + model.bias))
        std *= (0.1 / (gain * std)) ** step


def test_it_converges() -> None:
    model, style = Faulty(), flat_style()
    content = model.encode_content(smooth(1, 64, 72))
    away = []
    for rounds in (0, 1, 2, 4, MOST_ROUNDS):
        mean, std = channel_mean_std(model.encode(model.decode(content, style, correct=rounds)))
        away.append((float((mean - style.mean).abs().max()), float((std - style.std).abs().max())))
    for column in zip(*away, strict=True):
        assert list(column) == sorted(column, reverse=True)
    assert away[-1][0] < 0.25 * away[0][0]
    assert away[-1][1] < 0.25 * away[0][1]


def test_a_decoder_without_fault_is_left_alone() -> None:
    model = Faulty(1.0, 0.0)
    content = model.encode_content(smooth(1, 64, 72))
    assert difference(model.decode(content, flat_style(), correct=3), model.decode(content, flat_style())) < 1e-3


@pytest.mark.parametrize("how", [{"alpha": 1.0, "correct": 0}, {"alpha": 0.0, "correct": 3}])
def test_nothing_to_correct_costs_nothing(how: dict[str, Any]) -> None:
    model, plain = Faulty(), {**how, "correct": 0}
    content = model.encode_content(smooth(1, 64, 72))
    wanted = model.decode(content, flat_style(), **plain)
    model.passes.clear()
    assert torch.equal(model.decode(content, flat_style(), **how), wanted)
    assert model.passes == ["decode"]


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_round_is_a_decoder_and_an_encoder(rounds: int) -> None:
    model = Faulty()
    content = model.encode_content(smooth(1, 64, 72))
    model.passes.clear()
    model.decode(content, flat_style(), correct=rounds)
    assert model.passes == ["decode", "encode"] * rounds + ["decode"]


def test_the_strength_counts() -> None:
    model, changes = Faulty(), []
    content = model.encode_content(smooth(1, 64, 72))
    for alpha in (0.0, 0.1, 0.5, 1.0):
        pair = [model.decode(content, flat_style(), alpha=alpha, correct=rounds) for rounds in (0, 1)]
        changes.append(difference(*pair))
    assert changes == sorted(changes)
    assert changes[0] == 0.0 < changes[1] < 0.2 * changes[3]


@pytest.mark.parametrize("rounds", [-1, MOST_ROUNDS + 1, 0.5, True])
def test_numbers_that_are_none(rounds: Any) -> None:
    content = Faulty().encode_content(smooth(1, 64, 72))
    with pytest.raises(InputError, match=f"correct must be between 0 and {MOST_ROUNDS}"):
        Faulty().decode(content, flat_style(), correct=rounds)


def test_gradients_run_through_every_round() -> None:
    content = smooth(1, 16, 24).double()
    style = flat_style(dtype=torch.float64)

    def made(pixels: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
        model = Faulty()
        features = torch.nn.functional.pixel_unshuffle(pixels, STRIDE)
        encoded = adain.stylizer.Content(features, (16, 24), is_tensor=True, pixels=pixels)
        result: torch.Tensor = model.decode(encoded, Style(mean, std), correct=2)
        return result

    given = [each.requires_grad_() for each in (content, style.mean, style.std)]
    torch.autograd.gradcheck(made, given, fast_mode=True)


def test_a_batch_is_corrected_one_by_one(fast: Stylizer) -> None:
    batch = torch.rand(2, 3, 48, 40)
    style = fast.encode_style(noise_image(64, 64, 4), size=64)
    both = fast.stylize(batch, style, correct=2)
    for k in range(2):
        assert difference(both[k : k + 1], fast.stylize(batch[k : k + 1], style, correct=2)) < EXACT


@pytest.mark.parametrize("tile", ["off", 64])
def test_a_batch_of_styles(fast: Stylizer, tile: Any) -> None:
    styles = [fast.encode_style(noise_image(64, 64, seed), size=64) for seed in (4, 5)]
    both = Style(*(torch.cat([getattr(style, name) for style in styles]) for name in ("mean", "std")))
    photo = torch.rand(1, 3, 48, 80)
    made = fast.stylize(photo, both, correct=1, tile=tile)
    for k, style in enumerate(styles):
        assert difference(made[k : k + 1], fast.stylize(photo, style, correct=1)) < EXACT


def test_whatever_computes_a_model_its_steps_are_the_same(
    fast: Stylizer, fast_files: tuple[Path, Path], exported: adain.OnnxStylizer
) -> None:
    ncnn = adain.NcnnStylizer(encoder=fast_files[0], decoder=fast_files[1], threads=1)
    assert {steps_of(model) for model in (fast, ncnn, exported)} == {FAST_STEPS}
    assert {steps_of(adain.NcnnStylizer(name)) for name in ("vgg19", "classic")} == {STEPS}


def test_the_fast_model_leaves_what_its_decoder_does_not_answer_to(fast: Stylizer) -> None:
    content, style = fast.encode_content(noise_image(64, 64, 3)), fast.encode_style(noise_image(64, 64, 4), size=64)
    moved, coarse = corrected(fast, content, style, 1.0, 1), FAST.encoder[-1].c_out
    assert isinstance(moved, Style)
    for name in ("mean", "std"):
        before, after = getattr(style, name), getattr(moved, name)
        assert torch.equal(after[:, :coarse], before[:, :coarse])
        assert float((after[:, coarse:] != before[:, coarse:]).float().mean()) > 0.5  # some are dead


# ------------------------------------------------------------------------------------------------------------- regions


def half(width: int, height: int, left: bool = True) -> Image.Image:
    mask = Image.new("L", (width, height))
    mask.paste(255, (0, 0, width // 2, height) if left else (width // 2, 0, width, height))
    return mask


def test_what_no_region_covers_stays(fast: Stylizer) -> None:
    photo, style = noise_image(240, 48, 3), fast.encode_style(noise_image(64, 64, 4), size=64)
    before, after = (
        np.asarray(fast.stylize(photo, style, masks=[half(240, 48)], correct=rounds)).astype(int) for rounds in (0, 2)
    )
    reach = 120 + DECODER_REACH * STRIDE
    assert np.array_equal(before[:, reach:], after[:, reach:])
    assert np.abs(before[:, :120] - after[:, :120]).max() > 4


def test_each_region_misses_what_it_misses() -> None:
    """The decoder sees no neighbours: what is asked for in one half is nothing to the other."""
    model, size = Faulty(), (240, 48)
    content = model.encode_content(smooth(1, *size[::-1]))
    made = [
        model.decode(
            content,
            Regions([Region(flat_style(0.5, 0.1), half(*size)), Region(right, half(*size, left=False))]),
            correct=3,
        )
        for right in (flat_style(0.5, 0.05), flat_style(0.4, 0.02))
    ]
    assert torch.equal(made[0][..., :120], made[1][..., :120])
    assert difference(made[0][..., 120:], made[1][..., 120:]) > 0.05
    alone = model.decode(content, Regions([Region(flat_style(0.5, 0.1), half(*size))]), correct=3)
    assert difference(alone[..., :120], made[0][..., :120]) < 1e-5


def test_a_region_of_strength_0_stays(fast: Stylizer) -> None:
    photo, styles = noise_image(240, 48, 3), [noise_image(64, 64, seed) for seed in (4, 5)]
    how: dict[str, Any] = {"masks": [half(240, 48), half(240, 48, left=False)], "alpha": [1, 0], "style_size": 64}
    before, after = (np.asarray(fast.stylize(photo, styles, correct=rounds, **how)) for rounds in (0, 2))
    reach = 120 + DECODER_REACH * STRIDE
    assert np.array_equal(before[:, reach:], after[:, reach:])


def test_one_region_of_everything_is_none(fast: Stylizer) -> None:
    photo, style = torch.rand(1, 3, 51, 67), noise_image(64, 64, 4)
    plain = fast.stylize(photo, style, style_size=64, correct=2)
    full = fast.stylize(photo, style, style_size=64, correct=2, masks=[Image.new("L", (67, 51), 255)])
    assert difference(plain, full) < EXACT


# ----------------------------------------------------------------------------------------------------- tiles and strips

SIZE = (131, 99)


def soft(width: int, height: int) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height))


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "weaker": {"alpha": 0.4},
    "fine": {"fine_style_size": 40},
    "blend": {"count": 2, "weights": [1, 2]},
    "gradient": {"count": 2, "gradient": "diagonal"},
    "masks": {"count": 2, "masks": [half(*SIZE), soft(*SIZE)], "feather": 5, "alpha": [1, 0.6]},
    "masks-fine": {"count": 2, "masks": [half(*SIZE), soft(*SIZE)], "fine_style_size": 40},
    "background": {"masks": [half(*SIZE)], "background": noise_image(64, 64, 20)},
    "colors": {"color": "luminance"},
    "wrap": {"wrap": "xy"},
    "size": {"content_size": 70},
}


@pytest.mark.parametrize("name", CASES)
def test_tiles_are_as_the_whole(fast: Stylizer, name: str) -> None:
    how = {"style_size": 64, "correct": 2, **CASES[name]}
    styles: Any = [noise_image(70, 60, seed) for seed in (11, 12)][: how.pop("count", 1)]
    photo = torch.rand(1, 3, *SIZE[::-1])
    how.pop("content_size", None)
    whole, tiled = (fast.stylize(photo, styles, tile=tile, **how) for tile in ("off", 64))
    assert difference(whole, tiled) < EXACT
    assert difference(whole, fast.stylize(photo, styles, **how | {"correct": 0})) > 100 * EXACT


@pytest.mark.parametrize("name", ["plain", "fine", "blend", "colors", "size"])
def test_strips_are_as_the_whole(fast: Stylizer, tmp_path: Path, name: str) -> None:
    pytest.importorskip("pyvips")
    how = {"style_size": 64, "correct": 1, "tile": 64, **CASES[name]}
    styles: Any = [noise_image(70, 60, seed) for seed in (11, 12)][: how.pop("count", 1)]
    path = tmp_path / "photo.tif"
    noise_image(*SIZE, 5).save(path)
    whole = fast.stylize(path, styles, **how)
    painted = fast.stylize(open_strips(path, size=how.get("content_size", 0)), styles, **how)
    assert isinstance(painted, Strips)
    for _ in range(2):
        found = np.concatenate([np.asarray(strip) for strip in painted.strips()]).astype(int)
        assert np.abs(found - np.asarray(whole).astype(int)).max() <= 1


def test_progress_tells_of_every_pass(fast: Stylizer) -> None:
    seen: list[TileProgress] = []
    fast.stylize(noise_image(*SIZE, 5), noise_image(64, 64, 4), tile=64, style_size=64, correct=2, progress=seen.append)
    phases = ("encode", "correct", "correct", "decode")
    assert seen == [TileProgress(phase, k, 6) for phase in phases for k in range(1, 7)]


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(16, 200), st.integers(16, 200)),
    alpha=st.sampled_from([0.0, 0.3, 1.0]),
    rounds=st.integers(0, 3),
    regions=st.sampled_from(["none", "one", "two", "gradient"]),
    fine=st.booleans(),
    wrap=st.sampled_from(["none", "x", "xy"]),
    color=st.sampled_from([None, "luminance", "linear"]),
)
def test_whatever_goes_together(
    size: tuple[int, int], alpha: float, rounds: int, regions: str, fine: bool, wrap: Any, color: Any
) -> None:
    model, photo = Faulty(), smooth(1, *size, seed=1)
    count = 2 if regions in ("two", "gradient") else 1
    how: dict[str, Any] = {"alpha": alpha, "correct": rounds, "wrap": wrap, "color": color, "style_size": 64}
    how |= {"fine_style_size": 48} if fine else {}
    how |= {"gradient": "horizontal"} if regions == "gradient" else {}
    if regions in ("one", "two"):
        how["masks"] = [half(*size[::-1]), half(*size[::-1], left=False)][:count]
    styles: Any = [noise_image(70, 60, seed) for seed in (11, 12)][:count]
    whole, tiled = (model.stylize(photo, styles, tile=tile, **how) for tile in ("off", 64))
    assert whole.shape == photo.shape
    assert torch.isfinite(whole).all()
    assert difference(whole, tiled) < 1e-3
    if alpha == 0.0 or rounds == 0:
        assert torch.equal(whole, model.stylize(photo, styles, tile="off", **how | {"correct": 0}))


# ------------------------------------------------------------------------------------------------ whatever computes it


@pytest.mark.parametrize("how", [{}, {"alpha": 0.5}, {"masks": [half(*SIZE)]}, {"fine_style_size": 40}, {"tile": 64}])
def test_ncnn_and_onnx_agree_with_torch(
    fast: Stylizer, fast_files: tuple[Path, Path], exported: adain.OnnxStylizer, how: dict[str, Any]
) -> None:
    how = {"style_size": 64, "correct": 2, **how}
    photo, art = torch.rand(1, 3, *SIZE[::-1]), noise_image(70, 60, 11)
    wanted = fast.stylize(photo, art, **how)
    ncnn = adain.NcnnStylizer(encoder=fast_files[0], decoder=fast_files[1], threads=1)
    for model in (ncnn, exported):
        assert difference(model.stylize(photo, art, **how), wanted) < 1e-3


@pytest.fixture(scope="module")
def exported(fast: Stylizer, tmp_path_factory: pytest.TempPathFactory) -> adain.OnnxStylizer:
    pytest.importorskip("onnxruntime")
    from adain.backends import export_onnx

    folder = tmp_path_factory.mktemp("onnx")
    export_onnx(fast.encoder, fast.decoder, folder)
    return adain.OnnxStylizer(folder, threads=1)


def test_the_shipped_fast_model_comes_closer() -> None:
    model, photo, art = Stylizer.from_pretrained("fast", device="cpu"), *sample_pictures()
    content, style = model.encode_content(photo), model.encode_style(art, size=192)
    away = [
        float((channel_mean_std(model.encode(model.decode(content, style, correct=k)))[0] - style.mean).abs().mean())
        for k in (0, 1, 2)
    ]
    assert away == sorted(away, reverse=True)
    assert away[2] < 0.9 * away[0]


def sample_pictures() -> tuple[Image.Image, Image.Image]:
    names = (("content", "cincinnati-bridge"), ("style", "hokusai_great_wave"))
    first, second = (Image.open(sample(*name)).convert("RGB").resize((192, 192)) for name in names)
    return first, second
