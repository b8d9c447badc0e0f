"""Putting the parts of a video together, with the sound of its source, and encoding nothing again."""

from __future__ import annotations

import contextlib
import heapq
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from .._utils.errors import InputError
from .._utils.files import atomic_path
from .encoder import CONTAINERS, Encoding, PartEncoder, container_of
from .frames import require_av
from .reader import open_media

_AS_THEY_ARE = {"avoid_negative_ts": "disabled"}
"""Sound may begin a little before the first frame; everything else would otherwise be shown later to make room."""

_OF_THE_FILE = ("major_brand", "minor_version", "compatible_brands", "encoder")
"""Metadata that describes the file it came from and not what is in it."""


def companions(source: Path) -> list[tuple[int, str, str]]:
    """Streams of sound and subtitles: index, kind and codec."""
    with open_media(source) as container:
        found = [s for s in container.streams if s.type in ("audio", "subtitle")]
        return [(s.index, s.type, s.codec_context.name if s.codec_context else "unknown") for s in found]


def check_container(encoding: Encoding, output: Path, source: Path | None, warn: Callable[[str], object]) -> list[int]:
    """Try out, before hours of work, whether the container takes what is to go into it.

    Args:
        source: the video whose sound and subtitles go along; None for neither.
        warn: told of subtitles that have to be left out.

    Returns:
        Indices of the streams of ``source`` that will be copied.

    Raises:
        InputError: if the encoder, the container or the sound do not fit together; the message says what would.
    """
    container = container_of(output)
    trial = PartEncoder(encoding)
    try:
        if not _takes(container, trial.stream, None):
            raise InputError(f"{output.suffix} cannot hold {encoding.codec.name}: choose .mkv, or another --codec")
        kept = []
        for index, kind, codec in companions(source) if source is not None else []:
            with open_media(source) as media:  # type: ignore[arg-type]
                fits = _takes(container, trial.stream, media.streams[index])
            if fits:
                kept.append(index)
            elif kind == "audio":
                others = ", ".join(s for s in CONTAINERS if s != output.suffix.lower() and s != ".webm")
                raise InputError(
                    f"{output.suffix} cannot hold the sound of {source} ({codec}): choose one of {others}, "
                    "or --no-audio"
                )
            else:
                warn(f"{output.suffix} cannot hold the subtitles of the source ({codec}): they are left out")
        return kept
    finally:
        trial.close()


def _takes(container: str, video: Any, other: Any) -> bool:
    av = require_av()
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(video)
            if other is not None:
                trial.add_stream_from_template(other)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError, OSError, KeyError):
        return False
    return True


def join(
    parts: Sequence[tuple[Path, int]],
    output: Path,
    time_base: Fraction,
    frame: Fraction,
    source: Path | None = None,
    streams: Sequence[int] = (),
    warn: Callable[[str], object] = lambda _: None,
) -> None:
    """Write the video that the parts are of.

    Args:
        parts: files of :class:`~adain.video.encoder.PartEncoder` in order, with the ``pts`` of their first frames.
        output: replaced in one go once all is written.
        time_base: of the ``pts``.
        frame: seconds that a frame lasts on average; the last one is shown so long.
        source: the video to copy other streams from, packet by packet.
        streams: their indices.
        warn: told if the source cannot be read to its end.

    Raises:
        InputError: if the disk is full or the output cannot be written.
    """
    av = require_av()
    times = _decoding_times(parts, time_base, frame)
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(atomic_path(output))
        # A file of Python's: its errors say what is wrong with the disk.
        file = stack.enter_context(temporary.open("wb+"))
        result = stack.enter_context(av.open(file, "w", format=container_of(output), options=_AS_THEY_ARE))
        first = stack.enter_context(av.open(str(parts[0][0])))
        video = result.add_stream_from_template(first.streams.video[0])
        video.time_base = time_base
        flows: list[Iterable[tuple[float, Any]]] = [_video_packets(parts, video, time_base, times)]
        if source is not None:
            media = stack.enter_context(open_media(source))
            result.metadata.update({k: v for k, v in media.metadata.items() if k not in _OF_THE_FILE})
            with contextlib.suppress(Exception):  # not every container has chapters, and few miss them
                result.set_chapters(media.chapters())
            if streams:
                flows.append(_other_packets(media, result, streams, source, warn))
        for _, packet in heapq.merge(*flows, key=lambda item: item[0]):
            result.mux(packet)


def _decoding_times(parts: Sequence[tuple[Path, int]], time_base: Fraction, frame: Fraction) -> list[tuple[int, int]]:
    """Decoding time and duration of every packet, in the order of the file.

    Encoders give times that begin below those of the first frame, so those of one part would run into the part
    before. Here they are found anew for the whole: frames in order of display, as late as the order of decoding allows.
    """
    shown = [pts for _, pts in _packets(parts, time_base)]
    order = sorted(shown)
    rank = {pts: k for k, pts in enumerate(order)}
    delay = max((k - rank[pts] for k, pts in enumerate(shown)), default=0)
    step = max(1, round(frame / time_base))
    decoding = [order[0] - (delay - k) * step for k in range(delay)] + order
    ends = [*order[1:], order[-1] + step]
    return [(decoding[k], ends[rank[pts]] - pts) for k, pts in enumerate(shown)]


def _packets(parts: Sequence[tuple[Path, int]], time_base: Fraction) -> Iterator[tuple[Any, int]]:
    """Packets with their times of display in the whole video."""
    av = require_av()
    for path, start in parts:
        with av.open(str(path)) as part:
            for packet in part.demux(video=0):
                if packet.size:
                    yield packet, start + round(packet.pts * packet.time_base / time_base)


def _video_packets(
    parts: Sequence[tuple[Path, int]], stream: Any, time_base: Fraction, times: Sequence[tuple[int, int]]
) -> Iterator[tuple[float, Any]]:
    for (packet, pts), (dts, duration) in zip(_packets(parts, time_base), times, strict=True):
        packet.stream, packet.time_base = stream, time_base
        packet.pts, packet.dts, packet.duration = pts, dts, duration
        yield float(dts * time_base), packet


def _other_packets(
    media: Any, result: Any, streams: Sequence[int], source: Path, warn: Callable[[str], object]
) -> Iterator[tuple[float, Any]]:
    copies = {}
    for index in streams:
        copies[index] = result.add_stream_from_template(media.streams[index])
        copies[index].metadata.update(media.streams[index].metadata)
    return _copied(media, copies, source, warn)


def _copied(
    media: Any, copies: dict[int, Any], source: Path, warn: Callable[[str], object]
) -> Iterator[tuple[float, Any]]:
    av = require_av()
    packets = media.demux([media.streams[index] for index in copies])
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError):
            warn(f"the sound of {source.name} cannot be read to its end")
            return
        if packet is None:
            return
        if packet.size and (packet.dts is not None or packet.pts is not None):
            when = packet.dts if packet.dts is not None else packet.pts
            time = float(when * packet.time_base)
            packet.stream = copies[packet.stream_index]
            yield time, packet
