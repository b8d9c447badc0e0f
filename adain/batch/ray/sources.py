"""Photographs in parquet tables, found before any work begins, and the groups of tasks that travel to workers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ...image import SUFFIXES, Page, tables
from ...image.tables import PARQUET as PARQUET
from ..plan import FALLBACK_SUFFIX, Found
from ..plan import find as find_images
from ..run import Task


@dataclass(frozen=True, slots=True)
class Row:
    """A picture in a table.

    Attributes:
        table: the parquet file.
        group, row: row group, and row in the file.
    """

    table: Path
    group: int
    row: int

    def __str__(self) -> str:
        return f"{self.table}:{self.row}"


@dataclass(frozen=True, slots=True)
class Linked(Row):
    """A picture that a table names, and that may lie in a file of its own.

    Attributes:
        file: it.
    """

    file: Path


class Group(NamedTuple):
    """A photograph on its way to a worker.

    Attributes:
        tasks: what is to be made of it, each with its number.
        data: the bytes of its file, if it lies in a table.
        reason: why there are none.
    """

    tasks: Sequence[tuple[int, Task]]
    data: bytes | None = None
    reason: str | None = None

    @property
    def content(self) -> Any:
        """The path, or the row."""
        return self.tasks[0][1].job.content


def find(
    paths: Sequence[str | os.PathLike[str]],
    *,
    columns: tuple[str | None, str | None] = (None, None),
    target: Path | None = None,
    recursive: bool = False,
    **more: Any,
) -> list[Found]:
    """What :func:`adain.batch.plan.find` finds, and the rows of parquet files and of folders of those, in order.

    A row is called by its name in the table, or else by file and row. In a folder with parquet files, pictures are
    passed over.

    Args:
        columns: of pictures and of names; see :func:`adain.image.tables.columns`, also for what it raises.
        target: a folder of results, whose tables are not taken for input.
    """
    found: list[Found] = []
    for given in paths:
        path = Path(given)
        files = [path] if path.suffix.lower() == PARQUET and not path.is_dir() else []
        if path.is_dir():
            files = sorted(_tables(path, recursive, target))
        for file in files:
            inside = file.relative_to(path).as_posix() if path.is_dir() else file.name
            chosen = tables.columns(file, image=columns[0], name=columns[1])
            for (group, row, name), link in zip(tables.names(file, chosen), tables.links(file, chosen), strict=True):
                place = _place(name or f"{inside.removesuffix(PARQUET)}-{row:07d}")
                linked = None if link is None else file.parent / link
                is_there = linked is not None and linked.is_file()
                content = Linked(file, group, row, linked) if linked and is_there else Row(file, group, row)
                found.append(Found(content, *place))
        if not files:
            found += find_images([given], recursive=recursive, **more)
    return found


def _tables(folder: Path, recursive: bool, target: Path | None) -> Iterator[Path]:
    results = None if target is None else target.resolve()
    for path in folder.rglob(f"*{PARQUET}") if recursive else folder.glob(f"*{PARQUET}"):
        inside = path.relative_to(folder).parts
        # As the tools that write such folders have it, these are theirs and no data.
        hidden = any(part.startswith((".", "_")) for part in inside)
        if path.is_file() and not hidden and results not in path.resolve().parents:
            yield path


def _place(name: str) -> tuple[Path, Path]:
    """Folder and file name that a name stands for, inside whatever folder it is put into."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..")]
    leaf = Path(parts[-1]) if parts else Path("image")
    if leaf.suffix.lower() not in SUFFIXES:
        # "painting.v2" is a whole name, and an identifier has no ending to keep.
        leaf = Path(f"{leaf}{FALLBACK_SUFFIX}")
    return Path(*parts[:-1]), leaf


def absolute(task: Task) -> Task:
    """The same for a worker, which need not run in the current folder."""
    job, content = task.job, task.job.content
    if isinstance(content, Row):
        content = replace(content, table=Path(os.path.abspath(content.table)))
        if isinstance(content, Linked):
            content = replace(content, file=Path(os.path.abspath(content.file)))
    elif isinstance(content, Page):
        content = replace(content, source=Path(os.path.abspath(content.source)))
    else:
        content = Path(os.path.abspath(content))
    return replace(task, job=replace(job, content=content, output=Path(os.path.abspath(job.output))))


def runs(groups: Iterable[Group], size: int) -> Iterator[list[Group]]:
    """Groups in runs of at most ``size``, each of files, or of all the rows that are wanted of one row group."""
    run: list[Group] = []
    last: Any = None
    for group in groups:
        content = group.content
        origin = (content.table, content.group) if isinstance(content, Row) else None
        # A row group is read as a whole, so it is not parted among readers.
        if run and (origin != last or (origin is None and len(run) == size)):
            yield run
            run = []
        last = origin
        run.append(group)
    if run:
        yield run


def _filled(group: Group, found: bytes | str | None) -> Group:
    """A group with what its row holds, or with what lies in the file that the row names, seen from the table."""
    if isinstance(found, bytes):
        return group._replace(data=found)
    if found is None:
        return group._replace(reason=f"{group.content} holds no image")
    try:
        return group._replace(data=(group.content.table.parent / found).read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return group._replace(
            reason=f"cannot read {group.content}: it has no bytes, and the file it names, {found}, cannot be read "
            f"({why}): put that in place, seen from the table's folder"
        )


def with_images(run: Sequence[Group], columns: tuple[str | None, str | None], size: int) -> Iterator[list[Group]]:
    """The groups of one run of a table with their ``data``, or the ``reason`` why there is none, ``size`` at a time."""
    sent = 0
    try:
        first: Row = run[0].content
        chosen = tables.columns(first.table, image=columns[0], name=columns[1])
        data = tables.images(first.table, chosen, first.group, [group.content.row for group in run])
        for start in range(0, len(run), size):
            yield [_filled(group, next(data)) for group in run[start : start + size]]
            sent += len(run[start : start + size])
    except Exception as error:  # pyarrow lets any kind through, and a damaged file must not end the job
        reason = " ".join(str(error).split())
        yield [group._replace(reason=f"cannot read {group.content}: {reason}") for group in run[sent:]]
