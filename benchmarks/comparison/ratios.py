"""What one run of the comparison found: its timings, and the ratios that are watched."""

from __future__ import annotations

from typing import Any

from ..measuring import ratio

Result = dict[str, Any]
"""As it lies in its JSON file; see :func:`benchmarks.comparison.measure.measure`."""


def timings(result: Result, size: int) -> dict[tuple[str, str], list[float]]:
    """Seconds of every round at a size, by contestant and by what was timed (``image``, ``frame``, ``networks``).

    For who cannot keep a style, a frame is an image like any other.
    """
    found = {(row["contestant"], row["what"]): row["seconds"] for row in result["timings"] if row["size"] == size}
    for key, what in list(found):
        if what == "image":
            found.setdefault((key, "frame"), found[key, what])
    return found


def peak_memory(result: Result, size: int) -> dict[str, float]:
    """GB at a size, by contestant."""
    return {row["contestant"]: row["gb"] for row in result["peaks"] if row["size"] == size}


def watched(result: Result, ours: str, textbook: str) -> dict[str, float]:
    """The ratios that a later version must not lose, by name; smaller is better in all.

    Only what was measured is there.
    """
    found: dict[str, float] = {}
    for size in sorted({row["size"] for row in result["timings"]}):
        times = timings(result, size)
        for what, other, key, under in (
            ("frame", "textbook", textbook, "image"),
            ("image", "textbook", textbook, "image"),
            ("frame", "networks", ours, "networks"),
        ):
            above, below = times.get((ours, what)), times.get((key, under))
            if above and below:
                found[f"{what} / {other} at {size} px"] = round(ratio(above, below).median, 4)
        peaks = peak_memory(result, size)
        if ours in peaks and textbook in peaks:
            found[f"peak memory / textbook at {size} px"] = round(peaks[ours] / peaks[textbook], 4)
    return found
