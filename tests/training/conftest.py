"""Tiny synthetic training sets and the shared encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from adain.nn.pretrained import load_encoder
from adain.nn.vgg import CONTENT_LAYER, VGGEncoder
from adain.training.cache import ImageCache, open_cache


@pytest.fixture(autouse=True, scope="module")
def _quick(one_thread: None) -> None:
    """All tests of training run so."""


def write_images(folder: Path, count: int, seed: int, *, sharp: bool = False) -> Path:
    """Coloured noise, smooth for contents and sharp for styles, of various shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for k in range(count):
        height, width = 72 + int(rng.integers(40)), 72 + int(rng.integers(40))
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = Image.fromarray(pixels)
        if not sharp:
            image = image.filter(ImageFilter.GaussianBlur(6)).point(lambda v: max(0, min(255, 4 * v - 384)))
        image.save(folder / f"{k:02d}.png")
    return folder


@pytest.fixture(scope="session")
def content_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("data") / "content", 6, 1)


@pytest.fixture(scope="session")
def style_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("data") / "style", 5, 2, sharp=True)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def contents(content_dir: Path, cache_dir: Path) -> ImageCache:
    return open_cache([content_dir], cache_dir, 512)


@pytest.fixture(scope="session")
def styles(style_dir: Path, cache_dir: Path) -> ImageCache:
    return open_cache([style_dir], cache_dir, 512)


@pytest.fixture
def encoder() -> VGGEncoder:
    """A fresh one each time: training converts the encoder it is given."""
    return load_encoder(upto=CONTENT_LAYER)
