"""Reading videos: upright RGB frames with their times, whatever is wrong with some of them."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from .._utils.errors import ImageError, InputError, MissingFileError
from .alpha import OpacityReader, decoder_of, filled, has_alpha, is_transparent, says_alpha
from .colors import Wanted, conversion
from .frames import Frame, Opacity, Orientation, Pixels, VideoInfo, require_av

FALLBACK_RATE = Fraction(25)


class VideoReader:
    """A video file, to be read once from beginning to end.

    A packet that cannot be decoded is skipped and counted; the frames around it keep their times.

    Args:
        path: the file.
        warn: told, in a line each, what is odd about the file but no reason to stop.
        max_pixels: largest frame that will be read; None for any.
        wanted: in which colours frames come.
        is_square: whether pixels that are not square are to become so, as they do in sRGB anyway.

    Attributes:
        info: what is known of it, as its frames come.
        range: of frames that come in high dynamic range; None for standard.
        skipped: packets that could not be decoded, so far.
        damaged: frames that were decoded only in part, so far.

    Raises:
        MissingFileError, InputError: if there is no such file, it holds no video, or no frame can be decoded.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        warn: Callable[[str], object],
        max_pixels: int | None = None,
        wanted: Wanted = "tagged",
        is_square: bool = False,
    ) -> None:
        self.path, self.warn, self._wanted = Path(path), warn, wanted
        self._max_pixels, self._is_square = max_pixels, is_square or wanted == "srgb"
        self.skipped = self.damaged = 0
        self._lock = threading.Lock()  # of the file: whoever reads ahead may be at it when it is closed
        self._is_closed = False
        self._av = require_av()
        self._container = open_media(self.path)
        try:
            self._stream = _video_stream(self._container, self.path)
            self._decoder = decoder_of(self._stream)
            self._decoder.thread_type = "AUTO"
            self._orientation = Orientation()
            self._last_pts: int | None = None
            self._raw = self._decode()
            self._first = next(self._raw, None)
            if self._first is None:
                raise InputError(f"no frame of {self.path} can be decoded: it is damaged; make it anew")
            self._inspect(self._first)
        except BaseException:
            self._container.close()
            raise

    def frames(self) -> Iterator[Frame]:
        """Every frame that can be decoded, in the order of display; to be called once."""
        origin: int | None = None
        found = 0
        raws = itertools.chain([self._first], iter(self._next, None), [None])
        for raw, following in itertools.pairwise(raws):
            if following is None and self._is_closed:
                return
            found += 1
            pts = self._time(raw)
            origin = pts if origin is None else origin
            self.damaged += bool(raw.is_corrupt)
            lasts = raw.duration or None
            if following is None and found == self._count and self._end is not None and self._end > pts:
                lasts = self._end - pts
            time = float((pts - origin) * self.info.time_base)
            self._see_size(raw, time)
            opacity = functools.partial(self._opacity, raw) if self.info.is_transparent else None
            yield Frame(pts, time, functools.partial(self._pixels, raw), lasts, opacity)
        if found + self.skipped < 0.98 * self._count - 1:
            self.warn(f"{self.path.name} ends early, after {found} of {self._count} frames: the file may be cut short")

    def duration(self) -> float:
        """In seconds, from the first frame to the end of the last: by the times of all packets, which it reads.

        What a file says of itself may be of the sound, of what an edit list leaves out, or missing, as where a browser
        recorded it.
        """
        count, first, end = 0, math.inf, -math.inf
        with contextlib.closing(open_media(self.path)) as container:
            stream = container.streams[self._stream.index]
            with contextlib.suppress(self._av.error.FFmpegError, OSError):  # cut short
                for packet in container.demux(stream):
                    if packet.size and not packet.is_discard:
                        count += 1
                        if packet.pts is not None:
                            lasts = packet.duration or round(1 / (self.info.rate * self.info.time_base))
                            first, end = min(first, packet.pts), max(end, packet.pts + lasts)
        if count == self._count and self._end is not None:
            end = self._end
        return float((end - first) * self.info.time_base) if end > first else float(count / self.info.rate)

    def squared(self) -> VideoReader:
        """Another of the same file, with square pixels, in the place of this; what is odd about it has been told."""
        self.close()
        how: dict[str, Any] = {"max_pixels": self._max_pixels, "wanted": self._wanted, "is_square": True}
        other = VideoReader(self.path, warn=lambda _: None, **how)
        other.warn = self.warn
        return other

    def close(self) -> None:
        """Let go of the file; no further frame comes of it."""
        with self._lock:
            self._is_closed = True
            self._container.close()

    def _next(self) -> Any:
        with self._lock:
            return None if self._is_closed else next(self._raw, None)

    def _decode(self) -> Iterator[Any]:
        """Raw frames; errors of the file end it, errors of a packet do not."""
        packets = self._container.demux(self._stream)
        while True:
            packet = self._read(packets, self.warn)
            try:
                frames = self._decoder.decode(packet)
            except self._av.error.EOFError:
                frames = []
            except self._av.error.FFmpegError:
                if packet is None:  # what is asked for its last frames may say so again and again
                    return
                self.skipped += 1
                continue
            yield from frames
            if packet is None:
                return

    def _read(self, packets: Iterator[Any], warn: Callable[[str], object] = lambda _: None) -> Any:
        """The next packet; None at the end, which an error of the file is, too."""
        try:
            return next(packets, None)
        except (self._av.error.FFmpegError, OSError) as error:
            warn(f"{self.path.name} cannot be read to its end: {_reason(error)}")
            return None

    def _time(self, raw: Any) -> int:
        """The frame's pts; made up where there is none, raised where it would not be later than the one before."""
        last, step = self._last_pts, max(1, round(1 / (self.info.rate * self.info.time_base)))
        pts: int | None = raw.pts
        if pts is None:
            pts = 0 if last is None else last + step
        elif last is not None:
            pts = max(pts, last + 1)
        self._last_pts = pts
        return pts

    def _inspect(self, raw: Any) -> None:
        """Fill in :attr:`info` from the stream and its first frame."""
        stream, name, max_pixels = self._stream, self.path.name, self._max_pixels
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        size, self._sizes = (raw.width, raw.height), {(raw.width, raw.height)}
        if self._is_square and aspect != 1:
            size = (round(size[0] * max(aspect, 1)), round(size[1] / min(aspect, 1)))
            aspect = Fraction(1)
        if max_pixels is not None and math.prod(size) > max_pixels:
            raise ImageError(f"{name} has {size[0]}x{size[1]} px a frame, more than {max_pixels}: raise --max-pixels")
        for data in raw.side_data:
            if data.type.name == "DISPLAYMATRIX":
                self._orientation = Orientation.of_matrix(bytes(data))
        rate = Fraction(stream.average_rate or stream.guessed_rate or stream.base_rate or FALLBACK_RATE)
        time_base = stream.time_base or raw.time_base or 1 / rate
        # An edit list of MP4 may leave out frames that are in the file, and it ends the last.
        entries, begin, lasts = stream.index_entries, stream.start_time, stream.duration
        self._count = max(0, stream.frames - sum(entry.is_discard for entry in entries))
        has_index = 0 < stream.frames == len(entries)
        self._end = begin + lasts if has_index and begin is not None and lasts else None
        count: int | None = self._count or None
        if count is None:
            seconds = float(stream.duration * time_base) if stream.duration else (self._container.duration or 0) / 1e6
            count = round(seconds * rate) or None
        width, height = size
        if self._orientation.swap:
            width, height, aspect = height, width, 1 / aspect
        try:
            colors = conversion(raw, stream, self._wanted, size)
        except InputError as error:
            raise InputError(f"cannot read {name}: {error}") from error
        transparent = self._is_transparent(raw)
        if transparent and colors.range is not None:
            raise InputError(f"{name} is transparent, which --hdr keep cannot keep: leave --hdr keep out")
        self.info = VideoInfo(name, width, height, rate, Fraction(time_base), count, colors.color, aspect, transparent)
        self._to_opacity = OpacityReader(*size)
        self._convert, self.range = colors.convert, colors.range
        for note in colors.notes:
            self.warn(f"{name} {note}")
        if raw.interlaced_frame:
            self.warn(f"{name} is interlaced: deinterlace it first, or its combs are taken for texture")

    def _see_size(self, raw: Any, time: float) -> None:
        """Tell of a stream that changes its size on the way; what is read of it does not."""
        size = (raw.width, raw.height)
        if size not in self._sizes:
            self._sizes.add(size)
            width, height = reversed(size) if self._orientation.swap else size
            own = f"{self.info.width}x{self.info.height}"
            self.warn(f"{self.path.name} changes to {width}x{height} px at {time:.2f} s: that is scaled to {own}")

    def _is_transparent(self, first: Any) -> bool:
        """Whether any frame is; the file is read until one is found, if its format has room for that."""
        if not has_alpha(first.format.name):
            if says_alpha(self._stream):
                held = self._stream.codec_context.codec.canonical_name.upper()
                self.warn(f"the transparency of {self.path.name} is left out: beside {held} it cannot be read")
            return False
        if is_transparent(first):
            return True
        with contextlib.closing(open_media(self.path)) as container:
            stream = container.streams[self._stream.index]
            decoder, packets = decoder_of(stream), container.demux(stream)
            while (packet := self._read(packets)) is not None:
                with contextlib.suppress(self._av.error.FFmpegError):
                    if any(map(is_transparent, decoder.decode(packet))):
                        return True
        return False

    def _pixels(self, raw: Any) -> Pixels:
        pixels = self._orientation.apply(self._convert(raw))
        return filled(pixels, self._opacity(raw)) if self.info.is_transparent else pixels

    def _opacity(self, raw: Any) -> Opacity:
        return cast("Opacity", self._orientation.apply(self._to_opacity(raw)[..., None])[..., 0])


def open_media(path: Path) -> Any:
    """The file as PyAV's container; MissingFileError or InputError if it cannot be read as a video."""
    av = require_av()
    if not path.exists():
        raise MissingFileError(f"cannot read {path}: there is no such file; check the path")
    if path.is_dir() or path.stat().st_size == 0:
        raise InputError(f"cannot read {path}: {'it is a folder' if path.is_dir() else 'the file is empty'}")
    try:
        return av.open(os.fspath(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        hint = "it is not a video, or it is cut short and its index is missing"
        raise InputError(f"cannot read {path}: {hint} ({_reason(error)})") from error


def _video_stream(container: Any, path: Path) -> Any:
    # The cover of a song is a video stream of one frame.
    streams = [s for s in container.streams.video if not s.disposition & 0x400]
    if not streams:
        other = sorted({s.type for s in container.streams if s.type != "video"})
        holds = f"only {' and '.join(other)}" if other else "nothing to see"
        raise InputError(f"{path} holds no video stream, {holds}: name a file with moving pictures")
    if streams[0].codec_context is None:
        raise InputError(f"the codec of {path} is not known to this build of PyAV: convert it, to H.264 for example")
    return streams[0]


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text)[:1].lower() + str(text)[1:]
