"""Reasons to end a run early, noticed between two steps."""

from __future__ import annotations

import math
import signal
import threading
import time
from types import FrameType
from typing import Any, Literal, get_args

Reason = Literal["finished", "time", "SIGINT", "SIGTERM"]

CODES: tuple[Reason, ...] = get_args(Reason)
"""By the number that processes exchange: the largest wins, 0 means go on."""


class Stopped(Exception):
    """Raised where work outside the training loop is to end."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class StopFlag:
    """Inside ``with``, SIGINT and SIGTERM set a flag instead of ending the process; a second SIGINT ends it."""

    def __init__(self, max_minutes: float | None = None) -> None:
        self._deadline = time.monotonic() + 60 * max_minutes if max_minutes else math.inf
        self._code = 0
        self._before: dict[signal.Signals, Any] = {}

    @property
    def code(self) -> int:
        """Index into :data:`CODES`, 0 while there is no reason to stop."""
        return self.within(0.0)

    def within(self, seconds: float) -> int:
        """:attr:`code`, or that of time if it will be up in so many seconds."""
        return self._code or (CODES.index("time") if self.left <= seconds else 0)

    @property
    def left(self) -> float:
        """Seconds until time is up, infinite without a limit, below 0 once it is."""
        return self._deadline - time.monotonic()

    def check(self) -> None:
        """Raise :class:`Stopped` if there is a reason to."""
        if self.code:
            raise Stopped(CODES[self.code])

    def __enter__(self) -> StopFlag:
        # Python allows handlers in the main thread only; elsewhere the caller has to see to signals.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _handle(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self._code:
            raise KeyboardInterrupt
        self._code = CODES.index("SIGINT" if number == signal.SIGINT else "SIGTERM")
