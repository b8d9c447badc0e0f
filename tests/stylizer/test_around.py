"""Photographs whose sides meet: as by circular padding, whatever computes it, in tiles or not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import adain
from adain._utils.errors import InputError
from adain.backends.export import export_onnx
from adain.control.regions import Canvas
from adain.control.style import Style
from adain.stylizer import store
from adain.stylizer.base import BaseStylizer
from adain.stylizer.halo import Tiling
from adain.stylizer.stylizer import Stylizer

from ..conftest import noise_image

pytestmark = pytest.mark.usefixtures("one_thread")

WRAPS = ("x", "y", "xy")
LEVELS = 2
"""Of 255: what a roll by half may change."""

FLOATS = 1e-3


@pytest.fixture(scope="module")
def classic() -> Stylizer:
    return Stylizer.from_pretrained("classic", device="cpu")


@pytest.fixture(scope="module", params=["base", "classic", "fast"])
def network(request: pytest.FixtureRequest, stylizer: Stylizer, classic: Stylizer, fast: Stylizer) -> Stylizer:
    """By torch, every model."""
    return {"base": stylizer, "classic": classic, "fast": fast}[request.param]


@pytest.fixture(scope="module", params=["torch", "ncnn", "ncnn fast", "onnx"])
def engine(
    request: pytest.FixtureRequest,
    stylizer: Stylizer,
    fast: Stylizer,
    fast_files: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> BaseStylizer:
    """Whatever computes."""
    if request.param == "torch":
        return fast
    if request.param == "ncnn":
        return adain.NcnnStylizer(threads=1)
    if request.param == "ncnn fast":
        return adain.NcnnStylizer(encoder=fast_files[0], decoder=fast_files[1], threads=1)
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("onnx")
    export_onnx(fast.encoder, fast.decoder, folder)
    return adain.OnnxStylizer(folder, threads=1)


def rolled(picture: Image.Image, shift: tuple[int, int]) -> Image.Image:
    """Moved down and to the right, around the sides."""
    return Image.fromarray(np.roll(np.asarray(picture), shift, (0, 1)))


def half(size: tuple[int, int], wrap: str) -> tuple[int, int]:
    """Half of the height and the width, where those wrap."""
    height, width = size
    return (height // 2 if "y" in wrap else 0, width // 2 if "x" in wrap else 0)


def differ(first: Image.Image, second: Image.Image) -> int:
    assert (first.size, first.mode) == (second.size, second.mode)
    return int(np.abs(np.asarray(first).astype(int) - np.asarray(second).astype(int)).max())


def circular(model: Stylizer) -> Stylizer:
    """The same networks with circular padding on all sides, in every convolution."""
    other = Stylizer(copy.deepcopy(model.encoder), copy.deepcopy(model.decoder), device="cpu", precision="fp32")
    for part in (other.encoder, other.decoder):
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                module.padding_mode = "circular"
    return other


@pytest.mark.parametrize("size", [(64, 96), (16, 16), (16, 112)])
@pytest.mark.parametrize("tile", ["off", 64])
def test_it_is_circular_padding_in_encoder_and_decoder(network: Stylizer, size: tuple[int, int], tile: Any) -> None:
    photo, art = torch.rand(1, 3, *size), torch.rand(1, 3, 40, 40)
    style, reference = network.encode_style(art, size=0), circular(network)
    found = network.encode_content(photo, wrap="xy", tile=tile)
    expected = reference.encode_content(photo, tile="off")
    scale = float(expected.features.max())
    assert float((found.features - expected.features).abs().max()) < 1e-5 * scale
    assert float((network.decode(found, style) - reference.decode(expected, style)).abs().max()) < FLOATS / 10
    # Which the networks' own padding is not.
    flat = network.encode_content(photo, tile="off")
    assert float((flat.features - expected.features).abs().max()) > 1e-2 * scale


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("size", [(64, 96), (50, 100), (16, 16), (18, 40), (80, 24)])
def test_rolled_by_half_it_is_the_same_picture(engine: BaseStylizer, size: tuple[int, int], wrap: str) -> None:
    height, width = size
    photo, style, shift = (
        noise_image(width, height, 7),
        engine.encode_style(noise_image(60, 50, 4), size=0),
        half(size, wrap),
    )
    how: dict[str, Any] = {"wrap": wrap}
    whole = engine.stylize(photo, style, **how)
    assert whole.size == photo.size
    for tile in ("off", 64):
        assert differ(engine.stylize(rolled(photo, shift), style, tile=tile, **how), rolled(whole, shift)) <= LEVELS
    plain = engine.stylize(photo, style)
    assert differ(engine.stylize(rolled(photo, shift), style), rolled(plain, shift)) > 20


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_roll_of_whole_cells_and_any_size_of_floats(engine: BaseStylizer, data: st.DataObject) -> None:
    wrap = data.draw(st.sampled_from(WRAPS))
    around = [axis in wrap for axis in "yx"]
    size = [16 * data.draw(st.integers(1, 7)) if goes_on else data.draw(st.integers(16, 90)) for goes_on in around]
    shift = [8 * data.draw(st.integers(0, 13)) if goes_on else 0 for goes_on in around]
    photo = np.random.default_rng(data.draw(st.integers(0, 9))).random((2, 3, *size), np.float32)
    style = engine.encode_style(noise_image(48, 48, 4), size=0)
    alpha = data.draw(st.sampled_from([1.0, 0.5, 0.0]))

    def made(pixels: Any, tile: Any) -> Any:
        given = pixels if engine.device is None else torch.from_numpy(pixels)
        return np.asarray(engine.stylize(given, style, wrap=wrap, tile=tile, alpha=alpha))

    whole = made(photo, "off")
    assert whole.shape == photo.shape
    assert np.abs(made(photo, 64) - whole).max() < FLOATS
    moved = made(np.roll(photo, shift, (2, 3)), "off")
    assert np.abs(moved - np.roll(whole, shift, (2, 3))).max() < FLOATS


@settings(max_examples=8, deadline=None)
@given(st.integers(8, 60), st.integers(8, 60))
def test_floats_of_any_even_size(engine: BaseStylizer, rows: int, columns: int) -> None:
    """Those that are no multiples of 16, too."""
    photo = np.random.default_rng(rows).random((1, 3, 2 * rows, 2 * columns), np.float32)
    style = engine.encode_style(noise_image(48, 48, 4), size=0)
    made = []
    for pixels in (photo, np.roll(photo, (rows, columns), (2, 3))):
        given = pixels if engine.device is None else torch.from_numpy(pixels)
        made.append(np.asarray(engine.stylize(given, style, wrap="xy")))
    assert made[0].shape == photo.shape
    assert np.abs(np.roll(made[0], (rows, columns), (2, 3)) - made[1]).max() < FLOATS


def test_a_texture_beside_itself_is_one_picture(fast: Stylizer) -> None:
    """Stylising four copies that wrap gives the four of one: there is no seam to be found between them."""
    photo, style = torch.rand(1, 3, 48, 64), fast.encode_style(noise_image(50, 50, 4), size=0)
    one = fast.stylize(photo, style, wrap="xy")
    four = fast.stylize(photo.repeat(1, 1, 2, 2), style, wrap="xy")
    assert float((four - one.repeat(1, 1, 2, 2)).abs().max()) < FLOATS


def left_half(width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2 + 5] = 255
    return mask


CONTROLS: dict[str, dict[str, Any]] = {
    "fine": {"fine_style_size": 24},
    "mask": {"masks": ("left",), "feather": 0.0},
    "soft mask": {"masks": ("left",), "feather": 6.0},
    "very soft mask": {"masks": ("left", "right"), "feather": 60.0},
    "background": {"masks": ("left",), "background": "art"},
    "small mask": {"masks": ("small",), "feather": 5.0, "alpha": 0.7},
    "fine regions": {"masks": ("left", "right"), "fine_style_size": 24},
    "gradient": {"gradient": "left"},
    "labels": {"label_map": "left", "labels": (0, 255)},
    "light": {"color": "luminance"},
    "colours": {"color": "linear"},
    "histogram": {"color": ("histogram", "luminance"), "masks": ("left", "right")},
    "blend": {"weights": (0.3, 0.7)},
}


@pytest.mark.parametrize("tile", ["off", 64])
@pytest.mark.parametrize("size", [(64, 112), (70, 100)])
@pytest.mark.parametrize("name", CONTROLS)
def test_with_every_control(fast: Stylizer, name: str, size: tuple[int, int], tile: Any) -> None:
    height, width = size
    options = CONTROLS[name]
    shift = half(size, "xy")
    count = 2 if {"weights", "gradient", "labels"} & set(options) else len(options.get("masks", ("one",)))
    arts = [noise_image(60, 50, seed) for seed in range(4, 4 + count)]

    def made(shift: tuple[int, int]) -> Image.Image:
        left = np.roll(left_half(width, height), shift, (0, 1))
        few = np.roll(left_half(width // 2, height // 2), [s // 2 for s in shift], (0, 1))
        few = few if size == (64, 112) else left  # where halves are halved
        painted = {
            name: Image.fromarray(values) for name, values in (("left", left), ("right", 255 - left), ("small", few))
        }
        painted["art"] = noise_image(40, 40, 9)

        def filled(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(filled(each) for each in value)
            return painted.get(value, value) if isinstance(value, str) else value

        more = {name: filled(value) for name, value in options.items()}
        return fast.stylize(
            rolled(noise_image(width, height, 7), shift), arts, style_size=48, wrap="xy", tile=tile, **more
        )

    whole = made((0, 0))
    after = whole.height // 2, whole.width // 2
    assert differ(made(shift), rolled(whole, after)) <= LEVELS


@pytest.mark.parametrize("tile", ["off", 64])
def test_two_scales_of_strokes_look_around_the_sides(fast: Stylizer, tile: Any) -> None:
    """The Gaussian between them reaches 5 cells, beyond the decoder's 4."""
    photo, coarse = torch.rand(1, 3, 96, 112), fast.encode_style(noise_image(60, 50, 4), size=0)
    style = Style(coarse.mean, coarse.std, coarse.name, 30 * coarse.std)
    whole = fast.stylize(photo, style, wrap="xy", alpha=0.3)
    moved = fast.stylize(photo.roll((48, 56), (2, 3)), style, wrap="xy", alpha=0.3, tile=tile)
    assert float((moved - whole.roll((48, 56), (2, 3))).abs().max()) < FLOATS


