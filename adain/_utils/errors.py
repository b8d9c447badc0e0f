"""The exceptions this library raises for anything a caller can put right.

Each of them derives from `AdainError`, and from the built-in exception that fits, so that both
``except AdainError`` and ``except ValueError`` work. A message is always one line that says
what is wrong and what would be right.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any


class AdainError(Exception):
    """Base of every error of this library; the command line prints it and exits with 2."""

    def __init__(self, message: str) -> None:
        # Messages quote file names and other libraries' errors, and either may hold line breaks.
        super().__init__(" ".join(part.strip() for part in message.splitlines() if part.strip()))


class InputError(AdainError, ValueError):
    """An argument, an option or a file that was given cannot be used."""


class DiskFullError(InputError):
    """A file cannot be written because there is no space left, and so no other file can either."""


class ImageError(InputError):
    """An image cannot be read, converted or written."""


class MissingFileError(AdainError, FileNotFoundError):
    """A file or folder that was named does not exist; ``str()`` gives just the message."""


class WeightsError(InputError):
    """A weights file is damaged, or is not of the network it was given for."""


class TrainingError(AdainError, RuntimeError):
    """Training cannot start, continue or finish."""


class EngineError(AdainError, RuntimeError):
    """The cluster that was to do the work cannot be reached, or cannot do it."""


class RefinementError(AdainError, RuntimeError):
    """The loss of an optimisation stopped being a finite number.

    Attributes:
        step: at which it did.
        image: the last good picture, a tensor ``(1, 3, H, W)`` in ``[0, 1]``.
    """

    def __init__(self, message: str, step: int, image: Any) -> None:
        super().__init__(message)
        self.step, self.image = step, image


class VideoStopped(AdainError, RuntimeError):
    """The callback ended the job before it was done; what was painted, :attr:`frame` frames, is kept."""

    def __init__(self, message: str, frame: int) -> None:
        super().__init__(message)
        self.frame = frame


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whatever device."""
    text = str(error).lower()
    told = "out of memory" in text or "can't allocate memory" in text
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and told)


def first_line(error: BaseException) -> str:
    """The first non-empty line of an error's text, or its type's name."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def suggest(name: str, choices: Sequence[str], *, most: int = 12) -> str:
    """The end of an error message: the nearest of ``choices``, or all of them if none is near.

    >>> suggest("relu4_9", ["relu4_1", "gram"])
    "did you mean 'relu4_1'?"
    """
    near = difflib.get_close_matches(name, choices, n=2, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    shown = ", ".join(choices[:most])
    return f"use one of {shown}{', …' if len(choices) > most else ''}"
