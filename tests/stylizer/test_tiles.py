"""Tiled against untiled: the same result up to rounding, whatever is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import adain
from adain._utils import memory
from adain._utils.errors import ImageError, InputError
from adain.image import to_pil
from adain.image.box import Box
from adain.nn.fast import FastEncoder
from adain.nn.vgg import STRIDE, VGGEncoder
from adain.stylizer import store as featurestore
from adain.stylizer.content import TileProgress
from adain.stylizer.stylizer import Stylizer
from adain.stylizer.tiles import GPU_TILE_SIDE, SHARE, TILE_SIDE, choose_tile

from ..conftest import noise_image, sample
from ..models import stylizer

__all__ = ["stylizer"]

EXACT = 1e-4
"""Ten times stricter than what is promised."""

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """Sides that are no multiples of 8, three tiles of 64 px across and two down."""
    return noise_image(131, 99, 5)


@pytest.fixture(scope="module")
def arts() -> list[Image.Image]:
    return [noise_image(70, 60, seed) for seed in (11, 12, 13)]


def difference(first: torch.Tensor, second: torch.Tensor) -> float:
    assert first.shape == second.shape
    return float((first - second).abs().max())


def levels(picture: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(picture).astype(np.int64)


@pytest.mark.parametrize(
    ("size", "tile"), [((16, 16), 64), ((17, 300), 104), ((64, 64), 64), ((65, 129), 64), ((200, 18), 64)]
)
def test_any_size(stylizer: Stylizer, size: tuple[int, int], tile: int) -> None:
    check_same(stylizer, noise_image(size[1], size[0], 3), tile)


def test_features_in_a_file(stylizer: Stylizer, photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(featurestore, "IN_MEMORY", 0)
    check_same(stylizer, photo, 64)


def check_same(stylizer: Stylizer, picture: Image.Image, tile: int) -> None:
    style = stylizer.encode_style(noise_image(64, 64, 4), size=64)
    whole = stylizer.encode_content(picture, tile="off")
    tiled = stylizer.encode_content(picture, tile=tile)
    assert tiled.tiles is not None
    assert difference(tiled.features, whole.features) < 1e-5 * float(whole.features.max())
    for alpha in (0.5, 0.0):
        expected, found = (stylizer.decode(content, style, alpha=alpha) for content in (whole, tiled))
        assert difference(found, expected) < EXACT


def gradient_mask(photo: Image.Image) -> Image.Image:
    return Image.linear_gradient("L").resize(photo.size)


def half_mask(photo: Image.Image) -> Image.Image:
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, photo.width // 2, photo.height))
    return mask


CASES: dict[str, Callable[[Image.Image], dict[str, Any]]] = {
    "fine": lambda p: {"fine_style_size": 40},
    "fine-weaker": lambda p: {"fine_style_size": 40, "alpha": 0.4},
    "blend": lambda p: {"count": 3, "weights": [1, 2, 0.5]},
    "blend-colors": lambda p: {"count": 2, "weights": [1, 2], "color": ["luminance", None]},
    "luminance": lambda p: {"color": "luminance"},
    "lab": lambda p: {"color": adain.ColorPreservation("luminance", space="lab", strength=0.7)},
    "match-luma": lambda p: {"color": adain.ColorPreservation("luminance", match_luma=True)},
    "linear": lambda p: {"color": "linear"},
    "histogram": lambda p: {"color": "histogram"},
    "one-mask": lambda p: {"masks": [half_mask(p)], "alpha": [0.7]},
    "full-mask": lambda p: {"masks": [Image.new("L", p.size, 255)], "fine_style_size": 40},
    "soft-mask": lambda p: {"masks": [gradient_mask(p)], "feather": 9},
    "masks": lambda p: {"count": 2, "masks": [half_mask(p), gradient_mask(p)], "feather": 5, "alpha": [1, 0.6]},
    "masks-fine": lambda p: {"count": 2, "masks": [half_mask(p), gradient_mask(p)], "fine_style_size": 40},
    "mask-style": lambda p: {"masks": [half_mask(p)], "style_masks": [half_mask(noise_image(70, 60))]},
    "mask-colors": lambda p: {
        "count": 2,
        "masks": [half_mask(p), gradient_mask(p)],
        "color": ["linear", "luminance", "histogram"],
        "background": noise_image(64, 64, 20),
    },
    "crop": lambda p: {"masks": [half_mask(p)], "crop": True, "color": "luminance"},
    "size": lambda p: {"content_size": 70, "masks": [gradient_mask(p)]},
}


@pytest.mark.parametrize("name", CASES)
def test_everything_works_in_tiles(
    stylizer: Stylizer, photo: Image.Image, arts: list[Image.Image], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = CASES[name](photo)
    styles: Any = arts[: options.pop("count", 1)]
    options = {"style_size": 64, **options}
    results = []

    def keep(tensor: torch.Tensor, *_: object) -> Image.Image:
        """Floating point, where nothing hides behind the rounding to levels."""
        results.append(tensor)
        return to_pil(tensor)

    for module in ("base", "tiles"):
        monkeypatch.setattr(f"adain.stylizer.{module}.painted", keep)
    whole = stylizer.stylize(photo, styles, tile="off", **options)
    tiled = stylizer.stylize(photo, styles, tile=64, **options)
    assert whole.size == tiled.size
    assert np.abs(levels(whole) - levels(tiled)).max() <= 1
    boxes = [box.pixels((whole.height, whole.width), STRIDE) for box in tiles_of(results[0])]
    assert len(boxes) == len(results) - 1 > 1
    for box, tile in zip(boxes, results[1:], strict=True):
        assert difference(tile, results[0][(..., *box.slices)]) < EXACT


def tiles_of(image: torch.Tensor) -> list[Box]:
    tiling = adain.stylizer.halo.Tiling(adain.stylizer.halo.cells_of((image.shape[2], image.shape[3])), 64)
    return [box for row in tiling.rows() for box in row]


def test_regions_and_gradients_as_values(stylizer: Stylizer, photo: Image.Image, arts: list[Image.Image]) -> None:
    first, second = (stylizer.encode_style(art, size=64, fine_size=40) for art in arts[:2])
    whole, tiled = (stylizer.encode_content(photo, tile=tile) for tile in ("off", 64))
    for target in (
        adain.gradient(first, second, "diagonal"),
        adain.Regions([adain.Region(first, half_mask(photo), alpha=0.5)], background=second, feather=7),
    ):
        assert difference(stylizer.decode(tiled, target), stylizer.decode(whole, target)) < EXACT


def test_a_batch_of_tensors(stylizer: Stylizer, arts: list[Image.Image]) -> None:
    batch = torch.rand(2, 3, 90, 70)
    plain = stylizer.stylize(batch, arts[0], color="linear", style_size=64)
    tiled = stylizer.stylize(batch, arts[0], color="linear", style_size=64, tile=64)
    assert difference(plain, tiled) < EXACT
    luminance = [stylizer.stylize(batch, arts[0], color="luminance", style_size=64, tile=t) for t in ("auto", 64)]
    assert difference(*luminance) < EXACT


def test_auto_leaves_what_fits_alone(
    stylizer: Stylizer, photo: Image.Image, arts: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    style = stylizer.encode_style(arts[0], size=64)
    assert stylizer.encode_content(photo).tiles is None
    assert (
        levels(stylizer.stylize(photo, style)).tolist() == levels(stylizer.stylize(photo, style, tile="off")).tolist()
    )
    monkeypatch.setattr(memory, "free_memory", lambda device: int(10_000 * stylizer.encoder.pass_bytes / SHARE))
    small = stylizer.encode_content(photo)
    assert small.tiles is not None
    assert small.tiles.tiling.tile == 64
    assert stylizer.encode_content(torch.rand(1, 3, 131, 163)).tiles is None


def test_alpha_channels_are_kept(stylizer: Stylizer, photo: Image.Image, arts: list[Image.Image]) -> None:
    picture = photo.copy()
    picture.putalpha(gradient_mask(photo))
    result = stylizer.stylize(picture, arts[0], tile=64, style_size=64)
    assert result.mode == "RGBA"
    assert result.getchannel("A").tobytes() == gradient_mask(photo).tobytes()


def test_progress(stylizer: Stylizer, photo: Image.Image, arts: list[Image.Image]) -> None:
    seen: list[TileProgress] = []
    stylizer.stylize(photo, arts[0], tile=64, style_size=64, progress=seen.append)
    assert seen == [TileProgress(phase, k, 6) for phase in ("encode", "decode") for k in range(1, 7)]


def test_nothing_is_encoded_twice(
    stylizer: Stylizer, photo: Image.Image, arts: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = stylizer.encode_content(photo, tile=64)
    style = stylizer.encode_style(arts[0], size=64)
    monkeypatch.setattr(stylizer.encoder, "forward", None)
    assert difference(stylizer.decode(content, style, alpha=0.2), stylizer.decode(content, style)) > 0.01
    assert repr(content) == f"Content(131x99 px, features=(1, {stylizer.encoder.feature_channels}, 13, 17), tiles=6)"


def test_gradients_are_refused(stylizer: Stylizer, arts: list[Image.Image]) -> None:
    image = torch.rand(1, 3, 80, 80, requires_grad=True)
    with pytest.raises(InputError, match='tile="off"'):
        stylizer.encode_content(image, tile=64)
    content = stylizer.encode_content(image.detach(), tile=64)
    style = stylizer.encode_style(arts[0], size=64, fine_size=32)
    assert style.fine_std is not None
    for statistic in (style.fine_std, style.std, style.mean):
        statistic.requires_grad_()
        with pytest.raises(InputError, match='tile="off"'):
            stylizer.decode(content, style)
        statistic.requires_grad_(False)
    style.mean.requires_grad_()
    with torch.no_grad():
        assert not stylizer.decode(content, style).requires_grad


def test_thin_images(stylizer: Stylizer, arts: list[Image.Image]) -> None:
    style = stylizer.encode_style(arts[0], size=64)
    with pytest.raises(ImageError, match="100000x1 px: at least 16 px a side"):
        stylizer.stylize(Image.new("RGB", (100_000, 1)), style, tile=64)
    strip = noise_image(1000, 16, 3)
    whole, tiled = (levels(stylizer.stylize(strip, style, tile=tile)) for tile in ("off", 128))
    assert np.abs(whole - tiled).max() <= 1


def test_full_disk(stylizer: Stylizer, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(featurestore, "IN_MEMORY", 0)
    with pytest.raises(InputError, match=r"cannot keep .* of features in"):
        stylizer.encode_content(photo, tile=64, folder=tmp_path / "none")
    stylizer.encode_content(photo, tile=64, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_photograph_of_odd_sides(stylizer: Stylizer) -> None:
    """769 x 455 in tiles of 128: equal in floating point, with nothing to see along the tiles' edges."""
    picture = adain.read_image(sample("content", "cincinnati-bridge")).resize((769, 455))
    style = stylizer.encode_style(sample("style", "hokusai_great_wave"))
    whole, tiled = (stylizer.encode_content(picture, tile=tile) for tile in ("off", 128))
    expected, found = stylizer.decode(whole, style), stylizer.decode(tiled, style)
    assert found.shape == (1, 3, 455, 769)
    assert difference(found, expected) <= 1e-4


