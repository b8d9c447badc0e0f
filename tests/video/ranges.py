"""Tiny videos of high dynamic range, and what is in them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from adain.image.hdr import hlg_numbers, pq_numbers

X265 = "log-level=error:lossless=1"
MASTERING = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def greys(light: list[float], curve: str = "PQ", height: int = 64, cell: int = 16) -> npt.NDArray[np.uint16]:
    """Patches of grey side by side, in cd/m², as 10-bit luma of limited range."""
    linear = np.array(light)
    numbers = pq_numbers(linear) if curve == "PQ" else hlg_numbers(np.repeat(linear[:, None], 3, axis=1))[:, 0]
    row = np.rint(64 + 876 * np.repeat(numbers, cell)).astype(np.uint16)
    return np.tile(row, (height, 1))


def write_range(
    path: Path,
    luma: npt.NDArray[np.uint16],
    *,
    curve: str = "PQ",
    frames: int = 3,
    codec: str = "libx265",
    options: dict[str, str] | None = None,
    tags: tuple[int, int] = (9, 9),
) -> Path:
    """A grey video, by default lossless in 10 bits; ``tags`` are those of primaries and matrix."""
    height, width = luma.shape
    codes = {"PQ": 16, "HLG": 18, "SDR": 14}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options or {"x265-params": X265})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p10le"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 12800)
        context = stream.codec_context
        context.color_primaries, context.colorspace, context.color_trc, context.color_range = *tags, codes[curve], 1
        for k in range(frames):
            frame = av.VideoFrame(width, height, "yuv420p10le")
            for plane, level in zip(frame.planes, (luma, 512, 512), strict=True):
                stored = np.full((plane.height, plane.line_size // 2), 512, np.uint16)
                stored[:, : plane.width] = level
                plane.update(stored.tobytes())
            frame.pts, frame.time_base = 512 * k, Fraction(1, 12800)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def luma_of(path: Path) -> list[npt.NDArray[np.uint16]]:
    """The stored luma of every frame."""
    with av.open(str(path)) as container:
        frames = [*container.decode(video=0)]
    found = []
    for frame in frames:
        kind = np.uint16 if frame.format.name.endswith("le") else np.uint8
        plane = np.frombuffer(frame.planes[0], kind).reshape(frame.height, -1)
        found.append(plane[:, : frame.width].astype(np.uint16))
    return found


def tags_of(path: Path) -> tuple[str, int, int, int]:
    """Pixel format, primaries, curve and matrix of the first frame."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return frame.format.name, int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace)
