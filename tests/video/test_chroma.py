"""Where colours lie: a bump of colour, read and written again and again, stays where it is."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from adain.video import VideoOptions
from adain.video.chroma import LOCATIONS, Filters, from_rgb, location_for, location_of, to_rgb
from adain.video.encoder import choose_codec, container_of
from adain.video.frames import Color, Moment, VideoInfo
from adain.video.join import VideoSink, check_container
from adain.video.reader import VideoReader
from adain.video.resume import WorkFolder

from .videos import Pixels

WIDTH, HEIGHT = 128, 96
CENTRE = (63.2, 47.4)
"""Of the bump, in pixels from the corner of the first."""


def gauss(columns: npt.NDArray[Any], rows: npt.NDArray[Any], deviation: float = 5.0) -> npt.NDArray[Any]:
    squares = (columns[None] - CENTRE[0]) ** 2 + (rows[:, None] - CENTRE[1]) ** 2
    return np.exp(-squares / (2 * deviation**2))


def bump() -> Pixels:
    """Grey with a smooth bump of red, of the same luma by BT.709."""
    height = gauss(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    picture = np.full((HEIGHT, WIDTH, 3), 120.0)
    picture += height[..., None] * np.array([100, -100 * 0.2126 / 0.7152, 0])
    return np.rint(picture).astype(np.uint8)


def moved(after: Pixels) -> tuple[float, float]:
    """Columns and rows by which the bump of colour lies elsewhere, by least squares."""
    before, now = (p[..., 0].astype(float) - p[..., 1] for p in (bump(), after))
    slopes = np.stack([-np.gradient(before, axis=axis).ravel() for axis in (1, 0)], 1)
    strength = before.ravel()[:, None]
    found = np.linalg.lstsq(np.hstack([slopes, strength, np.ones_like(strength)]), (now - before).ravel(), rcond=None)[
        0
    ]
    return float(found[0]), float(found[1])


def test_the_measure() -> None:
    halfway = (bump()[:, 1:].astype(float) + bump()[:, :-1]) / 2
    assert moved(np.pad(halfway, ((0, 0), (0, 1), (0, 0)), "edge")) == pytest.approx((-0.5, 0), abs=0.01)
    assert moved(np.roll(bump(), (1, -1), (0, 1))) == pytest.approx((-1, 1), abs=0.05)


def write(path: Path, pixels: Pixels, **options: Any) -> None:
    """A video of that frame, three times, as a stylised one is written."""
    options = VideoOptions(**options)
    codec, work = choose_codec(container_of(path), options), WorkFolder(path)
    info = VideoInfo("v", WIDTH, HEIGHT, Fraction(25), Fraction(1, 25), 3, Color(1, 1, 1))
    check_container(codec, info, path, None, str)
    work.open({})
    with closing(VideoSink(path, work, codec, info, None, [], str)) as sink:
        for k in range(3):
            sink.add(pixels, Moment(k, k))
        work.save(sink.commit()())
        sink.finish()
    work.close()
    work.remove()


def read(path: Path) -> Pixels:
    with closing(VideoReader(path, warn=str)) as reader:
        return [frame.pixels() for frame in reader.frames()][1]


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [
        ("h264", "yuv420p", ".mp4"),
        ("h264", "yuv422p", ".mkv"),
        ("h265", "yuv420p", ".mp4"),
        ("vp9", "yuv420p", ".webm"),
        ("vp9", "yuv440p", ".mkv"),
        ("av1", "yuv420p", ".mp4"),
        ("ffv1", "yuv411p", ".mkv"),
    ],
)
def test_colours_stay_through_four_generations(tmp_path: Path, codec: str, pixel_format: str, suffix: str) -> None:
    pixels = bump()
    how = {} if codec == "ffv1" else {"crf": 1}  # quantising moves colours, too, as it pleases
    for k in range(4):
        path = tmp_path / f"{k}{suffix}"
        write(path, pixels, codec=codec, pixel_format=pixel_format, **how)
        pixels = read(path)
    assert moved(pixels) == pytest.approx((0, 0), abs=0.05)


def sampled(pixel_format: str, place: tuple[int, int]) -> av.VideoFrame:
    """A frame whose chroma holds the bump, sampled exactly at that place of :data:`LOCATIONS`."""
    kind = av.VideoFormat(pixel_format, WIDTH, HEIGHT)
    frame, (x, y) = av.VideoFrame(WIDTH, HEIGHT, pixel_format), place
    across, down = WIDTH // kind.chroma_width(WIDTH), HEIGHT // kind.chroma_height(HEIGHT)
    columns = np.arange(0, WIDTH, across) + 0.5 + x * (across - 1) / 2
    rows = np.arange(0, HEIGHT, down) + 0.5 + y * (down - 1) / 2
    for k, plane in enumerate(frame.planes):
        values = np.full((plane.height, plane.line_size), 128, np.uint8)
        if k == 2:  # Cr
            values[:, : plane.width] = np.rint(128 + 60 * gauss(columns, rows))
        plane.update(values.tobytes())
    frame.colorspace, frame.color_range = 1, 1
    return frame


BY_THE_STREAM = [(codec, place) for codec in ("libx264", "libx265") for place in [*LOCATIONS, None]]
BY_THE_FILE = [
    (codec, place) for codec in ("libsvtav1", "libvpx-vp9", "ffv1") for place in [(0, 0), (0, 1), (1, 0), (1, 1), None]
]
"""Matroska has no word for the lowest row, and AV1 only for the others of the first column."""


@pytest.mark.parametrize(("codec", "place"), BY_THE_STREAM + BY_THE_FILE)
def test_colours_are_read_from_where_the_stream_says_they_are(
    tmp_path: Path, codec: str, place: tuple[int, int] | None
) -> None:
    path, name = tmp_path / "a.mkv", LOCATIONS.get(place or (9, 9))
    options = {"crf": "4"} | ({"chroma_sample_location": name} if name else {})
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
        for k in range(3):
            frame = sampled("yuv420p", place or (0, 1))
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert moved(read(path)) == pytest.approx((0, 0), abs=0.05)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le", "yuva420p", "nv12", "p010le"])
@pytest.mark.parametrize("size", [(64, 64), (1920, 1080), (17, 9), (9, 33), (8, 8)])
@pytest.mark.parametrize("place", LOCATIONS)
def test_what_a_frame_says_is_seen(pixel_format: str, size: tuple[int, int], place: tuple[int, int]) -> None:
    tagged = Filters([("setparams", {"chroma_location": LOCATIONS[place]})])(av.VideoFrame(*size, pixel_format))
    stream = SimpleNamespace(codec_context=SimpleNamespace(name="hevc"))
    assert location_of(tagged, stream) == LOCATIONS[place]


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv410p", "gray", "rgb24", "pal8", "ya8", "yuyv422"])
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (7, 200), (16, 4)])
@pytest.mark.filterwarnings("error")
def test_the_smallest_frames(pixel_format: str, size: tuple[int, int]) -> None:
    frame, stream = av.VideoFrame(*size, pixel_format), SimpleNamespace(codec_context=SimpleNamespace(name="vp9"))
    assert location_of(frame, stream) == "left"
    assert to_rgb(frame, size, Color(), "left")(frame).to_ndarray().shape == (size[1], size[0], 3)


@pytest.mark.parametrize(("codec", "pixel_format", "place"), [
    ("mjpeg", "yuvj420p", (1, 1)), ("mpeg1video", "yuv420p", (1, 1)), ("mpeg2video", "yuv420p", (0, 1)),
])  # fmt: skip
def test_what_says_nothing_is_read_and_written_by_its_own_standard(
    tmp_path: Path, codec: str, pixel_format: str, place: tuple[int, int]
) -> None:
    path, frame = tmp_path / "a.mkv", sampled(pixel_format, place)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options={"qmin": "1", "b": "90M"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, 2 if "j" in pixel_format else 1
        frame.color_range = stream.codec_context.color_range
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        stored, stream = next(container.decode(video=0)), container.streams.video[0]
        assert location_of(stored, stream) == LOCATIONS[place] == location_for(codec)
        color = Color(1, 1, 1)
        pixels = to_rgb(stored, (WIDTH, HEIGHT), color, LOCATIONS[place])(stored).to_ndarray()
    assert moved(pixels) == pytest.approx((0, 0), abs=0.1)  # of 0.5 and more, at another place
    again = from_rgb(pixel_format, color, location_for(codec), "j" in pixel_format)
    made = again(av.VideoFrame.from_ndarray(bump(), format="rgb24"))
    shown = to_rgb(made, (WIDTH, HEIGHT), color, LOCATIONS[place])(made).to_ndarray()
    assert moved(shown) == pytest.approx((0, 0), abs=0.02)
