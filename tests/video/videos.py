"""Tiny videos for the tests, and what is in a video file."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from tests.conftest import noise_image

Pixels = npt.NDArray[np.uint8]


def scene(frames: int, width: int, height: int, *, step: int = 2, seed: int = 0) -> list[Pixels]:
    """A smooth picture that moves to the left."""
    wide = np.asarray(noise_image(width + step * frames, height, seed))
    return [np.ascontiguousarray(wide[:, step * k : step * k + width]) for k in range(frames)]


def write_video(
    path: Path,
    frames: Sequence[Pixels],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    time_base: Fraction = Fraction(1, 12800),
    pts: Sequence[int] | None = None,
    rate: Fraction = Fraction(25),
    sound: bool = False,
    change: Callable[[Any], None] = lambda _: None,
) -> Path:
    """A video file; ``change`` is called with its stream before the first frame."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = stream.time_base = time_base
        change(stream)
        tone: Any = container.add_stream("aac", rate=16000, layout="mono") if sound else None
        for k, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
            frame.time_base = time_base
            frame.pts = round(k / rate / time_base) if pts is None else pts[k]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            wave = (np.sin(np.arange(16000) / 9) * 9000).astype(np.int16)
            for start in range(0, 8192, 1024):
                block = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="s16", layout="mono")
                block.sample_rate, block.pts, block.time_base = 16000, start, Fraction(1, 16000)
                container.mux(tone.encode(block))
            container.mux(tone.encode(None))
    return path


def write_ending_late(path: Path, frames: Sequence[Pixels], last: Fraction, **options: str) -> Path:
    """A video of 25 frames a second whose last frame is shown for so many seconds."""
    base = Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"crf": "10"} | options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base, stream.time_base = "yuv420p", base, base
        made = []
        for k, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = 40 * k, base
            made += stream.encode(frame)
        for packet in made + stream.encode(None):
            packet.duration = round(last / base) if packet.pts == 40 * (len(frames) - 1) else 40
            container.mux(packet)
    return path


def edit(path: Path, start: int, length: int) -> Path:
    """Have the edit lists of an MP4 of :func:`write_video` show so many frames from that one on, with their sound."""
    data = bytearray(path.read_bytes())
    place = 0
    for units in (512, 640)[: data.count(b"elst")]:  # of a frame, in 1/12800 s of the picture and 1/16000 of the sound
        place = data.index(b"elst", place) + 12
        entries, _, begin = struct.unpack_from(">IIi", data, place - 4)
        assert entries == 1
        struct.pack_into(">Ii", data, place, 40 * length, units * start + (begin if units == 640 else 0))
    path.write_bytes(data)
    return path


def write_live(path: Path, pts: Sequence[int]) -> Path:
    """A WebM as browsers record it: frames at these milliseconds, and nowhere how long it is."""
    base = Fraction(1, 1000)
    with av.open(str(path), "w", format="webm", options={"live": "1"}) as container:
        stream: Any = container.add_stream("libvpx-vp9", rate=25, options={"crf": "30", "b": "0"})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.codec_context.time_base = stream.time_base = base
        for when, pixels in zip(pts, scene(len(pts), 48, 32), strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = when, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_video(path: Path) -> tuple[list[Pixels], list[Fraction]]:
    """Decoded RGB frames and their times in seconds."""
    with av.open(str(path)) as container:
        frames = [*container.decode(video=0)]
        return [f.to_ndarray(format="rgb24") for f in frames], [Fraction(f.pts) * f.time_base for f in frames]


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Times and bytes of the packets of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [(Fraction(p.pts) * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]


def spoil(path: Path, packet: int) -> None:
    """Overwrite what is inside one video packet."""
    content = packets(path, "video")[packet][1]
    data = path.read_bytes()
    assert data.count(content) == 1
    path.write_bytes(data.replace(content, b"\xff" * len(content)))
