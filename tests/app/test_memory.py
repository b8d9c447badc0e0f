from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adain import InputError
from adain.app import memory
from adain.app.memory import bytes_of, check_artwork
from adain.control.style import Style


def test_bytes() -> None:
    array, tensor = np.zeros((2, 3), np.float32), torch.zeros(5, dtype=torch.float64)
    assert bytes_of(array) == 24
    assert bytes_of(tensor) == 40
    assert bytes_of(Image.new("RGB", (4, 5))) == 80
    assert bytes_of(Image.new("L", (4, 5))) == 20
    assert bytes_of([array, {"a": tensor, "b": array}, "text", None]) == 64  # what is there twice counts once
    assert bytes_of(Style(np.zeros((1, 8, 1, 1), np.float32), np.ones((1, 8, 1, 1), np.float32), "name")) == 64


@pytest.mark.parametrize(
    ("size", "how", "needed"),
    [
        (100, {}, 100 * 200),
        (0, {}, 300 * 600),  # its own
        (100, {"crop": True}, 100 * 100),
        (100, {"fine_size": 200}, 200 * 400),
    ],
)
def test_an_artwork_needs_room(monkeypatch: pytest.MonkeyPatch, size: int, how: dict[str, Any], needed: int) -> None:
    model = SimpleNamespace(pass_bytes=lambda: 10, device=None)
    upload: Any = SimpleNamespace(name="wave.jpg", width=600, height=300)
    monkeypatch.setattr(memory, "free_memory", lambda device: round(10 * needed / memory.SHARE) + 1)
    check_artwork(model, upload, {"size": size, **how})
    monkeypatch.setattr(memory, "free_memory", lambda device: round(10 * needed / memory.SHARE) - 1)
    with pytest.raises(InputError, match=r"wave.jpg at a style_size .* px needs .* GB .* ask for a smaller one"):
        check_artwork(model, upload, {"size": size, **how})


def test_long_artworks_are_bounded_and_saved_styles_are_encoded() -> None:
    model = SimpleNamespace(pass_bytes=lambda: 1, device=None)
    thin: Any = SimpleNamespace(name="thin.png", width=10_000_000, height=100)
    check_artwork(model, thin, {"size": 512})  # 8192 px long
    saved: Any = SimpleNamespace(name="wave.safetensors", width=0, height=0)
    check_artwork(model, saved, {"size": 0})
