"""What a request can be refused for, each with its status; and any error as the one line that is answered."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from .._utils.errors import AdainError, DiskFullError, MissingFileError, first_line, out_of_memory

MOST_TEXT = 500
"""Characters of an answer's line."""


class Refusal(AdainError):
    """A request that is not served, for a reason that its sender can put right."""

    status = 400
    headers: dict[str, str]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.headers = {}


class Unauthorised(Refusal):
    """The token is missing or wrong."""

    status = 401

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.headers = {"WWW-Authenticate": "Bearer"}


class Foreign(Refusal):
    """The request comes from another site's page, or asks for another host."""

    status = 403


class Forgotten(Refusal):
    """There is nothing of that id: there never was, or it had to make room."""

    status = 404


class TooSlow(Refusal):
    """The sender took too long."""

    status = 408


class TooLong(Refusal):
    """The work took more time than it may."""

    status = 408


class NotDone(Refusal):
    """There is no file yet, or there will be none."""

    status = 409


class Superseded(Refusal):
    """A newer request of the same slot has taken the place of this one."""

    status = 409


class TooLarge(Refusal):
    """More bytes or pixels than are taken."""

    status = 413


class WrongKind(Refusal):
    """A body of a kind that is not taken."""

    status = 415


class TooMany(Refusal):
    """More is asked for at once than there is room for; ``after`` so many seconds there may be."""

    status = 429

    def __init__(self, message: str, after: int = 5) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(after)}


class Abandoned(Refusal):
    """Nobody waits for it any more; nor does anybody read this answer."""

    status = 499


class NoRoom(Refusal):
    """The disk of the server takes no more."""

    status = 507


class Stopping(Refusal):
    """The server is about to end."""

    status = 503

    def __init__(self, message: str = "the server is ending: start it again with adain app") -> None:
        super().__init__(message)


def status_of(error: BaseException) -> int:
    """The status that answers an error."""
    if isinstance(error, Refusal):
        return error.status
    if isinstance(error, MissingFileError):
        return 404
    if isinstance(error, DiskFullError):
        return 507
    if isinstance(error, AdainError):
        return 422
    return 507 if out_of_memory(error) else 500


def line_of(error: BaseException, folders: Iterable[Path] = ()) -> str:
    """What is answered: one line, without the path of any of the folders.

    An upload lies in the server's folder as ``…/ID/photo.jpg``, and is called as its owner called it, ``photo.jpg``.
    """
    if isinstance(error, AdainError):
        # Another's text may quote what cannot be written in UTF-8, and all of what was sent.
        text = shown(str(error), MOST_TEXT) or "this cannot be done"
    elif out_of_memory(error):
        return "out of memory: ask for a smaller picture, or smaller tiles"
    else:
        return "something went wrong in the server; what it was is told where it was started"
    return without_paths(text, folders)


def logged(error: BaseException) -> str:
    """One line for the log, of an error that should not have been: what it was and where."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    where = f" ({Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno})" if last is not None else ""
    return f"{type(error).__name__}: {first_line(error)}{where}"


def without_paths(text: str, folders: Iterable[Path]) -> str:
    """A text in which files in those folders are called by their own names."""
    for folder in folders:
        for place in {str(folder), os.path.abspath(folder), os.path.realpath(folder)}:
            text = re.sub(rf"{re.escape(place)}[/\\]([\w-]+[/\\])*", "", text)
            text = re.sub(rf"{re.escape(place)}(?![\w-])", os.path.basename(place), text)
    return text


def shown(text: str, most: int = 80) -> str:
    """What a client sent, as it can stand in a line: without breaks, and not too long."""
    kept = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[: most + 1])
    return kept if len(kept) <= most else f"{kept[:most]}…"
