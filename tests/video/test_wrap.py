"""Videos whose sides meet: frame by frame, and with strokes that move on across the sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adain.image import to_tensor
from adain.stylizer.base import BaseStylizer
from adain.stylizer.stylizer import Stylizer
from adain.video import VideoStopped, stylize_video
from adain.video.hdr import DynamicRange
from adain.video.steady import Steadier

from ..conftest import noise_image
from .engines import MosaicStylizer
from .videos import read_video

EXACT = {"codec": "ffv1", "pixel_format": "bgr0"}


@pytest.fixture(params=["arrays", "tensors"])
def model(request: pytest.FixtureRequest, fast: Stylizer) -> BaseStylizer:
    return fast if request.param == "tensors" else MosaicStylizer()


def write_frames(folder: Path, width: int, shift: int) -> Path:
    """A panorama that turns, rolled by so much."""
    folder.mkdir()
    levels = np.asarray(noise_image(width, 32, 1))
    for k in range(4):
        Image.fromarray(np.roll(levels, shift - 3 * k, 1)).save(folder / f"{k}.png")
    return folder


@pytest.mark.parametrize(("width", "how"), [(64, {}), (52, {"color": "linear"}), (52, {"content_size": 48})])
def test_frames_wrap(model: BaseStylizer, art: Path, tmp_path: Path, width: int, how: dict[str, Any]) -> None:
    made: dict[str, list[np.ndarray[Any, Any]]] = {}
    for name, shift in (("plain", 0), ("rolled", width // 2)):
        source = write_frames(tmp_path / name, width, shift)
        out = tmp_path / f"{name}-out"
        stylize_video(source, art, f"{out}/", stylizer=model, style_size=40, wrap="x", **how)
        made[name] = [np.asarray(Image.open(path)).astype(int) for path in sorted(out.glob("*.png"))]
    assert len(made["plain"]) == 4
    for plain, rolled in zip(made["plain"], made["rolled"], strict=True):
        assert plain.shape == rolled.shape
        assert np.abs(np.roll(plain, plain.shape[1] // 2, 1) - rolled).max() <= 2


@pytest.mark.parametrize("how", [{}, {"stability": 0.8}, {"stability": 0.8, "color": "linear"}])
def test_it_goes_on_where_it_was(model: BaseStylizer, art: Path, tmp_path: Path, how: dict[str, Any]) -> None:
    """Sides that are no multiples of 16, and what is remembered from frame to frame."""
    if how:
        pytest.importorskip("cv2")
    source = write_frames(tmp_path / "in", 52, 0)
    exact: dict[str, Any] = {"stylizer": model, "style_size": 40, "wrap": "x", **EXACT, "save_every": 2, **how}
    stylize_video(source, art, tmp_path / "whole.mkv", **exact)
    with pytest.raises(VideoStopped):
        stylize_video(source, art, tmp_path / "parts.mkv", progress=lambda progress: progress.frame >= 3, **exact)
    result = stylize_video(source, art, tmp_path / "parts.mkv", **exact)
    assert result.resumed > 0
    frames = zip(read_video(tmp_path / "parts.mkv")[0], read_video(tmp_path / "whole.mkv")[0], strict=True)
    assert [bool((a == b).all()) for a, b in frames] == [True] * 4


@pytest.mark.parametrize("step", [3, 20])
def test_strokes_move_on_across_the_sides(step: int) -> None:
    """What comes in at one side was at the other before; without wrapping it is painted anew."""
    pytest.importorskip("cv2")
    first = to_tensor(noise_image(256, 128, 1))
    results = [torch.rand(1, 3, 128, 256) for _ in range(2)]
    mixed = {}
    for wrap in ("none", "x"):
        steadier = Steadier(1.0, wrap)  # type: ignore[arg-type]
        steadier.blend(results[0], first)
        change = (steadier.blend(results[1], torch.roll(first, -step, 3)) - results[1]).abs().mean((0, 1, 2))
        assert change.shape == (256,)
        mixed[wrap] = float(change[-step:].mean() / change[64:-64].mean())
    assert mixed["none"] < 0.2
    assert mixed["x"] > 0.8


def test_light_beyond_standard_is_resized_around_the_sides() -> None:
    """What is kept of high dynamic range, at another size."""
    numbers = np.asarray(noise_image(64, 48, 3)).astype(np.uint16) * 257
    moved = np.roll(numbers, 32, 1)
    for axes, is_same in (((False, True), True), ((False, False), False)):
        picture, gain = DynamicRange("PQ").split(numbers, 36, axes)
        other, brighter = DynamicRange("PQ").split(moved, 36, axes)
        assert (picture.shape, gain.shape) == ((1, 3, 36, 48), (36, 48))
        assert bool(np.allclose(np.roll(picture, 24, 3), other, atol=1e-5)) is is_same
        assert bool(np.allclose(np.roll(gain, 24, 1), brighter, rtol=1e-4)) is is_same
