"""Offering the names nearest to one that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def closest(name: str, choices: Sequence[str], *, most: int = 12) -> str:
    """The end of an error message: the nearest of ``choices``, or all of them if none is near.

    >>> closest("relu4_9", ["relu4_1", "gram"])
    "did you mean 'relu4_1'?"
    """
    near = difflib.get_close_matches(name, choices, n=2, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    shown = ", ".join(choices[:most])
    return f"use one of {shown}{', …' if len(choices) > most else ''}"
