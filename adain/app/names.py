"""The names of files as their users call them, made safe to be names of files here."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection
from pathlib import PurePosixPath

MOST_BYTES = 100
"""Of a name without its suffix, in UTF-8: a result has two of them in its name, and file systems end at 255."""

_HIDDEN = ("Cc", "Cs", "Cn", "Co", "Zl", "Zp")
"""Categories of Unicode that no name needs: control characters, halves of pairs, and what is nothing yet."""

_TURNING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""What turns the direction of text, so that a name looks like another."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*]')


def safe_name(name: str, suffix: str, known: Collection[str], *, fallback: str = "picture") -> str:
    """The last part of a name as that of a file in a folder of ours: no more is changed than that needs.

    It has no folders, no control characters and a bounded length, and does not begin with a dot, which would hide it.
    It ends in its own suffix if that is one of ``known``, and else in ``suffix`` besides.
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(each for each in last if unicodedata.category(each) not in _HIDDEN and each not in _TURNING)
    if os.name == "nt":
        kept = _FORBIDDEN.sub("_", kept)
    kept = kept.strip(" .") if PurePosixPath(kept.strip(" .")).suffix else kept.strip().lstrip(". ")
    own = PurePosixPath(kept).suffix
    stem = kept.removesuffix(own)
    if own.lower() not in known:
        stem, own = kept, suffix
    stem = stem.encode()[:MOST_BYTES].decode(errors="ignore").rstrip(" .") or fallback
    return ("_" if os.name == "nt" and _RESERVED.match(stem) else "") + stem + own
