"""What a file says of its colours where Pillow does not: in a chunk or a box of its own, or in EXIF.

* PNG: cICP, then iCCP, then sRGB, then gAMA and cHRM (PNG, third edition, section 4.3), with mDCV and cLLI.
* AVIF, HEIF: an ICC profile, then the box colr of type nclx (ISO/IEC 14496-12, section 12.1.5), with clli and mdcv.
* JPEG 2000: the box colr, which holds a number, a profile or codes (ISO/IEC 15444-1, section I.5.3.3).
* Any: the profile that Pillow finds; without one "R03" of EXIF (version 2.3, section 4.6.7), which is Adobe RGB.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import IO, Any, TypeAlias

from PIL import Image

from .boxes import boxes, boxes_in
from .colorspace import (
    ADOBE,
    ADOBE_GAMMA,
    BT709,
    ROMM,
    Colorspace,
    Decode,
    Primaries,
    power_light,
    romm_light,
    srgb_light,
    xyz_matrix,
)
from .hdr import curve_of

Signalled: TypeAlias = "Colorspace | bytes | None"
"""A colour space; an ICC profile; or nothing, which means sRGB."""

_LARGEST = 1 << 24  # bytes of a box or a chunk that are read; those of colours are small, but profiles come with them


def signalled(image: Image.Image) -> Signalled:
    """What the file of an opened image, best not loaded yet, says of its colours; damaged parts say nothing."""
    profile = image.info.get("icc_profile")
    found: Signalled = None
    with contextlib.suppress(Exception):  # whatever damage makes a parser meet
        found = _of_format(image, profile)
    if found is None and isinstance(profile, bytes):
        return profile
    if found is None and "srgb" not in image.info:
        with contextlib.suppress(Exception):
            found = _of_exif(image)
    return found


def of_profile(profile: bytes | None) -> Signalled:
    """What an ICC profile says that came without an image of Pillow's."""
    with contextlib.suppress(Exception):
        if profile is not None and (found := _of_profile(profile)) is not None:
            return found
    return profile


def _of_format(image: Image.Image, profile: object) -> Signalled:
    info = image.info
    chunks = dict(_chunks(image)) if image.format == "PNG" else {}
    if b"cICP" in chunks and (found := _of_cicp(chunks)) is not None:
        return found
    if isinstance(profile, bytes):
        return _of_profile(profile)
    if isinstance(codes := info.get("nclx_profile"), dict):  # as pillow-heif gives it
        return Colorspace.of_codes(codes["color_primaries"], codes["transfer_characteristics"])
    if image.format == "AVIF":
        return _of_avif(image)
    if image.format == "JPEG2000":
        return _of_jp2(image)
    if "srgb" not in info and ("gamma" in info or "chromaticity" in info):
        return _of_gamma(info.get("gamma"), info.get("chromaticity"))
    return None


def _of_exif(image: Image.Image) -> Colorspace | None:
    if image.format == "PNG" and "exif" not in image.info:
        return None  # Pillow would decode the picture to look behind it
    index = image.getexif().get_ifd(0xA005).get(1, "")
    text = index.decode("ascii", "ignore") if isinstance(index, bytes) else str(index)
    return Colorspace(ADOBE, power_light(ADOBE_GAMMA)) if text.rstrip("\0 ") == "R03" else None


def _of_profile(profile: bytes) -> Colorspace | None:
    """A profile of PQ or HLG says so by codes beside its tables (ICC.1:2022, section 9.2.17), which give no peak."""
    (count,) = struct.unpack_from(">I", profile, 128)
    for k in range(min(count, 200)):
        tag, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * k)
        if tag == b"cicp":
            primaries, transfer, _, is_full = profile[offset + 8 : offset + 12]
            if curve_of(transfer) is not None:
                return Colorspace.of_codes(primaries, transfer, is_narrow=not is_full)
    return None


# PNG


def _chunks(image: Image.Image) -> Iterator[tuple[bytes, bytes]]:
    """Those small ones before the pixels; none once the file is gone."""
    with contextlib.suppress(ValueError), _from_beginning(image) as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name in (b"IDAT", b"IEND"):
                return
            if length > 64:
                file.seek(length + 4, 1)
                continue
            yield name, file.read(length)
            file.seek(4, 1)  # Pillow has checked them


def _of_cicp(chunks: dict[bytes, bytes]) -> Colorspace | None:
    primaries, transfer, matrix, is_full = chunks[b"cICP"]
    if matrix != 0:  # numbers that are no RGB cannot be, in a PNG
        return None
    mastered = brightest = None
    for name in (b"mDCV", b"mDCv"):  # as it was called before the standard
        if name in chunks:
            mastered = struct.unpack_from(">I", chunks[name], 16)[0] / 10_000
    for name in (b"cLLI", b"cLLi"):
        if name in chunks:
            brightest = struct.unpack_from(">I", chunks[name])[0] / 10_000
    return Colorspace.of_codes(primaries, transfer, is_narrow=not is_full, brightest=brightest, mastered=mastered)


