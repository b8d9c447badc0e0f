"""Encoders, their settings and containers, and encoding frames, a part of a video at a time."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from .._utils.errors import InputError
from .alpha import BESIDE, ENCODERS, alpha_format, has_alpha
from .chroma import from_rgb, location_for
from .deep import DeepWriter
from .frames import FULL_RANGE, LIMITED_RANGE, Pixels, VideoInfo, require_av
from .hdr import DynamicRange
from .options import DEEP_FORMAT, PIXEL_FORMAT, VideoOptions

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""What a video may be called, and FFmpeg's name of the format."""

ANIMATIONS = {".gif": "gif", ".png": "apng", ".apng": "apng", ".webp": "webp"}
"""What an animated picture may be called, likewise."""

# Of the parts a video is made in: both hold any time base, and packets as they are; the first holds almost any codec.
PART_FORMATS = ("nut", "mov")

# Of those with opacity beside the frames, which no other format has room for. Times are written as if they were in its
# thousandths of a second: see `part_unit`.
BESIDE_FORMAT = "matroska"

ALIASES = {"h264": "libx264", "h265": "libx265", "hevc": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9",
           "av1": "libsvtav1"}  # fmt: skip
"""Shorter names of encoders; other video encoders of FFmpeg's go by their own."""

QUALITIES = {"libx264": 18, "libx265": 20, "libvpx": 10, "libvpx-vp9": 24, "libsvtav1": 24}
"""The default ``--crf`` of the encoders that have one: strokes are fine texture, and cheap settings smear them."""

# Otherwise, where sound begins a little before the first frame, everything else is shown later to make room.
TIMES_AS_THEY_ARE = {"avoid_negative_ts": "disabled"}

# Matroska would name every file by a random number.
SAME_BYTES = {"fflags": "+bitexact"}

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
"""Of libx264 and libx265, from quick and large to slow and small."""

SMALL_WIDTH = 256
"""Below this, x264's macroblock tree was seen to give other bytes for the same frames from run to run (at 96 px; not at
250 and above), and the same command must give the same bytes. What the tree saves matters in large frames only."""

X265_WIDTH = 64  # least for x265, the side of its largest block: below it, that of PyAV 18.1 corrupts memory


@dataclass(frozen=True)
class Codec:
    """An encoder and its settings, as FFmpeg names and takes them."""

    name: str
    options: dict[str, str]
    pixel_format: str


def container_of(output: Path) -> str:
    """FFmpeg's name of the format that a file's suffix stands for; InputError if that is none of the known."""
    if (found := CONTAINERS.get(output.suffix.lower())) is None:
        known, moving = ", ".join(CONTAINERS), ", ".join(ANIMATIONS)
        raise InputError(
            f"cannot write {output}: a video ends in one of {known}, and an animation in one of {moving}; for pictures "
            "name a folder, or frame-%05d.png"
        )
    return found


def is_animation(output: Path) -> bool:
    """Whether a file is to be an animated picture, by its suffix."""
    return output.suffix.lower() in ANIMATIONS


