"""Transparency of videos: whether there is any, reading it, and which encoders and containers keep it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from ..image import split_alpha, with_alpha
from .chroma import Filters
from .frames import Opacity, Pixels, require_av

BESIDE = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Codecs whose opacity stands beside their frames, as a second video in the block additions of Matroska and WebM, and
the decoders that read both; others read the colours alone and say nothing of it."""

BLOCK_ADDITIONS = ("matroska", "webm")

ENCODERS = {"webm": "libvpx-vp9", "matroska": "libvpx-vp9", "mov": "prores_ks"}
"""What encodes a transparent video in a container if nothing else is asked for."""

BACKGROUND = "white"  # as where a transparent picture is saved as JPEG

_EXTRACT: list[tuple[str, dict[str, str]]] = [("alphaextract", {}), ("format", {"pix_fmts": "gray"})]


def has_alpha(pixel_format: str) -> bool:
    """Whether a format has room for opacity."""
    return any(component.is_alpha for component in require_av().VideoFormat(pixel_format).components)


def keeps_alpha(codec: str, pixel_format: str, container: str) -> bool:
    """Whether an encoder's frames are as transparent in a container as they were given to it."""
    return has_alpha(pixel_format) and (codec not in BESIDE.values() or container in BLOCK_ADDITIONS)


def alpha_format(codec: Any, plain: str, container: str) -> str | None:
    """The pixel format by which an encoder keeps opacity in a container; None if it cannot.

    Args:
        codec: PyAV's.
        plain: the format it would take otherwise; that with opacity beside it goes first.
    """
    formats: list[str] = [f.name for f in codec.video_formats or []]
    fitting = [name for name in formats if keeps_alpha(codec.name, name, container)]
    nearest = plain.replace("yuv", "yuva", 1)
    for name in sorted(fitting, key=lambda name: name != nearest):
        if _opens(codec.name, name):
            return name
    return None


def _opens(codec: str, pixel_format: str) -> bool:
    """Whether this build of the encoder does what it lists: x265 has opacity only where it was compiled in."""
    av = require_av()
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt, context.time_base = 128, 128, pixel_format, Fraction(1, 25)
    quiet = {"libx265": {"x265-params": "log-level=none"}, "libvpx": {"auto-alt-ref": "0"}}
    context.options = quiet.get(codec, {})
    try:
        context.open()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def decoder_of(stream: Any) -> Any:
    """What decodes a stream with its opacity: its own decoder, unless that knows the colours alone."""
    name = stream.codec_context.name
    if name in BESIDE and says_alpha(stream):
        with contextlib.suppress(ValueError):  # PyAV's own kind, where FFmpeg was built without it
            return require_av().CodecContext.create(BESIDE[name], "r")
    return stream.codec_context


def says_alpha(stream: Any) -> bool:
    """Whether the container says that opacity stands beside a stream; in any case, as a tag of that name may, too."""
    return any(name.lower() == "alpha_mode" and said == "1" for name, said in stream.metadata.items())


class OpacityReader:
    """Takes the opacity out of decoded frames that have one, each scaled to that size; from any thread."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._extract = Filters(_EXTRACT)

    def __call__(self, frame: Any) -> Opacity:
        """As it is stored; opaque where a frame on the way has none."""
        width, height = self._size
        if not has_alpha(frame.format.name):
            return np.full((height, width), 255, np.uint8)
        found: Opacity = self._extract(frame).to_ndarray()
        if found.shape != (height, width):
            found = np.asarray(Image.fromarray(found).resize(self._size, Image.Resampling.BILINEAR))
        return found


def is_transparent(frame: Any) -> bool:
    """Whether any of a decoded frame is."""
    return has_alpha(frame.format.name) and int(OpacityReader(frame.width, frame.height)(frame).min()) < 255


def filled(pixels: Pixels, opacity: Opacity) -> Pixels:
    """A frame with the mean colour of what is seen in the place of what is not, as pictures are painted, too."""
    rgb, _ = split_alpha(Image.fromarray(np.dstack([pixels, opacity])))
    return np.asarray(rgb)


def joined(pixels: Callable[[], Pixels], opacity: Callable[[], Opacity]) -> Callable[[], Pixels]:
    """What makes a painted frame ``(H, W, 4)`` of its colours and the opacity of its source, of any size."""
    return lambda: np.asarray(with_alpha(Image.fromarray(pixels()), Image.fromarray(opacity())))


def on_background(pixels: Pixels) -> Pixels:
    """A frame ``(H, W, 4)`` laid on :data:`BACKGROUND`."""
    picture = Image.fromarray(pixels)
    ground = Image.new("RGB", picture.size, BACKGROUND)
    return np.asarray(Image.composite(picture.convert("RGB"), ground, picture.getchannel("A")))
