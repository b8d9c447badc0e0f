"""From video to video: frames decoded, painted one after the other, and put together again."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .._utils.errors import AdainError, InputError
from .._utils.errors import VideoStopped as VideoStopped
from .._utils.files import check_writable
from .._utils.keywords import takes
from .._utils.prefetch import read_ahead
from .._utils.protect import protect
from ..backends.models import open_model
from ..image.resize import scaled
from ..stylizer.looks import files_of, is_regions, listed
from .alpha import joined
from .animate import AnimationSink, check_animation, parts_codec, warn_of_loss
from .animation import FOREVER, AnimationReader, moves
from .aspect import keeps_aspect
from .colors import Wanted
from .encoder import choose_codec, container_of, is_animation
from .frames import Frame, Moment, Pixels, Sink, resample, resampled_info
from .join import VideoSink, check_container
from .options import FPS, VideoOptions
from .painter import Painter, Prepared
from .reader import VideoReader
from .resume import WorkFolder, settings_of, written
from .sequence import SequenceReader, SequenceWriter, is_sequence
from .state import State
from .steady import Steadier
from .timeline import Timeline
from .writer import Writer

if TYPE_CHECKING:
    from ..control.regions import Regions
    from ..stylizer.base import StyleInput


Reader: TypeAlias = VideoReader | AnimationReader | SequenceReader


@dataclass(frozen=True)
class VideoProgress:
    """How far a video is, as a callback sees it after every frame.

    Attributes:
        frame: frames done, in this run and before; the last few may still be painted or encoded.
        frames: how many there will be, as far as the file says; it may be wrong by a few.
        resumed: frames that an earlier run had done.
        seconds: since this run began with its first frame.
    """

    frame: int
    frames: int | None
    resumed: int
    seconds: float

    @property
    def fps(self) -> float:
        """Frames a second of this run."""
        return (self.frame - self.resumed) / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class VideoResult:
    """What became of a video.

    Attributes:
        output: the file, or the pattern of the pictures.
        frames: how many it has.
        shots: how many were told apart.
        skipped: packets or pictures of the source that could not be decoded.
        damaged: frames that were decoded only in part, and are in the result.
        width, height: of the result in pixels.
        resumed: frames that an earlier run had done.
        seconds: that this run took.
    """

    output: Path
    frames: int
    shots: int
    skipped: int
    damaged: int
    width: int
    height: int
    resumed: int
    seconds: float

    @property
    def fps(self) -> float:
        """Frames a second of this run."""
        return (self.frames - self.resumed) / self.seconds if self.seconds > 0 else 0.0


@takes(VideoOptions).three
def stylize_video(
    source: str | os.PathLike[str],
    style: StyleInput | Regions | Sequence[StyleInput] | None,
    output: str | os.PathLike[str],
    options: VideoOptions,
) -> VideoResult:
    """Paint a video, or a folder of frames, in a style.

    Frames keep their times, sound and subtitles are copied as they are, rotation is applied. What is done so far
    lies in the folder ``OUTPUT.parts``; the same call goes on from there after any interruption. The output appears
    complete or not at all. Pictures of a sequence appear one by one.

    Args:
        source: a video file; an animated GIF, PNG, WebP or AVIF; or pictures, as a folder or a pattern such as
            ``frames/%05d.png``.
        style: as :meth:`adain.Stylizer.stylize` takes it; None with ``keys``.
        output: a file (.mp4, .m4v, .mov, .mkv, .webm); an animation (.gif, .png, .apng, .webp), which keeps delays and
            loops of one; or pictures, as a folder or a pattern such as ``out/%05d.png``.
        options: a :class:`VideoOptions` object, or an :class:`~adain.Options` object; its fields are the keywords,
            too. Masks, labels and gradients stay where they are. Artworks that take the video's colours do so anew
            for each shot. ``stability`` is that of :class:`~adain.video.steady.Steadier`; 0 paints every frame for
            itself. A frame of odd width or height has its last column or row doubled where the pixel format needs
            even sizes. A transparent video stays so where codec and container can, and is laid on white where not.

    Raises:
        MissingFileError, InputError: if an input, an option or their combination cannot be used, or the disk is full.
        VideoStopped: if ``progress`` ended the job.
    """
    options.require("video", name="videos", hint="leave that out")
    warnings = _Warnings(options.warn or (lambda _: None))
    target, origin = Path(output), Path(source)
    style = _files(style)
    inputs = [*files_of(origin, style, options, [key.style for key in options.keys])]
    protect([target], inputs)
    as_pictures = is_sequence(output) or not target.suffix
    of_pictures = as_pictures or is_animation(target)
    if options.hdr == "keep" and (of_pictures or is_sequence(source) or moves(origin)):
        options.refuse("{hdr} keep is for video files, as pictures are of standard range: leave it out")
    if not as_pictures:
        if not is_animation(target):
            container_of(target)
        check_writable(target)
    steadier = Steadier(options.stability, options.wrap)
    model = options.stylizer or open_model(options)
    rate, limit = cast("Fraction | None", options.fps), model.max_pixels
    wanted: Wanted = "srgb" if of_pictures else "kept" if options.hdr == "keep" else "tagged"
    reader = _square_where_needed(_open(source, rate, warnings, limit, wanted), target, options)
    pictures = reader.paths if isinstance(reader, SequenceReader) else []
    with contextlib.closing(reader), contextlib.closing(warnings):
        info = resampled_info(reader.info, rate) if rate is not None else reader.info
        # To know it, the file is read once to its end: only where that is asked for.
        duration = reader.duration() if any(key.percent for key in options.keys) else None
        timeline = Timeline(model, style, options, duration)
        sides = (info.width, info.height)
        size = scaled(sides, options.size, max_pixels=limit, name=info.name, option="content_size")
        settings = settings_of(options, source=pictures or origin, style=style, networks=model.identity())
        # A folder such as "." has a name only in full.
        work = WorkFolder(target if target.suffix else Path(os.path.abspath(target)))
        sink: Sink
        if as_pictures:
            sink = SequenceWriter(output, options.quality)
            protect(sink.present(), [*inputs, *pictures])
        elif is_animation(target):
            codec = parts_codec(info.is_transparent)
            result = dataclasses.replace(info, width=size[0], height=size[1])
            check_animation(target, result, options)
            sound = origin if options.audio and isinstance(reader, VideoReader) else None
            warn_of_loss(target, sound, result, warnings.give)
            settings |= {"encoding": str(dataclasses.astuple(codec))}
            how: dict[str, Any] = {"plays": getattr(reader, "plays", FOREVER), "quality": options.quality}
            sink = AnimationSink(target, work, codec, result, None, (), warnings.give, **how)
        else:
            codec = choose_codec(container_of(target), options, reader.range, is_transparent=info.is_transparent)
            result = dataclasses.replace(info, width=size[0], height=size[1])
            sound = origin if options.audio and isinstance(reader, VideoReader) else None
            streams = check_container(codec, result, target, sound, warnings.give)
            settings |= {"encoding": str(dataclasses.astuple(codec)), "sound": str(streams)}
            sink = VideoSink(target, work, codec, result, sound, streams, warnings.give)
        state = work.open(settings, written(options), restart=options.restart)
        painter = Painter(model, timeline, steadier, options.size, reader.range, options.wrap)
        try:
            # What was committed is kept before anything is said of it.
            with contextlib.closing(painter), contextlib.closing(Writer(sink, work.save)) as writer:
                frames = reader.frames() if rate is None else resample(reader.frames(), reader.info, rate)
                job = _Job(painter, writer, work.folder, options, info.frames, reader, warnings)
                if state is not None:
                    sink.restore(state["sink"])
                job.run(frames, state)
                sink.finish()
        except VideoStopped:
            raise
        except AdainError as error:
            raise _with_hint(error, work) from error
        finally:
            work.close()
        work.remove()
    skipped, damaged = job.counts
    return VideoResult(target, job.done, painter.shots, skipped, damaged, *size, job.resumed, job.seconds)


def _open(
    source: str | os.PathLike[str], rate: Fraction | None, warnings: _Warnings, limit: int | None, wanted: Wanted
) -> Reader:
    """What reads a video, or the pictures of one."""
    try:
        if is_sequence(source):
            return SequenceReader(source, rate or Fraction(FPS), warn=warnings.take, max_pixels=limit)
        if moves(Path(source)):
            return AnimationReader(source, warn=warnings.take, max_pixels=limit)
        return VideoReader(source, warn=warnings.take, max_pixels=limit, wanted=wanted)
    finally:
        warnings.give()


def _square_where_needed(reader: Reader, target: Path, options: VideoOptions) -> Reader:
    """The same video in square pixels, where they are not, and the result could not say so."""
    if isinstance(reader, VideoReader) and reader.info.aspect != 1:
        container = container_of(target)
        codec = choose_codec(container, options, reader.range, is_transparent=reader.info.is_transparent)
        if not keeps_aspect(codec, reader.info, container):
            return reader.squared()
    return reader


class _Warnings:
    """What is odd about a video, found in any thread and told in the one that does the work."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._found: SimpleQueue[str] = SimpleQueue()

    def take(self, text: str) -> None:
        """Keep one until it is asked for."""
        self._found.put(text)

    def give(self, *more: str) -> None:
        """Tell of all that were taken, and of more."""
        while not self._found.empty():
            self._tell(self._found.get())
        for text in more:
            self._tell(text)

    close = give


