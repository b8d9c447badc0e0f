"""Transparency, from each kind of file that has it into each that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from adain._utils.errors import InputError
from adain.video import VideoResult, VideoStopped, stylize_video
from adain.video.reader import VideoReader
from tests.conftest import noise_image

from .engines import MosaicStylizer
from .videos import Pixels, packets, scene, write_video

WIDTH, HEIGHT, FRAMES = 64, 48, 7


def opacity(k: int) -> Pixels:
    """Of that frame: a ramp that moves on, from fully transparent to opaque."""
    ramp = np.clip(np.arange(WIDTH) * 6.0 - 20 - 3 * k, 0, 255).astype(np.uint8)
    return np.repeat(ramp[None], HEIGHT, 0)


KINDS: dict[str, tuple[str, str, dict[str, str]]] = {
    "prores.mov": ("prores_ks", "yuva444p10le", {}),
    "vp9.webm": ("libvpx-vp9", "yuva420p", {"b": "0", "crf": "5"}),
    "vp8.webm": ("libvpx", "yuva420p", {"b": "20M", "crf": "5", "auto-alt-ref": "0"}),
    "animation.mov": ("qtrle", "argb", {}),
    "png.mov": ("png", "rgba", {}),
    "ffv1.mkv": ("ffv1", "yuva420p", {}),
}


def opaque(_: int) -> Pixels:
    return np.full((HEIGHT, WIDTH), 255, np.uint8)


def write(path: Path, alpha: Callable[[int], Pixels] = opacity, tags: dict[str, str] | None = None) -> Path:
    """The file of that name among :data:`KINDS`, of one colour."""
    codec, pixel_format, options = KINDS[path.name]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.metadata.update(tags or {})
        for k in range(FRAMES):
            pixels = np.dstack([np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8), alpha(k)])
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=pixel_format)
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path: Path) -> tuple[list[Pixels], list[Pixels | None], list[str]]:
    """Colours, opacities, and warnings."""
    warnings: list[str] = []
    with closing(VideoReader(path, warn=warnings.append)) as reader:
        frames = [*reader.frames()]
        return [f.pixels() for f in frames], [f.opacity() if f.opacity else None for f in frames], warnings


def check(path: Path, most: int) -> None:
    """See that a file is as transparent as :func:`write` makes them, but for so many levels."""
    _, opacities, warnings = read(path)
    assert warnings == []
    assert len(opacities) == FRAMES
    for k, found in enumerate(opacities):
        assert found is not None
        assert np.abs(found.astype(int) - opacity(k)).max() <= most


def paint(source: Path, output: Path, **options: Any) -> tuple[VideoResult, list[str]]:
    """Paint as weakly as can be, which changes no colour."""
    warnings: list[str] = []
    art = source.with_name("art.png")
    if not art.exists():
        noise_image(48, 40, 2).save(art)
    how = {"alpha": 0.0, "style_size": 40, "stylizer": MosaicStylizer(), "save_every": 3, "warn": warnings.append}
    return stylize_video(source, art, output, **(how | options)), warnings


@pytest.mark.parametrize("name", ["vp9.webm", "vp8.webm"])
def test_it_is_read_where_a_tag_says_so_too(tmp_path: Path, name: str) -> None:
    """As many recipes have it; Matroska writes the names of tags in capitals, and FFmpeg takes them for its own."""
    path = write(tmp_path / name, tags={"alpha_mode": "1"})
    with av.open(str(path)) as container:
        assert "ALPHA_MODE" in container.streams.video[0].metadata
    check(path, 14)


@pytest.mark.parametrize("name", KINDS)
def test_it_is_read(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    check(path, 6 if name.endswith("webm") else 1)
    pixels = read(path)[0][0]
    assert np.abs(pixels.astype(int) - (200, 100, 50)).max() <= 6


@pytest.mark.parametrize(
    ("output", "options", "codec", "most"),
    [
        ("out.webm", {}, "vp9", 12),
        ("out.mov", {}, "prores", 2),
        ("out.mkv", {}, "vp9", 12),
        ("out.webm", {"codec": "vp8"}, "vp8", 12),
        ("out.mov", {"codec": "qtrle"}, "qtrle", 1),
        ("out.mov", {"codec": "png"}, "png", 1),
        ("out.mkv", {"codec": "ffv1"}, "ffv1", 2),
        ("out.mp4", {"codec": "png"}, "png", 1),
    ],
)
def test_it_is_kept(tmp_path: Path, output: str, options: dict[str, Any], codec: str, most: int) -> None:
    result, warnings = paint(write(tmp_path / "animation.mov"), tmp_path / output, **options)
    assert warnings == []
    assert result.frames == FRAMES
    check(tmp_path / output, most)
    with av.open(str(tmp_path / output)) as container:
        assert container.streams.video[0].codec_context.name == codec
        if codec == "prores":
            assert container.streams.video[0].profile == "4444"
    seen = read(tmp_path / output)[0][1][:, 50:]
    assert np.abs(seen.astype(int) - (200, 100, 50)).max() <= 8


def test_pictures_keep_it(tmp_path: Path) -> None:
    source = write(tmp_path / "vp9.webm")
    _, warnings = paint(source, tmp_path / "out")
    assert warnings == []
    names = sorted((tmp_path / "out").iterdir())
    for k, name in enumerate(names):
        with Image.open(name) as picture:
            assert picture.mode == "RGBA"
            assert np.abs(np.asarray(picture)[..., 3].astype(int) - opacity(k)).max() <= 6
    _, warnings = paint(tmp_path / "out", tmp_path / "again.mkv", codec="ffv1", pixel_format="bgra")
    assert warnings == []
    check(tmp_path / "again.mkv", 6)


def test_another_size_and_rate(tmp_path: Path) -> None:
    source = write(tmp_path / "animation.mov")
    result, _ = paint(source, tmp_path / "out.mkv", codec="ffv1", content_size=24, fps=50)
    assert (result.frames, result.width, result.height) == (2 * FRAMES, 32, 24)
    opacities = read(tmp_path / "out.mkv")[1]
    halved = Image.fromarray(opacity(1)).resize((32, 24), Image.Resampling.BILINEAR)
    for found in (opacities[2], opacities[3]):
        assert found is not None
        assert np.abs(found.astype(int) - np.asarray(halved)).max() <= 2


@pytest.mark.parametrize(
    ("output", "options", "words"),
    [
        ("out.mp4", {}, "libx264 in .mp4"),
        ("out.mov", {"codec": "h264"}, "libx264 in .mov"),
        ("out.webm", {"codec": "av1"}, "libsvtav1 in .webm"),
        ("out.mp4", {"codec": "vp9"}, "libvpx-vp9 in .mp4"),
        ("out.mkv", {"codec": "ffv1", "pixel_format": "yuv444p"}, "ffv1 in .mkv"),
    ],
)
def test_where_it_cannot_be_kept_white_shows_through(
    tmp_path: Path, output: str, options: dict[str, Any], words: str
) -> None:
    result, warnings = paint(write(tmp_path / "prores.mov"), tmp_path / output, **options)
    assert warnings == [
        f"{output} is not to be transparent, as prores.mov is, and white shows through: {words} cannot keep that; "
        ".webm, .mov or .mkv without --codec and --pixel-format would"
    ]
    assert result.frames == FRAMES
    pixels, opacities, _ = read(tmp_path / output)
    assert opacities == [None] * FRAMES
    share = opacity(1)[24, ::8, None] / 255
    assert np.abs(pixels[1][24, ::8] - (255 + share * (np.array([200, 100, 50]) - 255))).max() <= 12


@pytest.mark.parametrize("name", ["prores.mov", "vp9.webm"])
def test_what_could_be_transparent_and_is_not_is_as_any_other(tmp_path: Path, name: str) -> None:
    _, warnings = paint(write(tmp_path / name, opaque), tmp_path / "out.mov")
    assert warnings == []
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    assert read(tmp_path / "out.mov")[1] == [None] * FRAMES


def test_one_pixel_of_the_last_frame_is_enough(tmp_path: Path) -> None:
    def alpha(k: int) -> Pixels:
        made = np.full((HEIGHT, WIDTH), 255, np.uint8)
        made[5, 7] = 0 if k == FRAMES - 1 else 255
        return made

    path = write(tmp_path / "animation.mov", alpha)
    paint(path, tmp_path / "out.mov", codec="png")
    found = read(tmp_path / "out.mov")[1]
    assert [None if f is None else (int(f[5, 7]), int(f.astype(int).sum() // 255)) for f in found] == [
        (255, WIDTH * HEIGHT)
    ] * (FRAMES - 1) + [(0, WIDTH * HEIGHT - 1)]


@pytest.mark.parametrize("output", ["out.webm", "out.mov"])
def test_an_interrupted_job_goes_on(tmp_path: Path, output: str) -> None:
    source = write(tmp_path / "animation.mov")
    paint(source, tmp_path / f"whole-{output}")
    with pytest.raises(VideoStopped):
        paint(source, tmp_path / output, progress=lambda event: event.frame >= 4)
    result, _ = paint(source, tmp_path / output)
    assert result.resumed == 4
    check(tmp_path / output, 12)
    times = [time for time, _ in packets(tmp_path / output, "video")]
    assert times == [Fraction(k, 25) for k in range(FRAMES)]
    with pytest.raises(VideoStopped):
        paint(source, tmp_path / output, progress=lambda event: event.frame >= 3)
    paint(source, tmp_path / output)
    assert packets(tmp_path / output, "video") == packets(tmp_path / f"whole-{output}", "video")


def test_times_beside_transparency_are_exact(tmp_path: Path) -> None:
    pts = [0, 1001, 1201, 30000, 300300, 300301, 2000000]
    path = tmp_path / "in.mov"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "argb"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 30000)
        for k, when in enumerate(pts):
            pixels = np.dstack([np.zeros((HEIGHT, WIDTH, 3), np.uint8), opacity(k)])
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="argb")
            frame.pts, frame.time_base = when, Fraction(1, 30000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    paint(path, tmp_path / "out.mov")
    assert [time * 30000 for time, _ in packets(tmp_path / "out.mov", "video")] == pts
    paint(path, tmp_path / "out.webm")
    assert [time * 1000 for time, _ in packets(tmp_path / "out.webm", "video")] == [round(t / 30) for t in pts]


def test_an_encoder_that_cannot_be_written_in_parts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="libwebp_anim cannot be written in parts"):
        paint(write_video(tmp_path / "in.mp4", scene(2, 48, 32)), tmp_path / "out.mov", codec="libwebp_anim")


def test_what_cannot_be_read_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "vp9.webm")
    monkeypatch.setattr("adain.video.alpha.BESIDE", {})  # as of AV1, of which no decoder reads it
    _, opacities, warnings = read(path)
    assert opacities == [None] * FRAMES
    assert warnings == ["the transparency of vp9.webm is left out: beside VP9 it cannot be read"]


def test_transparency_and_high_dynamic_range(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuva420p10le"
        stream.codec_context.colorspace, stream.codec_context.color_range = 9, 1
        stream.codec_context.color_primaries, stream.codec_context.color_trc = 9, 16
        pixels = np.dstack([np.full((HEIGHT, WIDTH, 3), 120, np.uint8), opacity(0)])
        frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="yuva420p10le")
        frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = 9, 1, 9, 16
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match=r"in\.mkv is transparent, which --hdr keep cannot keep: leave --hdr keep out"):
        paint(path, tmp_path / "out.mkv", hdr="keep")
    paint(path, tmp_path / "out.mkv", codec="ffv1")
    _, (found,), _ = read(tmp_path / "out.mkv")
    assert found is not None
    assert np.abs(found.astype(int) - opacity(0)).max() <= 2
