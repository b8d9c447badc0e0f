"""The exceptions this library raises for anything a caller can put right.

Each of them derives from `AdainError`, and from the built-in exception that fits, so that both
``except AdainError`` and ``except ValueError`` work. A message is always one line that says
what is wrong and what would be right.
"""

from __future__ import annotations


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


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whatever device."""
    text = str(error).lower()
    told = "out of memory" in text or "can't allocate memory" in text
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and told)