@dataclass
class _Job:
    """Frames read, painted and written at the same time, committed every so many.

    Attributes:
        frames: how many there will be, as far as is known.
        reader: counts those skipped and damaged.
        done, resumed: frames in all, and those of earlier runs.
        counts: frames skipped and damaged.
        seconds: since the first frame of this run.
    """

    painter: Painter
    writer: Writer
    folder: Path
    options: VideoOptions
    frames: int | None
    reader: Reader
    warnings: _Warnings
    done: int = 0
    resumed: int = 0
    counts: Sequence[int] = (0, 0)
    seconds: float = 0.0

    def run(self, frames: Iterator[Frame], state: State | None) -> None:
        """Paint every frame that is not done yet, or raise VideoStopped if ``progress`` ends it.

        Args:
            state: of an earlier run; None for none.
        """
        if state is not None:
            self.done = self.resumed = state["frames"]
            self.painter.shots = state["painter"]["shots"]
            if state["complete"]:
                self.counts = state["counts"]
                return
        begun = time.perf_counter()
        last: tuple[Any, Callable[[], Pixels]] | None = None
        prepare = functools.lru_cache(maxsize=1)(lambda pixels: self.painter.prepare(pixels()))

        def read(item: tuple[int, Frame]) -> Prepared | None:
            return prepare(item[1].pixels) if item[0] >= self.resumed else None

        with contextlib.closing(read_ahead(enumerate(frames), read)) as ahead:
            for (index, frame), future in ahead:
                prepared = future.result()
                self.warnings.give()
                if index == self.resumed:
                    begun = time.perf_counter()
                    if state is not None and prepared is not None:
                        self.painter.restore(state["painter"], prepared)
                if prepared is not None:
                    # A frame shown for several ticks of another rate is painted once.
                    if last is None or last[0] is not frame.pixels:
                        painted = self.painter.paint(prepared, frame.time)
                        last = frame.pixels, painted if frame.opacity is None else joined(painted, frame.opacity)
                    self.writer.add(last[1], Moment(frame.pts, index, frame.duration))
                    self.done, self.seconds = self.done + 1, time.perf_counter() - begun
                # Told of those that are done, too: decoding them takes time in a long video, and may be interrupted.
                event = VideoProgress(self.done, self.frames, self.resumed, self.seconds)
                stop = self.options.progress is not None and self.options.progress(event)
                if prepared is not None and (stop or self.done % self.options.save_every == 0):
                    self._commit(complete=False)
                if stop:
                    self.writer.settle()
                    raise VideoStopped(f"stopped after {self.done} frames, kept in {self.folder}", self.done)
        self._commit(complete=True)
        self.writer.settle()
        self.seconds = time.perf_counter() - begun

    def _commit(self, complete: bool) -> None:
        self.counts = [self.reader.skipped, self.reader.damaged]
        saved = {"frames": self.done, "complete": complete, "counts": self.counts}
        self.writer.commit(saved | {"painter": self.painter.state()})


def _files(style: Any) -> Any:
    """A style with names of files as paths, as which a fingerprint knows them."""
    if is_regions(style):
        masks = [(region, region.mask) for region in style.regions]
        regions = [dataclasses.replace(r, mask=Path(m)) if isinstance(m, str) else r for r, m in masks]
        return dataclasses.replace(style, regions=regions)
    return style if style is None else [Path(one) if isinstance(one, str) else one for one in listed(style)]


def _with_hint(error: AdainError, work: WorkFolder) -> AdainError:
    """The error, saying also what is not lost."""
    if not work.has_state:
        return error
    kind = type(error) if isinstance(error, InputError) else InputError
    return kind(f"{error} (what is done is kept in {work.folder}: the same command goes on from there)")
