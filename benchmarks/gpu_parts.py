"""A list of things to measure, one after the other as long as there is time: what fails becomes a row that says so."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch

from adain._utils.errors import first_line, out_of_memory

NO_ROOM = "does not fit into memory"


@dataclass(frozen=True)
class Part:
    """One measurement.

    Attributes:
        name: of it, for people.
        kind: of table that its row is for.
        facts: what it is about; in its row whatever becomes of it.
        work: measures, and gives the rest of the row.
        rank: the lower, the sooner it comes.
        needs: seconds without which it is not begun.
    """

    name: str
    kind: str
    facts: dict[str, Any]
    work: Callable[[], dict[str, Any]]
    rank: float = 0.0
    needs: float = 2.0


@dataclass
class Findings:
    """What came of the parts so far.

    Attributes:
        rows: one for each that was begun, with ``error`` where it failed.
        left_out: names of those for which there was no time.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class Deadline:
    """So many seconds from now on."""

    def __init__(self, seconds: float) -> None:
        self._begun, self.seconds = time.monotonic(), seconds

    @property
    def spent(self) -> float:
        return time.monotonic() - self._begun

    @property
    def left(self) -> float:
        return self.seconds - self.spent


def carry_out(
    parts: Sequence[Part], deadline: Deadline, after: Callable[[Findings], object] = lambda _: None
) -> Findings:
    """Do the parts by rank, each if there is time; a smaller one may come in where a larger one no longer does.

    Args:
        after: is told all findings whenever there is a row more, so that none can be lost to what comes later.
    """
    found = Findings()
    waiting = sorted(parts, key=lambda part: part.rank)
    try:
        with alarm(deadline.left):
            while waiting:
                part = waiting[0]
                if deadline.left < part.needs:
                    found.left_out.append(part.name)
                else:
                    found.rows.append(row_of(part))
                    clear()
                    after(found)
                waiting.pop(0)
    except (KeyboardInterrupt, TimeIsUp):
        known = [row["part"] for row in found.rows]
        found.left_out += [part.name for part in waiting if part.name not in known]
    return found


def row_of(part: Part) -> dict[str, Any]:
    """What came of a part."""
    begun = time.monotonic()
    row: dict[str, Any] = {"part": part.name, "kind": part.kind, **part.facts}
    try:
        row |= part.work()
    except Exception as error:  # a compiler or a driver behind it: anything may come out
        row["error"] = NO_ROOM if out_of_memory(error) else f"{type(error).__name__}: {first_line(error)}"
    return row | {"seconds": round(time.monotonic() - begun, 1)}


class TimeIsUp(BaseException):
    """Ends a part that takes longer than was thought; no exception of the kind that a compiler would swallow."""


@contextlib.contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise :class:`TimeIsUp` after so many seconds, where there are alarms and this is the main thread."""
    is_main = threading.current_thread() is threading.main_thread()
    if seconds <= 0 or not hasattr(signal, "setitimer") or not is_main:
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def clear() -> None:
    """Let go of a device's memory that nothing uses any more: the next part's peak is to be its own."""
    gc.collect()
    if torch.cuda.is_available():
        with contextlib.suppress(RuntimeError):  # of a device that an error before has left unusable
            torch.cuda.empty_cache()
