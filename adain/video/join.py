"""A video made in parts, and their joining: with the sound of its source, and encoding nothing again."""

from __future__ import annotations

import contextlib
import functools
import heapq
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from .._utils.errors import InputError
from .._utils.files import atomic_path
from .alpha import keeps_alpha, on_background
from .encoder import CONTAINERS, SAME_BYTES, TIMES_AS_THEY_ARE, Codec, PartEncoder, container_of, part_unit
from .frames import Moment, Pixels, Sink, VideoInfo, require_av
from .reader import open_media
from .resume import WorkFolder
from .state import State

Flow = Iterator[tuple[float, Any]]
"""Packets with their decoding times in seconds."""

EDITED = ("mp4", "mov")
"""Containers with edit lists."""

_OF_THE_FILE = ("major_brand", "minor_version", "compatible_brands", "encoder")
"""Metadata that describes the file it came from and not what is in it."""


@dataclass
class VideoSink(Sink):
    """Frames as parts of a video in a folder, joined in the end; see :func:`join`."""

    output: Path
    work: WorkFolder
    codec: Codec
    info: VideoInfo
    source: Path | None
    streams: Sequence[int]
    warn: Callable[[str], object]
    _starts: list[int] = field(default_factory=list)
    _start: int = 0
    _last: int | None = None
    _encoder: PartEncoder | None = None

    def add(self, pixels: Pixels, moment: Moment) -> None:
        if self._encoder is None:
            self._encoder, self._start = PartEncoder(self.codec, self.info), moment.pts
        self._encoder.add(pixels if self._keeps_alpha else on_background(pixels), moment.pts)
        self._last = moment.duration

    @functools.cached_property
    def _keeps_alpha(self) -> bool:
        """Whether frames can go in as they come."""
        kept = keeps_alpha(self.codec.name, self.codec.pixel_format, container_of(self.output))
        return kept or not self.info.is_transparent

    def commit(self) -> Callable[[], State]:
        encoder, self._encoder, index = self._encoder, None, len(self._starts)
        if encoder is not None:
            self._starts.append(self._start)
        state: State = {"starts": list(self._starts), "last": self._last}

        def finish() -> State:
            if encoder is not None:
                self.work.save_part(index, encoder.finish())
            return state

        return finish

    def restore(self, state: State) -> None:
        self._starts, self._last = list(state["starts"]), state.get("last")

    def finish(self) -> None:
        join(self)

    @property
    def parts(self) -> list[tuple[Path, int]]:
        """Files of :class:`~adain.video.encoder.PartEncoder` in order, with the ``pts`` of their first frames."""
        return [(self.work.part(k), start) for k, start in enumerate(self._starts)]

    @property
    def last(self) -> int | None:
        """How long the last frame is shown, in units of ``time_base``; None where the source does not say."""
        return self._last

    def close(self) -> None:
        if self._encoder is not None:
            self._encoder.close()


def check_container(
    codec: Codec, info: VideoInfo, output: Path, source: Path | None, warn: Callable[[str], object]
) -> list[int]:
    """Try out, before hours of work, whether the container takes what is to go into it.

    Args:
        source: the video whose sound and subtitles go along; None for neither.
        warn: told of subtitles and transparency that have to be left out.

    Returns:
        Indices of the streams of ``source`` that will be copied.

    Raises:
        InputError: if the encoder, the container or the sound do not fit together; the message says what would.
    """
    container, kept = container_of(output), []
    if info.is_transparent and not keeps_alpha(codec.name, codec.pixel_format, container):
        warn(
            f"{output.name} is not to be transparent, as {info.name} is, and white shows through: {codec.name} in "
            f"{output.suffix} cannot keep that; .webm, .mov or .mkv without --codec and --pixel-format would"
        )
    with contextlib.ExitStack() as stack:
        trial = stack.enter_context(contextlib.closing(PartEncoder(codec, info)))
        if not _takes(container, trial.stream):
            other = ".mkv" if container != "matroska" else ".mov"
            raise InputError(f"{output.suffix} cannot hold {codec.name}: choose {other}, or another --codec")
        streams = stack.enter_context(open_media(source)).streams if source is not None else ()
        for stream in streams:
            if stream.type not in ("audio", "subtitle"):
                continue
            held = stream.codec_context.name if stream.codec_context else "unknown"
            if _takes(container, trial.stream, stream):
                kept.append(stream.index)
            elif stream.type == "audio":
                others = ", ".join(s for s in CONTAINERS if s != output.suffix.lower() and s != ".webm")
                raise InputError(
                    f"{output.suffix} cannot hold the sound of {source} ({held}): choose one of {others}, or --no-audio"
                )
            else:
                warn(f"{output.suffix} cannot hold the subtitles of the source ({held}): they are left out")
    return kept


def _takes(container: str, *streams: Any) -> bool:
    av = require_av()
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            for stream in streams:
                trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError, OSError, KeyError):
        return False
    return True


def join(sink: VideoSink) -> None:
    """Write the video that the parts of a sink are of, replacing its output in one go once all is written.

    Sound and subtitles that are so damaged that the container will not have them are left out.

    Raises:
        InputError: if the disk is full or the output cannot be written.
    """
    av = require_av()
    try:
        _join(sink, sink.streams)
    except av.error.ArgumentError as error:
        if not sink.streams:
            raise InputError(f"cannot write {sink.output}: {error.strerror}; choose another --codec") from error
        sink.warn(
            f"sound or subtitles of {sink.info.name} are damaged and left out: no {sink.output.suffix} holds them"
        )
        _join(sink, ())


