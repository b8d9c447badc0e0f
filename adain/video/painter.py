"""Painting frame after frame, with whatever has to be remembered from one to the next."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .._utils.arrays import at_least_float32, moved, no_gradients
from .._utils.threads import count_threads
from ..image import Source
from ..image.levels import painted as to_picture
from ..image.resize import scaled, size_of
from ..image.source import lay
from ..image.wrap import axes_of
from ..options import Wrap
from .frames import Floats, Pixels
from .hdr import DynamicRange
from .shots import CutDetector, Signature, signature
from .state import State
from .steady import Steadier
from .timeline import Timeline
from .writer import BEHIND

if TYPE_CHECKING:
    from ..stylizer.base import BaseStylizer
    from ..stylizer.looks import Paint

AT_ONCE = 1 << 30
"""Bytes that the networks may take for a frame, by their own account, for several to be painted at a time; frames for
which they take more keep the cores busy by themselves."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A frame as :meth:`Painter.paint` takes it.

    Attributes:
        signature: what cuts are found by.
        source: at the size of the result, as a tensor or an array, whichever the model computes with.
        gain: of the same size, where a range is kept: see :mod:`adain.video.hdr`.
    """

    signature: Signature | None
    source: Source
    gain: Floats | None = None


@dataclass
class Painter:
    """Paints a video.

    Attributes:
        size: shorter side of the result in pixels, 0 for that of the source.
        range: of frames whose high dynamic range is kept; None for standard.
        wrap: which sides of the frames meet.
        shots: begun until now.
    """

    model: BaseStylizer
    timeline: Timeline
    steadier: Steadier
    size: int
    range: DynamicRange | None = None
    wrap: Wrap = "none"
    shots: int = 0
    _cuts: CutDetector = field(default_factory=CutDetector)
    _workers: ThreadPoolExecutor | None = None

    def prepare(self, pixels: Pixels) -> Prepared:
        """What can be done with a frame in any thread, while others are painted."""
        gain, axes = None, axes_of(self.wrap)
        if self.range is None:
            opened = lay(Image.fromarray(pixels), scaled((pixels.shape[0], pixels.shape[1]), self.size), self.wrap)
        else:
            picture, gain = self.range.split(pixels, self.size, axes)
            opened, pixels = lay(picture, size_of(picture), self.wrap), np.array(to_picture(picture))
        image = opened.to_array() if self.model.device is None else opened.to_tensor(self.model.device)
        return Prepared(signature(pixels), dataclasses.replace(opened, image=image), gain)

    def paint(self, frame: Prepared, seconds: float) -> Callable[[], Pixels]:
        """Paint the frame that is on view after so many seconds; what is given waits for it, in any thread.

        Frames are to be given in order. On a CPU those that have no part in the next ones are painted several at a
        time: the threads of one wait for each other at every layer, and for whoever else works, such as an encoder.
        """
        with no_gradients():
            content = None
            # The cut is looked for even in the first frame, as the next is compared with it.
            if self._cuts.is_cut(frame.signature) or self.shots == 0:
                self.shots += 1
                self.steadier.cut()
                if not self.timeline.is_settled:
                    content = self.model.encode_content(frame.source)
                    self.timeline.begin_shot(content)
            paint = self.timeline.at(seconds)
            if (workers := self._side_by_side(frame)) is not None:
                return workers.submit(self._alone, frame, content, paint).result
            content = content or self.model.encode_content(frame.source)
            target = self.steadier.target(paint.target, content.features)
            painted = self.model.render(content, dataclasses.replace(paint, target=target))
            if self.steadier.strength:
                painted = self.steadier.blend(painted, content.fitted(content.colors()))
            return functools.cache(lambda: self._pixels(painted, frame))

    def close(self) -> None:
        """Let go of the threads."""
        if self._workers is not None:
            self._workers.shutdown(cancel_futures=True)

    def state(self) -> State:
        """What it remembers, in arrays."""
        parts: dict[str, Any] = {"look": self.timeline, "steadier": self.steadier, "cuts": self._cuts}
        return {"shots": self.shots} | {name: part.state() for name, part in parts.items()}

    def restore(self, state: State, first: Prepared) -> None:
        """Undo :meth:`state`; any frame serves to fit styles and masks to the size of the video."""
        self.shots = state["shots"]
        self._cuts.restore(state["cuts"])
        self.steadier.restore(state["steadier"], self.model.device)
        with no_gradients():
            self.timeline.restore(state["look"], first.source)
            if not state["look"]:
                self.timeline.begin_shot(self.model.encode_content(first.source))

    def _side_by_side(self, frame: Prepared) -> ThreadPoolExecutor | None:
        """The threads to paint in where no frame has a part in the next ones, and there are cores for several."""
        height, width = frame.source.size
        on_cpu = self.model.device is None or str(self.model.device) == "cpu"
        if not on_cpu or self.steadier.strength or height * width * self.model.pass_bytes() > AT_ONCE:
            return None
        if self._workers is None and (count := min(count_threads(), BEHIND + 1)) > 1:
            self._workers = ThreadPoolExecutor(count, "paint")
        return self._workers

    def _alone(self, frame: Prepared, content: Any, paint: Paint) -> Pixels:
        with no_gradients():
            painted = self.model.render(content or self.model.encode_content(frame.source), paint)
            return self._pixels(painted, frame)

    def _pixels(self, painted: Any, frame: Prepared) -> Pixels:
        """A tensor or an array ``(1, 3, H, W)`` in ``[0, 1]`` as a frame."""
        if self.range is None or frame.gain is None:
            return np.array(to_picture(painted))
        return self.range.joined(moved(at_least_float32(painted), None), frame.gain)
