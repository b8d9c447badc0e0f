"""What a photograph says of itself beside its pixels, as far as its results are to say it, too.

EXIF is written in the form of Exif 2.32 into every format, and XMP (ISO 16684-1) as it stands, without what is no
longer true: how the pixels lie and what their numbers mean.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zlib import crc32

from PIL import Image

from ..options import MetadataMode
from . import directories
from .directories import EXIF, GPS, LONG, SHORT, Directory, Tag

_DESCRIPTION, _DATE, _ARTIST, _RIGHTS = 0x010E, 0x0132, 0x013B, 0x8298

_BASIC = {
    0: (_DESCRIPTION, _DATE, _ARTIST, _RIGHTS),
    # When it was taken and when it was made a file, with parts of a second and the zone of time.
    EXIF: (0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292),
}
"""The tags that say when a picture was taken, whose it is, and what it shows."""

_TRUE_STILL = {
    *_BASIC[0], 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x4746, 0x4749, *range(0x9C9B, 0x9CA0),
}  # fmt: skip
"""Of the first directory, which in a TIFF describes its pixels, too: camera, program, resolution, rating and titles."""

_COLOR_SPACE, _WIDTH, _HEIGHT, _INTEROPERABILITY, _GAMMA, _MAKER = 0xA001, 0xA002, 0xA003, 0xA005, 0xA500, 0x927C

_TEXTS = {"Author": _ARTIST, "Copyright": _RIGHTS, "Description": _DESCRIPTION}
"""The keywords of a PNG's texts (PNG, third edition, section 11.3.3.1) that EXIF has tags for."""

_PROFILE = "Raw profile type exif"

_LAYOUT = re.compile(rb"\s*(?:\{\"shape\":|ImageJ=|(?:<\?xml.*?)?<(?:\w+:)?OME\b)", re.DOTALL)
"""How descriptions begin by which tifffile, ImageJ and OME-TIFF say how the numbers of a file lie, and no more."""

_PIXELS = "ImageWidth|ImageLength|Orientation|PixelXDimension|PixelYDimension|ColorSpace|ICCProfile|BitsPerSample"

# What says how pixels lie, and what tells of other pictures in the file: a gain map, a film.
_FALSE_NOW = re.compile(
    rf"""\s(?:(?:tiff|exif|photoshop):(?:{_PIXELS})|(?:hdrgm|GCamera|Camera|MicroVideo):\w+)=(?:"[^"]*"|'[^']*')"""
    rf"""|<(?P<tag>(?:tiff|exif|photoshop):(?:{_PIXELS})|Container:Directory|hdrgm:\w+)\b[^>]*>.*?</(?P=tag)>""".encode(),
    re.DOTALL,
)


@dataclass(frozen=True)
class Metadata:
    """What is written into a result.

    Attributes:
        entries: the directories of EXIF, as :func:`adain.image.directories.read` gives them.
        xmp: a packet of XMP; empty for none.
    """

    entries: Mapping[int, Directory]
    xmp: bytes = b""

    @classmethod
    def of(cls, image: Image.Image, file: IO[bytes] | None, mode: MetadataMode, at: int | None = None) -> Metadata:
        """What an opened picture says, and where it is or may be a TIFF its ``file``; damaged parts say nothing.

        Args:
            at: where the directory of its page lies in a TIFF; None for the first.
        """
        if mode == "none":
            return cls({})
        is_tiff = image.format in ("TIFF", None) and file is not None
        found = _entries(image, file if is_tiff else None, at)
        xmp = _xmp(image, found, is_tiff=is_tiff) if mode == "keep" else b""
        return cls(_kept(found) if mode == "keep" else _basic(found), xmp)

    @property
    def is_empty(self) -> bool:
        return not (any(self.entries.values()) or self.xmp)

    def sized(self, size: tuple[int, int]) -> Metadata:
        """The same of a picture of that width and height, if it says those at all."""
        exif = dict(self.entries.get(EXIF, {}))
        for tag, side in zip((_WIDTH, _HEIGHT), size, strict=True):
            if tag in exif:
                exif[tag] = Tag(LONG, struct.pack("<I", side))
        return Metadata({**self.entries, **({EXIF: exif} if exif else {})}, self.xmp)

    def embedded(self, data: bytes, file_format: str, size: tuple[int, int]) -> bytes:
        """An encoded picture, of a format of :data:`adain.image.WRITABLE`, that says it of itself, too."""
        if self.is_empty:
            return data
        told = self.sized(size)
        if file_format == "TIFF":
            return directories.appended(data, told._first_and_further())
        if file_format == "WEBP":
            return _in_webp(data, told)
        at, more = _BETWEEN[file_format](data, told)
        return data[:at] + more + data[at:]

    def embed(self, path: Path, file_format: str, size: tuple[int, int]) -> None:
        """The same in a file, of which only a WebP is taken into memory."""
        if self.is_empty:
            return
        told = self.sized(size)
        with path.open("r+b") as file:
            if file_format == "TIFF":
                directories.append(file, told._first_and_further())
            elif file_format == "WEBP":
                data = file.read()
                file.seek(0)
                file.write(_in_webp(data, told))
            else:
                _insert(file, *_BETWEEN[file_format](file.read(_HEAD), told))

    def _first_and_further(self) -> dict[int, Directory]:
        """What a TIFF takes, XMP as one of its entries."""
        packet = {_XMP_TAG: Tag(1, self.xmp)} if self.xmp else {}
        return {**self.entries, 0: {**self.entries.get(0, {}), **packet}}


