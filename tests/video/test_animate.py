from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import InputError
from adain.options import Unfit
from adain.video import VideoOptions
from adain.video.animate import AnimationSink, check_animation, in_units, parts_codec, warn_of_loss
from adain.video.animation import FOREVER
from adain.video.frames import Moment, VideoInfo
from adain.video.resume import WorkFolder
from tests.animations import pages, read_animation

from .videos import scene, write_video

TIME_BASE = Fraction(1, 3000)
Animate = Callable[..., Path]


@pytest.fixture
def animate(tmp_path: Path) -> Animate:
    """Make an animation of frames and their delays in seconds, in parts of two."""

    def call(name: str, frames: Sequence[Any], lasts: Sequence[Fraction], **options: Any) -> Path:
        height, width, channels = np.asarray(frames[0]).shape
        codec = parts_codec(channels == 4)
        shown = [delay or Fraction(1, 10) for delay in lasts]
        rate = len(shown) / sum(shown)
        info = VideoInfo(
            "x", width, height, rate.limit_denominator(1000), TIME_BASE, len(frames), is_transparent=channels == 4
        )
        work = WorkFolder(tmp_path / name)
        work.open({})
        sink = AnimationSink(tmp_path / name, work, codec, info, None, (), pytest.fail, **options)
        starts = itertools.accumulate(shown, initial=Fraction(0))
        for k, (frame, start, delay) in enumerate(zip(frames, starts, lasts, strict=False)):
            sink.add(np.asarray(frame), Moment(round(start / TIME_BASE), k, round(delay / TIME_BASE)))
            if k % 2 == 1:
                state = sink.commit()()
                sink = AnimationSink(tmp_path / name, work, codec, info, None, (), pytest.fail, **options)
                sink.restore(state)  # as after a crash
        sink.commit()()
        sink.finish()
        work.close()
        work.remove()
        return tmp_path / name

    return call


def ms(*values: float) -> list[Fraction]:
    return [Fraction(value) / 1000 for value in values]


def mean_difference(a: Image.Image, b: Any) -> float:
    return float(np.abs(np.asarray(a.convert("RGB")).astype(int) - np.asarray(b)[..., :3]).mean())


@pytest.mark.parametrize("suffix", [".gif", ".png", ".apng", ".webp"])
def test_delays_are_kept(animate: Animate, tmp_path: Path, suffix: str) -> None:
    lasts = (100, 0, 10, 200, 30, 2000, 70)
    path = animate(f"a{suffix}", pages(7), ms(*lasts), quality=100)
    frames, delays, loop = read_animation(path)
    assert delays == [*lasts]
    assert loop == 0
    most = {".gif": 4, ".webp": 6}.get(suffix, 0)
    assert [mean_difference(a, b) <= most for a, b in zip(frames, pages(7), strict=True)] == [True] * 7
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("suffix", "plays", "loop"),
    [
        (".gif", 1, None),
        (".gif", FOREVER, 0),
        (".gif", 4, 3),
        (".png", 1, 1),
        (".png", FOREVER, 0),
        (".png", 4, 4),
        (".webp", 1, 1),
        (".webp", FOREVER, 0),
        (".webp", 4, 4),
    ],
)
def test_loops(animate: Animate, suffix: str, plays: int, loop: int | None) -> None:
    assert read_animation(animate(f"a{suffix}", pages(2), ms(50, 50), plays=plays))[2] == loop


def test_delays_of_a_png_are_exact(animate: Animate) -> None:
    lasts = [Fraction(1, 30), Fraction(1, 60), Fraction(1, 24), Fraction(7, 3000)]
    _, delays, _ = read_animation(animate("a.png", pages(4), lasts))
    assert [Fraction(delay / 1000).limit_denominator(5000) for delay in delays] == lasts


def test_no_time_is_lost_by_rounding(animate: Animate) -> None:
    lasts = [Fraction(1, 30)] * 7
    assert read_animation(animate("a.gif", pages(6) + pages(1), lasts))[1] == [30, 40, 30, 30, 40, 30, 30]
    assert read_animation(animate("a.webp", pages(6) + pages(1), lasts))[1] == [33, 34, 33, 33, 34, 33, 33]


@given(st.lists(st.fractions(Fraction(1, 50), 3), min_size=1, max_size=30), st.sampled_from([100, 1000]))
def test_rounded_delays_add_up(lasts: list[Fraction], units: int) -> None:
    rounded = in_units(lasts, units)
    assert min(rounded) >= 1
    for made, whole in zip(itertools.accumulate(rounded), itertools.accumulate(lasts), strict=True):
        assert abs(made - whole * units) <= Fraction(1, 2)


def test_nothing_but_zero_is_zero() -> None:
    assert in_units(ms(0, 1, 0, 2000), 100) == [0, 1, 0, 200]


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_frames_that_do_not_change_keep_their_time(animate: Animate, suffix: str) -> None:
    first, second = pages(2)
    frames, delays, _ = read_animation(animate(f"a{suffix}", [first, first, first, second], ms(50, 0, 70, 90)))
    assert sum(delays) == pytest.approx(210, abs=1)
    assert delays[-1] == 90
    assert mean_difference(frames[-1], second) < 4


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_transparency_is_kept(animate: Animate, suffix: str) -> None:
    """A hole that moves, so that what was seen has to go again."""
    pictures = []
    for k, page in enumerate(pages(4)):
        picture = page.convert("RGBA")
        picture.paste((0, 0, 0, 0), (6 * k, 6, 6 * k + 12, 24))
        pictures.append(np.asarray(picture))
    frames, delays, _ = read_animation(animate(f"a{suffix}", pictures, ms(50, 50, 50, 60), quality=100))
    assert delays == [50, 50, 50, 60]
    for frame, picture in zip(frames, pictures, strict=True):
        made, seen = np.asarray(frame), picture[..., 3] > 0
        assert (made[..., 3] == picture[..., 3]).all()
        assert np.abs(made[seen].astype(int) - picture[seen]).mean() < (0.1 if suffix == ".png" else 4)


