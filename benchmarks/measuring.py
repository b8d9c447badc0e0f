"""What the benchmarks share: seconds, ratios and their spread, tables, samples, the machine; torch only when asked."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from adain._utils.resources import sample_folder

if TYPE_CHECKING:
    from PIL import Image

PHOTO = sample_folder("content") / "cincinnati-bridge.jpg"
ART = sample_folder("style") / "hokusai_great_wave.jpg"

NONE = "–"
"""A cell without a value."""


def square(size: int, path: Path = PHOTO) -> Image.Image:
    """The centre of a picture, so many pixels a side."""
    from adain.image import center_crop_square, read_image, resize_shorter

    return center_crop_square(resize_shorter(read_image(path), size))


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def take_turns(works: Mapping[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Seconds of each in every run, one after the other in each."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            times[name].append(seconds(work))
    return times


class Spread(NamedTuple):
    """A median and its range."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def rounded(self, digits: int) -> list[float]:
        return [round(value, digits) for value in self]

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)}–{short(self.high)})"


def short(value: float) -> str:
    """A number in three digits or so."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Target(NamedTuple):
    """Something to hold: a figure, which is to be so much at least (or at most)."""

    what: str
    sign: str
    limit: float
    found: Spread | None
    """None where it was not measured."""

    @property
    def verdict(self) -> str:
        if self.found is None:
            return "not measured"
        holds = self.found.median >= self.limit if self.sign == "≥" else self.found.median <= self.limit
        return "pass" if holds else "FAIL"


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """The spread of quotients taken round by round: what is left of timings when the machine's mood is taken out."""
    return Spread.of([a / b for a, b in zip(above, below, strict=True)])


def row(cells: Iterable[object]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def table(head: str, rows: Iterable[Iterable[object]] = ()) -> str:
    """A Markdown table; ``head`` has bars between the columns."""
    return "\n".join([row([head]), row(["---"] * (head.count(" | ") + 1)), *map(row, rows)])


def show(result: Mapping[str, object], as_json: bool, width: int = 16) -> None:
    """Print figures by name: as one JSON object, or a line each with the names in a column of that width."""
    print(json.dumps(result) if as_json else "\n".join(f"{name:{width}} {value}" for name, value in result.items()))


def instruction_sets(info: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Those of the processor that decide how fast networks are, as Linux names them; none where it is not asked."""
    words = set(info.read_text().split()) if info.is_file() else set()
    return [name for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "asimd") if name in words]


def describe() -> str:
    """Processor, its instruction sets, cores, threads and torch in one line; also the GPU, if there is one."""
    import torch

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    if sets := instruction_sets():
        name += f" with {' '.join(sets)}"
    parts = [f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(parts)
