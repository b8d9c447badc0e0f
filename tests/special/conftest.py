"""Changes of a decoder, and what is needed to train one in seconds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from adain import Stylizer
from adain.control.style import Style
from tests.changes import random_change
from tests.conftest import noise_image
from tests.training.conftest import write_images


@pytest.fixture(autouse=True, scope="module")
def _quick(one_thread: None) -> None:
    """All tests of training run so."""


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("special") / "content", 3, 1)


@pytest.fixture(scope="session")
def artwork(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("special") / "wave.png"
    noise_image(72, 64, seed=5).save(path)
    return path


@pytest.fixture(scope="session")
def shipped_fast() -> Stylizer:
    return Stylizer.from_pretrained("fast", device="cpu")


@pytest.fixture(scope="session")
def special(shipped_fast: Stylizer) -> Style:
    style = shipped_fast.encode_style(noise_image(40, 48, seed=7), size=0)
    return dataclasses.replace(style, change=random_change(shipped_fast, seed=1), name="wave")
