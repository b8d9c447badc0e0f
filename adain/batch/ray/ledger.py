"""What was begun and not finished, kept outside the processes that may die at it; a module that imports nothing big."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable


class Ledger:
    """How often something was begun since it was last finished."""

    def __init__(self) -> None:
        self.begun: Counter[Hashable] = Counter()

    def begin(self, key: Hashable) -> int:
        """Count a beginning; how many there were since the last end, with this one."""
        self.begun[key] += 1
        return self.begun[key]

    def finish(self, key: Hashable) -> None:
        """It ended; forget it."""
        self.begun.pop(key, None)
