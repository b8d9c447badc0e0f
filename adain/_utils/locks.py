"""Folders that one process at a time works in."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from .errors import InputError

NAME = "lock"
"""Of the file in the folder that is locked."""


def hold(folder: Path, made: str) -> IO[str]:
    """Hold a folder until what is returned is closed; the system lets go of it even for one that is killed.

    Where the system or the file system has no locks, the folder is not held.

    Args:
        folder: which is there.
        made: what is made in it, for the message.

    Raises:
        InputError: if another process holds it.
        OSError: if it cannot be written to.
    """
    lock = (folder / NAME).open("w")
    try:
        import fcntl
    except ImportError:  # Windows
        return lock
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise InputError(f"another process is making {made}: wait for it, or choose another -o") from None
    except OSError:
        pass  # a file system without locks
    return lock
