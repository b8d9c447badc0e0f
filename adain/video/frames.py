"""Frames, upright and in time: what is known of a video, its display matrix, another frame rate, and what takes them.

Here is also what only videos need of other libraries.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from .._utils.errors import InputError

Pixels: TypeAlias = npt.NDArray["np.uint8 | np.uint16"]
"""``(H, W, 3)``, sRGB, upright, or ``(H, W, 4)`` where opacity goes along; or :data:`Deep`."""

Deep: TypeAlias = npt.NDArray[np.uint16]
"""``(H, W, 3)`` in the colours of a video whose high dynamic range is kept, with 65535 for the highest number."""

Opacity: TypeAlias = npt.NDArray[np.uint8]
"""``(H, W)``, upright; 0 is fully transparent, 255 opaque."""

Floats: TypeAlias = npt.NDArray[np.float32]

LIMITED_RANGE, FULL_RANGE = 1, 2
BT709 = 1


def require_av() -> Any:
    """PyAV, or :class:`~adain.InputError` with the command that installs it."""
    return require("av", "PyAV")


def require(module: str, name: str) -> Any:
    """Likewise any module, with its name for people."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(f'video needs {name}: pip install "adain[video]"') from None


@dataclass(frozen=True)
class Color:
    """How a video's numbers stand for colours, in FFmpeg's codes; the matrix leads from RGB to luma and chroma."""

    matrix: int = BT709
    primaries: int = BT709
    transfer: int = BT709

    @property
    def scaler_matrix(self) -> int:
        """As FFmpeg's scaler counts them, which knows only these."""
        return {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}.get(self.matrix, BT709)


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before it is read.

    Attributes:
        name: of the file or folder, for messages.
        width, height: in pixels, upright.
        rate: frames a second, on average.
        time_base: seconds that one unit of a frame's ``pts`` lasts.
        frames: how many there are to be; None where the file does not say.
        aspect: width of a pixel over its height.
        is_transparent: whether any of its frames is, anywhere.
    """

    name: str
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    frames: int | None
    color: Color = Color()
    aspect: Fraction = Fraction(1)
    is_transparent: bool = False


@dataclass(frozen=True)
class Moment:
    """When a frame is shown.

    Attributes:
        pts: from when on, in units of the video's ``time_base``.
        index: how many frames are before it.
        duration: for how long, likewise; None where nothing says so. For all but the last it is until the next one.
    """

    pts: int
    index: int
    duration: int | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        pts: when it is shown, in units of the video's ``time_base``.
        time: likewise in seconds from the first frame.
        pixels: converts it when called, so that frames that are skipped cost only their decoding.
        duration: for how long it is shown, in units of ``time_base``; None where nothing says so, 0 where the file says
            that and players take their own.
        opacity: makes ``(H, W)``, 0 to 255, likewise, of a transparent video; None of others.
    """

    pts: int
    time: float
    pixels: Callable[[], Pixels]
    duration: int | None = None
    opacity: Callable[[], Opacity] | None = None


@dataclass(frozen=True)
class Orientation:
    """What makes a stored frame upright: ``swap`` the axes, then ``mirror`` left and right, ``flip`` top and bottom."""

    swap: bool = False
    mirror: bool = False
    flip: bool = False

    @classmethod
    def of_matrix(cls, matrix: bytes) -> Orientation:
        """Of FFmpeg's display matrix, nine 32-bit integers; angles between are taken to the nearest quarter turn.

        The matrix sends the stored point ``(p, q)`` to ``(a p + c q + x, b p + d q + y)``.
        """
        a, b, _, c, d = np.frombuffer(matrix[:20], np.int32).tolist()
        if abs(b) > abs(a):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    def apply(self, pixels: Pixels) -> Pixels:
        """The upright frame."""
        pixels = pixels.transpose(1, 0, 2) if self.swap else pixels
        return np.ascontiguousarray(pixels[:: -1 if self.flip else 1, :: -1 if self.mirror else 1])


def resampled_info(info: VideoInfo, rate: Fraction) -> VideoInfo:
    """What is known of a video once :func:`resample` has been at it."""
    frames = None if info.frames is None else max(1, math.ceil(info.frames / info.rate * rate))
    return dataclasses.replace(info, rate=rate, time_base=1 / rate, frames=frames)


def resample(frames: Iterable[Frame], info: VideoInfo, rate: Fraction) -> Iterator[Frame]:
    """Frames of a video at a steady rate: at every tick, counted from the first, the one that is on view then."""
    tick = start = 0
    origin: Fraction | None = None
    pairs = itertools.pairwise(itertools.chain(frames, [None]))
    for frame, following in cast("Iterator[tuple[Frame, Frame | None]]", pairs):
        time = frame.pts * info.time_base
        if origin is None:
            origin, start = time, round(time * rate)
        lasts = frame.duration * info.time_base if frame.duration else 1 / info.rate
        end = time + lasts if following is None else following.pts * info.time_base
        while tick / rate < end - origin:
            yield Frame(start + tick, float(tick / rate), frame.pixels, 1, frame.opacity)
            tick += 1


class Sink:
    """Takes painted frames in order and keeps them safe in steps; what is whole at once only has to say how to add.

    One thread at a time asks it for something.
    """

    def add(self, pixels: Pixels, moment: Moment) -> None:
        """Take a frame."""
        raise NotImplementedError

    def commit(self) -> Callable[[], dict[str, Any]]:
        """What puts that which was added since the last time where it outlives the process, and says how to restore it.

        It takes its time, and may take it in another thread, while the next frames are added.
        """
        return dict

    def restore(self, state: dict[str, Any]) -> None:
        """Undo :meth:`commit`."""

    def finish(self) -> None:
        """All frames are there: make the output of them."""

    def close(self) -> None:
        """Give up on what was not committed."""
