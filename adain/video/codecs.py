"""Which encoder, container and settings go together, with what they are called."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from .. import defaults
from .._utils.errors import InputError
from .media import require_av

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""What a video may be called, and FFmpeg's name of the format."""

PART_FORMAT = "nut"
"""Of the parts a video is made in: it holds almost any codec, any time base, and packets as they are."""

ALIASES = {"h264": "libx264", "h265": "libx265", "hevc": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9",
           "av1": "libsvtav1"}  # fmt: skip
"""Shorter names of encoders; other video encoders of FFmpeg's go by their own."""

QUALITIES = {"libx264": 18, "libx265": 20, "libvpx": 10, "libvpx-vp9": 24, "libsvtav1": 24}
"""The default ``--crf`` of the encoders that have one: strokes are fine texture, and cheap settings smear them."""


PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
"""Of libx264 and libx265, from quick and large to slow and small."""


@dataclass(frozen=True)
class Codec:
    """An encoder and its settings.

    Attributes:
        name: FFmpeg's.
        options: as FFmpeg takes them.
        pixel_format: ditto.
    """

    name: str
    options: dict[str, str]
    pixel_format: str

    def padding(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows to add, as chroma that is stored for 2 x 2 pixels needs even sizes."""
        av = require_av()
        chroma = av.VideoFormat(self.pixel_format, 64, 64)
        across, down = 64 // chroma.chroma_width(64), 64 // chroma.chroma_height(64)
        return -width % across, -height % down


def container_of(output: Path) -> str:
    """FFmpeg's name of the format that a file's suffix stands for.

    Raises:
        InputError: if it stands for none that is written.
    """
    try:
        return CONTAINERS[output.suffix.lower()]
    except KeyError:
        known = ", ".join(CONTAINERS)
        raise InputError(
            f"cannot write {output}: a video ends in one of {known}; for pictures name a folder, or frame-%05d.png"
        ) from None


def choose_codec(
    container: str,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    pixel_format: str | None = None,
) -> Codec:
    """The encoder for a container, with defaults for whatever is None.

    Raises:
        InputError: if there is no such encoder or pixel format, or it has no such setting.
    """
    av = require_av()
    name = codec or ("libvpx-vp9" if container == "webm" else defaults.VIDEO_CODEC)
    name = ALIASES.get(name, name)
    try:
        known = av.codec.Codec(name, "w")
    except Exception:  # PyAV raises its own kind for an unknown name
        raise InputError(f"no encoder is called {name}: choose one of {', '.join(ALIASES)}") from None
    if known.type != "video":
        raise InputError(f"{name} is no video encoder: choose one of {', '.join(ALIASES)}")
    with av.open(io.BytesIO(), "w", format=PART_FORMAT) as trial:
        in_parts = name in trial.supported_codecs
    if not in_parts:
        raise InputError(f"{name} cannot be written in parts, as here: choose one of {', '.join(ALIASES)}")
    formats = [f.name for f in known.video_formats or []]
    wanted = pixel_format or (defaults.VIDEO_PIXEL_FORMAT if not formats or defaults.VIDEO_PIXEL_FORMAT in formats
                              else formats[0])  # fmt: skip
    if formats and wanted not in formats:
        raise InputError(f"{name} has no pixel format {wanted}: choose one of {', '.join(formats)}")
    try:
        av.VideoFormat(wanted)
    except ValueError:
        raise InputError(f"there is no pixel format {wanted}: yuv420p plays everywhere") from None
    return Codec(name, _options(name, crf, preset), wanted)


def _options(name: str, crf: float | None, preset: str | None) -> dict[str, str]:
    options: dict[str, str] = {}
    if name in QUALITIES:
        options["crf"] = f"{QUALITIES[name] if crf is None else crf:g}"
    elif name.endswith("_nvenc"):
        options["cq"] = f"{QUALITIES['libx264'] if crf is None else crf:g}"
    elif crf is not None:
        raise InputError(f"{name} has no --crf: leave it out, or choose one of {', '.join(QUALITIES)}")
    if name.startswith("libvpx"):
        options |= {"b": "0"} if name == "libvpx-vp9" else {"b": "20M"}  # VP8 knows no bound but this
    if name == "libx265":
        options["x265-params"] = "log-level=error"  # it would report on stderr
    if preset is not None:
        if name not in ("libx264", "libx265", "libsvtav1") and not name.endswith("_nvenc"):
            raise InputError(f"{name} has no --preset: leave it out")
        if name in ("libx264", "libx265") and preset not in PRESETS:
            raise InputError(f"{name} has no preset {preset}: choose one of {', '.join(PRESETS)}")
        options["preset"] = preset
    return options
