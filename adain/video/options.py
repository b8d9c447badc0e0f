"""What can be said of a video beside what its frames are to become; free of torch."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from .._utils.declare import attachment, option
from .._utils.errors import InputError
from ..options import FileOptions, check_alpha

if TYPE_CHECKING:
    from ..control.style import Style
    from ..image import ImageInput
    from ..stylizer.base import BaseStylizer
    from .stylize import VideoProgress

FPS = 25  # of a folder of pictures, which does not say

STABILITY_ON = 0.7
"""The strength where ``--stability`` has no number."""

PIXEL_FORMAT = "yuv420p"  # the one that every player takes; it needs even sizes

Hdr = Literal["tone-map", "keep"]

DEEP_FORMAT = "yuv420p10le"  # the one that players take for what has a high dynamic range

SYNTAX = "TIME:STYLE or TIME:STYLE:ALPHA, such as 0:wave.jpg, 3.5:harbour.jpg:0.8 or 100%:night.jpg"


@dataclass(frozen=True, eq=False)
class Key:
    """A style at a moment; between two keys styles and strengths pass from one to the other in a straight line.

    Attributes:
        time: in seconds from the first frame, or in per cent of the video.
        style: what :meth:`adain.Stylizer.encode_style` takes, or an encoded :class:`~adain.Style`; a name of a file
            becomes a path.
        alpha: strength in ``[0, 1]``, times that of the whole.
        percent: how ``time`` is meant.

    Raises:
        InputError: on construction, if alpha or the time is out of range.
    """

    time: float
    style: ImageInput | Style
    alpha: float = 1.0
    percent: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.style, (str, os.PathLike)):
            object.__setattr__(self, "style", Path(self.style))
        check_alpha(self.alpha)
        if not (math.isfinite(self.time) and self.time >= 0 and (self.time <= 100 or not self.percent)):
            unit = "% of the video, 0 to 100" if self.percent else " seconds, 0 or more"
            raise InputError(f"a key cannot be at {self.time:g}: give it in{unit}")

    def seconds(self, duration: float | None) -> float:
        """When it is, in a video of ``duration`` seconds; InputError if that is needed and not known."""
        if not self.percent:
            return self.time
        if duration is None:
            raise InputError("how long the video is cannot be told: give keys in seconds, not in per cent")
        return self.time / 100.0 * duration


def parse_key(text: str) -> Key:
    """A :class:`Key` from :data:`SYNTAX`; InputError if the text is none."""
    when, _, rest = text.partition(":")
    path, strength = rest, 1.0
    before, _, alpha = rest.rpartition(":")
    if before:
        with contextlib.suppress(ValueError):  # the colon may be of the path itself
            path, strength = before, float(alpha)
    try:
        time = float(when.strip().rstrip("%").removesuffix("s"))
    except ValueError:
        time = None
    if time is None or not path:
        raise InputError(f"a key is {SYNTAX}, not {text}")
    return Key(time, path, strength, when.strip().endswith("%"))


def spread_keys(styles: Sequence[ImageInput | Style]) -> list[Key]:
    """Keys at equal distances from the beginning of the video to its end; InputError for fewer than two styles."""
    if len(styles) < 2:
        raise InputError(f"a morph leads from one style to others: give at least two, not {len(styles)}")
    return [Key(100.0 * k / (len(styles) - 1), style, percent=True) for k, style in enumerate(styles)]


def parse_rate(text: str | float | Fraction) -> Fraction:
    """A frame rate from ``25``, ``29.97`` or ``30000/1001``; InputError unless it is above 0 and at most 1000."""
    try:
        rate = Fraction(str(text)).limit_denominator(100_000)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"a frame rate is a number such as 25 or 30000/1001, not {text}") from None
    if not 0 < rate <= 1000:
        raise InputError(f"a frame rate must be above 0 and at most 1000, not {text}")
    return rate


_of_time = functools.partial(option, group="time", serves=("video",))
_of_encoding = functools.partial(option, group="encoding", serves=("video",))
_of_files = functools.partial(option, group="files", serves=("video",), is_decisive=False)


@dataclass(frozen=True, kw_only=True)
class VideoOptions(FileOptions):
    """What a video is to become, and how it is timed, encoded and kept.

    ``fps`` may be given as a text or a number and is a fraction then; ``keys`` may be the mappings of their fields.
    """

    keys: Sequence[Key] = _of_time(
        (), "A style at a moment, in seconds or per cent; styles pass from key to key.", flag="--key",
        metavar="TIME:STYLE[:ALPHA]", is_repeated=True, parse=parse_key,
    )  # fmt: skip
    stability: float = _of_time(
        0.0, f"Steady colours and strokes, 0 to 1; alone: {STABILITY_ON}.", low=0, high=1, metavar="[S]",
        bare=STABILITY_ON, shown="off",
    )  # fmt: skip
    fps: str | float | Fraction | None = _of_time(
        None, f"Frames a second of a folder of pictures ({FPS} by default), or to change a video to.", metavar="RATE"
    )
    audio: bool = _of_encoding(
        True, "Copy sound and subtitles.", flag="", switches=(("--no-audio", False, "Leave sound and subtitles out."),)
    )
    codec: str | None = _of_encoding(
        None, "Encoder: h264, h265, vp9, av1, or a name of FFmpeg's.", metavar="NAME", shown="h264; vp9 for .webm"
    )
    crf: float | None = _of_encoding(None, "Quality of the encoder; lower is better.", low=0)
    preset: str | None = _of_encoding(None, "Speed of the encoder, e.g. slow.", metavar="NAME")
    pixel_format: str | None = _of_encoding(
        None, "Of the encoder, e.g. yuv444p, which keeps odd sizes.", metavar="NAME", shown=PIXEL_FORMAT
    )
    hdr: Hdr = _of_encoding(
        "tone-map", "A video of high dynamic range is tone-mapped to standard, or kept, in 10 bits.",
        choices=get_args(Hdr),
    )  # fmt: skip
    save_every: int = _of_files(
        48, "Frames between two points that an interrupted job can go on from.", low=1, metavar="N"
    )
    restart: bool = _of_files(False, "Begin anew even if an interrupted job could be gone on with.")
    stylizer: BaseStylizer | None = attachment("The networks to use, in place of those that the options name.")
    progress: Callable[[VideoProgress], object] | None = attachment(  # not of tiles here
        "Called after every frame; the job ends, keeping what it has, when this returns something true."
    )
    warn: Callable[[str], object] | None = attachment("Told, in a line each, what is odd but no reason to stop.")

    def __post_init__(self) -> None:
        super().__post_init__()
        keys = tuple(Key(**key) if isinstance(key, Mapping) else key for key in self.keys)
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "fps", None if self.fps is None else parse_rate(self.fps))

    def absolute(self) -> VideoOptions:
        """The same with absolute names of files."""
        named = [(key, key.style) for key in self.keys]
        keys = [dataclasses.replace(k, style=s.absolute()) if isinstance(s, Path) else k for k, s in named]
        return super().absolute().change(keys=keys)
