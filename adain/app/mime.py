"""What kinds of files results are."""

from __future__ import annotations

from pathlib import PurePath

from ..image import WRITABLE


def mime_of(name: str) -> str:
    """The kind of a result, by the ending of its name."""
    return f"image/{WRITABLE[PurePath(name).suffix.lower()].lower()}"
