"""How long the frames of animations are shown, as their files have it: read, and written where encoders would round it.

* GIF: the delay of the graphic control extension before a picture, in hundredths of a second (GIF89a, section 23).
* PNG: ``delay_num`` and ``delay_den`` of each chunk fcTL (PNG, third edition, section 11.3.6.2).
* WebP: the duration in each chunk ANMF, in milliseconds (RFC 9649, section 2.7.1.1).
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import IO

LONGEST = 0xFFFF
"""Of the numbers in GIF and PNG."""

PNG_UNSAID = 100
"""What a denominator of 0 means, by the standard."""


def read_gif(file: IO[bytes]) -> list[Fraction]:
    """Delays in seconds, 0 of a picture without one, as far as the file can be read."""
    delays = []
    with contextlib.suppress(IndexError, struct.error):  # cut short
        for place in _gif_pictures(file):
            here = file.tell()
            delays.append(Fraction(0))
            if place is not None:
                file.seek(place)
                delays[-1] = Fraction(struct.unpack("<H", file.read(2))[0], 100)
            file.seek(here)
    return delays


def write_gif(file: IO[bytes], delays: Sequence[int]) -> None:
    """Set the delays of all frames, in 1/100 s, of a file that has one graphic control extension for each."""
    for place, delay in zip([*_gif_pictures(file)], delays, strict=True):
        assert place is not None
        file.seek(place)
        file.write(struct.pack("<H", min(delay, LONGEST)))


def _gif_pictures(file: IO[bytes]) -> Iterator[int | None]:
    """Where the delay of each picture stands; None of one that has none."""
    file.seek(10)
    _skip_table(file, file.read(3)[0])
    place = None
    while (kind := file.read(1)) in (b"!", b","):
        if kind == b",":
            flags = file.read(9)[8]
            yield place
            place = None
            _skip_table(file, flags)
            file.seek(1, 1)
        elif file.read(1) == b"\xf9":
            place = file.tell() + 2
        while size := file.read(1)[0]:
            file.seek(size, 1)


def _skip_table(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << (flags & 7) + 1, 1)


def read_png(file: IO[bytes]) -> list[Fraction]:
    """Delays in seconds, as far as the file can be read."""
    delays = []
    with contextlib.suppress(struct.error):  # cut short
        for place in _png_controls(file):
            file.seek(place + 20)
            number, units = struct.unpack(">HH", file.read(4))
            delays.append(Fraction(number, units or PNG_UNSAID))
            file.seek(place)
    return delays


def write_png(file: IO[bytes], delays: Sequence[Fraction]) -> None:
    """Set the delays of all frames, in seconds, of a file that has one chunk fcTL for each."""
    for place, delay in zip([*_png_controls(file)], delays, strict=True):
        file.seek(place)
        data = file.read(26)
        data = data[:20] + struct.pack(">HH", *quotient(delay)) + data[24:]
        file.seek(place)
        file.write(data + struct.pack(">I", zlib.crc32(b"fcTL" + data)))


def quotient(delay: Fraction) -> tuple[int, int]:
    """Seconds as two numbers of 16 bits, exactly where that can be."""
    if delay >= LONGEST:
        return LONGEST, 1
    near = delay.limit_denominator(LONGEST if delay <= 1 else int(LONGEST / delay))
    return near.numerator, near.denominator


def _png_controls(file: IO[bytes]) -> Iterator[int]:
    """Where the chunks fcTL have their contents; to be left there."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, name = struct.unpack(">I4s", head)
        if name == b"fcTL":
            yield file.tell()
        file.seek(size + 4, 1)


def end_webp(file: IO[bytes], end: int) -> None:
    """Have the last frame last until so many ms after the first one begins, in a file that is animated."""
    *before, last = _webp_durations(file)
    start = 0
    for place in before:
        file.seek(place)
        start += int.from_bytes(file.read(3), "little")
    file.seek(last)
    file.write(min(max(0, end - start), 0xFFFFFF).to_bytes(3, "little"))


def _webp_durations(file: IO[bytes]) -> Iterator[int]:
    """Where the durations stand."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name == b"ANMF":
            yield file.tell() + 12
        file.seek(size + size % 2, 1)
