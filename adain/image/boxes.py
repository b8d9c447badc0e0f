"""Boxes, of which HEIF, AVIF, JPEG 2000 and JPEG XL files consist: ISO/IEC 14496-12, section 4.2."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import IO


def boxes(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Name and length of each box of a file, which is at its content then; what is cut off is left out."""
    end, at = file.seek(0, io.SEEK_END), 0
    while at + 8 <= end:
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(8))
        head = 8
        if length == 1:
            length, head = int.from_bytes(file.read(8), "big"), 16
        length = length or end - at
        if length < head:
            return
        yield name, max(0, min(length, end - at) - head)
        at += length


def boxes_in(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each box within another, whose content is given."""
    file = io.BytesIO(data)
    for name, length in boxes(file):
        yield name, file.read(length)
