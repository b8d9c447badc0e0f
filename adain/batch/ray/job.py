"""A job: every result that is asked for, by number, and which of them are there already."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._utils.errors import InputError
from ...image import check_output_path
from ..plan import means_file
from . import tables
from .records import SKIPPED, record
from .sources import PARQUET, Photograph, Source, existing, find, outputs, partitions

MANIFEST = "ray-manifest.jsonl"
"""Name of the manifest in a folder of image files; that of ``x.parquet`` is ``x.parquet.manifest.jsonl``."""


@dataclass(frozen=True)
class Job:
    """Photographs × looks.

    Attributes:
        photographs: the inputs.
        looks: names of what is made of each.
        named: names of the results, one list for each photograph.
        done: those that are there and are kept.
        target: the folder or file they go to.
        in_table: whether they go into parquet files.
        manifest: where the records go.
    """

    photographs: Sequence[Photograph]
    looks: Sequence[str]
    named: Sequence[Sequence[str]]
    done: set[str]
    target: Path
    in_table: bool
    manifest: Path

    @classmethod
    def plan(
        cls,
        source: Source,
        looks: Sequence[str],
        output: str | os.PathLike[str],
        columns: tuple[str | None, str | None] = (None, None),
        *,
        suffix: str | None = None,
        skip_existing: bool = False,
    ) -> Job:
        """Find the photographs and name the results; arguments as for :func:`adain.batch.ray.engine.stylize_dataset`.

        Raises:
            InputError, MissingFileError: as there.
        """
        target, in_table = Path(output), Path(output).suffix.lower() == PARQUET
        one_file = means_file(output) and not in_table
        found = find(source, image_column=columns[0], name_column=columns[1], ignore=None if one_file else target)
        total = len(found) * len(looks)
        if one_file:
            if total != 1:
                raise InputError(f"{output} is one file for {total} results: give a folder to -o instead")
            check_output_path(target)
            if found[0].path is not None and os.path.realpath(found[0].path) == os.path.realpath(target):
                raise InputError(f"{output} is also an input and would be replaced: choose another -o")
            named = [[str(target)]]
        else:
            named = outputs(found, looks, None if in_table else target, suffix=suffix)
        if in_table and target.is_file():
            raise InputError(f"{output} is a file: results go into a folder of that name, remove it or choose another")
        if in_table and not skip_existing and tables.has_parts(target):
            raise InputError(f"{output} holds results already: go on with --skip-existing, or remove it")
        done: set[str] = set()
        if skip_existing:
            done = tables.written(target) if in_table else existing(named)
        beside = target.with_name(f"{target.name}.manifest.jsonl")
        manifest = beside if one_file or in_table else target / MANIFEST
        return cls(found, looks, named, done, target, in_table, manifest)

    @property
    def total(self) -> int:
        """Results asked for."""
        return len(self.photographs) * len(self.looks)

    @property
    def left(self) -> int:
        """Photographs of which something is left to be made."""
        return sum(any(name not in self.done for name in names) for names in self.named)

    @property
    def has_tables(self) -> bool:
        """Whether any photograph lies in a table."""
        return any(photo.table is not None for photo in self.photographs)

    def number(self, photograph: int, look: int) -> int:
        """Of a result, counted photograph by photograph."""
        return photograph * len(self.looks) + look

    def record(self, number: int, status: str, reason: str | None = None) -> dict[str, Any]:
        """Of a result that no worker tells of."""
        k, look = divmod(number, len(self.looks))
        return record(self.named[k][look], self.photographs[k].content, self.looks[look], status, reason)

    def skipped(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number and record of each result that is there."""
        for k, names in enumerate(self.named):
            for look, name in enumerate(names):
                if name in self.done:
                    yield self.number(k, look), self.record(self.number(k, look), SKIPPED)

    def partitions(self, size: int) -> Iterator[list[dict[str, Any]]]:
        """What is left to do; see :func:`adain.batch.ray.sources.partitions`."""
        return partitions(self.photographs, self.named, self.done, size, in_table=self.in_table)
