from __future__ import annotations

import struct
import threading
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from adain._utils.errors import InputError, MissingFileError
from adain.video.frames import Orientation
from adain.video.reader import VideoReader

from .videos import Pixels, edit, scene, spoil, write_ending_late, write_live, write_video


def open_file(path: Path, max_pixels: int | None = None) -> VideoReader:
    return VideoReader(path, warn=lambda _: None, max_pixels=max_pixels)


def read(path: Path) -> tuple[list[Pixels], VideoReader, list[str]]:
    warnings: list[str] = []
    with closing(VideoReader(path, warn=warnings.append)) as reader:
        return [frame.pixels() for frame in reader.frames()], reader, warnings


def difference(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_frames_times_and_info(tmp_path: Path) -> None:
    made = scene(6, 48, 32)
    path = write_video(tmp_path / "a.mp4", made, rate=Fraction(30000, 1001), time_base=Fraction(1, 30000))
    with closing(open_file(path)) as reader:
        info = reader.info
        frames = [*reader.frames()]
    assert (info.width, info.height, info.frames, info.rate) == (48, 32, 6, Fraction(30000, 1001))
    assert [frame.pts * info.time_base for frame in frames] == [Fraction(1001 * k, 30000) for k in range(6)]
    assert [frame.time for frame in frames] == pytest.approx([k / 29.97 for k in range(6)], abs=1e-4)


def test_closing_while_another_thread_reads(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", scene(40, 48, 32))
    for _ in range(5):
        reader, count = open_file(path), 0

        def run(reader: VideoReader = reader) -> None:
            nonlocal count
            for _ in reader.frames():
                count += 1

        thread = threading.Thread(target=run)
        thread.start()
        reader.close()
        thread.join(10)
        assert not thread.is_alive()
        assert 0 <= count <= 40


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_frame_rate(tmp_path: Path, suffix: str) -> None:
    pts = [0, 40, 50, 200, 210, 400]
    path = write_video(tmp_path / f"a{suffix}", scene(6, 48, 32), pts=pts, time_base=Fraction(1, 1000))
    with closing(open_file(path)) as reader:
        assert [frame.pts * reader.info.time_base * 1000 for frame in reader.frames()] == pts


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("bf", ["0", "3"])
def test_the_last_frame_has_a_duration_of_its_own(tmp_path: Path, suffix: str, bf: str) -> None:
    path = write_ending_late(tmp_path / f"a{suffix}", scene(9, 48, 32), Fraction(4), bf=bf)
    with closing(open_file(path)) as reader:
        frames = [*reader.frames()]
        assert [(frame.duration or 0) * reader.info.time_base for frame in frames][-1] == 4
        assert frames[-1].time == pytest.approx(0.32)
        assert reader.duration() == pytest.approx(4.32)


def test_the_duration_of_a_gif(tmp_path: Path) -> None:
    first, *others = [Image.fromarray(pixels) for pixels in scene(4, 48, 32)]
    path = tmp_path / "a.gif"
    first.save(path, save_all=True, append_images=others, duration=[100, 100, 100, 3000])
    with closing(open_file(path)) as reader:
        frames = [*reader.frames()]
        assert [float((frame.duration or 0) * reader.info.time_base) for frame in frames] == [0.1, 0.1, 0.1, 3]
        assert reader.duration() == pytest.approx(3.3)


@pytest.mark.parametrize("bf", ["0", "3"])
@pytest.mark.parametrize("start", [0, 12])
def test_an_edit_list_leaves_frames_out(tmp_path: Path, bf: str, start: int) -> None:
    made = write_video(tmp_path / "a.mp4", scene(50, 48, 32), options={"crf": "20", "bf": bf})
    shown = read(made)[0][start : start + 38]
    # Where there are B-frames, the first is in the file two frames late.
    with av.open(str(made)) as container:
        delay = 2 if next(container.demux(video=0)).dts < 0 else 0
    frames, reader, warnings = read(edit(made, start + delay, 38))
    assert warnings == []
    assert (len(frames), reader.info.frames) == (38, 38)
    assert all(np.array_equal(a, b) for a, b in zip(frames, shown, strict=True))
    with closing(open_file(made)) as again:
        assert again.duration() == pytest.approx(1.52)


def test_a_file_that_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    pts = [0, 40, 80, 130, 200, 240, 300]
    with closing(open_file(write_live(tmp_path / "a.webm", pts))) as reader:
        assert reader.info.frames is None
        assert reader.duration() == pytest.approx(0.34)
        assert len([*reader.frames()]) == 7


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_colours_follow_the_matrix_and_range(tmp_path: Path, matrix: int, full: bool, pixel_format: str) -> None:
    red = np.zeros((32, 48, 3), np.uint8)
    red[...] = (200, 60, 30)
    kr, kb = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 9: (0.2627, 0.0593)}[matrix]
    r, g, b = (float(c) / 255 for c in red[0, 0])
    y = kr * r + (1 - kr - kb) * g + kb * b
    scale = (255.0, 255.0) if full else (219.0, 224.0)
    levels = (
        round((0 if full else 16) + scale[0] * y),
        round(128 + scale[1] * (b - y) / (2 - 2 * kb)),
        round(128 + scale[1] * (r - y) / (2 - 2 * kr)),
    )
    deep = pixel_format.endswith("10le")
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, pixel_format
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 2 if full else 1
        frame = av.VideoFrame(48, 32, pixel_format)
        frame.colorspace, frame.color_range = matrix, 2 if full else 1
        for plane, level in zip(frame.planes, levels, strict=True):
            kind = np.uint16 if deep else np.uint8
            plane.update(np.full(plane.buffer_size // (2 if deep else 1), level * 4 if deep else level, kind).tobytes())
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (pixels,), _, _ = read(path)
    assert np.abs(pixels.astype(int) - red).max() <= 2


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("mirror", [False, True])
def test_rotation_is_applied(tmp_path: Path, degrees: int, mirror: bool) -> None:
    upright = scene(1, 48, 32)[0]
    # What the camera stored: turned the other way round, so that the matrix makes it upright again.
    stored = np.ascontiguousarray(np.rot90(upright[:, ::-1] if mirror else upright, -degrees // 90))
    path = write_video(tmp_path / "a.mp4", [stored] * 2, change=lambda s: s.set_display_rotation(degrees, hflip=mirror))
    frames, reader, _ = read(path)
    assert (reader.info.width, reader.info.height) == (48, 32)
    assert frames[0].shape == upright.shape
    assert difference(frames[0], upright) < 5


def test_matrix_between_quarter_turns_takes_the_nearest() -> None:
    assert Orientation.of_matrix(struct.pack("<9i", 60000, 9000, 0, -9000, 60000, 0, 0, 0, 0)) == Orientation()
    turned = Orientation.of_matrix(struct.pack("<9i", 9000, 60000, 0, -60000, 9000, 0, 0, 0, 0))
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert np.array_equal(turned.apply(pixels), np.rot90(pixels, -1))


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    def narrow(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.set_display_rotation(90)

    path = write_video(tmp_path / "a.mp4", scene(2, 48, 32), change=narrow)
    with closing(open_file(path)) as reader:
        assert reader.info.aspect == Fraction(3, 4)


@pytest.mark.parametrize(("degrees", "shape"), [(0, (48, 85)), (90, (85, 48))])
def test_pictures_have_square_pixels(tmp_path: Path, degrees: int, shape: tuple[int, int]) -> None:
    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.set_display_rotation(degrees)

    path = write_video(tmp_path / "a.mp4", scene(2, 64, 48), change=wide)
    with closing(VideoReader(path, warn=str, wanted="srgb")) as reader:
        assert (reader.info.height, reader.info.width, reader.info.aspect) == (*shape, 1)
        pictures = [frame.pixels() for frame in reader.frames()]
    assert [picture.shape[:2] for picture in pictures] == [shape] * 2
    with closing(open_file(path)) as reader:
        stored = next(frame.pixels() for frame in reader.frames())
    again = Image.fromarray(pictures[0]).resize((stored.shape[1], stored.shape[0]))
    assert difference(np.asarray(again), stored) < 2
    with pytest.raises(InputError, match="85x48 px a frame, more than 4000"):
        VideoReader(path, warn=str, wanted="srgb", max_pixels=4000)


def test_pixels_that_are_higher_than_wide_become_square(tmp_path: Path) -> None:
    def narrow(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(9, 10)

    path = write_video(tmp_path / "a.mp4", scene(1, 64, 48), change=narrow)
    with closing(VideoReader(path, warn=str, wanted="srgb")) as reader:
        assert (reader.info.width, reader.info.height) == (64, 53)


def test_a_size_that_changes_on_the_way(tmp_path: Path) -> None:
    path, base = tmp_path / "a.ts", Fraction(1, 90000)
    scenes = [(scene(3, 64, 48), 0), (scene(3, 96, 80), 3), (scene(3, 64, 48), 6), (scene(3, 96, 80), 9)]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frames, start in scenes:
            encoder: Any = av.CodecContext.create("libx264", "w")
            encoder.height, encoder.width = frames[0].shape[:2]
            encoder.pix_fmt, encoder.time_base, encoder.options = "yuv420p", base, {"bf": "0", "crf": "10"}
            made = []
            for k, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = (start + k) * 3600, base
                made += encoder.encode(frame)
            for packet in made + encoder.encode(None):
                packet.stream, packet.time_base = stream, base
                container.mux(packet)
    frames, _, warnings = read(path)
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 12
    assert warnings == ["a.ts changes to 96x80 px at 0.12 s: that is scaled to 64x48"]
    assert difference(frames[3], np.asarray(Image.fromarray(scenes[1][0][0]).resize((64, 48)))) < 6


@pytest.mark.parametrize("codec", ["ffv1", "mpeg4", "libx264"])
def test_a_corrupt_packet_costs_no_other_frame(tmp_path: Path, codec: str) -> None:
    # Every frame on its own, so that what is lost is what was spoilt.
    options = {"g": "1", "bf": "0"}
    path = write_video(tmp_path / "a.mkv", scene(6, 64, 48), codec=codec, options=options)
    clean, _, _ = read(path)
    spoil(path, 3)
    with closing(open_file(path)) as reader:
        frames = [*reader.frames()]
        assert reader.skipped + reader.damaged == 1
        times = [round(float(frame.pts * reader.info.time_base) * 25) for frame in frames]
        assert times in ([0, 1, 2, 4, 5], [0, 1, 2, 3, 4, 5])
        for time, frame in zip(times, frames, strict=True):
            if time != 3:
                assert np.array_equal(frame.pixels(), clean[time])


def test_a_file_cut_short(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", scene(12, 64, 48), options={"crf": "5", "g": "1"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])  # the index is at the end
    with pytest.raises(InputError, match="cut short and its index is missing"):
        open_file(path)
    path = write_video(tmp_path / "b.mkv", scene(12, 64, 48), options={"crf": "5", "g": "1"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames, _, _ = read(path)
    assert 2 <= len(frames) < 12


def test_an_mp4_that_lost_its_end_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"crf": "5", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k, pixels in enumerate(scene(12, 64, 48)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = k
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[:-8000])
    frames, _, warnings = read(path)
    assert len(frames) < 12
    assert any("ends early" in w or "to its end" in w for w in warnings)


def test_an_avi_that_lost_its_end_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", scene(12, 64, 48), options={"crf": "5", "g": "1"}, time_base=Fraction(1, 25))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, _, warnings = read(path)
    assert 2 <= len(frames) < 12
    assert warnings == [f"a.avi ends early, after {len(frames)} of 12 frames: the file may be cut short"]


def test_what_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such file"):
        open_file(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="it is a folder"):
        open_file(tmp_path)
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(InputError, match="the file is empty"):
        open_file(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("no video\n" * 99)
    with pytest.raises(InputError, match="it is not a video"):
        open_file(tmp_path / "text.mp4")
    sound = tmp_path / "sound.m4a"
    with av.open(str(sound), "w", format="mp4") as container:
        tone: Any = container.add_stream("aac", rate=16000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        block.sample_rate = 16000
        container.mux(tone.encode(block))
        container.mux(tone.encode(None))
    with pytest.raises(InputError, match="no video stream, only audio"):
        open_file(sound)


def test_frames_that_are_too_large(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", scene(2, 48, 32))
    with pytest.raises(InputError, match="48x32 px a frame, more than 1000"):
        open_file(path, max_pixels=1000)