def choose_codec(
    container: str, options: VideoOptions, kept: DynamicRange | None = None, *, is_transparent: bool = False
) -> Codec:
    """The encoder for a container, with defaults for what the options leave open; InputError for what there is not.

    What a ``kept`` range needs are 10 bits, and what players look for it in. Transparency is kept if that is possible
    with what the options say.
    """
    av = require_av()
    usual = ("libvpx-vp9", "h264") if kept is None else ("av1", "h265")
    name = options.codec or (ENCODERS.get(container) if is_transparent else None) or usual[container != "webm"]
    name = ALIASES.get(name, name)
    try:
        known = av.codec.Codec(name, "w")
    except Exception:  # PyAV raises its own kind for an unknown name
        raise InputError(f"no encoder is called {name}: choose one of {', '.join(ALIASES)}") from None
    if known.type != "video":
        raise InputError(f"{name} is no video encoder: choose one of {', '.join(ALIASES)}")
    if _part_format(name) is None:
        raise InputError(f"{name} cannot be written in parts, as here: choose one of {', '.join(ALIASES)}")
    formats = [f.name for f in known.video_formats or []]
    plain = PIXEL_FORMAT if kept is None else DEEP_FORMAT
    plain = plain if not formats or plain in formats else formats[0]
    wanted = options.pixel_format or (is_transparent and alpha_format(known, plain, container)) or plain
    if formats and wanted not in formats:
        raise InputError(f"{name} has no pixel format {wanted}: choose one of {', '.join(formats)}")
    try:
        av.VideoFormat(wanted)
    except ValueError:
        raise InputError(f"there is no pixel format {wanted}: yuv420p plays everywhere") from None
    settings = _settings(name, options.crf, options.preset)
    if name == "libvpx" and has_alpha(wanted):
        settings["auto-alt-ref"] = "0"  # or it refuses
    if kept is not None:
        if av.VideoFormat(wanted).components[0].bits < 10:
            hint = f"leave --pixel-format out, or name {DEEP_FORMAT}" if options.pixel_format else "choose h265 or av1"
            raise InputError(f"{name} would store {wanted}, and --hdr keep needs 10 bits: {hint}")
        for key, value in kept.encoder_options(name).items():
            settings[key] = f"{settings[key]}:{value}" if key in settings else value
    return Codec(name, settings, wanted)


def _part_format(name: str) -> str | None:
    """The first format of parts that holds what an encoder of that name makes."""
    av = require_av()
    for part_format in PART_FORMATS:
        with av.open(io.BytesIO(), "w", format=part_format) as trial:
            if name in trial.supported_codecs:
                return part_format
    return None


def _settings(name: str, crf: float | None, preset: str | None) -> dict[str, str]:
    options: dict[str, str] = {}
    if name in QUALITIES:
        options["crf"] = f"{QUALITIES[name] if crf is None else crf:g}"
    elif name.endswith("_nvenc"):
        options["cq"] = f"{QUALITIES['libx264'] if crf is None else crf:g}"
    elif crf is not None:
        raise InputError(f"{name} has no --crf: leave it out, or choose one of {', '.join(QUALITIES)}")
    if name.startswith("libvpx"):
        options |= {"b": "0"} if name == "libvpx-vp9" else {"b": "20M"}  # VP8 knows no bound but this
    if name == "libx265":
        options["x265-params"] = "log-level=error"  # it would report on stderr
    if preset is not None:
        if name not in ("libx264", "libx265", "libsvtav1") and not name.endswith("_nvenc"):
            raise InputError(f"{name} has no --preset: leave it out")
        if name in ("libx264", "libx265") and preset not in PRESETS:
            raise InputError(f"{name} has no preset {preset}: choose one of {', '.join(PRESETS)}")
        options["preset"] = preset
    return options


def part_unit(part: Any, time_base: Fraction) -> Fraction:
    """Seconds that one unit of time means in an opened part of a video of that time base."""
    return Fraction(part.streams.video[0].time_base) if BESIDE_FORMAT not in part.format.name else time_base


