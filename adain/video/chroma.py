"""Between stored frames and RGB, with chroma sampled where the stream says it lies.

Chroma of half the width lies on every second column of luma, or midway between two, and a frame that is read the other
way shows its colours half a pixel aside of its shapes. FFmpeg's filter ``scale`` can be told where; what PyAV converts
frames by, :meth:`av.VideoFrame.reformat`, cannot, and writes it midway.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from .frames import FULL_RANGE, Color, require_av

LEFT, CENTER = "left", "center"
"""On the columns of luma and midway between its rows, as H.264 and all of its kind mean where they say nothing; and
midway between both, as JPEG does."""

LOCATIONS = {(0, 1): LEFT, (1, 1): CENTER, (0, 0): "topleft", (1, 0): "top", (0, 2): "bottomleft", (1, 2): "bottom"}
"""FFmpeg's names of where chroma lies: columns and rows right of and below the first luma of its block, in halves."""

MIDWAY = frozenset(
    {"mpeg1video", "mjpeg", "mjpegb", "ljpeg", "h261", "h263", "h263p", "flv", "vp3", "theora", "libtheora"}
)
"""Codecs whose chroma is midway by their own standards, such as ISO/IEC 11172-2 and JFIF."""

TELLING = frozenset({"h264", "hevc"})
"""Decoders that never leave it open: what they say is midway was said to be so."""

FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"

_PLANAR = {(2, 2): "yuv420p", (2, 1): "yuv422p", (1, 2): "yuv440p", (4, 1): "yuv411p", (4, 4): "yuv410p"}
"""A format of 8 bits for so many columns and rows of luma to a sample of chroma, which filters take as it is."""

_PROBE, _LEAST = 64, 8  # columns and rows of a frame that are looked at; where there are fewer, nothing is seen


