"""The directories of TIFF (TIFF 6.0, section 2), of which EXIF is made: read and written entry by entry, to the byte.

Pillow takes them for values, and does not give back what it took: text that is not ASCII, and types it does not know.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import IO, NamedTuple

EXIF, GPS = 0x8769, 0x8825
"""The entries that lead to further directories: Exif 2.32, section 4.6.3."""

_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by its type."""

_NUMBERS = {**_WIDTHS, 5: 4, 10: 4}
"""Bytes of a number by its type: a fraction is two of them."""

_MOST_ENTRIES, _MOST_BYTES = 2000, 1 << 22  # of one directory, and of one entry; damage asks for more

LONG, ASCII, SHORT = 4, 2, 3


class Tag(NamedTuple):
    """What a tag holds.

    Attributes:
        kind: the type of its values.
        data: these, numbers with their lowest byte first.
    """

    kind: int
    data: bytes

    @classmethod
    def text(cls, text: str) -> Tag:
        return cls(ASCII, text.encode() + b"\0")


Directory = Mapping[int, Tag]


def read(file: IO[bytes], at: int | None = None) -> dict[int, dict[int, Tag]]:
    """The directories of a TIFF file, or of EXIF: the first under 0, the others under the tags that lead to them.

    That of another page stands for the first where ``at`` says where in the file it lies. Damaged entries are left out,
    and so are those of a type that is not known.

    Raises:
        Exception: of any kind, where there is no directory.
    """
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}[head[:2]]
    (version,) = struct.unpack_from(f"{order}H", head, 2)
    is_big = {42: False, 43: True}[version]
    if at is None:
        (at,) = struct.unpack_from(f"{order}Q", head, 8) if is_big else struct.unpack_from(f"{order}I", head, 4)
    first = _directory(file, at, order, is_big)
    found = {0: first}
    for tag in (EXIF, GPS):
        if (entry := first.pop(tag, None)) is not None and len(entry.data) in (4, 8):
            try:
                found[tag] = _directory(file, int.from_bytes(entry.data, "little"), order, is_big)
            except (struct.error, ValueError):
                continue
    return found


def read_exif(data: bytes) -> dict[int, dict[int, Tag]]:
    """The directories of EXIF as it lies in a picture."""
    return read(io.BytesIO(data.removeprefix(b"Exif\0\0")))


def _directory(file: IO[bytes], at: int, order: str, is_big: bool) -> dict[int, Tag]:
    counter, line, field = ("Q", "HHQ", 8) if is_big else ("H", "HHI", 4)
    file.seek(at)
    (count,) = struct.unpack(order + counter, file.read(struct.calcsize(f"={counter}")))
    if count > _MOST_ENTRIES:
        raise ValueError(f"a directory of {count} entries")
    width = struct.calcsize(f"={line}")
    lines = file.read(count * (width + field))
    entries = {}
    for start in range(0, len(lines) - width - field + 1, width + field):
        tag, kind, many = struct.unpack_from(order + line, lines, start)
        length = many * _WIDTHS.get(kind, 0)
        if not 0 < length <= _MOST_BYTES:
            continue
        data = lines[start + width : start + width + field]
        if length > field:
            file.seek(struct.unpack(order + ("Q" if is_big else "I"), data)[0])
            data = file.read(length)
        if len(data) >= length:
            entries[tag] = Tag(kind, _swapped(data[:length], _NUMBERS[kind]) if order == ">" else data[:length])
    return entries


def _swapped(data: bytes, width: int) -> bytes:
    return b"".join(data[at : at + width][::-1] for at in range(0, len(data), width)) if width > 1 else data


def pack(directories: Mapping[int, Directory]) -> bytes:
    """EXIF of directories as :func:`read` gives them, numbers with their lowest byte first."""
    return b"II*\0\x08\0\0\0" + _packed({}, directories, 8, 0, _CLASSIC)


def appended(tiff: bytes, directories: Mapping[int, Directory]) -> bytes:
    """A TIFF file with more entries in its first directory, and with further directories; see :func:`append`."""
    file = io.BytesIO(tiff)
    append(file, directories)
    return file.getvalue()


def append(file: IO[bytes], directories: Mapping[int, Directory]) -> None:
    """Give a TIFF or BigTIFF file, open to be read and written, those entries, too.

    What it has stays where it is, but for its first directory, which is written anew at the end. Files with their
    highest byte first are left as they are.
    """
    file.seek(0)
    head = file.read(16)
    form = {b"II*\0": _CLASSIC, b"II+\0": _BIG}.get(head[:4])
    if form is None:
        return
    pointer = form.field  # where the place of the first directory stands, which is as long
    file.seek(int.from_bytes(head[pointer : 2 * pointer], "little"))
    (count,) = struct.unpack(f"<{form.counter}", file.read(struct.calcsize(form.counter)))
    lines = [file.read(form.line) for _ in range(count)]
    following = int.from_bytes(file.read(form.field), "little")
    own = {struct.unpack_from("<H", line)[0]: line for line in lines}
    length = file.seek(0, io.SEEK_END)
    end = length + -length % form.field
    file.write(bytes(end - length) + _packed(own, directories, end, following, form))
    file.seek(pointer)
    file.write(end.to_bytes(form.field, "little"))


class _Form(NamedTuple):
    """TIFF, or BigTIFF: how it counts the entries of a directory, how long a place or a short value is, its type."""

    counter: str
    field: int
    kind: int

    @property
    def line(self) -> int:
        """Bytes of an entry."""
        return 4 + 2 * self.field


_CLASSIC, _BIG = _Form("H", 4, LONG), _Form("Q", 8, 16)


def _packed(
    own: Mapping[int, bytes], directories: Mapping[int, Directory], at: int, following: int, form: _Form
) -> bytes:
    """The first directory, of lines as they are and of entries, and the others behind it; to lie at ``at``."""
    first = {tag: entry for tag, entry in directories.get(0, {}).items() if tag not in own}
    others = {tag: entries for tag, entries in directories.items() if tag and entries}
    places = {tag: Tag(form.kind, bytes(form.field)) for tag in others}
    behind = at + len(_lines(own, {**first, **places}, at, following, form))
    further = b""
    for tag, entries in others.items():
        first[tag] = Tag(form.kind, (behind + len(further)).to_bytes(form.field, "little"))
        further += _lines({}, entries, behind + len(further), 0, form)
    return _lines(own, first, at, following, form) + further


def _lines(own: Mapping[int, bytes], entries: Directory, at: int, following: int, form: _Form) -> bytes:
    count = struct.pack(f"<{form.counter}", len({**own, **entries}))
    lines, values = dict(own), b""
    start = at + len(count) + form.line * len({**own, **entries}) + form.field
    for tag, (kind, data) in entries.items():
        value = data.ljust(form.field, b"\0")
        if len(data) > form.field:
            value = (start + len(values)).to_bytes(form.field, "little")
            values += data + bytes(-len(data) % form.field)
        number = (len(data) // _WIDTHS[kind]).to_bytes(form.field, "little")
        lines[tag] = struct.pack("<HH", tag, kind) + number + value
    return count + b"".join(lines[tag] for tag in sorted(lines)) + following.to_bytes(form.field, "little") + values