class PartEncoder:
    """Encodes some frames on end into one file, or raises InputError if the encoder does not take settings or size.

    In memory, as an encoder that writes to a file does not say why it could not be written; a part is small.
    Times are counted from the part's first frame. ``stream`` is what a container is told that is to hold the result.

    Args:
        codec: the encoder.
        info: of the result, the same for every part; the size is that before frames are padded to what the pixel format
            needs, and the range of colours is limited unless the pixel format says otherwise.
    """

    def __init__(self, codec: Codec, info: VideoInfo) -> None:
        av = require_av()
        width, height, color = info.width, info.height, info.color
        if codec.name == "libx265" and width < X265_WIDTH:
            raise InputError(
                f"libx265 needs pictures at least {X265_WIDTH} px wide, not {width}: choose another --codec"
            )
        self._av, self._codec, self._info = av, codec, info
        self._buffer = io.BytesIO()
        beside = codec.name in BESIDE.values() and has_alpha(codec.pixel_format)
        self._unit = Fraction(1, 1000) if beside else info.time_base
        part_format = BESIDE_FORMAT if beside else _part_format(codec.name)
        self._container = av.open(self._buffer, "w", format=part_format, options=TIMES_AS_THEY_ARE)
        self._first: int | None = None
        # Columns and rows to add, as chroma that is stored for 2 x 2 pixels needs even sizes.
        chroma = av.VideoFormat(codec.pixel_format, 64, 64)
        self._pad = -width % (64 // chroma.chroma_width(64)), -height % (64 // chroma.chroma_height(64))
        is_full, location = codec.pixel_format.startswith("yuvj"), location_for(codec.name)
        self._convert = from_rgb(codec.pixel_format, color, location, is_full)
        self._convert_deep = DeepWriter(codec.pixel_format, color, location)
        if codec.name == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # the only way to keep it from reporting on stderr
        options = dict(codec.options)
        if not chroma.is_rgb and chroma.chroma_height(64) < 64:  # others have nothing to say, and x265 would
            options["chroma_sample_location"] = location
        if codec.name == "libx264" and width < SMALL_WIDTH:
            options["mbtree"] = "0"
        try:
            self.stream: Any = self._container.add_stream(codec.name, rate=info.rate, options=options)
            context = self.stream.codec_context
            context.width, context.height = width + self._pad[0], height + self._pad[1]
            context.pix_fmt = codec.pixel_format
            context.time_base, self.stream.time_base = info.time_base, self._unit
            context.sample_aspect_ratio = info.aspect
            if not chroma.is_rgb:
                context.colorspace, context.color_range = color.matrix, FULL_RANGE if is_full else LIMITED_RANGE
            context.color_primaries, context.color_trc = color.primaries, color.transfer
            # One header for the whole file, which containers such as MP4 want, and the same in every part.
            context.flags |= av.codec.context.Flags.global_header
            context.open()
            self._container.start_encoding()
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise self._refused(error) from error

    def add(self, pixels: Pixels, pts: int) -> None:
        """Encode a frame, later than the one before; a deep one is of a range that is kept, others may have opacity."""
        self._first = pts if self._first is None else self._first
        if any(self._pad):
            pixels = np.pad(pixels, ((0, self._pad[1]), (0, self._pad[0]), (0, 0)), mode="edge")
        if pixels.dtype == np.uint16:
            frame = self._convert_deep(pixels)
        else:
            kind = "rgb24" if pixels.shape[2] == 3 else "rgba"
            frame = self._convert(self._av.VideoFrame.from_ndarray(pixels, format=kind))
        frame.pts, frame.time_base = pts - self._first, self._info.time_base
        if not frame.format.is_rgb:  # those of ProRes say it each for itself
            told = self.stream.codec_context
            frame.color_primaries, frame.color_trc = told.color_primaries, told.color_trc
            frame.colorspace, frame.color_range = told.colorspace, told.color_range
        self._mux(frame)

    def finish(self) -> bytes:
        """The part as a file's bytes."""
        try:
            self._mux(None)
        finally:
            self._container.close()
        return self._buffer.getvalue()

    def close(self) -> None:
        """Give up on the part."""
        self._container.close()

    def _mux(self, frame: Any) -> None:
        try:
            for packet in self.stream.encode(frame):
                packet.time_base = self._unit
                self._container.mux(packet)
        except (self._av.error.FFmpegError, ValueError) as error:
            raise self._refused(error) from error

    def _refused(self, error: BaseException) -> InputError:
        codec, width, height = self._codec, self._info.width + self._pad[0], self._info.height + self._pad[1]
        settings = ", ".join(f"{key} {value}" for key, value in codec.options.items())
        reason = getattr(error, "strerror", None) or str(error)
        return InputError(
            f"{codec.name} cannot encode {width}x{height} px {codec.pixel_format} with {settings or 'its defaults'} "
            f"({reason}): choose other settings or another --codec"
        )
