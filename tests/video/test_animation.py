from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.image import open_picture
from adain.video.animation import FOREVER, AnimationReader, moves
from adain.video.frames import Frame, resample
from tests.animations import composed_gif, composed_png, gif_by_hand, pages, png_by_hand, write_pages
from tests.conftest import noise_image

from .videos import scene, write_video


def read(path: Path, **options: Any) -> tuple[AnimationReader, list[Frame]]:
    reader = AnimationReader(path, **{"warn": pytest.fail, **options})
    return reader, [*reader.frames()]


def times(reader: AnimationReader, frames: list[Frame]) -> list[Fraction]:
    return [frame.pts * reader.info.time_base for frame in frames]


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".avif"])
def test_frames_with_their_times(tmp_path: Path, suffix: str) -> None:
    path = write_pages(tmp_path / f"a{suffix}", pages(4), duration=[100, 50, 200, 30], loop=0)
    reader, frames = read(path)
    assert [t * 1000 for t in times(reader, frames)] == [0, 100, 150, 350]
    assert [frame.time * 1000 for frame in frames] == pytest.approx([0, 100, 150, 350])
    lasts = [Fraction(frame.duration or 0) * reader.info.time_base * 1000 for frame in frames]
    assert lasts == [100, 50, 200, 30]
    assert (reader.info.width, reader.info.height, reader.info.frames) == (40, 36, 4)
    assert reader.duration() == pytest.approx(0.38)
    assert float(reader.info.rate) == pytest.approx(4 / 0.38, rel=1e-3)
    most = {".gif": 8, ".avif": 12}.get(suffix, 0)  # a palette; a lossy encoder
    for frame, page in zip(frames, pages(4), strict=True):
        assert np.abs(frame.pixels().astype(int) - np.asarray(page)).mean() <= most


def seen(path: Path) -> list[Any]:
    """What the reader makes of a file, with its transparency."""
    reader = AnimationReader(path, warn=pytest.fail)
    with open_picture(path) as image:
        return [np.asarray(picture.convert("RGBA")) for picture, _ in reader._pictures(image)]


def assert_same(got: list[Any], expected: list[Any], tolerance: int = 0) -> None:
    assert len(got) == len(expected)
    for made, whole in zip(got, expected, strict=True):
        assert np.abs(made[..., 3].astype(int) - whole[..., 3]).max() <= tolerance
        there = whole[..., 3] > 0
        assert np.abs(made[there].astype(int) - whole[there]).max(initial=0) <= tolerance


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.tuples(*[st.integers(0, 2), st.integers(0, 1)]), min_size=4, max_size=4))
def test_parts_of_a_png_are_put_together(seed: int, ways: list[tuple[int, int]]) -> None:
    random = np.random.default_rng(seed)
    parts = []
    for k, (disposal, blend) in enumerate(ways):
        width, height = (12, 12) if k == 0 else random.integers(3, 9, 2)
        x, y = (0, 0) if k == 0 else (random.integers(0, 13 - width), random.integers(0, 13 - height))
        colors = random.integers(0, 256, (height, width, 4)).astype(np.uint8)
        colors[..., 3] = random.choice([0, 100, 255], (height, width))
        parts.append((int(x), int(y), colors, disposal, blend))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.png")
        path.write_bytes(png_by_hand(parts, 12, 12))
        # Eight bits after each of up to four mixings; where little is seen, its colour is of few levels.
        for made, whole in zip(seen(path), composed_png(parts, 12, 12), strict=True):
            assert np.abs(made[..., 3].astype(int) - whole[..., 3]).max() <= 3
            there = whole[..., 3] > 90
            assert np.abs(made[there].astype(int) - whole[there]).max(initial=0) <= 6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.tuples(*[st.integers(0, 3)] * 2), min_size=4, max_size=4))
def test_parts_of_a_gif_are_put_together(seed: int, ways: list[tuple[int, int]]) -> None:
    random = np.random.default_rng(seed)
    parts = []
    for disposal, through in ways:
        width, height = random.integers(3, 12, 2)
        x, y = random.integers(0, 13 - width), random.integers(0, 13 - height)
        parts.append((int(x), int(y), random.integers(0, 4, (height, width)), disposal, through))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.gif")
        path.write_bytes(gif_by_hand(parts, 12, 12))
        assert_same(seen(path), composed_gif(parts, 12, 12))


def test_a_webp_is_put_together(tmp_path: Path) -> None:
    pictures = [noise_image(20, 20, k, "RGBA") for k in range(3)]
    for k, picture in enumerate(pictures):
        picture.paste((0, 0, 0, 0), (5 * k, 0, 5 * k + 8, 20))
    path = write_pages(tmp_path / "a.webp", pictures, duration=50, exact=True)
    assert_same(seen(path), [np.asarray(picture) for picture in pictures])


