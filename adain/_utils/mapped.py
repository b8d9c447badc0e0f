"""Files without a name that are mapped into memory: room for more than there is memory for."""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from pathlib import Path
from typing import IO

from .errors import InputError

_CHUNK = 16 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class MappedFile:
    """So many bytes, all 0 at first. They are gone with the process, however that ends.

    Pages count as this process's memory while they are mapped: :meth:`release` gives them back, and what was written
    stays in the file.

    Args:
        size: in bytes.
        folder: for the file; by default that for temporary files (``TMPDIR``).
        what: is kept there, for messages.

    Attributes:
        buffer: to make arrays of.

    Raises:
        InputError: if the disk has no room for it, or the folder cannot be written to.
    """

    def __init__(self, size: int, folder: str | os.PathLike[str] | None, what: str) -> None:
        where = ""
        try:
            where = str(folder or _scratch_folder())
            with tempfile.TemporaryFile(dir=where, prefix="adain-") as file:
                # Now, as a page that finds no room when it is written to ends the process.
                _reserve(file, size)
                self.buffer = mmap.mmap(file.fileno(), size)  # which holds the file open
        except OSError as error:
            reason = error.strerror or str(error)
            fix = "free some space" if error.errno in _FULL else "choose a folder you may write to"
            raise InputError(
                f"cannot keep {size / 1e9:.2g} GB of {what} in {where or 'a temporary folder'}: "
                f"{reason[:1].lower()}{reason[1:]}; {fix}, point TMPDIR to a folder on another disk, or use a smaller "
                "content size"
            ) from error

    def release(self) -> None:
        """Give the memory back; nothing is lost."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.buffer.madvise(mmap.MADV_DONTNEED)


def _reserve(file: IO[bytes], size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    zeros = memoryview(bytes(_CHUNK))
    for start in range(0, size, _CHUNK):
        file.write(zeros[: size - start])
    file.flush()


def _scratch_folder() -> str:
    """The folder for temporary files; /var/tmp, which is meant for large ones, where /tmp is kept in memory."""
    folder = tempfile.gettempdir()
    if folder == "/tmp" and _is_in_memory(folder) and os.access("/var/tmp", os.W_OK):
        return "/var/tmp"
    return folder


def _is_in_memory(folder: str, mounts: Path = Path("/proc/self/mounts")) -> bool:
    try:
        entries = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return False
    kinds = {entry[1]: entry[2] for entry in entries if len(entry) > 2}
    path = Path(folder).resolve()
    kind = next((kinds[str(parent)] for parent in (path, *path.parents) if str(parent) in kinds), "")
    return kind in ("tmpfs", "ramfs")
