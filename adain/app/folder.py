"""The folder of a server, which holds uploads and results, and is gone when the server is."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import weakref
from pathlib import Path
from typing import IO

from .._utils.errors import InputError
from .._utils.locks import NAME, hold

PREFIX = "adain-app-"

TRIES = 20
"""How often a folder is removed that has something in it again."""


class OwnFolder:
    """A folder that is held by a lock as long as its server lives, so that others can tell whether it still does."""

    def __init__(self) -> None:
        sweep()
        self.path, lock = _held()
        self._empty = weakref.finalize(self, _remove, self.path, lock)

    def remove(self) -> None:
        """Remove it with all that is in it; while another thread is at that, too, and whatever still writes there."""
        self._empty()
        for _ in range(TRIES):
            if not self.path.exists():
                return
            shutil.rmtree(self.path, ignore_errors=True)


def sweep() -> None:
    """Remove the folders of this user's servers that were killed: those that no process holds.

    Where the system has no locks, nothing is removed, as it cannot be told.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            known = folder.lstat()
            if not stat.S_ISDIR(known.st_mode) or known.st_uid != os.getuid():
                continue
            # Not made here: a folder without it is one that is just being made.
            with open(os.open(folder / NAME, os.O_WRONLY | os.O_NOFOLLOW), "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError, where one lives
                shutil.rmtree(folder, ignore_errors=True)


def _held() -> tuple[Path, IO[str]]:
    """A new folder and the lock on it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            return folder, hold(folder, "this folder")
        except (InputError, FileNotFoundError):  # swept between two steps, as one that nobody holds
            continue


def _remove(folder: Path, lock: IO[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.close()
