"""Frames, upright and in time: what is known of a video, its display matrix, and another frame rate.

Here is also what only videos need of other libraries.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from .._utils.errors import InputError

Pixels = npt.NDArray[np.uint8]
"""``(H, W, 3)``, sRGB, upright."""

UNSPECIFIED = 2
"""How FFmpeg says that a matrix, primaries or a transfer are not known."""

FULL_RANGE = 2
BT709, BT601 = 1, 6
SCALER_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
"""Matrices as FFmpeg's scaler counts them, which knows only these."""

HD_HEIGHT = 720
"""From here on, a video that does not say is taken as BT.709, as players do."""


def require_av() -> Any:
    """PyAV, or :class:`~adain.InputError` with the command that installs it."""
    return _require("av", "PyAV")


def require_cv2() -> Any:
    """OpenCV, or :class:`~adain.InputError` with the command that installs it."""
    return _require("cv2", "OpenCV")


def _require(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(f'video needs {name}: pip install "adain[video]"') from None


@dataclass(frozen=True)
class Color:
    """How a video's numbers stand for colours, in FFmpeg's codes.

    Attributes:
        matrix: from red, green and blue to luma and chroma.
        primaries, transfer: of red, green and blue themselves.
        full_range: 0 to 255 rather than 16 to 235.
    """

    matrix: int = BT709
    primaries: int = BT709
    transfer: int = BT709
    full_range: bool = False


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before it is read.

    Attributes:
        name: of the file or folder, for messages.
        width, height: in pixels, upright.
        rate: frames a second, on average.
        time_base: seconds that one unit of a frame's ``pts`` lasts.
        frames: how many there are to be; None where the file does not say.
        color: of the source.
        aspect: width of a pixel over its height.
    """

    name: str
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    frames: int | None
    color: Color = Color()
    aspect: Fraction = Fraction(1)

    @property
    def duration(self) -> float | None:
        """In seconds, as far as it is known."""
        return None if self.frames is None else float(self.frames / self.rate)


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        pts: when it is shown, in units of the video's ``time_base``.
        time: likewise in seconds from the first frame.
        decoded: what it is made from; see :meth:`pixels`.
    """

    pts: int
    time: float
    decoded: Any

    def pixels(self) -> Pixels:
        """Converted now, not before: frames that are skipped cost only their decoding."""
        result: Pixels = self.decoded()
        return result


@dataclass(frozen=True)
class Orientation:
    """What makes a stored frame upright: exchange the axes, then mirror.

    Attributes:
        swap: exchange rows and columns.
        mirror: then left and right.
        flip: then top and bottom.
    """

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
        if self.swap:
            pixels = pixels.transpose(1, 0, 2)
        if self.mirror:
            pixels = pixels[:, ::-1]
        if self.flip:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)


def resampled_info(info: VideoInfo, rate: Fraction) -> VideoInfo:
    """What is known of a video once :func:`resample` has been at it."""
    frames = None if info.frames is None else max(1, math.ceil(info.frames / info.rate * rate))
    return dataclasses.replace(info, rate=rate, time_base=1 / rate, frames=frames)


def resample(frames: Iterable[Frame], info: VideoInfo, rate: Fraction) -> Iterator[Frame]:
    """Frames at a steady rate: at every tick the one that is on view then.

    Args:
        frames: of a video.
        info: of that video, which says how long the last of them is shown.
        rate: of the result; ticks are counted from the first frame.
    """
    tick = 0
    start = 0
    before: Frame | None = None
    origin = Fraction(0)

    def until(end: Fraction, shown: Frame) -> Iterator[Frame]:
        nonlocal tick
        while tick / rate < end:
            yield Frame(start + tick, float(tick / rate), shown.decoded)
            tick += 1

    for frame in frames:
        time = frame.pts * info.time_base
        if before is None:
            origin, start = time, round(time * rate)
        else:
            yield from until(time - origin, before)
        before = frame
    if before is not None:
        yield from until(before.pts * info.time_base - origin + 1 / info.rate, before)
