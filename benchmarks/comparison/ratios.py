"""Ratios within rounds, and their spread: what is left of timings when the machine's mood is taken out."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Result = dict[str, Any]
"""What one run of the comparison found, as it lies in its JSON file; see :func:`comparison.measure.measure`."""


class Spread(NamedTuple):
    """A median and its range."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)}–{short(self.high)})"


def short(value: float) -> str:
    """A number in three digits or so."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """The spread of quotients taken round by round."""
    return Spread.of([a / b for a, b in zip(above, below, strict=True)])


def timings(result: Result, size: int) -> dict[tuple[str, str], list[float]]:
    """Seconds of every round at a size, by contestant and by what was timed (``image``, ``frame``, ``networks``).

    For who cannot keep a style, a frame is an image like any other.
    """
    found = {(row["contestant"], row["what"]): row["seconds"] for row in result["timings"] if row["size"] == size}
    for key, what in list(found):
        if what == "image":
            found.setdefault((key, "frame"), found[key, what])
    return found


def watched(result: Result, ours: str, textbook: str) -> dict[str, float]:
    """The ratios that a later version must not lose, by name; smaller is better in all.

    Only what was measured is there.
    """
    found: dict[str, float] = {}
    for size in sorted({row["size"] for row in result["timings"]}):
        times = timings(result, size)
        base = times.get((textbook, "image"))
        pairs: Mapping[str, tuple[Sequence[float] | None, Sequence[float] | None]] = {
            "frame / textbook": (times.get((ours, "frame")), base),
            "image / textbook": (times.get((ours, "image")), base),
            "frame / networks": (times.get((ours, "frame")), times.get((ours, "networks"))),
        }
        for name, (above, below) in pairs.items():
            if above and below:
                found[f"{name} at {size} px"] = round(ratio(above, below).median, 4)
        peaks = {row["contestant"]: row["gb"] for row in result["peaks"] if row["size"] == size}
        if ours in peaks and textbook in peaks:
            found[f"peak memory / textbook at {size} px"] = round(peaks[ours] / peaks[textbook], 4)
    return found