def _of_gamma(gamma: Any, chromaticity: Any) -> Colorspace | None:
    """Of a PNG; what is not said, and primaries that are none, are those of sRGB."""
    primaries: Primaries = BT709
    decode: Decode = srgb_light
    if chromaticity is not None:
        told: Primaries = (*chromaticity[2:], *chromaticity[:2])
        with contextlib.suppress(ValueError):
            xyz_matrix(told)
            primaries = told
    # 1 / 2.2 is written for sRGB, by the advice of the standard's section on sRGB.
    if gamma and abs(gamma - 1 / 2.2) > 1e-4:
        decode = power_light(1 / gamma)
    return Colorspace(primaries, decode)


# Boxes, of AVIF and JPEG 2000


def _of_avif(image: Image.Image) -> Colorspace | None:
    codes, brightest, mastered = None, None, None
    for name, data in _avif_properties(image):
        if name == b"colr" and data[:4] == b"nclx":
            codes = struct.unpack_from(">HH", data, 4)
        elif name == b"clli":
            brightest = float(struct.unpack_from(">H", data)[0])
        elif name == b"mdcv":
            mastered = struct.unpack_from(">I", data, 16)[0] / 10_000
    # Pillow has seen to the matrix and the range.
    return None if codes is None else Colorspace.of_codes(*codes, brightest=brightest, mastered=mastered)


def _avif_properties(image: Image.Image) -> list[tuple[bytes, bytes]]:
    """Those of the picture, or of the first track of an animation, whichever is decoded."""
    with _from_beginning(image) as file:
        top = dict(_file_boxes(file, (b"ftyp", b"meta", b"moov")))
    if top[b"ftyp"][:4] == b"avis" and b"moov" in top:
        data = top[b"moov"]
        for name in (b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
            data = dict(reversed(list(boxes_in(data))))[name]
        _, entry = next(boxes_in(data[8:]))
        return list(boxes_in(entry[78:]))
    meta = dict(boxes_in(top[b"meta"][4:]))
    (item,) = struct.unpack_from(">H" if meta[b"pitm"][0] == 0 else ">I", meta[b"pitm"], 4)
    held = dict(boxes_in(meta[b"iprp"]))
    properties = list(boxes_in(held[b"ipco"]))
    return [properties[k - 1] for k in _associated(held[b"ipma"], item) if 0 < k <= len(properties)]


def _associated(data: bytes, item: int) -> list[int]:
    """Numbers, from 1, of the properties of an item: ISO/IEC 23008-12, section 9.3.1."""
    version, is_wide = data[0], data[3] & 1
    (count,) = struct.unpack_from(">I", data, 4)
    at = 8
    for _ in range(count):
        (one, many) = struct.unpack_from(">IB" if version else ">HB", data, at)
        at += 5 if version else 3
        numbers = struct.unpack_from(f">{many}{'H' if is_wide else 'B'}", data, at)
        at += many * (2 if is_wide else 1)
        if one == item:
            return [number & (0x7FFF if is_wide else 0x7F) for number in numbers]
    return []


def _of_jp2(image: Image.Image) -> Signalled:
    """The first colr that says something."""
    with _from_beginning(image) as file:
        header = dict(_file_boxes(file, (b"jp2h",))).get(b"jp2h", b"")
    for name, data in boxes_in(header):
        if name != b"colr":
            continue
        method, rest = data[0], data[3:]
        if method in (2, 3):
            return rest
        if method == 5:
            primaries, transfer = struct.unpack_from(">HH", rest)
            return Colorspace.of_codes(primaries, transfer)
        if method == 1:
            # The other numbers are sRGB, or what Pillow turns into it.
            return Colorspace(ROMM, romm_light) if struct.unpack_from(">I", rest)[0] == 21 else None
    return None


@contextlib.contextmanager
def _from_beginning(image: Image.Image) -> Iterator[IO[bytes]]:
    """The image's file, which is left where it was; ValueError once that is gone."""
    file = getattr(image, "fp", None)
    if file is None or getattr(file, "closed", False):
        raise ValueError("the image was loaded")
    position = file.tell()
    try:
        file.seek(0)
        yield file
    finally:
        file.seek(position)


def _file_boxes(file: IO[bytes], wanted: tuple[bytes, ...]) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of boxes of a file, of those that are wanted and not too large."""
    for name, length in boxes(file):
        if name in wanted and length <= _LARGEST:
            yield name, file.read(length)
