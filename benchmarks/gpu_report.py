"""The report of the benchmark ``gpu``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .gpu_floors import COPY, Floors
from .gpu_stylise import WAYS
from .gpu_targets import targets
from .measuring import NONE, Spread, table

Result = Mapping[str, Any]
Row = Mapping[str, Any]


def digits(value: float | None) -> str:
    """Three of them, as differences are far smaller than 1."""
    return NONE if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def spread(values: list[float]) -> str:
    each = Spread(*values)
    return f"{digits(each.median)} ({digits(each.low)}–{digits(each.high)})"


def rows_of(result: Result, kind: str) -> list[Row]:
    return [row for row in result["rows"] if row["kind"] == kind]


def machine(result: Result) -> str:
    """The device, its rates, and how it computes."""
    rates = result["rates"]
    told = [
        f"{digits(rates[each] / 1e12)} TFLOP/s in matrix products of {each}"
        for each in ("bf16", "fp32")
        if each in rates
    ]
    if COPY in rates:
        told.append(f"{digits(rates[COPY] / 1e9)} GB/s of copies, read and written")
    tf32 = "on" if result["tf32"] else "off"
    text = f"{result['machine']}. Measured first: {'; '.join(told) or 'nothing'}."
    if result["is_gpu"]:
        return (
            f"{text} TensorFloat-32 is {tf32} for convolutions in fp32, as the library leaves it, and for the products."
        )
    return f"{text} A rehearsal on {result['device']}: no target is judged."


def of_targets(result: Result) -> str:
    if not result["is_gpu"]:
        return ""
    found = [
        (each.what, f"{each.sign} {each.limit:g}", digits(each.found.median if each.found else None), each.verdict)
        for each in targets(result["rows"])
    ]
    return f"## What must hold\n\n{table('what | target | found | verdict', found)}"


def of_stylising(result: Result) -> str:
    """A table for each model and size."""
    groups: dict[tuple[str, int, int], list[Row]] = {}
    for row in sorted(rows_of(result, "stylise"), key=lambda row: row["width"] * row["height"]):
        groups.setdefault((row["model"], row["width"], row["height"]), []).append(row)
    head = (
        "by | in | batch | pictures a second | ms a picture | arithmetic, ms | memory, ms | of the floor "
        "| greatest difference | mean | peak GB | ready, s"
    )
    order = list(WAYS)
    parts = []
    for (model, width, height), rows in groups.items():
        rows.sort(key=lambda row: (row["precision"], row["batch"], order.index(row["way"])))
        cells = table(head, (cells_of(row, result["rates"]) for row in rows))
        parts.append(f"### {model}, {width} × {height} px\n\n{cells}")
    if not parts:
        return ""
    ways = "; ".join(f"*{way}*: {what}" for way, what in WAYS.items())
    text = (
        "A photograph on the device already, in a style that is known: encoder, AdaIN, decoder. Median (lowest–"
        f"highest) of rounds. {ways}. *Arithmetic* and *memory* are what the operations of the convolutions take at "
        "the rate of matrix products in that precision, and what they read and write at that of copies; *of the "
        "floor* is the higher of the two as a part of the time. *Difference* is from the CPU in float32, in any "
        "pixel, of 1. *Ready* is how long the first picture took."
    )
    return "\n\n".join(["## Stylising", text, *parts])


def cells_of(row: Row, rates: Mapping[str, float]) -> list[str]:
    about = [row["way"], row["precision"], str(row["batch"])]
    if "error" in row:
        return [*about, row["error"], *[NONE] * 8]
    floors = Floors.of(row["flops"], row["numbers"], row["precision"], rates)
    share = NONE if floors.higher is None else f"{100 * floors.higher / row['ms'][0]:.0f} %"
    times = [digits(row["per_second"]), spread(row["ms"]), digits(floors.arithmetic), digits(floors.memory), share]
    differences = [f"{row[name]:.1e}" if name in row else NONE for name in ("greatest", "mean")]
    return [*about, *times, *differences, f"{row['peak_gb']:.2f}", digits(row["ready_s"])]


def of_tiles(result: Result) -> str:
    rows = [
        (row["model"], row["tile"], *([row["error"], NONE] if "error" in row else measured(row)))
        for row in rows_of(result, "tiles")
    ]
    width, height = result["settings"]["tiled_size"]
    head = f"## Tiles of a photograph of {width} × {height} px, picture in and picture out\n\n"
    return head + table("model | tile | seconds | peak GB", rows) if rows else ""


def measured(row: Row) -> list[str]:
    return [spread(row["taken_s"]), f"{row['peak_gb']:.2f}"]


def of_training(result: Result) -> str:
    rows = []
    for row in rows_of(result, "training"):
        about = row["model"], "compiled" if row["compile"] else "eager", row["batch"]
        if "error" in row:
            rows.append((*about, row["error"], *[NONE] * 4))
            continue
        share = NONE if row["rate_share"] is None else f"{100 * row['rate_share']:.1f} %"
        figures = digits(row["pairs_per_second"]), digits(row["gflop_per_pair"]), share, f"{row['peak_gb']:.2f}"
        rows.append((*about, *figures, "; ".join(row["notes"]) or NONE))
    settings = result["settings"]
    head = f"## Training in {settings['trained_in']}, crops of {settings['crop']} px, {settings['steps']} steps\n\n"
    columns = "model | by | batch | pairs a second | GFLOP a pair | of the matrix rate | peak GB | notes"
    return head + table(columns, rows) if rows else ""


def of_the_rest(result: Result) -> str:
    """What failed beside what the tables have, and what there was no time for."""
    failed = [f"* {row['part']}: {row['error']}" for row in rows_of(result, "rate") if "error" in row]
    parts = [f"## Failed\n\n{chr(10).join(failed)}"] if failed else []
    if result["left_out"]:
        names = "\n".join(f"* {name}" for name in result["left_out"])
        parts.append(f"## Left out, for want of time\n\n{names}")
    return "\n\n".join(parts)


def write(result: Result) -> str:
    """The whole report."""
    parts = [
        "# A GPU",
        f"Made by `python -m benchmarks gpu`, which rewrites this file, in {result['spent_s']:g} of "
        f"{result['limit_s']:g} s. {machine(result)}",
        of_targets(result),
        of_stylising(result),
        of_tiles(result),
        of_training(result),
        of_the_rest(result),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
