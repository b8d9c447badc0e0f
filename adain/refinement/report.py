"""What an optimisation tells, step by step, and leaves for people: a table and a plot of its losses, and snapshots."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from .._utils.errors import InputError
from .._utils.files import check_writable
from .._utils.plots import Curve, plot_curves
from ..image import contact_sheet, read_image, save_image, to_pil

PARTIAL_SECONDS = 30.0
"""How often :class:`Partial` writes."""


@dataclass(frozen=True, eq=False)
class Progress:
    """One step of an optimisation, as a callback sees it.

    Attributes:
        step: evaluations done, from 1.
        steps: evaluations planned.
        size: height and width being worked at.
        losses: every term by name, with its weight, before dynamic factors.
        total: what is minimised: the sum of the terms times their factors.
        factors: of dynamic weighting, by group; empty without it.
        seconds: since the start of the optimisation.
        peak_memory: of the process so far in MB (on a GPU, of what was allocated there).
    """

    step: int
    steps: int
    size: tuple[int, int]
    losses: Mapping[str, float]
    total: float
    factors: Mapping[str, float]
    seconds: float
    peak_memory: float
    _image: Callable[[], Tensor] = field(repr=False)

    @property
    def image(self) -> Tensor:
        """The picture that was judged, or the average so far, as ``(1, 3, H, W)`` in ``[0, 1]`` at :attr:`size`.

        Made anew whenever it is asked for. A progress that is kept holds on to the memory of one picture.
        """
        return self._image()


Callback = Callable[[Progress], object]
"""Called after every step; the optimisation ends, and gives what it has, when this returns something true.

This is also the way to end it by hand: a KeyboardInterrupt passes through and leaves no picture, so let a handler of
SIGINT set a flag that the callback returns, as the command line does.
"""


def improvement(before: float | None, now: float) -> float | None:
    """By how many percent a loss fell; None without one before."""
    return None if not before else 100.0 * (before - now) / abs(before)


class LossLog:
    """A CSV of every step: iteration, every term, total, improvement in percent on the row before, seconds, MB, size.

    Under dynamic weighting the factor of each group comes after the terms, and the total is that of the terms times
    their factors. Rows are written as they come, so that a killed process leaves those before.

    Args:
        path: of the file, replaced by the first row.

    Raises:
        InputError: if it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        check_writable(path)
        self.path = Path(path)
        self._has_rows = False
        self._before: float | None = None

    def __call__(self, progress: Progress) -> None:
        gained = improvement(self._before, progress.total)
        row: dict[str, Any] = {
            "iteration": progress.step,
            **progress.losses,
            **{f"factor {group}": value for group, value in progress.factors.items()},
            "total": progress.total,
            "improvement_percent": "" if gained is None else gained,
            "seconds": round(progress.seconds, 4),
            "peak_memory_mb": round(progress.peak_memory, 1),
            "width": progress.size[1],
            "height": progress.size[0],
        }
        self._before = progress.total
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a" if self._has_rows else "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if not self._has_rows:
                writer.writeheader()
            writer.writerow(row)
        self._has_rows = True


class LossPlot:
    """A picture of all losses over the steps, drawn by :meth:`save`."""

    def __init__(self, path: str | Path) -> None:
        check_writable(path)
        if Path(path).suffix.lower() not in (".png", ".svg", ".pdf"):
            raise InputError(f"a plot can be .png, .svg or .pdf, not {Path(path).name}")
        self.path = Path(path)
        self._rows: list[Mapping[str, float]] = []

    def __call__(self, progress: Progress) -> None:
        self._rows.append({"total": progress.total, **progress.losses})

    def save(self) -> None:
        """Draw what has been seen so far; nothing if that is nothing."""
        if self._rows:
            steps = list(range(1, len(self._rows) + 1))
            curves = [Curve(name, steps, [row[name] for row in self._rows]) for name in self._rows[0]]
            plot_curves(self.path, curves, xlabel="step")


class Snapshots:
    """A picture every so many steps, and a strip of them.

    Args:
        folder: where ``step-00010.png`` and so on go.
        every: steps between two.
    """

    def __init__(self, folder: str | Path, every: int) -> None:
        if every < 1:
            raise InputError(f"snapshots need a distance of at least 1 step, not {every}")
        self.folder = Path(folder)
        check_writable(self.folder / "strip.png")
        self.every = every
        self.saved: list[tuple[int, Path]] = []

    def __call__(self, progress: Progress) -> None:
        if progress.step % self.every and progress.step != 1:
            return
        path = self.folder / f"step-{progress.step:05d}.png"
        save_image(to_pil(progress.image), path)
        self.saved.append((progress.step, path))

    def save_strip(self) -> Path | None:
        """Write ``strip.png``, twelve of the snapshots at most side by side; None if there are none."""
        if not self.saved:
            return None
        chosen = evenly(self.saved, 12)
        pictures = [read_image(path, max_pixels=None) for _, path in chosen]
        path = self.folder / "strip.png"
        save_image(contact_sheet([pictures], column_labels=[f"step {step}" for step, _ in chosen]), path)
        return path


class Partial:
    """The picture so far on disk, so that a killed process loses no more than half a minute.

    Args:
        path: of a ``.png``, written every :data:`PARTIAL_SECONDS`, and not at all by a shorter run.
    """

    def __init__(self, path: str | Path) -> None:
        check_writable(path)
        self.path = Path(path)
        self._saved = 0.0  # seconds; 0 until something is written

    def __call__(self, progress: Progress) -> None:
        if progress.seconds - self._saved >= PARTIAL_SECONDS:
            save_image(to_pil(progress.image), self.path)
            self._saved = progress.seconds

    def remove(self) -> None:
        """Take it away again, once there is a result."""
        if self._saved:
            self.path.unlink(missing_ok=True)


def evenly(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(k * (len(items) - 1) / (most - 1))] for k in range(most)]
