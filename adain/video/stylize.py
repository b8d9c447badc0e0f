"""From video to video: frames decoded, painted one after the other, and put together again."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .._utils.errors import AdainError, InputError
from .._utils.errors import VideoStopped as VideoStopped
from .._utils.files import check_writable
from .._utils.keywords import takes
from ..backends.models import open_model
from ..control.regions import Regions
from ..image import Source, resize_shorter, to_pil, to_tensor
from ..image.resize import scaled
from ..stylizer.content import Content
from ..stylizer.looks import is_regions, listed
from ..stylizer.stylizer import StyleInput, Stylizer
from .encoder import choose_codec, container_of
from .frames import Frame, Pixels, Sink, resample, resampled_info
from .join import VideoSink, check_container
from .options import FPS, Key, VideoOptions
from .reader import VideoReader
from .resume import State, WorkFolder, settings_of, written
from .sequence import SequenceReader, SequenceWriter, is_sequence
from .shots import CutDetector
from .steady import Steadier
from .timeline import Timeline


@dataclass(frozen=True)
class VideoProgress:
    """How far a video is, as a callback sees it after every frame.

    Attributes:
        frame: frames done, in this run and before.
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


@dataclass
class Painter:
    """Paints frame after frame, with whatever has to be remembered from one to the next.

    Attributes:
        size: shorter side of the result in pixels, 0 for that of the source.
    """

    stylizer: Stylizer
    timeline: Timeline
    steadier: Steadier
    size: int
    shots: int = 0
    _cuts: CutDetector = field(default_factory=CutDetector)

    @torch.no_grad()
    def paint(self, pixels: Pixels, seconds: float) -> Pixels:
        """The frame that is on view after so many seconds, painted."""
        content = self._encoded(pixels)
        # The cut is looked for even in the first frame, as the next is compared with it.
        if self._cuts.is_cut(pixels) or self.shots == 0:
            self.shots += 1
            self.steadier.cut()
            self.timeline.begin_shot(content)
        paint = self.timeline.at(seconds)
        target = self.steadier.target(paint.target, content.features)
        painted = cast(Tensor, self.stylizer.render(content, dataclasses.replace(paint, target=target)))
        return np.array(to_pil(self.steadier.blend(painted, content.colors())))

    def state(self) -> State:
        """What it remembers, on the CPU."""
        parts: dict[str, Any] = {"look": self.timeline, "steadier": self.steadier, "cuts": self._cuts}
        return {"shots": self.shots} | {name: part.state() for name, part in parts.items()}

    def restore(self, state: State, first: Frame) -> None:
        """Undo :meth:`state`; any frame serves to fit styles and masks to the size of the video."""
        self.shots = state["shots"]
        self._cuts.restore(state["cuts"])
        self.steadier.restore(state["steadier"], self.stylizer.device)
        self.timeline.restore(state["look"])
        if not state["look"]:
            self.timeline.begin_shot(self._encoded(first.pixels()))

    def _encoded(self, pixels: Pixels) -> Content:
        picture = resize_shorter(Image.fromarray(pixels), self.size)
        return self.stylizer.encode_content(Source(to_tensor(picture)))


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
        source: a video file; or pictures, as a folder or a pattern such as ``frames/%05d.png``.
        style: as :meth:`adain.Stylizer.stylize` takes it; None with ``keys``.
        output: a file (.mp4, .m4v, .mov, .mkv, .webm); or pictures, as a folder or a pattern such as ``out/%05d.png``.
        options: a :class:`VideoOptions` object, or an :class:`~adain.Options` object; its fields are the keywords,
            too. Masks, labels and gradients stay where they are. Artworks that take the video's colours do so anew
            for each shot. ``stability`` is that of :class:`~adain.video.steady.Steadier`; 0 paints every frame for
            itself. A frame of odd width or height has its last column or row doubled where the pixel format needs
            even sizes.

    Raises:
        MissingFileError, InputError: if an input, an option or their combination cannot be used, or the disk is full.
        VideoStopped: if ``progress`` ended the job.
    """
    options.require("video", name="videos", hint="leave that out")
    warn = options.warn or (lambda _: None)
    target, origin = Path(output), Path(source)
    style = _files(style)
    inputs = _paths([origin, style, *options.decisive().values()])
    if target.exists() and any(path.exists() and path.samefile(target) for path in inputs):
        raise InputError(f"{output} is also an input and would be replaced: choose another -o")
    as_pictures = is_sequence(output) or not target.suffix
    if not as_pictures:
        container_of(target)
        check_writable(target)
    steadier = Steadier(options.stability)
    stylizer = options.stylizer or cast(Stylizer, open_model(options))
    rate, limit = cast("Fraction | None", options.fps), stylizer.max_pixels
    reader: VideoReader | SequenceReader
    if is_sequence(source):
        reader = SequenceReader(source, rate or Fraction(FPS), warn=warn, max_pixels=limit)
        pictures = reader.paths
    else:
        reader = VideoReader(source, warn=warn, max_pixels=limit)
        pictures = []
    with contextlib.closing(reader):
        info = resampled_info(reader.info, rate) if rate is not None else reader.info
        timeline = Timeline(stylizer, style, options, info.duration)
        sides = (info.width, info.height)
        size = scaled(sides, options.size, max_pixels=limit, name=info.name, option="content_size")
        settings = settings_of(options, source=pictures or origin, style=style, networks=stylizer.identity())
        # A folder such as "." has a name only in full.
        work = WorkFolder(target if target.suffix else Path(os.path.abspath(target)))
        sink: Sink
        if as_pictures:
            sink = SequenceWriter(target, options.quality)
            if (clash := sink.would_replace(pictures)) is not None:
                raise InputError(f"{clash} is also an input and would be replaced: choose another -o")
        else:
            codec = choose_codec(container_of(target), options)
            result = dataclasses.replace(info, width=size[0], height=size[1])
            sound = origin if options.audio and not pictures else None
            streams = check_container(codec, result, target, sound, warn)
            settings |= {"encoding": str(dataclasses.astuple(codec)), "sound": str(streams)}
            sink = VideoSink(target, work, codec, result, sound, streams, warn)
        state = work.open(settings, written(options), restart=options.restart)
        painter = Painter(stylizer, timeline, steadier, options.size)
        try:
            frames = reader.frames() if rate is None else resample(reader.frames(), reader.info, rate)
            job = _Job(painter, sink, work, options, info.frames, reader)
            job.run(frames, state)
            sink.finish()
        except VideoStopped:
            raise
        except AdainError as error:
            raise _with_hint(error, work) from error
        finally:
            sink.close()
            work.close()
        work.remove()
    skipped, damaged = job.counts
    return VideoResult(target, job.done, painter.shots, skipped, damaged, *size, job.resumed, job.seconds)


@dataclass
class _Job:
    """Frames painted one after the other, committed every so many.

    Attributes:
        frames: how many there will be, as far as is known.
        reader: counts those skipped and damaged.
        done, resumed: frames in all, and those of earlier runs.
        counts: frames skipped and damaged.
        seconds: since the first frame of this run.
    """

    painter: Painter
    sink: Sink
    work: WorkFolder
    options: VideoOptions
    frames: int | None
    reader: VideoReader | SequenceReader
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
            self.sink.restore(state["sink"])
            self.painter.shots = state["painter"]["shots"]
            if state["complete"]:
                self.counts = state["counts"]
                return
        begun = time.perf_counter()
        last: tuple[Any, Pixels] | None = None
        for index, frame in enumerate(frames):
            if index == self.resumed:
                begun = time.perf_counter()
                if state is not None:
                    self.painter.restore(state["painter"], frame)
            if is_new := index >= self.resumed:
                # A frame shown for several ticks of another rate is painted once.
                if last is None or last[0] is not frame.pixels:
                    last = (frame.pixels, self.painter.paint(frame.pixels(), frame.time))
                self.sink.add(last[1], frame.pts, index)
                self.done, self.seconds = self.done + 1, time.perf_counter() - begun
            # Told of frames that are done, too: decoding them takes its time in a long video, and may be interrupted.
            event = VideoProgress(self.done, self.frames, self.resumed, self.seconds)
            stop = self.options.progress is not None and self.options.progress(event)
            if is_new and (stop or self.done % self.options.save_every == 0):
                self._commit(complete=False)
            if stop:
                raise VideoStopped(f"stopped after {self.done} frames, kept in {self.work.folder}", self.done)
        self._commit(complete=True)
        self.seconds = time.perf_counter() - begun

    def _commit(self, complete: bool) -> None:
        self.counts = [self.reader.skipped, self.reader.damaged]
        saved = {"sink": self.sink.commit(), "frames": self.done, "complete": complete, "counts": self.counts}
        self.work.save(saved | {"painter": self.painter.state()})


def _files(style: Any) -> Any:
    """A style with names of files as paths, as which a fingerprint knows them."""
    if is_regions(style):
        masks = [(region, region.mask) for region in style.regions]
        regions = [dataclasses.replace(r, mask=Path(m)) if isinstance(m, str) else r for r, m in masks]
        return dataclasses.replace(style, regions=regions)
    return style if style is None else [Path(one) if isinstance(one, str) else one for one in listed(style)]


def _paths(value: Any) -> Iterator[Path]:
    """The files among values."""
    value = value.style if isinstance(value, Key) else value
    if isinstance(value, Path):
        yield value
    elif isinstance(value, (list, tuple)):
        yield from itertools.chain.from_iterable(map(_paths, value))


def _with_hint(error: AdainError, work: WorkFolder) -> AdainError:
    """The error, saying also what is not lost."""
    if not work.has_state:
        return error
    kind = type(error) if isinstance(error, InputError) else InputError
    return kind(f"{error} (what is done is kept in {work.folder}: the same command goes on from there)")
