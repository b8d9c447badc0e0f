"""What computes in a browser, compared with the library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adain.backends import export_onnx, open_model
from adain.options import ModelOptions

from ..conftest import noise_image
from .browser import chromium, need_browser  # noqa: F401
from .computing import WEB, Computing, runtime_files, serving

PHOTO = noise_image(173, 94, seed=1)
ARTS = [noise_image(120, 90, seed=2), noise_image(70, 133, seed=3)]
STYLE_SIZE = 64


@pytest.fixture(scope="module")
def library() -> Any:
    return open_model(ModelOptions(model="fast", device="cpu"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    need_browser()
    from adain.nn import load_decoder, load_encoder

    runtime = runtime_files(tmp_path_factory.mktemp("runtime"))
    model = tmp_path_factory.mktemp("model")
    export_onnx(load_encoder("fast"), load_decoder("fast"), model, storage="fp16")
    with serving({"web": WEB, "model": model, "runtime": runtime}) as address:
        yield address


@pytest.fixture(scope="module")
def computing(chromium: Any, address: str) -> Iterator[Computing]:  # noqa: F811
    context = chromium.new_context()
    made = Computing(context.new_page(), f"{address}/")
    yield made
    context.close()
    assert made.faults == []


@pytest.fixture(scope="module")
def styles(computing: Computing) -> list[Any]:
    return [computing.ask("encodeStyle", pixels=np.asarray(art), size=STYLE_SIZE) for art in ARTS]


def off(result: Any, expected: Image.Image) -> int:
    """By how many levels of 255 a result is off, at most."""
    levels = np.asarray(expected.convert("RGBA"), np.int16)
    assert result.shape == levels.shape
    return int(np.abs(result.astype(np.int16) - levels).max())


def half(width: int, height: int, share: float = 0.4) -> Image.Image:
    """A mask that is white at the left, with a slanted edge."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.where(x + 0.3 * y < share * width, 255, 0).astype(np.uint8))


def test_statistics_of_an_artwork(library: Any, styles: list[Any]) -> None:
    for art, style in zip(ARTS, styles, strict=True):
        known = library.encode_style(art, size=STYLE_SIZE)
        assert np.abs(style["mean"] - np.asarray(known.mean).ravel()).max() < 1e-4
        assert np.abs(style["std"] - np.asarray(known.std).ravel()).max() < 1e-4


@pytest.mark.parametrize("size", [0, 48, 120])
def test_a_style_everywhere(computing: Computing, library: Any, styles: list[Any], size: int) -> None:
    answer = computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=size)
    expected = library.stylize(PHOTO, ARTS[0], content_size=size, style_size=STYLE_SIZE)
    assert (answer["width"], answer["height"]) == expected.size
    assert off(computing.decode(key="a", styles=styles[:1]), expected) <= 1


@pytest.mark.parametrize("alpha", [0, 0.35])
def test_strength(computing: Computing, library: Any, styles: list[Any], alpha: float) -> None:
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    expected = library.stylize(PHOTO, ARTS[0], alpha=alpha, style_size=STYLE_SIZE)
    assert off(computing.decode(key="a", styles=styles[:1], alpha=alpha), expected) <= 1


def test_blend(computing: Computing, library: Any, styles: list[Any]) -> None:
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    expected = library.stylize(PHOTO, ARTS, weights=[1, 3], style_size=STYLE_SIZE)
    assert off(computing.decode(key="a", styles=styles, weights=[1, 3]), expected) <= 1


@pytest.mark.parametrize("feather", [0, 5, 40])
def test_regions(computing: Computing, library: Any, styles: list[Any], feather: float) -> None:
    masks = [half(173, 94), half(346, 188, 0.7)]
    how = {"masks": masks, "alpha": (1.0, 0.6), "feather": feather, "style_size": STYLE_SIZE}
    expected = library.stylize(PHOTO, ARTS, **how)
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    result = computing.decode(
        key="a", styles=styles, masks=[np.asarray(mask) for mask in masks], alphas=[1, 0.6], feather=feather
    )
    assert off(result, expected) <= 1