def _entries(image: Image.Image, tiff: IO[bytes] | None, at: int | None) -> dict[int, dict[int, Tag]]:
    found: dict[int, dict[int, Tag]] = {}
    try:
        exif = image.info.get("exif")
        if tiff is not None:
            found = directories.read(tiff, at)
        elif isinstance(exif, bytes):
            found = directories.read_exif(exif)
        elif image.format == "PNG" and isinstance(image.info.get(_PROFILE), str):  # ImageMagick's way before eXIf
            found = directories.read_exif(bytes.fromhex("".join(image.info[_PROFILE].split("\n")[3:])))
    except Exception:  # whatever damage makes a parser meet
        found = {}
    first = found.setdefault(0, {})
    for keyword, tag in _TEXTS.items():
        text = image.info.get(keyword)
        if image.format == "PNG" and isinstance(text, str) and text:
            first.setdefault(tag, Tag.text(text))
    if _DESCRIPTION in first and _LAYOUT.match(first[_DESCRIPTION].data):
        del first[_DESCRIPTION]
    return found


def _basic(found: Mapping[int, Directory]) -> dict[int, dict[int, Tag]]:
    return {
        tag: {known: entries[known] for known in _BASIC[tag] if known in entries}
        for tag, entries in found.items()
        if tag in _BASIC
    }


def _kept(found: Mapping[int, Directory]) -> dict[int, dict[int, Tag]]:
    kept = {0: {tag: entry for tag, entry in found[0].items() if tag in _TRUE_STILL}}
    if EXIF in found:
        kept[EXIF] = {tag: e for tag, e in found[EXIF].items() if tag not in (_INTEROPERABILITY, _GAMMA)}
        if _COLOR_SPACE in kept[EXIF]:
            kept[EXIF][_COLOR_SPACE] = Tag(SHORT, struct.pack("<H", 1))  # sRGB
    if GPS in found:
        kept[GPS] = dict(found[GPS])
    return kept


def _xmp(image: Image.Image, found: Mapping[int, Directory], *, is_tiff: bool) -> bytes:
    packet: Any = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if is_tiff:
        packet = found[0][_XMP_TAG].data if _XMP_TAG in found[0] else None
    if isinstance(packet, str):
        packet = packet.encode()
    return _FALSE_NOW.sub(b"", packet).rstrip(b"\0") if isinstance(packet, bytes) else b""


# Into files


_XMP_TAG = 700
_XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
_LARGEST = 65_533  # bytes of what a segment of JPEG holds


_HEAD = 32  # bytes, as many as say where more is put
_PART = 1 << 24  # bytes that are moved at once


def _insert(file: IO[bytes], at: int, more: bytes) -> None:
    """What lies behind that place is moved, from its end on."""
    end = file.seek(0, io.SEEK_END)
    while end > at:
        start = max(at, end - _PART)
        file.seek(start)
        part = file.read(end - start)
        file.seek(start + len(more))
        file.write(part)
        end = start
    file.seek(at)
    file.write(more)


def _in_jpeg(data: bytes, metadata: Metadata) -> tuple[int, bytes]:
    """Where in a file, and segments APP1: after the one of JFIF."""
    at = 2
    if data[2:4] == b"\xff\xe0":
        at += 2 + int.from_bytes(data[4:6], "big")
    parts = []
    if any(metadata.entries.values()):
        parts.append(b"Exif\0\0" + directories.pack(metadata.entries))
        if len(parts[0]) > _LARGEST:  # what a camera's maker has to say is what can be that large
            exif = {tag: entry for tag, entry in metadata.entries.get(EXIF, {}).items() if tag != _MAKER}
            parts[0] = b"Exif\0\0" + directories.pack({**metadata.entries, EXIF: exif})
    if metadata.xmp:
        parts.append(_XMP_NAME + metadata.xmp)
    segments = [b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts if len(part) <= _LARGEST]
    return at, b"".join(segments)


def _in_png(_: bytes, metadata: Metadata) -> tuple[int, bytes]:
    """Where in a file, and chunks: after the first, IHDR."""
    chunks = []
    if any(metadata.entries.values()):
        chunks.append(b"eXIf" + directories.pack(metadata.entries))
    if metadata.xmp:
        chunks.append(b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    made = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", crc32(chunk)) for chunk in chunks]
    return 33, b"".join(made)


def _in_webp(data: bytes, metadata: Metadata) -> bytes:
    """In chunks at the end, which the first one, VP8X, announces; with a profile there always is one."""
    if data[12:16] != b"VP8X":
        return data
    announced, chunks = data[20], b""
    parts = ((b"EXIF", 8, directories.pack(metadata.entries) if any(metadata.entries.values()) else b""),
             (b"XMP ", 4, metadata.xmp))  # fmt: skip
    for name, flag, content in parts:
        if content:
            announced |= flag
            chunks += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    whole = data[12:20] + bytes([announced]) + data[21:] + chunks
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"WEBP" + whole


_BETWEEN: dict[str, Callable[[bytes, Metadata], tuple[int, bytes]]] = {"JPEG": _in_jpeg, "PNG": _in_png}
