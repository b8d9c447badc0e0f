"""Another frame rate: which frames are shown at its ticks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

from .._utils.errors import InputError
from .media import Frame, VideoInfo


def parse_rate(text: str | float | Fraction) -> Fraction:
    """A frame rate from ``25``, ``29.97`` or ``30000/1001``.

    Raises:
        InputError: if it is none, or not above 0 and at most 1000.
    """
    try:
        rate = Fraction(str(text)).limit_denominator(100_000)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"a frame rate is a number such as 25 or 30000/1001, not {text}") from None
    if not 0 < rate <= 1000:
        raise InputError(f"a frame rate must be above 0 and at most 1000, not {text}")
    return rate


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
