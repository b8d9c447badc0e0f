from __future__ import annotations

from fractions import Fraction

import pytest

from adain._utils.errors import InputError
from adain.video.frames import Frame, VideoInfo, resample, resampled_info
from adain.video.options import parse_rate


def info(frames: int | None, rate: Fraction = Fraction(10)) -> VideoInfo:
    return VideoInfo("v", 48, 32, rate, Fraction(1, 1000), frames)


def ticks(pts: list[int], rate: int) -> tuple[list[int], list[int]]:
    frames = [Frame(p, (p - pts[0]) / 1000, lambda p=p: p) for p in pts]
    made = [*resample(frames, info(len(pts)), Fraction(rate))]
    return [f.pts for f in made], [f.pixels() for f in made]


def test_half_and_double() -> None:
    assert ticks([0, 100, 200, 300], 5) == ([0, 1], [0, 200])
    assert ticks([0, 100], 20) == ([0, 1, 2, 3], [0, 0, 100, 100])
    assert ticks([0, 100, 200], 10) == ([0, 1, 2], [0, 100, 200])


def test_gaps_are_filled_and_a_late_start_is_kept() -> None:
    assert ticks([0, 300, 350], 10) == ([0, 1, 2, 3, 4], [0, 0, 0, 300, 350])
    assert ticks([500, 600], 10) == ([5, 6], [500, 600])
    assert ticks([], 10) == ([], [])


def test_info() -> None:
    new = resampled_info(info(7), Fraction(4))
    assert (new.frames, new.rate, new.time_base) == (3, 4, Fraction(1, 4))
    assert len(ticks([100 * k for k in range(7)], 4)[0]) == 3
    assert resampled_info(info(None), Fraction(4)).frames is None


def test_rates() -> None:
    assert parse_rate("30000/1001") == Fraction(30000, 1001)
    assert parse_rate(29.97) == Fraction(2997, 100)
    for text in ("fast", "1/0", "0", "-3", "1e9"):
        with pytest.raises(InputError, match="frame rate"):
            parse_rate(text)