def test_half_is_full_in_a_gif(animate: Animate) -> None:
    picture = np.full((16, 20, 4), 200, np.uint8)
    picture[..., 3] = np.repeat([0, 127, 128, 255], 5)
    for suffix, expected in ((".gif", [0, 0, 255, 255]), (".png", [0, 127, 128, 255]), (".webp", [0, 127, 128, 255])):
        frames, _, _ = read_animation(animate(f"a{suffix}", [picture, np.roll(picture, 5, 1)], ms(50, 50)))
        assert np.asarray(frames[0])[8, ::5, 3].tolist() == expected


def test_a_gif_has_one_palette_and_mixes_what_it_has_not(animate: Animate, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 96), np.linspace(0, 1, 64))
    smooth = [np.rint(255 * np.stack([x, y, np.full_like(x, k / 4)], 2)).astype(np.uint8) for k in range(5)]

    def blocks(pixels: Any) -> Any:
        return np.asarray(pixels)[..., :3].astype(float).reshape(8, 8, 12, 8, 3).mean((1, 3))

    errors = []
    for dither in ("sierra2_4a", "none"):
        monkeypatch.setattr("adain.video.animate.DITHER", dither)
        path = animate(f"{dither}.gif", smooth, ms(*[50] * 5))
        frames, _, _ = read_animation(path)
        colors = {tuple(color) for frame in frames for color in np.asarray(frame)[..., :3].reshape(-1, 3).tolist()}
        assert len(colors) <= 256
        pairs = zip(frames, smooth, strict=True)
        errors.append(np.mean([np.abs(blocks(a) - blocks(b)).mean() for a, b in pairs]))
    assert errors[0] < 0.8 * errors[1]  # of 8 x 8 px, which the eye takes together
    data = path.read_bytes()
    assert data[10] & 0x87 == 0x87  # a table of 256 colours for all
    with Image.open(path) as image:
        for k in range(5):
            image.seek(k)
            assert image.disposal_method in (0, 1)  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_one_frame_is_a_picture(animate: Animate, suffix: str) -> None:
    with Image.open(animate(f"a{suffix}", pages(1), ms(50))) as image:
        assert getattr(image, "n_frames", 1) == 1
        assert mean_difference(image, pages(1)[0]) < 4


def test_the_same_frames_are_the_same_bytes(animate: Animate) -> None:
    for suffix in (".gif", ".png", ".webp"):
        first = animate(f"a{suffix}", pages(4), ms(50, 50, 50, 50)).read_bytes()
        assert animate(f"a{suffix}", pages(4), ms(50, 50, 50, 50)).read_bytes() == first


def test_quality_is_of_webp(animate: Animate) -> None:
    sizes = [animate("a.webp", pages(3), ms(50, 50, 50), quality=q).stat().st_size for q in (10, 95)]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("name", ["codec", "crf", "preset", "pixel_format"])
def test_options_of_videos_are_refused(tmp_path: Path, name: str) -> None:
    value: Any = 20 if name == "crf" else "slow"
    with pytest.raises(Unfit, match=rf"{name} is for videos: leave it out for \.gif, or choose \.mp4"):
        check_animation(tmp_path / "a.gif", info(64, 48), VideoOptions(**{name: value}))


def info(width: int, height: int, rate: int = 25) -> VideoInfo:
    return VideoInfo("x", width, height, Fraction(rate), Fraction(1, rate), 3)


def test_sides_that_are_too_long(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.webp allows 16383 pixels a side, not 20000x10: choose \.png"):
        check_animation(tmp_path / "a.webp", info(20_000, 10), VideoOptions())
    check_animation(tmp_path / "a.png", info(20_000, 10), VideoOptions())


def test_what_is_lost_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    source = write_video(tmp_path / "in.mp4", scene(8, 48, 32), sound=True)
    warn_of_loss(tmp_path / "a.webp", source, info(48, 32), told.append)
    assert told == [".webp holds no sound: that of in.mp4 is left out"]
    silent = write_video(tmp_path / "silent.mp4", scene(2, 48, 32))
    warn_of_loss(tmp_path / "a.gif", silent, info(48, 32), pytest.fail)
    warn_of_loss(tmp_path / "a.png", None, info(48, 32, 60), pytest.fail)
    warn_of_loss(tmp_path / "a.gif", None, info(48, 32, 60), told.append)
    assert told[1:] == ["browsers slow down a GIF of more than 50 frames a second: --fps 50 plays as it should"]


def test_a_disk_that_is_full_is_said(animate: Animate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("adain.video.delays.write_gif", full)
    with pytest.raises(InputError, match="no space left on device; free some space"):
        animate("a.gif", pages(2), ms(50, 50))
    assert not (tmp_path / "a.gif").exists()
    with contextlib.suppress(FileNotFoundError):
        assert not [p for p in tmp_path.iterdir() if p.name.startswith(".adain")]