def _join(sink: VideoSink, indices: Sequence[int]) -> None:
    """The same with those streams of the source, whatever comes of it."""
    av, info, source = require_av(), sink.info, sink.source
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(atomic_path(sink.output))
        # A file of Python's: its errors say what is wrong with the disk.
        file = stack.enter_context(temporary.open("wb+"))
        stack.enter_context(why(av))
        container = container_of(sink.output)
        result = stack.enter_context(av.open(file, "w", format=container, options=TIMES_AS_THEY_ARE | SAME_BYTES))
        # Parts do not tell all that their encoder was told, such as colours.
        like = stack.enter_context(contextlib.closing(PartEncoder(sink.codec, info)))
        video = result.add_stream_from_template(like.stream)
        if sink.codec.name.startswith("prores"):  # whose profile is its tag, and would be that of 4:2:2
            video.codec_context.codec_tag = like.stream.codec_context.codec_tag
        if like.stream.codec_context.codec.canonical_name == "hevc" and container_of(sink.output) in ("mp4", "mov"):
            # The other name, hev1, is for parameters among the frames; Apple's players open this one only.
            video.codec_context.codec_tag = "hvc1"
        video.time_base = info.time_base
        flows = [_video_packets(sink, video)]
        if source is not None:
            media = stack.enter_context(open_media(source))
            result.metadata.update({k: v for k, v in media.metadata.items() if k not in _OF_THE_FILE})
            with contextlib.suppress(Exception):  # not every container has chapters, and few miss them
                result.set_chapters(media.chapters())
            copies = {index: result.add_stream_from_template(media.streams[index]) for index in indices}
            for index, copied in copies.items():
                copied.metadata.update(media.streams[index].metadata)
            if copies:
                flows.append(_copied(media, copies, source, sink.warn, has_edits=container in EDITED))
        for _, packet in heapq.merge(*flows, key=lambda item: item[0]):
            result.mux(packet)


@contextlib.contextmanager
def why(av: Any) -> Iterator[None]:
    """A file that could not be written cannot be closed either, and that error would hide the disk's."""
    try:
        yield
    except av.error.FFmpegError as error:
        reason = error.__context__
        while reason is not None and (not isinstance(reason, OSError) or isinstance(reason, av.error.FFmpegError)):
            reason = reason.__context__
        if reason is None:
            raise
        raise reason from None


def _decoding_times(sink: VideoSink) -> list[tuple[int, int]]:
    """Decoding time and duration of every packet, in the order of the file.

    Encoders give times that begin below those of the first frame, so those of one part would run into the part
    before. Here they are found anew for the whole: frames in order of display, as late as the order of decoding allows.
    The first are as early as makes all durations together, of which MP4 counts that of the last packet and otherwise
    the steps between decoding times, the time from the first frame to the end of the last (ISO/IEC 14496-12, 8.6.1.2).
    """
    info = sink.info
    shown = [pts for _, pts in packets(sink.parts, info.time_base)]
    order = sorted(shown)
    rank = {pts: k for k, pts in enumerate(order)}
    delay = max((k - rank[pts] for k, pts in enumerate(shown)), default=0)
    step = max(1, round(1 / (info.rate * info.time_base)))
    ends = [*order[1:], order[-1] + (sink.last or step)]
    last = ends[rank[shown[-1]]] - shown[-1]
    early = ends[-1] - (order[len(order) - 1 - delay] + last)  # at least one unit for each
    decoding = [order[0] - early + k * early // delay for k in range(delay)] + order
    return [(decoding[k], ends[rank[pts]] - pts) for k, pts in enumerate(shown)]


def packets(parts: Sequence[tuple[Path, int]], time_base: Fraction) -> Iterator[tuple[Any, int]]:
    """Packets with their times of display in the whole video."""
    av = require_av()
    for path, start in parts:
        with av.open(str(path)) as part:
            unit = part_unit(part, time_base)
            for packet in part.demux(video=0):
                if packet.size:
                    yield packet, start + round(packet.pts * unit / time_base)


def _video_packets(sink: VideoSink, stream: Any) -> Flow:
    time_base = sink.info.time_base
    for (packet, pts), (dts, duration) in zip(packets(sink.parts, time_base), _decoding_times(sink), strict=True):
        packet.stream, packet.time_base = stream, time_base
        packet.pts, packet.dts, packet.duration = pts, dts, duration
        yield float(dts * time_base), packet


def _copied(
    media: Any, copies: dict[int, Any], source: Path, warn: Callable[[str], object], *, has_edits: bool
) -> Flow:
    """Packets of other streams; what an edit list leaves out goes only where another can leave it out again.

    Otherwise the last packet of it goes, by which a decoder of sound begins.
    """
    av, before = require_av(), {}
    try:
        for packet in media.demux([media.streams[index] for index in copies]):
            when = packet.dts if packet.dts is not None else packet.pts
            if not packet.size or when is None:
                continue
            item, index = (float(when * packet.time_base), packet), packet.stream_index
            packet.stream = copies[index]
            if packet.is_discard and not has_edits:
                before[index] = item
                continue
            if index in before:
                yield before.pop(index)
            yield item
    except (av.error.FFmpegError, OSError):
        warn(f"the sound of {source.name} cannot be read to its end")
