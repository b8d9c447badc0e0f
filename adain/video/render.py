"""From video to video: frames decoded, painted one after the other, and put together again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..control.color import keep_colors
from ..image import io as images
from ..stylizer.stylizer import Stylizer
from .look import Look
from .media import Frame, Pixels, VideoInfo
from .resume import State, WorkFolder
from .shots import CutDetector
from .sinks import Sink
from .steady import Steadier


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


Callback = Callable[[VideoProgress], object]
"""Called after every frame; the job ends, keeping what it has, when this returns something true."""


class Painter:
    """Paints frame after frame, with whatever has to be remembered from one to the next.

    Args:
        stylizer: the networks.
        look: styles and colours.
        steadier: what steadies them.
        size: shorter side of the result in pixels, 0 for that of the source.
    """

    def __init__(self, stylizer: Stylizer, look: Look, steadier: Steadier, size: int) -> None:
        self._stylizer, self._look, self._steadier, self._size = stylizer, look, steadier, size
        self._cuts = CutDetector()
        self.shots = 0

    @torch.no_grad()
    def paint(self, pixels: Pixels, seconds: float) -> Pixels:
        """The frame that is on view after so many seconds, painted."""
        picture = images.resize_shorter(Image.fromarray(pixels), self._size)
        content = self._stylizer.encode_content(images.to_tensor(picture))
        # The cut is looked for even in the first frame, as the next is compared with it.
        if self._cuts.is_cut(pixels) or self.shots == 0:
            self.shots += 1
            self._steadier.cut()
            self._look.begin_shot(content)
        paint = self._look.at(seconds)
        target = self._steadier.target(paint.target, content.features)
        painted = keep_colors(self._stylizer.decode(content, target, alpha=paint.alpha), content, paint.colors)
        return _levels(self._steadier.blend(painted, content.colors()))

    def state(self) -> State:
        """What it remembers, on the CPU."""
        return {
            "shots": self.shots,
            "look": self._look.state(),
            "steadier": self._steadier.state(),
            "cuts": self._cuts.state(),
        }

    def restore(self, state: State, first: Frame) -> None:
        """Undo :meth:`state`; any frame serves to fit styles and masks to the size of the video."""
        self.shots = state["shots"]
        self._cuts.restore(state["cuts"])
        self._steadier.restore(state["steadier"], self._stylizer.device)
        self._look.restore(state["look"])
        picture = images.resize_shorter(Image.fromarray(first.pixels()), self._size)
        if not state["look"]:
            self._look.begin_shot(self._stylizer.encode_content(images.to_tensor(picture)))


def run(
    frames: Iterator[Frame],
    info: VideoInfo,
    painter: Painter,
    sink: Sink,
    work: WorkFolder,
    state: State | None,
    save_every: int,
    counts: Callable[[], tuple[int, int]],
    callback: Callback | None,
) -> tuple[int, int, tuple[int, int], float]:
    """Paint every frame that is not done yet, committing every so many.

    Args:
        state: of an earlier run; None for none.
        counts: skipped and damaged so far.

    Returns:
        Frames in all, those of earlier runs, skipped and damaged, and seconds since the first frame of this run.

    Raises:
        VideoStopped: if the callback ended it.
        InputError: if the disk is full; what was committed before is kept.
    """
    done = resumed = 0
    begun = time.perf_counter()
    if state is not None:
        done = resumed = state["frames"]
        sink.restore(state["sink"])
        if state["complete"]:
            return done, resumed, (state["counts"][0], state["counts"][1]), 0.0

    def commit(complete: bool) -> None:
        saved = {"sink": sink.commit(), "frames": done, "complete": complete, "counts": list(counts())}
        work.save(saved | {"painter": painter.state()})

    last: tuple[Any, Pixels] | None = None
    for index, frame in enumerate(frames):
        if index < done:
            # Decoding what is done takes its time in a long video, and may be interrupted, too.
            if callback is not None and callback(VideoProgress(done, info.frames, resumed, 0.0)):
                raise VideoStopped(f"stopped after {done} frames, kept in {work.folder}", done)
            continue
        if index == resumed:
            begun = time.perf_counter()
            if state is not None:
                painter.restore(state["painter"], frame)
        # A frame shown for several ticks of another rate is painted once.
        if last is None or last[0] is not frame.decoded:
            last = (frame.decoded, painter.paint(frame.pixels(), frame.time))
        sink.add(last[1], frame.pts, index)
        done += 1
        stop = callback is not None and callback(VideoProgress(done, info.frames, resumed, time.perf_counter() - begun))
        if stop or done % save_every == 0:
            commit(False)
        if stop:
            raise VideoStopped(f"stopped after {done} frames, kept in {work.folder}", done)
    commit(True)
    return done, resumed, counts(), time.perf_counter() - begun


def _levels(image: Tensor) -> Pixels:
    levels: Pixels = image[0].mul(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(levels)
