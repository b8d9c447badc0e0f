"""What can be said of a video beside what its frames are to become; free of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ..options import FileOptions, attachment, option

if TYPE_CHECKING:
    from ..stylizer.stylizer import Stylizer
    from .keys import Key
    from .render import VideoProgress

FPS = 25
"""Frames a second of a folder of pictures, which does not say."""

STABILITY_ON = 0.7
"""The strength where ``--stability`` has no number."""

PIXEL_FORMAT = "yuv420p"
"""How the encoder stores colours: the one that every player takes. It needs even sizes."""

VIDEO = ("video",)


@dataclass(frozen=True, kw_only=True)
class VideoOptions(FileOptions):
    """What a video is to become, and how it is timed, encoded and kept."""

    keys: Sequence[Key] = option(
        (), "A style at a moment, in seconds or per cent; styles pass from key to key.", flag="--key",
        metavar="TIME:STYLE[:ALPHA]", is_repeated=True, group="time", serves=VIDEO,
    )  # fmt: skip
    stability: float = option(
        0.0, f"Steady colours and strokes, 0 to 1; alone: {STABILITY_ON}.", low=0, high=1, metavar="[S]",
        bare=STABILITY_ON, shown="off", group="time", serves=VIDEO,
    )  # fmt: skip
    fps: str | float | Fraction | None = option(
        None, f"Frames a second of a folder of pictures ({FPS} by default), or to change a video to.", metavar="RATE",
        group="time", serves=VIDEO,
    )  # fmt: skip
    audio: bool = option(
        True, "Copy sound and subtitles.", flag="", switches=(("--no-audio", False, "Leave sound and subtitles out."),),
        group="encoding", serves=VIDEO,
    )  # fmt: skip
    codec: str | None = option(
        None, "Encoder: h264, h265, vp9, av1, or a name of FFmpeg's.", metavar="NAME", shown="h264; vp9 for .webm",
        group="encoding", serves=VIDEO,
    )  # fmt: skip
    crf: float | None = option(None, "Quality of the encoder; lower is better.", low=0, group="encoding", serves=VIDEO)
    preset: str | None = option(
        None, "Speed of the encoder, e.g. slow.", metavar="NAME", group="encoding", serves=VIDEO
    )
    pixel_format: str | None = option(
        None, "Of the encoder, e.g. yuv444p, which keeps odd sizes.", metavar="NAME", shown=PIXEL_FORMAT,
        group="encoding", serves=VIDEO,
    )  # fmt: skip
    save_every: int = option(
        48, "Frames between two points that an interrupted job can go on from.", low=1, metavar="N", group="files",
        serves=VIDEO, is_decisive=False,
    )  # fmt: skip
    restart: bool = option(
        False, "Begin anew even if an interrupted job could be gone on with.", group="files", serves=VIDEO,
        is_decisive=False,
    )  # fmt: skip
    stylizer: Stylizer | None = attachment("The networks to use, in place of the shipped ones.")
    progress: Callable[[VideoProgress], object] | None = attachment(
        "Called after every frame; the job ends, keeping what it has, when this returns something true."
    )
    warn: Callable[[str], object] | None = attachment("Told, in a line each, what is odd but no reason to stop.")
