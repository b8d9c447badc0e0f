"""What became of every result: one record each, in a manifest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DONE, FAILED, SKIPPED = "done", "failed", "skipped"

FIELDS = ("output", "content", "style", "status", "reason", "width", "height", "seconds")
"""Of a record: what was or was to be made, of what, in which style; one of :data:`DONE`, :data:`FAILED` and
:data:`SKIPPED` (it was there already); why it failed; size in pixels and seconds of work, where it was made."""

Record = Mapping[str, Any]


def record(
    output: str, content: str, style: str, status: str, reason: str | None = None, **more: Any
) -> dict[str, Any]:
    """A record with all of :data:`FIELDS`."""
    known = {"output": output, "content": content, "style": style, "status": status, "reason": reason, **more}
    return {name: known.get(name) for name in FIELDS}


@dataclass(frozen=True)
class Report:
    """How a job ended.

    Attributes:
        manifest: the file of its records, one JSON object a line.
        done, failed, skipped: how many results were made, were not, and were there already.
    """

    manifest: Path
    done: int
    failed: int
    skipped: int

    @property
    def total(self) -> int:
        """Results asked for; each has exactly one record."""
        return self.done + self.failed + self.skipped

    def records(self) -> Iterator[dict[str, Any]]:
        """The records in the order in which the results were made."""
        with self.manifest.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


class Tally:
    """Writes each record once and counts; a result that is reported twice counts once."""

    def __init__(self, path: Path, results: int) -> None:
        self.counts: Counter[str] = Counter()
        self.seen = bytearray(results)
        self.file = path.open("w", encoding="utf-8")

    def add(self, number: int, item: Record) -> bool:
        """Record a result by its number; False if it was recorded before."""
        if self.seen[number]:
            return False
        self.seen[number] = 1
        self.counts[item["status"]] += 1
        self.file.write(json.dumps(item, ensure_ascii=False) + "\n")
        return True

    def missing(self) -> list[int]:
        """Numbers of the results that have no record."""
        return [number for number, seen in enumerate(self.seen) if not seen]

    def close(self) -> None:
        """Finish the file."""
        self.file.close()

    def report(self, manifest: Path) -> Report:
        """The counts."""
        return Report(manifest, self.counts[DONE], self.counts[FAILED], self.counts[SKIPPED])
