"""Key frames: which style a video is painted in, and when."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

from .. import defaults
from .._utils.errors import InputError
from ..nn.adain import check_alpha
from ..stylizer.stylizer import StyleInput

SYNTAX = "TIME:STYLE or TIME:STYLE:ALPHA, such as 0:wave.jpg, 3.5:harbour.jpg:0.8 or 100%:night.jpg"


@dataclass(frozen=True, eq=False)
class Key:
    """A style at a moment; between two keys styles and strengths pass from one to the other in a straight line.

    Attributes:
        time: in seconds from the first frame, or in per cent of the video.
        style: what :meth:`adain.Stylizer.encode_style` takes, or an encoded :class:`~adain.Style`.
        alpha: strength in ``[0, 1]``.
        percent: how ``time`` is meant.

    Raises:
        InputError: on construction, if alpha or the time is out of range.
    """

    time: float
    style: StyleInput
    alpha: float = defaults.ALPHA
    percent: bool = False

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if not (math.isfinite(self.time) and self.time >= 0 and (self.time <= 100 or not self.percent)):
            unit = "% of the video, 0 to 100" if self.percent else " seconds, 0 or more"
            raise InputError(f"a key cannot be at {self.time:g}: give it in{unit}")

    def seconds(self, duration: float | None) -> float:
        """When it is, in a video of ``duration`` seconds.

        Raises:
            InputError: if that is needed and not known.
        """
        if not self.percent:
            return self.time
        if duration is None:
            raise InputError("how long the video is cannot be told: give keys in seconds, not in per cent")
        return self.time / 100.0 * duration


def parse_key(text: str) -> Key:
    """A :class:`Key` from :data:`SYNTAX`.

    Raises:
        InputError: if it is not one.
    """
    when, colon, rest = text.partition(":")
    path, last, alpha = rest.rpartition(":")
    try:
        strength = float(alpha) if last and path else None
    except ValueError:
        strength = None  # a colon of the path itself
    if strength is None:
        path, strength = rest, defaults.ALPHA
    percent = when.strip().endswith("%")
    try:
        time = float(when.strip().rstrip("%").removesuffix("s"))
    except ValueError:
        raise InputError(f"a key is {SYNTAX}, not {text}") from None
    if not colon or not path:
        raise InputError(f"a key is {SYNTAX}, not {text}")
    return Key(time, path, strength, percent)


def spread_keys(styles: Sequence[StyleInput], alpha: float = defaults.ALPHA) -> list[Key]:
    """Keys at equal distances from the beginning of the video to its end.

    Raises:
        InputError: if there are fewer than two styles.
    """
    if len(styles) < 2:
        raise InputError(f"a morph leads from one style to others: give at least two, not {len(styles)}")
    return [Key(100.0 * k / (len(styles) - 1), style, alpha, True) for k, style in enumerate(styles)]


def weights_at(times: Sequence[float], time: float) -> dict[int, float]:
    """Shares of the keys at a moment: of one, or of the two it lies between; they sum to 1.

    Args:
        times: of the keys, rising. Of two at the same time the later counts from then on.
        time: the moment. Before the first key it is the first that counts, after the last the last.
    """
    right = bisect.bisect_right(times, time)
    if right == 0:
        return {0: 1.0}
    if right == len(times):
        return {right - 1: 1.0}
    share = (time - times[right - 1]) / (times[right] - times[right - 1])
    return {right - 1: 1.0} if share == 0.0 else {right - 1: 1.0 - share, right: share}
