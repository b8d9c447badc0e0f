"""Animations in and out of :func:`adain.video.stylize_video`, by the networks."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from adain._utils.errors import InputError
from adain.options import Unfit
from adain.stylizer.stylizer import Stylizer
from adain.video import Key, VideoResult, VideoStopped, stylize_video
from tests.animations import pages, read_animation, write_pages

from .videos import read_video, scene, write_video

Stylize = Callable[..., VideoResult]
DELAYS = [100, 50, 200, 30, 70]


@pytest.fixture
def paint(stylizer: Stylizer, art: Path) -> Stylize:
    def call(source: Path, output: Path, style: Any = art, **options: Any) -> VideoResult:
        how = {"warn": pytest.fail, "stylizer": stylizer, "style_size": 40, **options}
        return stylize_video(source, style, output, **how)

    return call


def difference(a: Any, b: Any) -> float:
    a, b = (np.asarray(x.convert("RGB") if isinstance(x, Image.Image) else x).astype(int) for x in (a, b))
    return float(np.abs(a - b).mean())


def moving(path: Path, **options: Any) -> Path:
    return write_pages(path, pages(5), **{"duration": DELAYS, "loop": 2, **options})


@pytest.mark.parametrize("source", [".gif", ".png", ".webp"])
@pytest.mark.parametrize("target", [".gif", ".png", ".webp"])
def test_delays_and_loops_go_along(
    paint: Stylize, stylizer: Stylizer, art: Path, tmp_path: Path, source: str, target: str
) -> None:
    path = moving(tmp_path / f"in{source}")
    result = paint(path, tmp_path / f"out{target}", save_every=2)
    assert (result.frames, result.width, result.height) == (5, 40, 36)
    frames, delays, loop = read_animation(tmp_path / f"out{target}")
    assert delays == DELAYS
    plays = {".gif": 3}.get(source, 2)  # a GIF counts those after the first
    assert loop == {".gif": plays - 1}.get(target, plays)
    for before, after in zip(read_animation(path)[0], frames, strict=True):
        alone = stylizer.stylize(before.convert("RGB"), art, style_size=40)
        most = {".gif": 12, ".webp": 8}.get(target, 0.6)
        assert difference(after, alone) < most
    assert sorted(p.name for p in tmp_path.iterdir()) == ["art.png", path.name, f"out{target}"]


def test_an_animation_becomes_a_video(paint: Stylize, tmp_path: Path) -> None:
    paint(moving(tmp_path / "in.gif"), tmp_path / "out.mp4", save_every=2)
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        shown = [packet.pts * packet.time_base * 1000 for packet in container.demux(stream) if packet.size]
        assert sorted(shown) == [0, 100, 150, 350, 380]
        assert stream.duration * stream.time_base * 1000 == sum(DELAYS)


def test_a_video_becomes_an_animation(paint: Stylize, clip: Path, tmp_path: Path) -> None:
    told: list[str] = []
    paint(clip, tmp_path / "out.gif", warn=told.append)
    assert told == [".gif holds no sound: that of in.mp4 is left out"]
    assert read_animation(tmp_path / "out.gif")[1:] == ([40] * 8, 0)
    paint(clip, tmp_path / "out.webp", audio=False)
    assert read_animation(tmp_path / "out.webp")[1:] == ([40] * 8, 0)
    fast = write_video(tmp_path / "fast.mp4", scene(6, 48, 32), rate=Fraction(100))
    paint(fast, tmp_path / "fast.gif", warn=told.append)
    assert "--fps 50" in told[1]
    paint(fast, tmp_path / "slow.gif", fps=50)
    assert read_animation(tmp_path / "slow.gif")[1] == [20] * 3


def test_pictures_become_an_animation(paint: Stylize, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for k, page in enumerate(pages(3)):
        page.save(tmp_path / "frames" / f"{k}.png")
    paint(tmp_path / "frames", tmp_path / "out.png", fps=30)
    _, delays, loop = read_animation(tmp_path / "out.png")
    assert ([Fraction(delay / 1000).limit_denominator(100) for delay in delays], loop) == ([Fraction(1, 30)] * 3, 0)


def test_another_rate(paint: Stylize, tmp_path: Path) -> None:
    path = moving(tmp_path / "in.webp")
    assert paint(path, tmp_path / "out.webp", fps=20, quality=100).frames == 9
    _, delays, _ = read_animation(tmp_path / "out.webp")
    assert sum(delays) == 450
    paint(path, tmp_path / "out.mkv", fps=20, codec="ffv1", pixel_format="yuv444p")
    assert len(read_video(tmp_path / "out.mkv")[0]) == 9


@pytest.mark.parametrize("target", [".gif", ".png", ".webp"])
def test_what_is_seen_through_stays_so(paint: Stylize, tmp_path: Path, target: str) -> None:
    pictures = []
    for k, page in enumerate(pages(4)):
        picture = page.convert("RGBA")
        picture.paste((0, 0, 0, 0), (6 * k, 6, 6 * k + 12, 24))
        pictures.append(picture)
    path = write_pages(tmp_path / "in.png", pictures, duration=50)
    paint(path, tmp_path / f"out{target}", save_every=2, stability=0.5)
    for frame, picture in zip(read_animation(tmp_path / f"out{target}")[0], pictures, strict=True):
        assert (np.asarray(frame)[..., 3] == np.asarray(picture)[..., 3]).all()


def test_a_job_goes_on_where_it_was_stopped(paint: Stylize, tmp_path: Path) -> None:
    path = moving(tmp_path / "in.gif", duration=[100, 0, 200, 10, 0])
    how = {"stability": 0.6, "save_every": 1}
    for suffix in (".gif", ".png", ".webp"):
        paint(path, tmp_path / f"whole{suffix}", **how)
        with pytest.raises(VideoStopped, match="after 3 frames"):
            paint(path, tmp_path / f"out{suffix}", **how, progress=lambda event: event.frame == 3)
        assert not (tmp_path / f"out{suffix}").exists()
        assert paint(path, tmp_path / f"out{suffix}", **how).resumed == 3
        assert (tmp_path / f"out{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()
    assert read_animation(tmp_path / "out.gif")[1] == [100, 0, 200, 10, 0]


def test_making_the_file_may_be_stopped_too(paint: Stylize, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = moving(tmp_path / "in.gif")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("adain.video.delays.write_gif", full)
        with pytest.raises(InputError, match=r"no space left on device; .* the same command goes on from there"):
            paint(path, tmp_path / "out.gif")
    assert not (tmp_path / "out.gif").exists()
    assert paint(path, tmp_path / "out.gif").resumed == 5
    assert read_animation(tmp_path / "out.gif")[1] == DELAYS


def test_keys_in_per_cent_and_morphs(paint: Stylize, art: Path, other: Path, tmp_path: Path) -> None:
    path = moving(tmp_path / "in.gif")
    keys = [Key(0, art), Key(100, other, percent=True)]
    paint(path, tmp_path / "keys.png", None, keys=keys)
    paint(path, tmp_path / "first.png")
    paint(path, tmp_path / "last.png", other)
    keyed, first, last = (read_animation(tmp_path / f"{name}.png")[0] for name in ("keys", "first", "last"))
    assert difference(keyed[0], first[0]) < 0.5
    # The last frame begins at 380 of 450 ms.
    assert difference(keyed[4], last[4]) < difference(keyed[4], first[4])


def test_sizes_and_odd_ones(paint: Stylize, tmp_path: Path) -> None:
    path = write_pages(tmp_path / "in.gif", pages(2, width=47, height=33), duration=50)
    result = paint(path, tmp_path / "out.gif", content_size=25)
    with Image.open(tmp_path / "out.gif") as image:
        assert image.size == (result.width, result.height) == (36, 25)
    paint(path, tmp_path / "out.webp")
    with Image.open(tmp_path / "out.webp") as image:
        assert image.size == (47, 33)


def test_what_does_not_go_together(paint: Stylize, clip: Path, tmp_path: Path) -> None:
    path = moving(tmp_path / "in.gif")
    with pytest.raises(Unfit, match=r"codec is for videos: leave it out for \.gif"):
        paint(clip, tmp_path / "out.gif", codec="h264", audio=False)
    with pytest.raises(Unfit, match="hdr keep is for video files"):
        paint(path, tmp_path / "out.mp4", hdr="keep")
    with pytest.raises(Unfit, match="hdr keep is for video files"):
        paint(clip, tmp_path / "out.gif", hdr="keep")
    with pytest.raises(InputError, match="is also an input"):
        paint(path, path)
    with pytest.raises(InputError, match=r"a video ends in one of \.mp4, .*, and an animation in one of \.gif, \.png"):
        paint(path, tmp_path / "out.bmp")
    pages(1)[0].save(tmp_path / "still.png")
    with pytest.raises(InputError, match=r"still.png is a picture and does not move: adain stylize makes it$"):
        paint(tmp_path / "still.png", tmp_path / "out.gif")
    assert not list(tmp_path.glob("*.parts"))
