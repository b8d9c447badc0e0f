"""Animated pictures as videos: GIF, APNG, animated WebP and AVIF, with their own delays and loops."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from .._utils.errors import ImageError, InputError
from .._utils.fingerprint import ORIENTATION
from ..image import SUFFIXES, open_picture, read_image, split_alpha
from ..image.guests import HEAD, kind_of
from ..image.io import check_pixels, upright
from ..image.modes import normalise
from ..image.pages import ANIMATED, count, unit_of
from ..image.signalled import signalled
from .delays import read_gif, read_png
from .frames import Frame, VideoInfo, require_av
from .reader import open_media

UNSAID = Fraction(1, 10)
"""Seconds that a frame with a delay of 0 is taken to last, as browsers have it; in an animation it stays 0."""

FOREVER = 0
"""How often an animation is played that never ends; other numbers are as they say."""

_HEIF_SEQUENCES = (b"msf1", b"hevc", b"hevx", b"hevm", b"hevs")  # of ISO/IEC 23008-12, which are videos

_FINEST = 1_000_000  # units of time in a second

_DELAYS = {"GIF": read_gif, "PNG": read_png}
"""The formats that FFmpeg decodes, and what reads their delays, of which it rounds some."""


def moves(path: Path) -> bool:
    """Whether a file is an animated picture; InputError for a picture that stands still, which is no video."""
    if not path.is_file():
        return False
    try:
        with open_picture(path) as image:
            file_format, number, unit = image.format, _count(image), unit_of(image)
    except ImageError:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if kind_of(head) is None or head[8:12] in _HEIF_SEQUENCES:
            return False
        file_format, number, unit = None, 1, "page"
    if file_format in ANIMATED and number > 1:
        return True
    if file_format == "JPEG" and path.suffix.lower() not in SUFFIXES:
        return False  # pictures one after the other, as some cameras have it
    pages = f", and --page all each of its {number} {unit}s" if number > 1 else ""
    raise InputError(f"{path} is a picture and does not move: adain stylize makes it{pages}")


def _count(image: Image.Image) -> int:
    """How many pictures a file has; of a damaged one, more than one, so that it is read and found out."""
    try:
        return count(image)
    except Exception:  # Pillow's format readers let any kind of error through
        return 2


class AnimationReader:
    """An animated picture; what :class:`~adain.video.reader.VideoReader` is for videos.

    Its frames are whole: what a file stores of them in parts, blended or with something to be taken away afterwards, is
    put together. The file is gone through once before any of them is given, for what is known of it.

    Args:
        path: the file.
        warn: told, in a line each, what is odd about the file but no reason to stop.
        max_pixels: largest frame that will be read; None for any.

    Attributes:
        info: what is known of it.
        plays: how often it is played; :data:`FOREVER`, or a number.
        skipped: frames that could not be decoded, so far.
        damaged: none are decoded in part.

    Raises:
        MissingFileError, ImageError: if there is no such file, or no frame of it can be read.
    """

    range = None  # pictures are of standard range

    def __init__(
        self, path: str | os.PathLike[str], *, warn: Callable[[str], object], max_pixels: int | None = None
    ) -> None:
        self.path, self._warn, self._max_pixels = Path(path), warn, max_pixels
        self.skipped = self.damaged = 0
        self._delays: list[Fraction] = []
        size: tuple[int, int] | None = None
        has_alpha, problem = False, None
        with open_picture(self.path) as image:
            for picture, delay in self._pictures(image):
                self._delays.append(delay)
                if isinstance(picture, ImageError):
                    problem = problem or picture
                    continue
                size = size or picture.size
                has_alpha = has_alpha or (picture.mode == "RGBA" and bool(np.asarray(picture)[..., 3].min() < 255))
            self.plays = _plays(image)
        self._warn = lambda _: None  # it has been told
        if size is None:
            raise problem or ImageError(f"cannot read {self.path}: it has no frame; name an intact animation")
        # Time in units that hold every delay to the full.
        units = math.lcm(*(shown(delay).denominator for delay in self._delays))
        time_base = Fraction(1, min(units, _FINEST))
        self._pts = [round(t / time_base) for t in itertools.accumulate(map(shown, self._delays), initial=Fraction(0))]
        total = self._pts[-1] * time_base
        rate = (len(self._delays) / total).limit_denominator(1_000_000)
        self.info = VideoInfo(self.path.name, *size, rate, time_base, len(self._delays), is_transparent=has_alpha)

    def frames(self) -> Iterator[Frame]:
        """Every frame that can be read."""
        with open_picture(self.path) as image:
            for k, (picture, delay) in enumerate(self._pictures(image)):
                if isinstance(picture, ImageError):
                    self.skipped += 1
                    continue
                pts, lasts = self._pts[k], self._pts[k + 1] - self._pts[k]
                # Made now, as the next one is decoded on top of it.
                picture, alpha = split_alpha(picture)
                opacity = None
                if self.info.is_transparent:
                    alpha = alpha or Image.new("L", picture.size, 255)
                    opacity = functools.partial(np.asarray, alpha)
                pixels = functools.partial(np.asarray, picture)
                yield Frame(pts, float(pts * self.info.time_base), pixels, lasts if delay else 0, opacity)

    def duration(self) -> float:
        """In seconds, from the first frame to the end of the last."""
        return float(self._pts[-1] * self.info.time_base)

    def close(self) -> None:
        """Nothing is held open between two frames that are asked for."""

    def _pictures(self, image: Image.Image) -> Iterator[tuple[Image.Image | ImageError, Fraction]]:
        """Whole frames with their delays, or why they cannot be read."""
        return self._by_ffmpeg(image) if image.format in _DELAYS else self._by_pillow(image)

    def _by_pillow(self, image: Image.Image) -> Iterator[tuple[Image.Image | ImageError, Fraction]]:
        for index in itertools.count():
            try:
                image.seek(index)
            except EOFError:
                return
            except Exception as error:  # whatever damage makes a reader meet
                self._warn(f"{self.path.name} cannot be read to its end, but for {index} frames: {error}")
                return
            picture: Image.Image | ImageError
            try:
                picture = read_image(image, max_pixels=self._max_pixels)
            except ImageError as error:
                picture = error
            yield picture, Fraction(image.info.get("duration") or 0) / 1000

    def _by_ffmpeg(self, image: Image.Image) -> Iterator[tuple[Image.Image | ImageError, Fraction]]:
        """Of the formats whose frames Pillow does not always put together as they are meant to be."""
        check_pixels(image.size, str(self.path), self._max_pixels)
        colors, orientation = signalled(image), 1
        if "exif" in image.info:
            orientation = image.getexif().get(ORIENTATION, 1)
        with self.path.open("rb") as file:
            delays = _DELAYS[str(image.format)](file)
        av = require_av()
        with contextlib.closing(open_media(self.path)) as media:
            packets = media.demux(media.streams.video[0])
            for index in itertools.count():
                delay = delays[index] if index < len(delays) else Fraction(0)
                try:
                    decoded = packet.decode() if (packet := next(packets, None)) is not None else None
                except (av.error.FFmpegError, OSError) as error:
                    yield ImageError(f"cannot read a frame of {self.path}: {error}; name an intact animation"), delay
                    continue
                if decoded is None:
                    return
                for frame in decoded:
                    whole = Image.fromarray(frame.to_ndarray(format="rgba"))
                    yield upright(normalise(whole, colors), orientation), delay


def shown(delay: Fraction) -> Fraction:
    """Seconds that a frame with that delay is taken to last."""
    return delay or UNSAID


def _plays(image: Image.Image) -> int:
    loop: int | None = image.info.get("loop")
    if image.format != "GIF":
        return FOREVER if loop is None else loop
    # There it is the number of times after the first, and a file without it is played once.
    return 1 if loop is None else FOREVER if loop == 0 else loop + 1
