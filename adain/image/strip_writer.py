"""Pictures in strips into files, each strip as soon as it is there, by libvips."""

from __future__ import annotations

import errno
import os
import queue
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.errors import ImageError, InputError
from .._utils.files import atomic_path
from ..options import FileOptions
from .metadata import Metadata
from .modes import srgb_profile
from .saving import check_bits, check_output_path, check_side, format_of
from .strip_reader import cause, require_vips
from .strips import STRIP_PIXELS, Strips

CLASSIC = 1 << 32
"""Bytes up to which a TIFF can find its parts by offsets of 32 bits; what may become larger is a BigTIFF."""

TILE = 256
"""Side of the tiles of a TIFF, in pixels."""

_AHEAD = 4  # strips that wait for the disk
_ALIVE = 0.2  # seconds after which it is seen to whether the writer still is
_SMALLER = 4 / 3  # what all the levels of a pyramid take, to the first of them


def write_strips(
    picture: Strips,
    path: str | os.PathLike[str],
    *,
    quality: int = FileOptions.quality,
    pyramid: bool = False,
    told: Metadata | None = None,
    name: str | None = None,
    complete: Callable[[Path], object] | None = None,
) -> Path:
    """Write a picture in strips, in the format that the suffix of ``path`` names; :func:`adain.save_image` for these.

    A TIFF is in deflated tiles, and a BigTIFF where it could come to 4 GiB. What has alpha lies on white in a JPEG.
    Memory is that of a few strips, but for WebP, which takes the whole picture. The file appears complete or not at
    all.

    Args:
        picture: it is gone through once.
        quality: of JPEG and WebP, 1 to 100.
        pyramid: copies of half the size, a quarter and so on, down to a tile, lie beside it in the TIFF.
        told: what the file says of itself; None for nothing.
        name: of the temporary file, see :func:`~adain._utils.files.atomic_path`.
        complete: called with the temporary file when that is written.

    Raises:
        InputError: without pyvips, or where the file cannot be written.
        ImageError: see :func:`adain.save_image`; also for a pyramid in another format than TIFF.
    """
    pyramid = pyramid or picture.pyramid
    check_strips_output(path, picture.size, pyramid=pyramid)
    check_output_path(path)
    file_format = format_of(path)
    check_bits(path, picture.bits)
    if not 1 <= quality <= 100:
        raise InputError(f"expected a quality from 1 to 100, not {quality}")
    with atomic_path(path, name=name) as temporary:
        _Writer(picture, file_format, quality, pyramid).write(temporary, path)
        if told is not None:
            told.embed(temporary, file_format, (picture.width, picture.height))
        if complete is not None:
            complete(temporary)
    return Path(path)


def check_strips_output(
    path: str | os.PathLike[str], size: tuple[int, int] | None = None, *, pyramid: bool = False
) -> None:
    """Raise now, before long work, what :func:`write_strips` would raise of such a path and a picture of that size."""
    file_format = format_of(path)
    if pyramid and file_format != "TIFF":
        raise ImageError(f"cannot write {path}: a pyramid is a TIFF's; name it .tif or leave out pyramid (--pyramid)")
    require_vips()
    if size is not None:
        check_side(path, file_format, (size[1], size[0]))