def test_delays_of_nothing_are_kept_and_last_a_tenth(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.gif", pages(4), duration=[0, 10, 50, 0])
    reader, frames = read(path)
    assert [t * 1000 for t in times(reader, frames)] == [0, 100, 110, 160]
    assert [frame.duration for frame in frames] == [0, 1, 5, 0]
    assert reader.info.time_base == Fraction(1, 100)
    assert reader.duration() == pytest.approx(0.26)
    ticks = [*resample(iter(frames), reader.info, Fraction(50))]
    assert len(ticks) == 8 + 4  # the last lasts as long as one does on average, 65 ms


def test_delays_of_a_png_are_quotients(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.png", pages(3), duration=[1000 / 30, 1000 * 1001 / 60000, 250])
    reader, frames = read(path)
    assert times(reader, frames) == [0, Fraction(1, 30), Fraction(1, 30) + Fraction(1001, 60000)]
    assert reader.duration() == pytest.approx(1 / 30 + 1001 / 60000 + 0.25)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=2, max_size=6))
def test_any_delays(delays: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reader, frames = read(write_pages(Path(folder, "a.png"), pages(len(delays)), duration=delays))
    assert [frame.duration == 0 for frame in frames] == [delay == 0 for delay in delays]
    assert reader.duration() * 1000 == pytest.approx(sum(delay or 100 for delay in delays))


@pytest.mark.parametrize(
    ("suffix", "loop", "plays"),
    [
        (".gif", None, 1),
        (".gif", 0, FOREVER),
        (".gif", 3, 4),
        (".png", 0, FOREVER),
        (".png", 3, 3),
        (".webp", 0, FOREVER),
        (".webp", 2, 2),
    ],
)
def test_how_often_it_is_played(tmp_path: Path, suffix: str, loop: int | None, plays: int) -> None:
    how = {} if loop is None else {"loop": loop}
    assert read(write_pages(tmp_path / f"a{suffix}", pages(2), duration=50, **how))[0].plays == plays


def test_a_picture_for_those_who_know_no_animations_is_no_frame(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.png", pages(4), duration=[20, 30, 40], default_image=True)
    reader, frames = read(path)
    assert (len(frames), reader.info.frames, reader.duration()) == (3, 3, pytest.approx(0.09))
    assert (frames[0].pixels() == np.asarray(pages(2)[1])).all()


def test_profiles_and_orientation_are_those_of_pictures(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = write_pages(tmp_path / "a.webp", pages(2), duration=50, exif=exif.tobytes())
    reader, frames = read(path)
    assert (reader.info.width, reader.info.height) == (36, 40)
    assert (frames[1].pixels() == np.rot90(np.asarray(pages(2)[1]), -1)).all()


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_what_is_cut_short_gives_what_there_is(tmp_path: Path, suffix: str) -> None:
    pictures = [noise_image(40, 36, k) for k in range(6)]
    path = write_pages(tmp_path / f"a{suffix}", pictures, duration=50)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * 0.7)])
    told: list[str] = []
    if suffix == ".webp":  # whose decoder wants the whole
        with pytest.raises(ImageError, match="cannot read"):
            read(path, warn=told.append)
        return
    reader, frames = read(path, warn=told.append)
    assert 3 <= len(frames) <= 5
    assert len(frames) + reader.skipped == reader.info.frames


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.gif", pages(2), duration=50)
    with pytest.raises(ImageError, match="over the limit of 1000"):
        read(path, max_pixels=1000)
    path.unlink()
    assert not moves(path)
    with pytest.raises(MissingFileError, match="no such file"):
        read(path)


def test_pictures_that_stand_still_are_no_videos(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.gif", "a.webp", "a.bmp", "a.tif", "a.avif"):
        noise_image(40, 36).save(tmp_path / name)
        with pytest.raises(InputError, match=rf"{name} is a picture and does not move: adain stylize makes it$"):
            moves(tmp_path / name)
    pillow_heif.from_pillow(noise_image(40, 36)).save(tmp_path / "a.heic")
    with pytest.raises(InputError, match=r"a.heic is a picture and does not move: adain stylize makes it$"):
        moves(tmp_path / "a.heic")
    scan = write_pages(tmp_path / "scan.tif", pages(3))
    with pytest.raises(InputError, match="adain stylize makes it, and --page all each of its 3 pages"):
        moves(scan)


def test_videos_are_no_animations(tmp_path: Path) -> None:
    assert not moves(write_video(tmp_path / "a.mp4", scene(2, 48, 32)))
    (tmp_path / "a.txt").write_text("nothing")
    assert not moves(tmp_path / "a.txt")
    with av.open(str(tmp_path / "camera.mjpeg"), "w", format="mjpeg") as container:
        stream: Any = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuvj420p"
        for pixels in scene(3, 48, 32):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    assert not moves(tmp_path / "camera.mjpeg")
