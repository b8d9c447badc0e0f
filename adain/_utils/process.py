"""How long this process has run, so that a limit of time can begin with the command and not with its imports."""

from __future__ import annotations

import os
from pathlib import Path

MOST = 600.0
"""Seconds beyond which a process has done other things before: a notebook's, say."""


def age(root: Path = Path("/proc")) -> float:
    """Seconds since this process began; 0 where the system does not tell, and for one that is older than a command."""
    try:
        # The name, in brackets, may hold blanks.
        fields = (root / "self" / "stat").read_text().rpartition(")")[2].split()
        begun = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        seconds = float((root / "uptime").read_text().split()[0]) - begun
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
    return seconds if 0 <= seconds <= MOST else 0.0