class _Writer:
    """Strips go from this thread to libvips, which encodes and writes in threads of its own.

    They go as a PNG that is not compressed: of the formats that libvips reads as they come, it is the one that every
    build of it has and that holds any picture.
    """

    def __init__(self, picture: Strips, file_format: str, quality: int, pyramid: bool) -> None:
        self.picture, self.format = picture, file_format
        self.has_alpha = picture.has_alpha and file_format != "JPEG"
        self._options = self._save_options(quality, pyramid)
        self._parts: queue.Queue[bytes] = queue.Queue(_AHEAD)
        self._part = memoryview(b"")
        self._ended = threading.Event()  # no more parts will come, or are wanted
        self._error: Exception | None = None

    def _save_options(self, quality: int, pyramid: bool) -> dict[str, Any]:
        if self.format == "TIFF":
            pixel = (3 + self.has_alpha) * self.picture.bits // 8
            size = self.picture.height * self.picture.width * pixel * (_SMALLER if pyramid else 1)
            tiles = {"tile": True, "tile_width": TILE, "tile_height": TILE, "pyramid": pyramid}
            # Deflate makes noise larger by less than that.
            big = {"bigtiff": size * 1.01 > CLASSIC}
            return {"compression": "deflate", "predictor": "horizontal", **tiles, **big}
        if self.format == "PNG":
            return {"compression": 6, "filter": "sub"}
        return {"Q": quality, "subsample_mode": "off"} if self.format == "JPEG" else {"Q": quality}

    def write(self, file: Path, path: str | os.PathLike[str]) -> None:
        """Into a file that is there; ``path`` is for messages."""
        thread = threading.Thread(target=self._save, args=(file,), name="strips", daemon=True)
        thread.start()
        try:
            for part in self._png():
                self._put(part, thread)
            self._put(b"", thread)
        finally:  # Ctrl-C, too: what waits for more is told that nothing comes
            self._ended.set()
            thread.join()
        if self._error is not None:
            raise self._explained(path)

    def _explained(self, path: str | os.PathLike[str]) -> Exception:
        error = self._error
        assert error is not None
        text = str(error)
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            if os.strerror(number) in text:
                return OSError(number, os.strerror(number))  # which atomic_path explains
        if not isinstance(error, require_vips().Error):
            return error
        return ImageError(f"cannot write {path}: {cause(error)}; use another format")

    def _put(self, part: bytes, thread: threading.Thread) -> None:
        while thread.is_alive():
            try:
                self._parts.put(part, timeout=_ALIVE)
            except queue.Full:
                continue
            return

    def _read(self, length: int) -> Any:
        """Called by libvips for so many bytes, or fewer; None at the end."""
        while not len(self._part):
            try:
                self._part = memoryview(self._parts.get(timeout=_ALIVE))
            except queue.Empty:
                if self._ended.is_set():
                    return None
                continue
            if not len(self._part):
                return None
        part, self._part = self._part[:length], self._part[length:]
        return part

    def _save(self, file: Path) -> None:
        vips = require_vips()
        try:
            source = vips.SourceCustom()
            source.on_read(self._read)
            image = vips.Image.new_from_source(source, "", access="sequential", fail_on="error", unlimited=True)
            image = image.copy()
            image.set_type(vips.GValue.blob_type, "icc-profile-data", srgb_profile())
            getattr(image, f"{self.format.lower()}save")(os.fspath(file), keep="icc", **self._options)
        except Exception as error:
            self._error = error
        finally:
            self._ended.set()

    def _png(self) -> Iterator[bytes]:
        """The picture as a PNG (PNG, third edition, sections 5 and 11.2), of stored blocks (RFC 1951, 3.2.4)."""
        height, width = self.picture.size
        yield b"\x89PNG\r\n\x1a\n"
        yield _chunk(
            b"IHDR", struct.pack(">IIBBBBB", width, height, self.picture.bits, 6 if self.has_alpha else 2, 0, 0, 0)
        )
        stored = zlib.compressobj(0)
        for levels in self._pieces():
            lines = levels.astype(levels.dtype.newbyteorder(">"), copy=False).reshape(len(levels), -1).view(np.uint8)
            rows = np.zeros((len(lines), 1 + lines.shape[1]), np.uint8)  # each begins with its filter: none
            rows[:, 1:] = lines
            if len(data := stored.compress(rows.data)):
                yield _chunk(b"IDAT", data)
        yield _chunk(b"IDAT", stored.flush())
        yield _chunk(b"IEND", b"")

    def _pieces(self) -> Iterator[npt.NDArray[Any]]:
        """The strips, none of them larger than need be, and without the alpha that the format does not take."""
        step = max(1, STRIP_PIXELS // self.picture.width)
        for strip in self.picture.strips():
            levels = np.asarray(strip)
            for top in range(0, len(levels), step):
                piece = np.ascontiguousarray(levels[top : top + step])
                if self.picture.has_alpha and not self.has_alpha:
                    seen = Image.fromarray(piece)
                    white = Image.new("RGB", seen.size, "white")
                    piece = np.asarray(Image.composite(seen.convert("RGB"), white, seen.getchannel("A")))
                yield piece


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))))
