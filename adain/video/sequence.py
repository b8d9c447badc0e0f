"""Folders of numbered pictures in the place of videos."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from .._utils.errors import ImageError, InputError, MissingFileError
from ..image import check_output_path, list_images, read_image, save_image, split_alpha
from .frames import Frame, Moment, Pixels, Sink, VideoInfo

NUMBER = re.compile(r"%(0?)(\d*)d(?:(?<=\dd)|(?![^\W\d_]))")
"""What stands for a frame's number: ``%05d`` anywhere, ``%d`` where it does not begin a word, as in ``100%done``."""
FRAME_NAME = "frame-%05d.png"
"""What pictures are called in a folder, counted from 1."""


def is_sequence(path: str | os.PathLike[str]) -> bool:
    """Whether a path means pictures: a folder, or a pattern of their names."""
    return _is_folder(path) or is_pattern(path)


def is_pattern(path: str | os.PathLike[str]) -> bool:
    """Whether a name has ``%d`` or ``%05d`` in it, and means that: no folder and no file is called just so."""
    return NUMBER.search(Path(path).name) is not None and not _is_folder(path) and not Path(path).exists()


def _is_folder(path: str | os.PathLike[str]) -> bool:
    return os.fspath(path).endswith(("/", os.sep)) or Path(path).is_dir()


def list_frames(path: str | os.PathLike[str]) -> list[Path]:
    """The pictures that a folder holds or a pattern fits, by the numbers in their names; an error if there are none."""
    source = Path(path)
    if source.is_dir():
        return sorted(list_images(source), key=_natural)
    pattern, entries = _pattern(source), source.parent.iterdir() if source.parent.is_dir() else ()
    numbered = [(int(match[1]), entry) for entry in entries if (match := pattern.fullmatch(entry.name))]
    if not numbered:
        raise MissingFileError(f"no file is called {source}: check the folder and the digits")
    return [entry for _, entry in sorted(numbered)]


class SequenceReader:
    """Pictures as the frames of a video; what :class:`~adain.video.reader.VideoReader` is for files.

    A picture that cannot be read is skipped and counted. One of another size is scaled to that of the first.

    Raises:
        MissingFileError, ImageError: if there are no pictures, or none can be read.
    """

    range = None  # pictures are of standard range

    def __init__(
        self, path: str | os.PathLike[str], fps: Fraction, *, warn: Callable[[str], object], max_pixels: int | None
    ) -> None:
        self.paths = list_frames(path)
        self.skipped = self.damaged = 0
        self._warn, self._max_pixels = warn, max_pixels
        size = self._first_size()
        transparent = any(map(self._is_transparent, self.paths))
        self.info = VideoInfo(str(path), *size, fps, 1 / fps, len(self.paths), is_transparent=transparent)

    def frames(self) -> Iterator[Frame]:
        """Every picture that can be read."""
        for k, path in enumerate(self.paths):
            try:
                picture, alpha = self._read(path)
            except (ImageError, MissingFileError) as error:
                self.skipped += 1
                self._warn(str(error))
            else:
                opacity = functools.partial(np.asarray, alpha) if self.info.is_transparent else None
                yield Frame(k, float(k / self.info.rate), functools.partial(np.asarray, picture), 1, opacity)

    def duration(self) -> float:
        """In seconds, from the first to the end of the last."""
        return float(len(self.paths) / self.info.rate)

    def close(self) -> None:
        """Nothing is held open."""

    def _first_size(self) -> tuple[int, int]:
        for path in self.paths:
            try:
                return read_image(path, max_pixels=self._max_pixels).size
            except (ImageError, MissingFileError) as error:
                problem = error
        raise problem

    def _is_transparent(self, path: Path) -> bool:
        """Whether any of a picture is; those whose headers tell of no transparency are not read."""
        try:
            with Image.open(path) as header:
                if not header.has_transparency_data:
                    return False
        except (OSError, ValueError):
            pass  # none of Pillow's, or one that cannot be read
        try:
            _, alpha = split_alpha(read_image(path, max_pixels=self._max_pixels))
        except (ImageError, MissingFileError):
            return False
        return alpha is not None and int(np.asarray(alpha).min()) < 255

    def _read(self, path: Path) -> tuple[Image.Image, Image.Image]:
        """Its colours and its opacity, of the size of the first."""
        picture, alpha = split_alpha(read_image(path, max_pixels=self._max_pixels))
        alpha = Image.new("L", picture.size, 255) if alpha is None else alpha
        size = (self.info.width, self.info.height)
        if picture.size != size:
            self._warn(f"{path.name} has {picture.width}x{picture.height} px and is scaled to {size[0]}x{size[1]}")
            picture, alpha = (image.resize(size, Image.Resampling.LANCZOS) for image in (picture, alpha))
        return picture, alpha


class SequenceWriter(Sink):
    """Numbered pictures for frames, counted from 1; each is whole as soon as it is there.

    Args:
        path: a pattern such as ``out/%04d.jpg``, or a folder for :data:`FRAME_NAME`.
        quality: of JPEG and WebP, 1 to 100.

    Raises:
        ImageError, InputError: if the suffix is none of a picture's, or the folder cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str], quality: int) -> None:
        self.pattern = Path(path) if is_pattern(path) else Path(path) / FRAME_NAME
        self.quality = quality
        try:
            check_output_path(self.path(0))
        except ImageError as error:
            raise ImageError(f"{self.pattern} means a picture for every frame, by its %d: {error}") from None

    def path(self, index: int) -> Path:
        """Where the frame with that index, from 0, goes."""
        name = NUMBER.sub(lambda m: f"{index + 1:{m[1]}{m[2]}d}", self.pattern.name, count=1)
        return self.pattern.with_name(name)

    def add(self, pixels: Pixels, moment: Moment) -> None:
        save_image(Image.fromarray(pixels), self.path(moment.index), quality=self.quality)

    def present(self) -> list[Path]:
        """What is there already of names that frames have, or that would be taken for frames beside them."""
        pattern, folder = _pattern(self.pattern), self.pattern.parent
        folded = re.compile(pattern.pattern, re.IGNORECASE)  # where case is not told apart, these are names of frames
        found: list[Path] = []
        for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
            if match := folded.fullmatch(name):
                found += [folder / name] * bool(pattern.fullmatch(name)) + [self.path(int(match[1]) - 1)]
        return found


def _pattern(path: Path) -> re.Pattern[str]:
    """What names a pattern fits, the number as group 1."""
    found = NUMBER.search(path.name)
    if found is None:
        raise InputError(f"{path} is no folder and has no number such as %05d: name the pictures of the video")
    digits = rf"(\d{{{int(found[2])},}})" if found[1] and found[2] else r"(\d+)"
    return re.compile(re.escape(path.name[: found.start()]) + digits + re.escape(path.name[found.end() :]))


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """A key by which frame-9 comes before frame-10."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
