"""An evaluation for people and programs: a table, a CSV of every pair, and one JSON object."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .._utils.files import atomic_path
from .._utils.protect import protect
from .catalogue import Metric
from .evaluation import Entry, Evaluation

WIDTH = 100  # columns of text a table takes at most; what does not fit follows below
NOTHING = "–"  # where there is no figure
ARROWS = {"lower": "↓", "higher": "↑"}


class Summary(NamedTuple):
    """Figures of one measure over the outputs of a row; the deviation is that of a sample (n − 1)."""

    mean: float
    std: float | None
    median: float
    min: float
    max: float
    n: int


def summarise(values: Sequence[float]) -> Summary | None:
    """Mean and deviation; None of nothing, and no deviation of one value."""
    if not values:
        return None
    std = statistics.stdev(values) if len(values) > 1 else None
    return Summary(statistics.fmean(values), std, statistics.median(values), min(values), max(values), len(values))


def summaries(evaluation: Evaluation) -> dict[str, dict[str, Summary]]:
    """By row and measure, of those that are measured pair by pair."""
    found: dict[str, dict[str, Summary]] = {row: {} for row in evaluation.rows}
    for row in evaluation.rows:
        own = [entry.values for entry in evaluation.entries if entry.row == row]
        for name in (metric.name for metric in evaluation.metrics):
            if summary := summarise([values[name] for values in own if name in values]):
                found[row][name] = summary
    return found


def table(evaluation: Evaluation, *, width: int = WIDTH) -> str:
    """Rows of outputs and columns of measures, mean ± spread, with ↓ where lower is better and ↑ where higher is."""
    means = summaries(evaluation)
    counts = [str(sum(entry.row == row for entry in evaluation.entries)) for row in evaluation.rows]
    head = [["", *evaluation.rows], ["pairs", *counts]]
    columns = [
        [f"{metric.name} {ARROWS[metric.better]}"] + [_cell(metric, row, evaluation, means) for row in evaluation.rows]
        for metric in evaluation.metrics
    ]
    blocks = [[*head]]
    for column in columns:
        if len(blocks[-1]) > len(head) and _width([*blocks[-1], column]) > width:
            blocks.append([*head])
        blocks[-1].append(column)
    return "\n\n".join(_lay(block) for block in blocks)


def _cell(metric: Metric, row: str, evaluation: Evaluation, means: Mapping[str, Mapping[str, Summary]]) -> str:
    if metric.scope == "set":
        value = evaluation.sets.get(row, {}).get(metric.name)
        return NOTHING if value is None else f"{value:.{metric.digits}f}"
    summary = means[row].get(metric.name)
    if summary is None:
        return NOTHING
    spread = "" if summary.std is None else f" ± {summary.std:.{metric.digits}f}"
    return f"{summary.mean:.{metric.digits}f}{spread}"


def _width(columns: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) + 2 for column in columns) - 2


def _lay(columns: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for cells in zip(*columns, strict=True):
        first, *rest = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        lines.append("  ".join([first.strip().ljust(widths[0]), *rest]).rstrip())
    return "\n".join(lines)


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Everything as one object: the measures, the rows with their summaries, every pair, and what failed."""
    means = summaries(evaluation)
    rows = []
    for row in evaluation.rows:
        figures = {name: summary._asdict() for name, summary in means[row].items()}
        for name, value in evaluation.sets.get(row, {}).items():
            figures[name] = {"value": value if math.isfinite(value) else None}
        ordered = {metric.name: figures[metric.name] for metric in evaluation.metrics if metric.name in figures}
        rows.append({"row": row, "pairs": sum(e.row == row for e in evaluation.entries), "measures": ordered})
    return {
        "size": evaluation.size,
        "measures": {
            metric.name: {"better": metric.better, "of": metric.scope, "summary": metric.summary}
            for metric in evaluation.metrics
        },
        "rows": rows,
        "pairs": [_record(entry) | {"measures": dict(entry.values)} for entry in evaluation.entries],
        "failures": [str(error) for error in evaluation.failures],
    }


def _record(entry: Entry) -> dict[str, Any]:
    output = None if entry.output is None else str(entry.output)
    return {"row": entry.row, "content": str(entry.content), "style": str(entry.style), "output": output}


def write_csv(evaluation: Evaluation, path: str | Path) -> None:
    """A line for every pair and row, a column for every measure of pairs; empty where there is no figure.

    Raises:
        InputError: if it cannot be written, or is one of the pictures.
    """
    pictures = {file for entry in evaluation.entries for file in (entry.content, entry.style, entry.output) if file}
    protect([path], pictures)
    names = [metric.name for metric in evaluation.metrics if metric.scope != "set"]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["row", "content", "style", "output", *names], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(_record(entry) | dict(entry.values) for entry in evaluation.entries)
