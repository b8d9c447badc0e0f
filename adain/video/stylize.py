"""From video to video: frames decoded, painted one after the other, and put together again."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
from ..image import Source, resize_shorter, to_tensor
from ..image.resize import scaled
from ..stylizer.looks import is_regions, listed
from ..stylizer.stylizer import StyleInput, Stylizer
from .encoder import Encoding, choose_codec, container_of
from .frames import Frame, Pixels, resample, resampled_info
from .join import check_container
from .options import FPS, Key, VideoOptions, parse_rate
from .reader import VideoReader
from .resume import State, WorkFolder, settings_of, written
from .sequence import SequenceReader, SequenceWriter, is_sequence
from .shots import CutDetector
from .sinks import PictureSink, Sink, VideoSink
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


class Painter:
    """Paints frame after frame, with whatever has to be remembered from one to the next.

    Args:
        stylizer: the networks.
        timeline: styles and colours.
        steadier: what steadies them.
        size: shorter side of the result in pixels, 0 for that of the source.
    """

    def __init__(self, stylizer: Stylizer, timeline: Timeline, steadier: Steadier, size: int) -> None:
        self._stylizer, self._timeline, self._steadier, self._size = stylizer, timeline, steadier, size
        self._cuts = CutDetector()
        self.shots = 0

    @torch.no_grad()
    def paint(self, pixels: Pixels, seconds: float) -> Pixels:
        """The frame that is on view after so many seconds, painted."""
        picture = resize_shorter(Image.fromarray(pixels), self._size)
        content = self._stylizer.encode_content(Source(to_tensor(picture)))
        # The cut is looked for even in the first frame, as the next is compared with it.
        if self._cuts.is_cut(pixels) or self.shots == 0:
            self.shots += 1
            self._steadier.cut()
            self._timeline.begin_shot(content)
        paint = self._timeline.at(seconds)
        target = self._steadier.target(paint.target, content.features)
        painted = cast(Tensor, self._stylizer.render(content, dataclasses.replace(paint, target=target)))
        return _levels(self._steadier.blend(painted, content.colors()))

    def state(self) -> State:
        """What it remembers, on the CPU."""
        return {
            "shots": self.shots,
            "look": self._timeline.state(),
            "steadier": self._steadier.state(),
            "cuts": self._cuts.state(),
        }

    def restore(self, state: State, first: Frame) -> None:
        """Undo :meth:`state`; any frame serves to fit styles and masks to the size of the video."""
        self.shots = state["shots"]
        self._cuts.restore(state["cuts"])
        self._steadier.restore(state["steadier"], self._stylizer.device)
        self._timeline.restore(state["look"])
        picture = resize_shorter(Image.fromarray(first.pixels()), self._size)
        if not state["look"]:
            self._timeline.begin_shot(self._stylizer.encode_content(Source(to_tensor(picture))))


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
    rate, limit = options.rate, stylizer.max_pixels
    reader: VideoReader | SequenceReader
    if is_sequence(source):
        reader = SequenceReader(source, rate or parse_rate(FPS), warn=warn, max_pixels=limit)
    else:
        reader = VideoReader(source, warn=warn, max_pixels=limit)
    with contextlib.closing(reader):
        info = resampled_info(reader.info, rate) if rate is not None else reader.info
        timeline = Timeline(stylizer, style, options, info.duration)
        guard: dict[str, Any] = {"max_pixels": stylizer.max_pixels, "name": info.name, "option": "content_size"}
        size = scaled((info.width, info.height), options.size, **guard)
        settings = settings_of(
            options,
            source=reader.paths if isinstance(reader, SequenceReader) else origin,
            style=style,
            networks=stylizer.identity(),
        )
        encoding = None
        streams: list[int] = []
        sound = origin if options.audio and isinstance(reader, VideoReader) else None
        if not as_pictures:
            chosen = choose_codec(container_of(target), options)
            encoding = Encoding(chosen, size, info.rate, info.time_base, info.color, info.aspect)
            streams = check_container(encoding, target, sound, warn)
            settings |= {"encoding": str(dataclasses.astuple(chosen)), "sound": str(streams)}
        # A folder such as "." has a name only in full.
        work = WorkFolder(target if target.suffix else Path(os.path.abspath(target)), settings, written(options))
        sink: Sink
        if encoding is None:
            writer = SequenceWriter(target, options.quality)
            clash = writer.would_replace(reader.paths) if isinstance(reader, SequenceReader) else None
            if clash is not None:
                raise InputError(f"{clash} is also an input and would be replaced: choose another -o")
            sink = PictureSink(writer)
        else:
            sink = VideoSink(target, work, encoding, sound, streams, warn)
        state = work.open(restart=options.restart)
        painter = Painter(stylizer, timeline, steadier, options.size)
        try:
            frames = reader.frames()
            if rate is not None:
                frames = resample(frames, reader.info, rate)
            job = _Job(painter, sink, work, options, info.frames, lambda: (reader.skipped, reader.damaged))
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


class _Job:
    """Frames painted one after the other, committed every so many.

    Args:
        frames: how many there will be, as far as is known.
        count: gives the frames skipped and damaged so far.

    Attributes:
        done, resumed: frames in all, and those of earlier runs.
        counts: frames skipped and damaged.
        seconds: since the first frame of this run.
    """

    def __init__(
        self,
        painter: Painter,
        sink: Sink,
        work: WorkFolder,
        options: VideoOptions,
        frames: int | None,
        count: Callable[[], tuple[int, int]],
    ) -> None:
        self._painter, self._sink, self._work, self._options = painter, sink, work, options
        self._frames, self._count = frames, count
        self.done = self.resumed = 0
        self.counts = (0, 0)
        self.seconds = 0.0

    def run(self, frames: Iterator[Frame], state: State | None) -> None:
        """Paint every frame that is not done yet.

        Args:
            state: of an earlier run; None for none.

        Raises:
            VideoStopped: if ``progress`` ended it.
            InputError: if the disk is full; what was committed before is kept.
        """
        if state is not None:
            self.done = self.resumed = state["frames"]
            self._sink.restore(state["sink"])
            self._painter.shots = state["painter"]["shots"]
            if state["complete"]:
                self.counts = (state["counts"][0], state["counts"][1])
                return
        begun = time.perf_counter()
        last: tuple[Any, Pixels] | None = None
        for index, frame in enumerate(frames):
            if index < self.resumed:
                # Decoding what is done takes its time in a long video, and may be interrupted, too.
                if self._told():
                    raise self._stopped()
                continue
            if index == self.resumed:
                begun = time.perf_counter()
                if state is not None:
                    self._painter.restore(state["painter"], frame)
            # A frame shown for several ticks of another rate is painted once.
            if last is None or last[0] is not frame.decoded:
                last = (frame.decoded, self._painter.paint(frame.pixels(), frame.time))
            self._sink.add(last[1], frame.pts, index)
            self.done, self.seconds = self.done + 1, time.perf_counter() - begun
            stop = self._told()
            if stop or self.done % self._options.save_every == 0:
                self._commit(complete=False)
            if stop:
                raise self._stopped()
        self._commit(complete=True)
        self.seconds = time.perf_counter() - begun

    def _told(self) -> bool:
        """Tell how far it is; whether it is to end."""
        progress = self._options.progress
        return progress is not None and bool(
            progress(VideoProgress(self.done, self._frames, self.resumed, self.seconds))
        )

    def _stopped(self) -> VideoStopped:
        return VideoStopped(f"stopped after {self.done} frames, kept in {self._work.folder}", self.done)

    def _commit(self, complete: bool) -> None:
        self.counts = self._count()
        saved = {"sink": self._sink.commit(), "frames": self.done, "complete": complete, "counts": list(self.counts)}
        self._work.save(saved | {"painter": self._painter.state()})


def _files(style: Any) -> Any:
    """A style with names of files as paths, as which a fingerprint knows them."""
    if is_regions(style):
        regions = [
            dataclasses.replace(region, mask=Path(region.mask)) if isinstance(region.mask, str) else region
            for region in style.regions
        ]
        return dataclasses.replace(style, regions=regions)
    return style if style is None else [Path(one) if isinstance(one, str) else one for one in listed(style)]


def _paths(value: Any) -> Iterator[Path]:
    """The files among values."""
    if isinstance(value, Key):
        value = value.style
    if isinstance(value, Path):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _paths(each)


def _levels(image: Tensor) -> Pixels:
    levels: Pixels = image[0].mul(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(levels)


def _with_hint(error: AdainError, work: WorkFolder) -> AdainError:
    """The error, saying also what is not lost."""
    if not work.has_state:
        return error
    kind = type(error) if isinstance(error, InputError) else InputError
    return kind(f"{error} (what is done is kept in {work.folder}: the same command goes on from there)")