class Filters:
    """FFmpeg's filters, by name and options, one after the other, for frames that may change their size and format on
    the way; from any thread."""

    def __init__(self, filters: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        self._filters = filters
        self._graphs: dict[tuple[int, int, str], Any] = {}
        self._lock = threading.Lock()

    def __call__(self, frame: Any) -> Any:
        """What comes out for one frame."""
        kind = (frame.width, frame.height, frame.format.name)
        with self._lock:
            if kind not in self._graphs:
                self._graphs[kind] = _graph(frame, self._filters)
            graph = self._graphs[kind]
            graph.vpush(frame)
            return graph.vpull()


class Scaler(Filters):
    """Converts frames to one pixel format.

    Args:
        pixel_format: FFmpeg's name of the format that is wanted.
        size: width and height that are wanted; None for those of each frame.
        options: of the filter ``scale``, such as ``in_range``.
    """

    def __init__(self, pixel_format: str, size: tuple[int, int] | None = None, **options: str) -> None:
        size_options = {} if size is None else {"w": str(size[0]), "h": str(size[1])}
        scale = {"flags": FLAGS} | size_options | options
        super().__init__([("scale", scale), ("format", {"pix_fmts": pixel_format})])


def to_rgb(frame: Any, size: tuple[int, int], color: Color, location: str, pixel_format: str = "rgb24") -> Scaler:
    """What makes RGB of frames such as this.

    Args:
        frame: one of them.
        size: width and height of all that comes out.
        color: says by which matrix.
        location: where chroma lies, as :func:`location_of` says.
        pixel_format: of what comes out.
    """
    if frame.format.is_rgb:
        return Scaler(pixel_format, size)
    is_full = int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
    return Scaler(
        pixel_format, size, in_color_matrix=str(color.scaler_matrix), in_chroma_loc=location, out_range="full",
        in_range="full" if is_full else "limited",
    )  # fmt: skip


def from_rgb(pixel_format: str, color: Color, location: str, is_full: bool) -> Scaler:
    """What makes frames of that format of RGB; all but the format is for those that are not RGB again."""
    if require_av().VideoFormat(pixel_format).is_rgb:
        return Scaler(pixel_format)
    return Scaler(
        pixel_format, out_color_matrix=str(color.scaler_matrix), out_chroma_loc=location, in_range="full",
        out_range="full" if is_full else "limited",
    )  # fmt: skip


def location_for(codec: str) -> str:
    """Where chroma is to lie in what that encoder makes: where players look for it if nothing is said."""
    return CENTER if codec in MIDWAY else LEFT


def location_of(frame: Any, stream: Any) -> str:
    """Where a decoded frame has its chroma, by the stream, its container, or else the standard of its codec.

    PyAV has no name for what a frame says of it. But :meth:`av.VideoFrame.reformat` reads frames by it, taking those
    that say nothing as midway: so it is seen from where a single sample of chroma comes to lie.
    """
    try:
        seen = _seen(frame)
    except (require_av().error.FFmpegError, ValueError, IndexError):
        seen = None  # a format that has no chroma, or is packed
    if seen in LOCATIONS and LOCATIONS[seen] != CENTER:
        return LOCATIONS[seen]
    decoder = stream.codec_context.name
    if decoder in MIDWAY or (seen is not None and (decoder in TELLING or _header_says_midway(stream))):
        return CENTER
    return LEFT


def _seen(frame: Any) -> tuple[int, int] | None:
    """Where :meth:`reformat` puts a sample of chroma, as in :data:`LOCATIONS`; None where there is no chroma of less
    than full size."""
    kind, (width, height) = frame.format, (min(side, _PROBE) // 4 * 4 for side in (frame.width, frame.height))
    if kind.is_rgb or len(kind.components) < 3 or min(width, height) < _LEAST:
        return None
    columns, rows = kind.chroma_width(width), kind.chroma_height(height)
    if (columns, rows) == (width, height):
        return None
    if (planar := _PLANAR.get((round(width / columns), round(height / rows)))) is None:
        return None
    column, row = columns // 2, rows // 2
    dot = {"lum": "128", "cb": f"if(eq(X,{column})*eq(Y,{row}),255,128)", "cr": "128"}
    crop = {"w": str(width), "h": str(height), "x": "0", "y": "0"}
    spotted = Filters([("crop", crop), ("geq", dot)])(frame.reformat(format=planar))
    plane = spotted.reformat(format="yuv444p", interpolation="BICUBIC").planes[1]
    spot = np.frombuffer(plane, np.uint8).reshape(height, -1)[:, :width].astype(float) - 128
    places = []
    for axis, length, stored, index in ((0, width, columns, column), (1, height, rows, row)):
        share = spot.sum(axis)
        step = round(length / stored)
        offset = float(share @ np.arange(length) / share.sum()) - index * step
        places.append(1 if step == 1 else round(2 * offset / (step - 1)))
    return places[0], places[1]


def _header_says_midway(stream: Any) -> bool:
    """Whether the container says so: asked by writing what is known of the stream to the header of a Matroska file.

    ``ChromaSitingHorz`` and ``ChromaSitingVert`` are 0x55B7 and 0x55B8, and midway is 2 (RFC 9559, section 5.1.4.1.28).
    """
    av = require_av()
    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska") as file:
            file.add_stream_from_template(stream, opaque=True)
            file.start_encoding()
    except (av.error.FFmpegError, ValueError, OSError):
        return False  # a codec that Matroska cannot hold
    written = header.getvalue()
    return b"\x55\xb7\x81\x02" in written and b"\x55\xb8\x81\x02" in written


def _graph(frame: Any, filters: Sequence[tuple[str, Mapping[str, str]]]) -> Any:
    av = require_av()
    graph = av.filter.Graph()
    given = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format.name, time_base=Fraction(1, 1000)
    )
    chain = [graph.add(name, **options) for name, options in filters]
    graph.link_nodes(given, *chain, graph.add("buffersink")).configure()
    return graph
