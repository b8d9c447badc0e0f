"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from .errors import DiskFullError, InputError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

# Errors that only writing can raise. Any other OSError inside an `atomic_path` block may be about
# a different file, so it is passed on as it is.
_DISK = _FULL | {errno.EFBIG}

_FIXES = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "choose a folder you may write to"),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "choose a path whose parents are all folders"),
    **dict.fromkeys(_FULL, "free some space or choose another disk"),
    errno.EISDIR: "name a file inside it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EFBIG: "raise the file size limit or choose another disk",
}


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], *, name: str | None = None) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes `path` when the block ends without error.

    The temporary file lies, hidden and empty, in the folder of `path` (made if missing, with its
    parents) and has the same suffix; `name`, of `temporary_name`, is for who has to know it before.
    If the block raises anything, KeyboardInterrupt included, it is removed and a file already at
    `path` stays as it was. A link at `path` is followed. The new file has the permissions of any
    file the process creates.

    Raises InputError where `path` cannot be written: its folder is missing and cannot be made or
    is not writable, it is itself a folder or a device, or (DiskFullError) the disk is full.
    """
    target = _target(path)
    with _explained(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = _reserve(target.parent, name or temporary_name(target.suffix))
    try:
        with _explained(path, _DISK):
            yield temporary
        with _explained(path):
            os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise now the InputError that `atomic_path` would raise later; leave nothing behind.

    Folders missing on the way to `path` are not made: it is enough that they could be.
    """
    target = _target(path)
    folder = target.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    with _explained(path):
        # Permission bits do not tell: the superuser passes them, and some file systems refuse
        # files regardless. Only creating one is proof.
        _reserve(folder, temporary_name("")).unlink()


@contextlib.contextmanager
def _explained(path: str | os.PathLike[str], numbers: frozenset[int] | None = None) -> Iterator[None]:
    """Raise `unwritable` in the place of an OSError, or of one with some numbers."""
    try:
        yield
    except OSError as error:
        if numbers is None or error.errno in numbers:
            raise unwritable(path, error) from error
        raise


def _target(path: str | os.PathLike[str]) -> Path:
    """The file that writing to `path` would replace, links followed."""
    try:
        target = Path(os.path.realpath(path))
        target.lstat()
    except FileNotFoundError:
        return target
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
    if target.is_dir():
        raise unwritable(path, IsADirectoryError(errno.EISDIR, "it is a folder"))
    if not target.is_file():
        # os.replace would put a regular file in the place of, say, /dev/null.
        raise InputError(f"cannot write {path}: it is not a regular file; choose another path")
    return target


def temporary_name(suffix: str) -> str:
    """The name of a hidden file that no other process or thread will choose."""
    # The suffix comes last because image libraries take the format from it; the rest does not
    # repeat the target's name, which may already be as long as the file system allows.
    return f".adain-{secrets.token_hex(8)}{suffix}"


def _reserve(folder: Path, name: str) -> Path:
    """Create an empty file in `folder`."""
    temporary = folder / name
    # The tempfile module would give mode 0600; 0o666 lets the umask decide as for other files.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def unwritable(path: str | os.PathLike[str], error: OSError | ValueError) -> InputError:
    """The error to raise where writing to `path` raised `error`; a DiskFullError if that is why."""
    number = error.errno if isinstance(error, OSError) else None
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    fix = _FIXES.get(number or 0, "choose another path")
    kind = DiskFullError if number in _FULL else InputError
    return kind(f"cannot write {path}: {reason[:1].lower()}{reason[1:]}; {fix}")