@pytest.mark.parametrize("size", [(64, 112, 48), (64, 112, 96), (70, 100, 42), (70, 100, 98)])
def test_at_another_size(fast: Stylizer, size: tuple[int, int, int]) -> None:
    """The photograph is resized around its sides."""
    height, width, side = size
    photo, style = noise_image(width, height, 7), fast.encode_style(noise_image(60, 50, 4), size=0)
    whole = fast.stylize(photo, style, wrap="xy", content_size=side)
    assert whole.size == (width * side // height, side)
    moved = fast.stylize(rolled(photo, half((height, width), "xy")), style, wrap="xy", content_size=side)
    assert differ(moved, rolled(whole, half((whole.height, whole.width), "xy"))) <= LEVELS


def test_the_edge_of_a_mask_is_softened_around_the_sides() -> None:
    mask = np.zeros((1, 1, 64, 96), np.float32)
    mask[..., :48] = 1.0
    canvas = {wrap: Canvas((64, 96), device=None, wrap=wrap) for wrap in ("none", "x", "y")}  # type: ignore[arg-type]
    laid = {wrap: each.lay([mask], 8.0) for wrap, each in canvas.items()}
    assert laid["none"][0, 0, 0, 0] == laid["y"][0, 0, 0, 0] == 1.0
    assert 0.5 < laid["x"][0, 0, 0, 0] < 0.6
    np.testing.assert_allclose(laid["x"][0, 0, 0, ::-1], np.roll(laid["x"][0, 0, 0], 48), atol=1e-5)
    tensor = Canvas((64, 96), device="cpu", wrap="x").lay([torch.from_numpy(mask)], 8.0)
    np.testing.assert_allclose(tensor.numpy(), laid["x"], atol=1e-4)
    # However soft: the mean, and no more.
    np.testing.assert_allclose(Canvas((64, 96), device=None, wrap="x").lay([mask], 1e9), 0.5, atol=1e-3)


def test_transparency_and_odd_sizes(fast: Stylizer) -> None:
    photo = noise_image(101, 67, 1)
    photo.putalpha(noise_image(101, 67, 2, "L"))
    for tile in ("off", 64):
        made = fast.stylize(photo, noise_image(50, 50, 3), wrap="xy", tile=tile)
        assert (made.size, made.mode) == ((101, 67), "RGBA")
        np.testing.assert_array_equal(made.getchannel("A"), photo.getchannel("A"))


def seam(picture: Image.Image) -> float:
    """The mean jump from the last column to the first, over that between neighbouring columns."""
    values = np.asarray(picture).astype(float)
    inside = np.abs(np.diff(values, axis=1)).mean()
    return float(np.abs(values[:, 0] - values[:, -1]).mean() / inside)


@pytest.mark.parametrize("width", [192, 200, 199])
def test_no_seam_is_left(stylizer: Stylizer, width: int) -> None:
    angle = np.arange(width) * 2 * np.pi / width
    waves = np.stack([np.sin(angle * k + 2 * k) * np.linspace(1, k, 64)[:, None] for k in (1, 2, 3)], -1)
    photo = Image.fromarray(np.uint8(127 + 40 * waves))
    style = stylizer.encode_style(noise_image(128, 128, 4), size=0)
    with_it, without = (stylizer.stylize(photo, style, wrap=wrap) for wrap in ("x", "none"))
    assert seam(with_it) < 1.5
    assert seam(without) > 1.8 * seam(with_it)


def test_sheets_have_their_pictures_size(fast: Stylizer) -> None:
    art = [noise_image(50, 50, seed) for seed in (3, 4)]
    how: dict[str, Any] = {"grid": 2, "content_size": 52, "style_size": 40}
    flat, around = (fast.stylize(noise_image(104, 104, 1), art, wrap=wrap, **how) for wrap in ("none", "xy"))
    assert flat.size == around.size


def test_gradients_pass(fast: Stylizer) -> None:
    style = fast.encode_style(noise_image(50, 50, 3), size=0)
    for width in (48, 52):
        photo = torch.rand(1, 3, 32, width, requires_grad=True)
        # What is seen at the left depends on what lies at the right.
        fast.stylize(photo, style, wrap="x")[..., :4].sum().backward()
        assert photo.grad is not None
        assert bool((photo.grad[..., -8:].abs().amax((0, 1, 2)) > 0).all())


def test_features_in_a_file(fast: Stylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, style = noise_image(144, 96, 1), fast.encode_style(noise_image(50, 50, 3), size=0)
    whole = fast.stylize(photo, style, wrap="xy")
    monkeypatch.setattr(store, "IN_MEMORY", 0)
    assert differ(fast.stylize(photo, style, wrap="xy", tile=64), whole) <= 1


def test_encoded_once(fast: Stylizer) -> None:
    """A content keeps what it was encoded as."""
    photo, style = noise_image(100, 60, 1), fast.encode_style(noise_image(50, 50, 3), size=0)
    content = fast.encode_content(photo, wrap="x")
    assert (content.size, content.result_size, content.wrap) == ((60, 96), (60, 100), "x")
    assert tuple(fast.decode(content, style).shape) == (1, 3, 60, 100)
    assert differ(fast.stylize(content, style), fast.stylize(photo, style, wrap="x")) == 0
    assert "100x60 px" in repr(content)


def test_tiles_have_their_halos_on_all_sides() -> None:
    flat, around = (Tiling((16, 16), 64, axes) for axes in ((False, False), (True, True)))
    assert around.overlap() > flat.overlap() > 0
    assert [*around.rows()] == [*flat.rows()]


def test_a_square_that_is_cut_out_does_not_wrap(fast: Stylizer) -> None:
    art = Style(torch.zeros(1, 384, 1, 1), torch.ones(1, 384, 1, 1), "a")
    with pytest.raises(InputError, match="crop cuts off the sides that wrap lets meet"):
        fast.stylize(noise_image(40, 30), art, crop=True, wrap="x")
    with pytest.raises(InputError, match="wrap cannot be 'z'"):
        fast.stylize(noise_image(40, 30), art, wrap="z")  # type: ignore[arg-type]
