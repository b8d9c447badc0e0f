"""Encoding frames, a part of a video at a time."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .._utils.errors import InputError
from .codecs import PART_FORMAT, Codec
from .media import BT709, FULL_RANGE, SCALER_MATRIX, Color, Pixels, require_av

LIMITED_RANGE = 1

SMALL_WIDTH = 256
"""Below this, x264's macroblock tree was seen to give other bytes for the same frames from run to run (at 96 px; not at
250 and above), and the same command must give the same bytes. What the tree saves matters in large frames only."""

X265_WIDTH = 64
"""Least width for x265, the side of its largest block: below it, that of PyAV 18.1 corrupts memory."""


@dataclass(frozen=True)
class Encoding:
    """How every part of a video is encoded, so that they can be put one after the other.

    Attributes:
        codec: encoder and settings.
        size: width and height of the frames, before they are padded to what the pixel format needs.
        rate: frames a second on average.
        time_base: of the frames' ``pts``.
        color: what the numbers are to mean; always limited range unless the pixel format says otherwise.
        aspect: width of a pixel over its height.
    """

    codec: Codec
    size: tuple[int, int]
    rate: Fraction
    time_base: Fraction
    color: Color
    aspect: Fraction


class PartEncoder:
    """Encodes some frames on end into one file in memory.

    In memory, as an encoder that writes to a file does not say why it could not be written; a part is small.
    Times are counted from the part's first frame.

    Raises:
        InputError: if the encoder does not take the settings or the size.
    """

    def __init__(self, encoding: Encoding) -> None:
        av = require_av()
        if encoding.codec.name == "libx265" and encoding.size[0] < X265_WIDTH:
            width = encoding.size[0]
            raise InputError(
                f"libx265 needs pictures at least {X265_WIDTH} px wide, not {width}: choose another --codec"
            )
        self._av, self._encoding = av, encoding
        self._buffer = io.BytesIO()
        # Otherwise times are shifted so that none is negative.
        self._container = av.open(self._buffer, "w", format=PART_FORMAT, options={"avoid_negative_ts": "disabled"})
        self._first: int | None = None
        codec, color = encoding.codec, encoding.color
        width, height = encoding.size
        self._pad = codec.padding(width, height)
        if codec.name == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # the only way to keep it from reporting on stderr
        options = dict(codec.options)
        if codec.name == "libx264" and width < SMALL_WIDTH:
            options["mbtree"] = "0"
        try:
            self._stream = self._container.add_stream(codec.name, rate=encoding.rate, options=options)
            context = self._stream.codec_context
            context.width, context.height = width + self._pad[0], height + self._pad[1]
            context.pix_fmt = codec.pixel_format
            context.time_base = self._stream.time_base = encoding.time_base
            context.sample_aspect_ratio = encoding.aspect
            self._is_rgb = av.VideoFormat(codec.pixel_format).is_rgb
            self._range = FULL_RANGE if codec.pixel_format.startswith("yuvj") or self._is_rgb else LIMITED_RANGE
            if not self._is_rgb:
                context.colorspace, context.color_range = color.matrix, self._range
            context.color_primaries, context.color_trc = color.primaries, color.transfer
            # One header for the whole file, which containers such as MP4 want, and the same in every part.
            context.flags |= av.codec.context.Flags.global_header
            context.open()
            self._container.start_encoding()
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise self._refused(error) from error

    @property
    def stream(self) -> Any:
        """Of PyAV; what a container that is to hold the result is told about it."""
        return self._stream

    def add(self, pixels: Pixels, pts: int) -> None:
        """Encode a frame, later than the one before."""
        self._first = pts if self._first is None else self._first
        across, down = self._pad
        if across or down:
            pixels = np.pad(pixels, ((0, down), (0, across), (0, 0)), mode="edge")
        frame = self._av.VideoFrame.from_ndarray(pixels, format="rgb24")
        if not self._is_rgb:
            matrix = SCALER_MATRIX.get(self._encoding.color.matrix, BT709)
            how = self._av.video.reformatter.Interpolation
            frame = frame.reformat(
                format=self._encoding.codec.pixel_format, src_colorspace=matrix, dst_colorspace=matrix,
                src_color_range=FULL_RANGE, dst_color_range=self._range, interpolation=how.BICUBIC | how.ACCURATE_RND,
            )  # fmt: skip
        frame.pts, frame.time_base = pts - self._first, self._encoding.time_base
        self._mux(frame)

    def finish(self) -> bytes:
        """The part as a file's bytes."""
        self._mux(None)
        self._container.close()
        return self._buffer.getvalue()

    def close(self) -> None:
        """Give up on the part."""
        self._container.close()

    def _mux(self, frame: Any) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (self._av.error.FFmpegError, ValueError) as error:
            raise self._refused(error) from error

    def _refused(self, error: BaseException) -> InputError:
        codec = self._encoding.codec
        width, height = (side + more for side, more in zip(self._encoding.size, self._pad, strict=True))
        settings = ", ".join(f"{key} {value}" for key, value in codec.options.items())
        reason = getattr(error, "strerror", None) or str(error)
        return InputError(
            f"{codec.name} cannot encode {width}x{height} px {codec.pixel_format} with {settings or 'its defaults'} "
            f"({reason}): choose other settings or another --codec"
        )
