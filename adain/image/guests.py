"""Formats of phones, which packages of their own read: HEIC by pillow-heif, and JPEG XL (:mod:`adain.image.jxl`).

They are imported when the first such file is met, and do not change what Pillow reads elsewhere in the program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.errors import ImageError
from . import jxl
from .modes import to_unit
from .samples import Samples

# Brands of ISO/IEC 23008-12, annexes B to D, whose pictures are HEVC; of "mif1" and "msf1" anything may be.
_HEVC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_ANY, _AV1 = frozenset({b"mif1", b"msf1"}), frozenset({b"avif", b"avis"})


@dataclass(frozen=True)
class Guest:
    """A file of such a format whose header was read.

    Attributes:
        size: width and height.
        decode: gives its pixels, upright, with what is known of their colours, as Pillow's ``info`` has it; or the
            picture that is packed in it.
        info: what it says of the picture, as Pillow has it under "exif" and "xmp", as far as that is known before it
            is decoded.
        is_told_late: whether there may be more of that in the picture that is packed in it.
    """

    size: tuple[int, int]
    decode: Callable[[], tuple[Samples, dict[str, Any]] | Image.Image]
    info: Mapping[str, bytes]
    is_told_late: bool = False


def open_guest(file: str | IO[bytes], name: str) -> Guest | None:
    """A file of such a format; None of any other.

    Raises:
        ImageError: if the package that reads it is not installed.
        Exception: of any kind, for a damaged file.
    """
    head = _head(file)
    kind = kind_of(head)
    if kind is None:
        return None
    try:
        return _open_heif(file) if kind == "HEIC" else _open_jxl(file)
    except ImportError as error:
        packages, extra = _NEEDED[kind]
        raise ImageError(
            f'cannot read {name}: {kind} needs {packages}, not installed here: pip install "adain[{extra}]"'
        ) from error


def guest_of(path: str) -> str | None:
    """The format of a file that is such a one, by its beginning; None of any other, and where there is none."""
    try:
        return kind_of(_head(path))
    except OSError:
        return None


_NEEDED = {"HEIC": ("pillow-heif", "heif"), "JPEG XL": ("pillow-jxl-plugin and imagecodecs", "jxl")}
"""By format what reads it, and the extra that installs that."""


def kind_of(head: bytes) -> str | None:
    """The format of a file by its beginning, of :data:`_NEEDED`; None for any other."""
    if head.startswith((jxl.CODESTREAM, jxl.CONTAINER)):
        return "JPEG XL"
    if head[4:8] != b"ftyp":
        return None
    length = min(len(head), int.from_bytes(head[:4], "big"))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))}
    is_heif = (
        head[8:12] in _HEVC or (head[8:12] in _ANY and not brands & _AV1) or (brands & _HEVC and not brands & _AV1)
    )
    return "HEIC" if is_heif else None


def _head(file: str | IO[bytes]) -> bytes:
    if isinstance(file, str):
        with open(file, "rb") as opened:
            return opened.read(HEAD)
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    return head


HEAD = 256  # bytes that hold the brands of any file there is


def _open_heif(file: str | IO[bytes]) -> Guest:
    from pillow_heif import HeifFile

    # Of several pictures the primary one.
    found = HeifFile(file, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    picture = found[found.primary_index]
    told = {key: picture.info[key] for key in ("exif", "xmp") if picture.info.get(key)}
    return Guest(picture.size, functools.partial(_heif_samples, picture), told)


def _heif_samples(picture: Any) -> tuple[Samples, dict[str, Any]]:
    """Turned and cut as the file says; an orientation in EXIF counts for nothing (ISO/IEC 23008-12, annex A)."""
    values = np.asarray(picture)
    mode, _, bits = picture.mode.partition(";")
    info = {key: picture.info[key] for key in ("icc_profile", "nclx_profile", "exif") if picture.info.get(key)}
    return _samples(values, (1 << int(bits or 8)) - 1, is_premultiplied=mode.endswith("a")), info


def _open_jxl(file: str | IO[bytes]) -> Guest:
    jxl.require()
    if isinstance(file, str):
        with open(file, "rb") as opened:
            return _open_jxl(opened)
    size, bits = jxl.read_header(file)
    told, is_packed = jxl.told(file)
    file.seek(0)
    return Guest(size, functools.partial(_jxl_samples, file.read(), bits), told, is_packed)


def _jxl_samples(data: bytes, bits: int | None) -> tuple[Samples, dict[str, Any]] | Image.Image:
    found = jxl.decode(data)
    if isinstance(found, Image.Image):
        return found
    values, profile = found
    white = None if bits is None else (1 << bits) - 1
    return _samples(values, white), {} if profile is None else {"icc_profile": profile}


def _samples(values: npt.NDArray[Any], white: int | None, *, is_premultiplied: bool = False) -> Samples:
    """Of ``(H, W)`` or ``(H, W, C)``, with an alpha last where C is 2 or 4; deep integers in 16 bits."""
    values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    alpha = None
    if values.ndim == 3 and values.shape[2] in (2, 4):
        alpha = to_unit(values[..., -1], white)
        values = values[..., 0] if values.shape[2] == 2 else values[..., :3]
        if is_premultiplied:
            visible = np.where(alpha > 0, alpha, 1)
            values = np.rint(values / (visible if values.ndim == 2 else visible[..., None])).clip(0, white)
    if white is not None and white != 255:
        values, white = np.rint(values * (65535 / white)).astype(np.uint16), 65535
    elif white == 255:
        values = values.astype(np.uint8)
    return Samples(values, "L" if values.ndim == 2 else "RGB", white, alpha)