def test_small_pictures_are_not_tiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 4 * (1 << 30))
    room = int(4 * (1 << 30) * SHARE) // VGGEncoder.pass_bytes
    assert choose_tile("auto", room, CPU) is None
    assert choose_tile("auto", room + 1, CPU) == TILE_SIDE
    assert choose_tile("auto", room + 1, torch.device("cuda")) == GPU_TILE_SIDE
    assert choose_tile("off", 10**12, CPU) is None
    assert choose_tile(100, 1, CPU) == 100


@pytest.mark.parametrize(("free", "tile"), [(600 << 20, 512), (300 << 20, 256), (80 << 20, 128), (1 << 20, 64)])
def test_tiles_shrink_with_memory(monkeypatch: pytest.MonkeyPatch, free: int, tile: int) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: free)
    assert choose_tile("auto", 10**9, CPU) == tile
    assert tile == 64 or (tile + 64) ** 2 * VGGEncoder.pass_bytes <= free * SHARE


def test_a_tile_that_is_too_small() -> None:
    with pytest.raises(InputError, match="at least 64 px"):
        choose_tile(32, 100, CPU)


def test_a_smaller_model_needs_tiles_later(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FastEncoder.pass_bytes < VGGEncoder.pass_bytes
    monkeypatch.setattr(memory, "free_memory", lambda device: int(1e6 * VGGEncoder.pass_bytes / SHARE))
    for pixels, wanted in ((999_999, (None, None)), (2_000_000, (512, None)), (100_000_000, (512, 512))):
        found = [choose_tile("auto", pixels, CPU, each) for each in (VGGEncoder.pass_bytes, FastEncoder.pass_bytes)]
        assert tuple(found) == wanted
