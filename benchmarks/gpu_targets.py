"""What must hold on a GPU of CUDA, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .gpu_stylise import Case
from .measuring import Spread, Target

HALF = "bf16"
"""What the library computes in on CUDA unless asked otherwise: speed is judged there."""


class Goal(NamedTuple):
    """A target of speed: of every case that it is about the best counts."""

    what: str
    model: str
    size: tuple[int, int]
    batch: int | None
    """None for any."""
    way: str | None
    """None for any."""
    figure: str
    sign: str
    limit: float

    def is_about(self, case: Case) -> bool:
        same = case.model == self.model and (case.width, case.height) == self.size and case.precision == HALF
        return same and self.batch in (None, case.batch) and self.way in (None, case.way)


GOALS = (
    Goal("base model, 512², in batches of 8: pictures a second", "vgg19", (512, 512), 8, None, "per_second", "≥", 800),
    Goal("base model, 512², alone by CUDA graph: ms", "vgg19", (512, 512), 1, "graph", "ms", "≤", 4),
    Goal("fast model, 3840 × 2160: pictures a second", "fast", (3840, 2160), None, None, "per_second", "≥", 100),
)

MOST_DIFFERENT = {"bf16": 1e-2, "fp32": 1e-3}
"""The greatest difference from the CPU in float32 that a pixel may have, of 1, by precision."""


def case_of(row: Mapping[str, Any]) -> Case:
    """What a row of stylising is about."""
    return Case(*(row[name] for name in Case._fields))


def targets(rows: Sequence[Mapping[str, Any]]) -> list[Target]:
    """Each with the best that was found, or of differences the worst; and how that was come by, in ``what``."""
    measured = [row for row in rows if row["kind"] == "stylise" and "error" not in row]
    found = []
    for goal in GOALS:
        those = [row for row in measured if goal.is_about(case_of(row))]
        best = max(those, key=lambda row: row["per_second"], default=None)
        how = "" if best is None else f" ({best['way']}, batch {best['batch']})"
        figure = None if best is None else Spread(*best["ms"]) if goal.figure == "ms" else rate(best)
        found.append(Target(goal.what + how, goal.sign, goal.limit, figure))
    # Not "exact", which nobody gets who does not ask for it.
    compared = [row for row in measured if "greatest" in row and row["way"] != "exact"]
    for model, called in (("vgg19", "base"), ("fast", "fast")):
        for precision, most in MOST_DIFFERENT.items():
            those = [row for row in compared if (row["model"], row["precision"]) == (model, precision)]
            worst = max(those, key=lambda row: row["greatest"], default=None)
            how = "" if worst is None else f" ({worst['way']}, batch {worst['batch']})"
            figure = None if worst is None else Spread.of([worst["greatest"]])
            what = f"{called} model, {precision}: greatest difference from the CPU in a pixel"
            found.append(Target(what + how, "≤", most, figure))
    return found


def rate(row: Mapping[str, Any]) -> Spread:
    """Pictures a second."""
    median, low, high = row["ms"]
    return Spread(1e3 / median, 1e3 / high, 1e3 / low)
