"""A file on its way in: piece by piece onto the disk, within bounds, and never in memory as a whole."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

from .errors import NoRoom, TooLarge, TooMany
from .held import Held

BLOCK = 2**16
"""Bytes that a file counts beside its own, so that the number of small ones is bounded, too."""


class Incoming:
    """A file that is being written.

    Args:
        folder: of its own.
        most: bytes that it may have.
        room: where they are reserved, so that what comes in at once is bounded, too.

    Attributes:
        path: of the file.
        size: bytes so far.
        is_kept: whether somebody keeps it; set by who does.
    """

    def __init__(self, folder: Path, most: int, room: Held) -> None:
        self.path = folder / "incoming"
        self.size, self.is_kept = 0, False
        self._most, self._room, self._reserved = most, room, 0
        self._digest = hashlib.sha256()
        self._file = self.path.open("wb", buffering=2**16)

    @property
    def digest(self) -> bytes:
        """Of the bytes so far."""
        return self._digest.digest()

    def expect(self, size: int) -> None:
        """See, before anything is read, that a file of so many bytes may come."""
        if size > self._most:
            raise TooLarge(
                f"{size / 2**20:.1f} MB are too much: at most {self._most / 2**20:g} MB are taken here (--max-upload)"
            )

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: if they are more than a file may have.
            TooMany: if there is no room for them, as all that is kept is in use.
            NoRoom: if the disk is full.
        """
        self.expect(self.size + len(data))
        if not self._room.reserve(len(data)):
            raise no_room()
        self._reserved += len(data)
        self._digest.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise _failed(error) from None
        self.size += len(data)

    def release(self) -> None:
        """Give back the room that was reserved; a second time does nothing."""
        self._room.release(self._reserved)
        self._reserved = 0

    def close(self) -> None:
        """End writing; a second time does nothing."""
        try:
            self._file.close()
        except OSError as error:
            raise _failed(error) from None


def no_room() -> TooMany:
    """What is raised where nothing that is kept can make room for a file."""
    return TooMany("there is no room for more pictures while others are in use: try again soon")


def _failed(error: OSError) -> NoRoom:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    why = "the disk of the server is full: free some space" if full else f"the server cannot write: {error.strerror}"
    return NoRoom(why)
