"""Plots of losses over steps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Curve:
    """One line of a plot.

    Attributes:
        label: curves of one label share a colour and an entry in the legend.
        steps, values: what to draw; values that are not above 0 are left out, as the axis is logarithmic.
        smooth: draw the exponential average boldly over a faint raw curve.
        color: number in matplotlib's cycle of colours; that of the label's first appearance by default.
    """

    label: str
    steps: Sequence[float]
    values: Sequence[float]
    smooth: bool = False
    color: int | None = None


def plot_curves(path: str | os.PathLike[str], curves: Sequence[Curve], *, xlabel: str, ylabel: str = "") -> None:
    """Draw curves on a logarithmic scale into a ``.png``, ``.svg`` or ``.pdf`` file."""
    with drawing(path) as axes:
        colors: dict[str, int] = {}
        for curve in curves:
            kept = [(step, value) for step, value in zip(curve.steps, curve.values, strict=True) if value > 0]
            number = colors.setdefault(curve.label, len(colors)) if curve.color is None else curve.color
            if not kept:
                continue
            steps, values = [step for step, _ in kept], [value for _, value in kept]
            label = None if curve.label in axes.get_legend_handles_labels()[1] else curve.label
            if curve.smooth:
                axes.plot(steps, values, color=f"C{number}", alpha=0.25, linewidth=0.8)
                values = _smoothed(values)
            axes.plot(steps, values, color=f"C{number}", linewidth=1.5, label=label)
        axes.set_yscale("log")
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)


@contextmanager
def drawing(path: str | os.PathLike[str]) -> Iterator[Axes]:
    """Axes to plot on, which are saved with a grid and a legend; InputError if the file cannot be written."""
    # matplotlib takes half a second to import; its object interface needs no display and no global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    yield axes
    axes.grid(visible=True, which="both", alpha=0.2)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _smoothed(values: Sequence[float]) -> list[float]:
    """Exponential average with a decay of 0.95, corrected for its start."""
    decay, total, weight, result = 0.95, 0.0, 0.0, []
    for value in values:
        total = decay * total + (1 - decay) * value
        weight = decay * weight + (1 - decay)
        result.append(total / weight)
    return result
