from __future__ import annotations

import copy
import itertools
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest
from PIL import Image

from adain._utils.errors import InputError
from adain.options import Options
from adain.stylizer.stylizer import Stylizer
from adain.video import Key, VideoOptions, VideoProgress, VideoResult, VideoStopped, stylize_video
from adain.video.reader import VideoReader
from adain.video.resume import WorkFolder, settings_of
from adain.video.state import unpack
from tests.conftest import ROOT, noise_image

from .videos import Pixels, edit, packets, read_video, scene, spoil, write_ending_late, write_live, write_video

Stylize = Callable[..., VideoResult]
EXACT: dict[str, Any] = {"codec": "ffv1", "pixel_format": "yuv444p"}


@pytest.fixture
def paint(stylizer: Stylizer) -> Stylize:
    def call(source: Path, style: Any, output: Path, **options: Any) -> VideoResult:
        return stylize_video(source, style, output, stylizer=stylizer, **({"style_size": 40} | options))

    return call


def alone(stylizer: Stylizer, pixels: Pixels, style: Any, **options: Any) -> Pixels:
    """A frame painted as a picture."""
    return np.asarray(stylizer.stylize(Image.fromarray(pixels), style, style_size=40, **options))


def difference(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_frames_times_and_sound(paint: Stylize, clip: Path, art: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.mp4"
    result = paint(clip, art, out, save_every=3)
    frames, times = read_video(out)
    assert times == read_video(clip)[1]
    assert packets(out, "audio") == packets(clip, "audio")
    assert (result.frames, result.width, result.height, result.shots, result.skipped) == (8, 48, 32, 1, 0)
    assert frames[0].shape == (32, 48, 3)
    with av.open(str(out)) as container:
        assert container.streams.video[0].average_rate == 25
        assert container.streams.video[0].codec_context.name == "h264"
        shown = [(p.pts, p.dts) for p in container.demux(video=0) if p.size]
    assert all(a[1] < b[1] for a, b in itertools.pairwise(shown))
    assert all(dts <= pts for pts, dts in shown)
    assert [p.name for p in out.parent.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("is_keyed", [False, True])
def test_each_frame_is_what_stylize_makes_of_it(
    paint: Stylize, stylizer: Stylizer, art: Path, tmp_path: Path, is_keyed: bool
) -> None:
    source = write_video(tmp_path / "in.mkv", scene(3, 48, 32), codec="ffv1", pixel_format="yuv444p", options={})
    how: dict[str, Any] = {"alpha": 0.8, "color": "luminance", "correct": 2}
    style = stylizer.encode_style(art, size=40)
    keys = {"keys": [Key(0, style), Key(1, style)]} if is_keyed else {}
    paint(source, None if is_keyed else art, tmp_path / "out.mkv", **keys, **how, **EXACT)
    for before, after in zip(read_video(source)[0], read_video(tmp_path / "out.mkv")[0], strict=True):
        assert difference(after, alone(stylizer, before, art, **how)) < 1.5
        assert difference(after, alone(stylizer, before, art, **how | {"correct": 0})) > 2


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm"])
def test_variable_frame_rate_in_every_container(paint: Stylize, art: Path, tmp_path: Path, suffix: str) -> None:
    pts = [0, 40, 50, 200, 210, 400, 430]
    source = write_video(tmp_path / "in.mkv", scene(7, 48, 32), pts=pts, time_base=Fraction(1, 1000))
    paint(source, art, tmp_path / f"out{suffix}", save_every=3)
    assert [time * 1000 for time in read_video(tmp_path / f"out{suffix}")[1]] == pts


def length(path: Path) -> float:
    """Seconds from the first frame to the end of the last."""
    with closing(VideoReader(path, warn=str)) as reader:
        return reader.duration()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm"])
def test_the_last_frame_is_shown_as_long_as_in_the_source(
    paint: Stylize, art: Path, tmp_path: Path, suffix: str
) -> None:
    late = write_ending_late(tmp_path / "late.mp4", scene(9, 48, 32), Fraction(4))
    first, *others = [Image.fromarray(pixels) for pixels in scene(4, 48, 32)]
    gif, out = tmp_path / "in.gif", tmp_path / f"out{suffix}"
    first.save(gif, save_all=True, append_images=others, duration=[100, 100, 100, 3000])
    for source, seconds in ((late, 4.32), (gif, 3.3)):
        paint(source, art, out, save_every=3)
        assert length(out) == pytest.approx(seconds)
        assert read_video(out)[1] == read_video(source)[1]
    assert paint(late, art, out, fps=25).frames == 108
    assert length(out) == pytest.approx(4.32)
    assert paint(gif, art, out, fps=10).frames == 33


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("last", [20, 300, 3000])
def test_the_last_frame_where_the_rate_varies(
    paint: Stylize, art: Path, tmp_path: Path, suffix: str, last: int
) -> None:
    """MP4 counts the length of a stream in the order of decoding, in which the last frame need not be the last."""
    delays = [70, 30, 100, 50, 100, 120, 40, 40, 40, 200, 10, last]
    first, *others = [Image.fromarray(pixels) for pixels in scene(len(delays), 48, 32)]
    gif, out = tmp_path / "in.gif", tmp_path / f"out{suffix}"
    first.save(gif, save_all=True, append_images=others, duration=delays)
    paint(gif, art, out, save_every=5)
    assert length(out) == pytest.approx(sum(delays) / 1000)
    with closing(VideoReader(out, warn=str)) as reader:
        frames = [*reader.frames()]
        assert [frame.time for frame in frames] == pytest.approx([sum(delays[:k]) / 1000 for k in range(len(delays))])
        assert (frames[-1].duration or 0) * reader.info.time_base == pytest.approx(last / 1000)


def test_the_last_frame_after_an_interruption(
    paint: Stylize, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = write_ending_late(tmp_path / "in.mp4", scene(9, 48, 32), Fraction(4)), tmp_path / "out.mkv"
    paint(source, art, tmp_path / "whole.mkv", save_every=3, **EXACT)
    with pytest.raises(VideoStopped):
        paint(source, art, out, save_every=3, progress=lambda event: event.frame >= 6, **EXACT)
    with monkeypatch.context() as patch:
        patch.setattr("adain.video.join.join", lambda _: exec("raise OSError('no power')"))
        with pytest.raises(OSError, match="no power"):
            paint(source, art, out, save_every=3, **EXACT)
    assert paint(source, art, out, save_every=3, **EXACT).resumed == 9
    assert out.read_bytes() == (tmp_path / "whole.mkv").read_bytes()
    assert length(out) == pytest.approx(4.32)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_that_an_edit_list_leaves_out(paint: Stylize, art: Path, tmp_path: Path, suffix: str) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / f"out{suffix}"
    write_video(source, scene(12, 48, 32), options={"bf": "0", "crf": "10"}, sound=True)
    edit(source, 5, 4)
    assert paint(source, art, out).frames == 4
    sound = {data: float(time) for time, data in packets(source, "audio")}
    copied = packets(out, "audio")
    assert min(sound.values()) < -0.15
    assert len(copied) >= 3
    for time, data in copied:
        assert float(time) == pytest.approx(sound[data], abs=0.002)
    if suffix == ".mkv":
        assert -0.128 <= copied[0][0] <= -0.064  # one packet, for the decoder to start by
        assert copied[1][0] > -0.064


def test_keys_in_per_cent_are_of_what_is_shown(
    paint: Stylize, stylizer: Stylizer, art: Path, other: Path, tmp_path: Path
) -> None:
    still = [scene(1, 48, 32)[0]] * 50
    edited = edit(write_video(tmp_path / "in.mp4", still, options={"bf": "0", "crf": "1"}), 12, 38)
    live = write_live(tmp_path / "in.webm", [40 * k for k in range(20)])
    warnings: list[str] = []
    for source, count in ((edited, 38), (live, 20)):
        out = tmp_path / "out.mkv"
        keys = [Key(0, art), Key(100 * (count - 1) / count, other, percent=True)]
        assert paint(source, None, out, keys=keys, warn=warnings.append, **EXACT).frames == count
        with closing(VideoReader(source, warn=warnings.append)) as reader:
            *_, last = reader.frames()
        painted = read_video(out)[0][-1]
        assert difference(painted, alone(stylizer, last.pixels(), other)) < 1.5
        assert difference(painted, alone(stylizer, last.pixels(), art)) > 5
    assert warnings == []


@pytest.mark.parametrize("codec", ["libx265", "libvpx-vp9", "mpeg4"])
def test_other_codecs(paint: Stylize, clip: Path, art: Path, tmp_path: Path, codec: str) -> None:
    out = tmp_path / "out.mkv"
    if codec == "libx265":
        with pytest.raises(InputError, match=r"libx265 needs pictures at least 64 px wide, not 48: .*--codec"):
            paint(clip, art, out, codec=codec)
        clip = write_video(tmp_path / "wide.mp4", scene(8, 64, 32), sound=True)
    paint(clip, art, out, codec=codec, save_every=3)
    frames, times = read_video(out)
    assert len(frames) == 8
    assert [round(float(t) * 25) for t in times] == list(range(8))
    sound, copy = packets(clip, "audio"), packets(out, "audio")
    assert [data for _, data in sound] == [data for _, data in copy]
    assert [float(t) for t, _ in copy] == pytest.approx([float(t) for t, _ in sound], abs=0.002)


def test_odd_sizes(paint: Stylize, art: Path, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", scene(2, 47, 33), codec="ffv1", pixel_format="yuv444p", options={})
    result = paint(source, art, tmp_path / "even.mp4", crf=1)
    frame = read_video(tmp_path / "even.mp4")[0][0]
    assert (result.width, result.height) == (47, 33)
    assert frame.shape == (34, 48, 3)
    assert difference(frame[:, 46], frame[:, 47]) < 4  # the last column twice
    paint(source, art, tmp_path / "odd.mp4", pixel_format="yuv444p")
    assert read_video(tmp_path / "odd.mp4")[0][0].shape == (33, 47, 3)


def test_rotation_is_applied_and_not_repeated(paint: Stylize, art: Path, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", scene(2, 48, 32), change=lambda s: s.set_display_rotation(90))
    paint(source, art, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (32, 48, 0)


def test_size_and_colour_tags(paint: Stylize, art: Path, tmp_path: Path) -> None:
    def tag(stream: Any) -> None:
        stream.codec_context.colorspace = stream.codec_context.color_primaries = stream.codec_context.color_trc = 1
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    source = write_video(tmp_path / "in.mp4", scene(2, 64, 40), change=tag)
    assert paint(source, art, tmp_path / "out.mp4", content_size=20).width == 32
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height, context.sample_aspect_ratio) == (32, 20, Fraction(4, 3))
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        assert context.color_range == 1


def test_pictures_of_an_anamorphic_video_keep_its_shape(paint: Stylize, art: Path, tmp_path: Path) -> None:
    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)

    source = write_video(tmp_path / "in.mp4", scene(2, 66, 48), change=wide)
    result = paint(source, art, tmp_path / "out")
    with Image.open(tmp_path / "out" / "frame-00001.png") as picture:
        assert picture.size == (result.width, result.height) == (96, 48)


@pytest.mark.parametrize(
    ("output", "options", "expected"),
    [
        ("out.mp4", {}, (64, 48, Fraction(4, 3))),
        ("out.mkv", {}, (64, 48, Fraction(4, 3))),
        ("out.mov", {"codec": "prores_ks"}, (64, 48, Fraction(4, 3))),
        ("out.mp4", {"codec": "av1"}, (64, 48, Fraction(4, 3))),
        ("out.webm", {}, (86, 48, 1)),
        ("out.mkv", {"codec": "vp9"}, (86, 48, 1)),
        ("out.mkv", {"codec": "ffv1", "pixel_format": "yuv444p"}, (85, 48, 1)),
        ("out.webm", {"content_size": 24}, (44, 24, 1)),
        ("out.mkv", {"codec": "h265", "content_size": 72}, (96, 72, Fraction(4, 3))),
    ],
)
def test_an_anamorphic_video_keeps_its_shape(
    paint: Stylize, art: Path, tmp_path: Path, output: str, options: dict[str, Any], expected: tuple[int, int, Fraction]
) -> None:
    """In pixels as they are, or in square ones where codec and container have no word for others."""

    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    source = write_video(tmp_path / "in.mp4", scene(3, 64, 48), change=wide)
    warnings: list[str] = []
    paint(source, art, tmp_path / output, warn=warnings.append, **options)
    with av.open(str(tmp_path / output)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.sample_aspect_ratio or 1) == expected
    assert warnings == []


def test_masks_and_blends(paint: Stylize, stylizer: Stylizer, art: Path, other: Path, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", scene(2, 48, 32), codec="ffv1", pixel_format="yuv444p", options={})
    mask = np.zeros((32, 48), np.uint8)
    mask[:, :24] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    how: dict[str, Any] = {"masks": [tmp_path / "mask.png"], "background": other}
    paint(source, [art], tmp_path / "out.mkv", stability=0.5, **how, **EXACT)
    first = read_video(source)[0][0]
    assert difference(read_video(tmp_path / "out.mkv")[0][0], alone(stylizer, first, [art], **how)) < 1.5
    paint(source, [art, other], tmp_path / "out.mkv", weights=[3, 1], **EXACT)
    assert (
        difference(read_video(tmp_path / "out.mkv")[0][0], alone(stylizer, first, [art, other], weights=[3, 1])) < 1.5
    )


def test_gradients_and_label_maps(paint: Stylize, stylizer: Stylizer, art: Path, other: Path, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", scene(2, 48, 32), codec="ffv1", pixel_format="yuv444p", options={})
    labels = np.ones((32, 48), np.uint8)
    labels[:, 20:] = 2
    Image.fromarray(labels).save(tmp_path / "map.png")
    label_map: dict[str, Any] = {"label_map": tmp_path / "map.png", "labels": ["1", "2"]}
    both = [art, other]
    for how in ({"gradient": "radial"}, label_map, label_map | {"stability": 0.5, "color": ["linear", "none"]}):
        paint(source, both, tmp_path / "out.mkv", **how, **EXACT)
        alike = {name: value for name, value in how.items() if name != "stability"}
        first = alone(stylizer, read_video(source)[0][0], both, **alike)
        assert difference(read_video(tmp_path / "out.mkv")[0][0], first) < 1.5
        assert difference(first, alone(stylizer, read_video(source)[0][0], art)) > 5


def test_options_in_one_object(paint: Stylize, stylizer: Stylizer, clip: Path, art: Path, tmp_path: Path) -> None:
    plain = Options(style_size=40, alpha=0.5)
    given = VideoOptions.of(plain, stylizer=stylizer, **EXACT)
    stylize_video(clip, art, tmp_path / "a.mkv", given)
    stylize_video(clip, art, tmp_path / "b.mkv", plain, stylizer=stylizer, **EXACT)
    paint(clip, art, tmp_path / "c.mkv", alpha=0.5, **EXACT)
    assert packets(tmp_path / "a.mkv", "video") == packets(tmp_path / "b.mkv", "video")
    assert packets(tmp_path / "a.mkv", "video") == packets(tmp_path / "c.mkv", "video")


def test_styles_pass_from_key_to_key(
    paint: Stylize, stylizer: Stylizer, art: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = [scene(1, 48, 32)[0]] * 5
    source = write_video(tmp_path / "in.mkv", still, codec="ffv1", pixel_format="yuv444p", options={})
    encoded: list[object] = []
    encode = stylizer.encode_style
    monkeypatch.setattr(stylizer, "encode_style", lambda s, **k: (encoded.append(s), encode(s, **k))[1])
    keys = [Key(4 / 25, other, 0.5), Key(0, art), Key(2 / 25, art)]
    paint(source, None, tmp_path / "out.mkv", keys=keys, **EXACT)
    assert encoded == [art, other]
    frames = read_video(tmp_path / "out.mkv")[0]
    before = read_video(source)[0][0]
    looks = [
        alone(stylizer, before, art),
        alone(stylizer, before, art),
        alone(stylizer, before, art),
        alone(stylizer, before, [art, other], weights=[1, 1], alpha=0.75),
        alone(stylizer, before, other, alpha=0.5),
    ]
    for frame, look in zip(frames, looks, strict=True):
        assert difference(frame, look) < 1.5


def test_recolouring_takes_the_colours_of_each_shot(
    paint: Stylize, stylizer: Stylizer, art: Path, tmp_path: Path
) -> None:
    shots = [np.asarray(noise_image(48, 32, seed)) // div for seed, div in ((1, 1), (7, 2))]
    frames = [shots[0]] * 3 + [shots[1]] * 3
    source = write_video(tmp_path / "in.mkv", frames, codec="ffv1", pixel_format="yuv444p", options={})
    result = paint(source, art, tmp_path / "out.mkv", color="linear", **EXACT)
    assert result.shots == 2
    before, after = read_video(source)[0], read_video(tmp_path / "out.mkv")[0]
    for k in range(6):
        assert difference(after[k], alone(stylizer, before[k], art, color="linear")) < 1.5


def test_pictures_in_and_out(paint: Stylize, clip: Path, art: Path, tmp_path: Path) -> None:
    result = paint(clip, art, tmp_path / "out", save_every=3)
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [f"frame-{k:05d}.png" for k in range(1, 9)]
    assert not (tmp_path / "out.parts").exists()
    paint(clip, art, tmp_path / "jpg" / "a%d.jpg")
    assert (tmp_path / "jpg" / "a8.jpg").exists()
    assert result.frames == 8
    result = paint(tmp_path / "out", art, tmp_path / "again.mp4", fps="24")
    assert [t * 24 for t in read_video(tmp_path / "again.mp4")[1]] == list(range(8))
    assert paint(tmp_path / "jpg" / "a%d.jpg", art, tmp_path / "b.mp4").frames == 8
    with pytest.raises(InputError, match="also an input and would be replaced"):
        paint(tmp_path / "out", art, tmp_path / "out")
    with pytest.raises(InputError, match=r"frame-00001.png is also an input and would be replaced"):
        paint(tmp_path / "out", art, tmp_path / "out" / "frame-%d.png")


def test_a_picture_that_cannot_be_read_is_skipped(paint: Stylize, art: Path, tmp_path: Path) -> None:
    for k in range(4):
        noise_image(48, 32, k).save(tmp_path / f"f{k}.png")
    noise_image(24, 16, 9).save(tmp_path / "f3.png")
    (tmp_path / "f1.png").write_bytes(b"nothing")
    warnings: list[str] = []
    result = paint(tmp_path / "f%d.png", art, tmp_path / "out.mp4", warn=warnings.append)
    assert (result.frames, result.skipped) == (3, 1)
    assert [t * 25 for t in read_video(tmp_path / "out.mp4")[1]] == [0, 2, 3]
    assert len(warnings) == 2
    assert "f1.png" in warnings[0]
    assert "24x16 px and is scaled to 48x32" in warnings[1]


def test_another_frame_rate(paint: Stylize, clip: Path, art: Path, tmp_path: Path) -> None:
    calls: list[VideoProgress] = []
    result = paint(clip, art, tmp_path / "out.mp4", fps=10, progress=calls.append)
    assert [t * 10 for t in read_video(tmp_path / "out.mp4")[1]] == [0, 1, 2, 3]  # 0.32 s
    assert result.frames == len(calls) == calls[-1].frames == 4
    assert packets(tmp_path / "out.mp4", "audio") == packets(clip, "audio")


def test_a_corrupt_packet(paint: Stylize, art: Path, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", scene(6, 64, 48), codec="ffv1", options={"g": "1"})
    spoil(source, 3)
    result = paint(source, art, tmp_path / "out.mp4")
    times = [float(t) * 25 for t in read_video(tmp_path / "out.mp4")[1]]
    assert result.skipped + result.damaged == 1
    assert times == pytest.approx([0, 1, 2, 4, 5] if result.skipped else range(6), abs=0.03)


class TestResuming:
    how: ClassVar[dict[str, Any]] = {"save_every": 3, "stability": 0.7, "color": "linear"}

    def stop_after(self, count: int) -> Callable[[VideoProgress], bool]:
        return lambda progress: progress.frame >= count

    def test_goes_on_with_the_same_frames(self, paint: Stylize, clip: Path, art: Path, tmp_path: Path) -> None:
        how = self.how | EXACT  # an encoder of several threads need not give the same bits twice
        paint(clip, art, tmp_path / "whole.mkv", **how)
        out = tmp_path / "out.mkv"
        with pytest.raises(VideoStopped, match="stopped after 3 frames") as stopped:
            paint(clip, art, out, progress=self.stop_after(3), **how)
        assert stopped.value.frame == 3
        assert not out.exists()
        seen: list[VideoProgress] = []
        result = paint(clip, art, out, progress=seen.append, **how)
        assert (result.frames, result.resumed, result.shots) == (8, 3, 1)
        assert [p.frame for p in seen][-5:] == [4, 5, 6, 7, 8]
        assert not (tmp_path / "out.mkv.parts").exists()
        assert packets(tmp_path / "whole.mkv", "video") == packets(out, "video")
        for a, b in zip(read_video(tmp_path / "whole.mkv")[0], read_video(out)[0], strict=True):
            assert np.array_equal(a, b)

    def test_goes_on_within_a_part(self, paint: Stylize, clip: Path, art: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.mp4"
        for count in (1, 5, 6):
            with pytest.raises(VideoStopped):
                paint(clip, art, out, progress=self.stop_after(count), **self.how)
        paint(clip, art, out, **self.how)
        assert read_video(out)[1] == read_video(clip)[1]

    def test_other_settings_are_refused(
        self, paint: Stylize, clip: Path, art: Path, other: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.mp4"
        with pytest.raises(VideoStopped):
            paint(clip, art, out, progress=self.stop_after(2), **self.how)
        with pytest.raises(InputError, match="job with another style, crf, encoding: "):
            paint(clip, other, out, crf=30, **self.how)
        assert (tmp_path / "out.mp4.parts" / "part-00000.nut").exists()
        assert paint(clip, other, out, restart=True, **self.how).resumed == 0

    @pytest.mark.parametrize("name", VideoOptions.of().decisive())
    def test_every_decisive_option_counts(self, tmp_path: Path, name: str) -> None:
        before = VideoOptions(alpha=0.5)
        work = WorkFolder(tmp_path / "out.mp4")
        work.open(settings_of(before, source="a"))
        work.save({})
        work.close()
        after = copy.copy(before)
        object.__setattr__(after, name, "another value")  # whether it is allowed is not the point
        with pytest.raises(InputError, match=f"of a job with another {name.replace('_', ' ')}: give the same"):
            WorkFolder(tmp_path / "out.mp4").open(settings_of(after, source="a"))

    def test_what_does_not_change_the_result_may_change(
        self, paint: Stylize, clip: Path, art: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(VideoStopped):
            paint(clip, art, tmp_path / "out.mp4", progress=self.stop_after(3), fps=25, **self.how)
        state = unpack(tmp_path / "out.mp4.parts" / "state.safetensors")
        assert VideoOptions.from_json(state["options"]) == VideoOptions(style_size=40, fps=25, **self.how)
        assert paint(clip, str(art), tmp_path / "out.mp4", **self.how | {"save_every": 5, "fps": "25"}).resumed == 3

    def test_what_a_killed_process_leaves_does_no_harm(
        self, paint: Stylize, clip: Path, art: Path, tmp_path: Path
    ) -> None:
        out, parts = tmp_path / "out.mp4", tmp_path / "out.mp4.parts"
        with pytest.raises(VideoStopped):
            paint(clip, art, out, progress=self.stop_after(3), **self.how)
        (parts / "part-00001.nut").write_bytes(b"half a part")
        (parts / ".adain-0123.nut").write_bytes(b"half a part")
        paint(clip, art, out, **self.how)
        assert len(read_video(out)[0]) == 8
        assert not parts.exists()

    def test_only_the_joining_is_left(
        self, paint: Stylize, clip: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise InputError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr("adain.video.join.join", fail)
            with pytest.raises(InputError, match=r"disk is full .*the same command goes on from there"):
                paint(clip, art, tmp_path / "out.mp4", **self.how)
        result = paint(clip, art, tmp_path / "out.mp4", **self.how)
        assert (result.frames, result.resumed, result.shots) == (8, 8, 1)
        assert len(read_video(tmp_path / "out.mp4")[0]) == 8

    def test_pictures(self, paint: Stylize, clip: Path, art: Path, tmp_path: Path) -> None:
        with pytest.raises(VideoStopped):
            paint(clip, art, tmp_path / "a" / "%02d.png", progress=self.stop_after(5), **self.how)
        assert paint(clip, art, tmp_path / "a" / "%02d.png", **self.how).resumed == 5
        paint(clip, art, tmp_path / "b", **self.how)
        made = [sorted((tmp_path / name).iterdir()) for name in "ab"]
        assert [len(names) for names in made] == [8, 8]
        for a, b in zip(*made, strict=True):
            assert a.read_bytes() == b.read_bytes()


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path, art: Path) -> None:
    # In a process of its own: the limit is one of the whole process, and its report needs room on the disk, too.
    code = "import sys; from tests.video.full_disk import main; main(sys.argv[1], sys.argv[2])"
    command = [sys.executable, "-c", code, str(tmp_path), str(art)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "all well\n"), done.stderr


def test_bad_requests(paint: Stylize, clip: Path, art: Path, tmp_path: Path) -> None:
    def refused(words: str, *args: Any, **options: Any) -> None:
        with pytest.raises(InputError, match=words):
            paint(*(args or (clip, art, tmp_path / "out.mp4")), **options)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["art.png", "in.mp4"]

    refused("a video ends in one of .mp4", clip, art, tmp_path / "out.avi")
    refused("also an input", clip, art, clip)
    refused("no encoder is called nonsense", codec="nonsense")
    refused("aac is no video encoder", codec="aac")
    refused("libwebp cannot be written in parts", codec="libwebp")
    refused("ffv1 has no --crf", codec="ffv1", crf=3)
    refused("mpeg4 has no --preset", codec="mpeg4", preset="slow")
    refused("libx264 has no preset quick: choose one of ultrafast", preset="quick")
    refused("libx264 has no pixel format rgba", pixel_format="rgba")
    refused(".webm cannot hold libx264", clip, art, tmp_path / "out.webm", codec="h264")
    refused(".webm cannot hold the sound .*aac.* --no-audio", clip, art, tmp_path / "out.webm")
    refused("stability must be between 0", stability=1.5)
    refused("a frame rate must be above 0", fps=0)
    refused("a frame rate is a number", fps="fast")
    refused("keys hold the styles", keys=[Key(0, art)])
    refused("masks", clip, None, tmp_path / "out.mp4", keys=[Key(0, art)], masks=["a.png"])
    refused(
        "keys do not go together with gradient", clip, None, tmp_path / "o.mp4", keys=[Key(0, art)], gradient="radial"
    )
    refused("grid does not go with videos: leave that out", grid=2)
    refused("crop does not go with videos", crop=True)
    refused("no style given", clip, None, tmp_path / "out.mp4")
    refused("save_every must be a whole number, at least 1", save_every=0)
    refused("in.mp4 would have .* pixels with .* at 99999, .* a smaller content_size,", content_size=99_999)
    refused("in.mp4 would have|art.png would have", style_size=99_999)
    refused("shape", masks=[Image.new("L", (90, 10), 255)])
    paint(clip, art, tmp_path / "out.webm", audio=False)
