"""What a command's exit code says."""

from __future__ import annotations

SOME_FAILED = 1
"""Some of several results could not be made; the others are there."""

BAD_INPUT = ALL_FAILED = 2
"""Nothing was made."""

SIGNALS = {"SIGINT": 130, "SIGTERM": 143}
"""The job was broken off by a signal: 128 and its number, as shells have it."""

INTERRUPTED = SIGNALS["SIGINT"]
