"""What a command reads is never written over: asked once, before any work begins."""

from __future__ import annotations

import functools
import os
import secrets
import stat
import unicodedata
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

from .errors import InputError

Name = str | os.PathLike[str]


class Place(NamedTuple):
    """Where a file lies, or would.

    Attributes:
        key: the same for all names of a file: hard and symbolic links, other spellings of folders, and of letters
            where the file system does not tell these apart.
        path: with links followed.
        is_there: whether there is anything of that name.
    """

    key: Hashable
    path: str
    is_there: bool


def protect(written: Iterable[Name], read: Iterable[Name]) -> None:
    """Raise InputError if a file to be written is one that is read, by whatever name."""
    locate = locator()
    kept = {locate(path).key for path in read}
    for path in written:
        refuse_input(path, locate(path), kept)


def refuse_input(path: Name, place: Place, kept: Iterable[Hashable]) -> None:
    """Raise InputError if the place of a file to be written is among those of files that are read."""
    if place.key in kept:
        raise InputError(f"{os.fspath(path)} is also an input and would be replaced: choose another file to write")


def locator() -> Callable[[Name], Place]:
    """What says where a file lies; of a million, the way to each folder is followed once."""
    real = functools.cache(os.path.realpath)

    def locate(path: Name) -> Place:
        parent, name = os.path.split(os.fspath(path))
        there = os.path.join(real(parent), name)
        try:
            found = os.lstat(there)
            if stat.S_ISLNK(found.st_mode):
                there = os.path.realpath(there)
                found = os.stat(there)
        except (OSError, ValueError):
            return Place(there, there, False)
        # A file has one number for all its names; there are file systems without.
        return Place((found.st_dev, found.st_ino) if found.st_ino else there, there, True)

    return locate


def one_spelling(path: str) -> str:
    """What two names have in common that are one where letters are not told apart by case or by composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def folds_case(folder: Name) -> bool:
    """Whether a folder, or the one in which it would be made, takes names for one that differ in case alone."""
    folder = os.path.realpath(folder)
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    # Only a trial tells: it is a property of the mount, and on some systems of each folder.
    probe = os.path.join(folder, f".adain-{secrets.token_hex(8)}")
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError:
        return False
    try:
        return os.path.exists(os.path.join(folder, os.path.basename(probe).upper()))
    finally:
        os.unlink(probe)
