"""JPEG XL, by pillow-jxl-plugin and imagecodecs: what the header says, and the first frame, upright."""

from __future__ import annotations

import contextlib
import functools
import io
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import numpy.typing as npt
from PIL import Image

from .boxes import boxes

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
"""What a file begins with: ISO/IEC 18181-1, annex D, and ISO/IEC 18181-2, section 9."""

_importing = threading.Lock()

_HEADER = 64  # bytes that hold the fields which are read, whatever they say

_RATIOS = {1: (1, 1), 2: (6, 5), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Width to height, where the width is not said."""


class Header(NamedTuple):
    """What the first fields of a codestream say.

    Attributes:
        size: width and height as they are stored; an orientation may swap them.
        bits: of a sample; None of floats.
    """

    size: tuple[int, int]
    bits: int | None


def read_header(file: IO[bytes]) -> Header:
    """By ISO/IEC 18181-1, annex D: SizeHeader, and of ImageMetadata what comes before the depth of samples.

    Raises:
        ValueError: if it is damaged.
    """
    head = b""
    for part in _codestream(file):
        head += part
        if len(head) >= _HEADER:
            break
    if not head.startswith(CODESTREAM):
        raise ValueError("its header is damaged")
    bits = _Bits(head[2:])
    size = _size(bits)
    if bits.take(1):  # everything else is what it mostly is
        return Header(size, 8)
    if bits.take(1):
        bits.take(3)  # the orientation
        if bits.take(1):
            _size(bits)  # as which it is to be shown
        if bits.take(1):
            _preview(bits)
        if bits.take(1):
            _animation(bits)
    is_float = bits.take(1)
    return Header(size, None if is_float else bits.choose((8, 0), (10, 0), (12, 0), (1, 6)))


class _Bits:
    """Numbers in a stream of bits, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        """A number of so many bits."""
        self._left -= count
        if self._left < 0:
            raise ValueError("its header is cut off")
        number = self._value & ((1 << count) - 1)
        self._value >>= count
        return number

    def choose(self, *ways: tuple[int, int]) -> int:
        """U32 of the standard: one of four ways to say a number, each a number to add to one of so many bits."""
        least, count = ways[self.take(2)]
        return least + self.take(count)


def _size(bits: _Bits) -> tuple[int, int]:
    is_small = bits.take(1)

    def side() -> int:
        return 8 * (bits.take(5) + 1) if is_small else bits.choose((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    ratio = _RATIOS.get(bits.take(3))
    return (side() if ratio is None else height * ratio[0] // ratio[1]), height


def _preview(bits: _Bits) -> None:
    ways = ((16, 0), (32, 0), (1, 5), (33, 9)) if bits.take(1) else ((1, 6), (65, 8), (321, 10), (1345, 12))
    bits.choose(*ways)
    if bits.take(3) == 0:
        bits.choose(*ways)


def _animation(bits: _Bits) -> None:
    bits.choose((100, 0), (1000, 0), (1, 10), (1, 30))
    bits.choose((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.choose((0, 0), (0, 3), (0, 16), (0, 32))
    bits.take(1)


def _codestream(file: IO[bytes]) -> Iterator[bytes]:
    """The beginning of the codestream, in as many parts as boxes hold it."""
    file.seek(0)
    if file.read(len(CONTAINER)) != CONTAINER:
        file.seek(0)
        yield file.read(_HEADER)
        return
    for name, length in boxes(file):
        if name in (b"jxlc", b"jxlp"):
            number = 4 if name == b"jxlp" else 0  # bytes that say which part it is
            file.seek(number, 1)
            yield file.read(max(0, min(_HEADER, length - number)))


def told(file: IO[bytes]) -> tuple[dict[str, bytes], bool]:
    """EXIF and XMP of a file, under "exif" and "xmp"; and whether it has more of them, compressed.

    By ISO/IEC 18181-2, section 9: in a box Exif an offset stands before what TIFF calls a header.
    """
    found: dict[str, bytes] = {}
    is_packed = False
    file.seek(0)
    if file.read(len(CONTAINER)) == CONTAINER:
        for name, length in boxes(file):
            if name == b"Exif" and length > 4:
                content = file.read(length)
                is_bare = content.startswith((b"II*\0", b"MM\0*"))  # as pillow-jxl-plugin writes it
                found["exif"] = content if is_bare else content[4 + int.from_bytes(content[:4], "big") :]
            elif name == b"xml ":
                found["xmp"] = file.read(length)
            is_packed = is_packed or name == b"brob"
    return found, is_packed


def _decoder() -> Any:
    """:func:`_imported`, by one thread at a time: what another has half imported is among the modules already."""
    with _importing:
        return _imported()


@functools.cache
def _imported() -> Any:
    """The decoder of pillow-jxl-plugin.

    The package teaches Pillow to open such files when it is imported, in the whole program. That is undone, and so is
    the import, lest who means that finds it done already.
    """
    is_new, known = "pillow_jxl" not in sys.modules, "JXL" in Image.OPEN
    import pillow_jxl

    if is_new and not known:
        _unteach()
    return pillow_jxl.Decoder


def _unteach() -> None:
    """Let Pillow open such files no longer, and the package be imported again."""
    for table in (Image.OPEN, Image.SAVE, Image.MIME):
        table.pop("JXL", None)
    Image.EXTENSION.pop(".jxl", None)
    with contextlib.suppress(ValueError):
        Image.ID.remove("JXL")
    for name in [name for name in sys.modules if name.partition(".")[0] == "pillow_jxl"]:
        del sys.modules[name]


def require() -> None:
    """ImportError, if one of the packages is missing."""
    _decoder()
    import imagecodecs

    if not imagecodecs.JPEGXL.available:
        raise ImportError("this imagecodecs was built without JPEG XL")


def decode(data: bytes) -> Image.Image | tuple[npt.NDArray[Any], bytes | None]:
    """The first frame of a file: the JPEG that it was made of; or its samples, upright, and their profile.

    Raises:
        Exception: of any kind, for a damaged file.
    """
    jpeg, _, content, profile, _ = _decoder()(num_threads=-1)(data)
    if jpeg:
        return Image.open(io.BytesIO(content), formats=["JPEG"])
    from imagecodecs import jpegxl_decode

    # The other package gives the last frame of an animation, and of deep colours their upper 8 bits.
    return jpegxl_decode(data, index=0), profile or None
