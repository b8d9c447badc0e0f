"""Where painted frames go: into the parts of a video, or into numbered pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from .encoder import Encoding, PartEncoder
from .frames import Pixels
from .join import join
from .resume import WorkFolder
from .sequence import SequenceWriter


class Sink(Protocol):
    """Takes frames in order and keeps them safe in steps."""

    def add(self, pixels: Pixels, pts: int, index: int) -> None:
        """Take a frame."""

    def commit(self) -> dict[str, Any]:
        """Put what was added since the last time where it outlives the process; what to restore it by."""

    def restore(self, state: dict[str, Any]) -> None:
        """Undo :meth:`commit`."""

    def finish(self) -> None:
        """All frames are there: make the output of them."""

    def close(self) -> None:
        """Give up on what was not committed."""


class PictureSink:
    """Frames as numbered pictures; each is whole as soon as it is there."""

    def __init__(self, writer: SequenceWriter) -> None:
        self._writer = writer

    def add(self, pixels: Pixels, pts: int, index: int) -> None:
        self._writer.save(pixels, index)

    def commit(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


class VideoSink:
    """Frames as parts of a video in a folder, joined in the end.

    Args:
        output: the video.
        work: the folder.
        encoding: of every part.
        source, streams, warn: see :func:`~adain.video.join.join`.
    """

    def __init__(
        self,
        output: Path,
        work: WorkFolder,
        encoding: Encoding,
        source: Path | None,
        streams: Sequence[int],
        warn: Callable[[str], object],
    ) -> None:
        self._output, self._work, self._encoding = output, work, encoding
        self._source, self._streams, self._warn = source, streams, warn
        self._starts: list[int] = []
        self._start = 0
        self._encoder: PartEncoder | None = None

    def add(self, pixels: Pixels, pts: int, index: int) -> None:
        if self._encoder is None:
            self._encoder, self._start = PartEncoder(self._encoding), pts
        self._encoder.add(pixels, pts)

    def commit(self) -> dict[str, Any]:
        if self._encoder is not None:
            data, self._encoder = self._encoder.finish(), None
            self._work.save_part(len(self._starts), data)
            self._starts.append(self._start)
        return {"starts": list(self._starts)}

    def restore(self, state: dict[str, Any]) -> None:
        self._starts = list(state["starts"])

    def finish(self) -> None:
        parts = [(self._work.part(k), start) for k, start in enumerate(self._starts)]
        frame = Fraction(1) / self._encoding.rate
        join(parts, self._output, self._encoding.time_base, frame, self._source, self._streams, self._warn)

    def close(self) -> None:
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None
