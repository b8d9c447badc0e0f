"""The libraries that only videos need, and what all of them are told about a video."""

from __future__ import annotations

import importlib
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
