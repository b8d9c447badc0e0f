from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from adain._utils.resources import sample_folder
from adain.video.frames import Pixels
from adain.video.shots import CutDetector, signature

PHOTOS = sorted((sample_folder("content")).glob("*.jpg"))


def photo(index: int, width: int = 480, height: int = 320) -> Image.Image:
    with Image.open(PHOTOS[index % len(PHOTOS)]) as picture:
        return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def cuts(frames: list[Pixels]) -> list[int]:
    detector = CutDetector()
    return [k for k, frame in enumerate(frames) if detector.is_cut(signature(frame))]


def view(picture: Image.Image, x: float, y: float, side: float = 160) -> Pixels:
    box = (x, y, x + side * 1.5, y + side)
    return np.asarray(picture.resize((120, 80), Image.Resampling.BICUBIC, box))


def test_every_cut_between_photographs() -> None:
    frames = [np.asarray(photo(k, 120, 80)) for k in range(len(PHOTOS)) for _ in range(3)]
    assert cuts(frames) == list(range(3, len(frames), 3))


@pytest.mark.parametrize("index", range(len(PHOTOS)))
def test_no_cut_in_motion(index: int) -> None:
    picture = photo(index)
    # Pixels of the photograph, of which 240 x 160 are seen: a twelfth of the view from frame to frame is a quick pan.
    assert cuts([view(picture, 20 * k, 10 * k) for k in range(12)]) == []
    assert cuts([view(picture, 10 * k, 6 * k, 300 - 15 * k) for k in range(12)]) == []
    turned = [picture.rotate(4 * k, Image.Resampling.BICUBIC) for k in range(10)]
    assert cuts([view(p, 120, 80) for p in turned]) == []


@pytest.mark.parametrize("index", range(len(PHOTOS)))
def test_no_cut_in_flashes_fades_and_noise(index: int) -> None:
    still = np.asarray(photo(index, 120, 80)).astype(float)
    rng = np.random.default_rng(0)
    lights = [1.0, 1.0, 1.8, 2.5, 1.2, 1.0, 0.7, 0.4, 0.1, 0.0, 0.0, 0.3, 0.8, 1.0]
    frames = [still * light + (light - 1.0) * 30 * (light > 1) + rng.normal(0, 8, still.shape) * (light > 0)
              for light in lights]  # fmt: skip
    assert cuts([np.clip(f, 0, 255).astype(np.uint8) for f in frames]) == []


def test_a_cut_through_black() -> None:
    black = np.zeros((80, 120, 3), np.uint8)
    a, b = (np.asarray(photo(k, 120, 80)) for k in (0, 1))
    assert cuts([a, a, black, black, b, b]) == [4]
    assert cuts([a, a, black, black, a, a]) == []


def test_state() -> None:
    a, b = (np.asarray(photo(k, 120, 80)) for k in (0, 1))
    first = CutDetector()
    first.is_cut(signature(a))
    for frame, expected in ((a, False), (b, True)):
        second = CutDetector()
        second.restore(first.state())
        assert second.is_cut(signature(frame)) is expected


def test_back_after_a_flash_of_white_paper() -> None:
    a, b = (np.asarray(photo(k, 120, 80)) for k in (0, 1))
    assert cuts([a, a, b, a, a]) == [2, 3]  # something else for one frame, which begins anew …
    white = np.full_like(a, 255)
    assert cuts([a, a, white, a, a]) == []  # … but light does not
