"""Where photographs come from, and what every result of theirs is called: settled before any work begins."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..._utils.errors import InputError, MissingFileError
from ...image import SUFFIXES, WRITABLE, check_output_path, list_images
from ..plan import FALLBACK_SUFFIX, result_name
from . import tables
from .look import absolute

PARQUET = ".parquet"

ROW = {
    "number": "int", "content": "str", "path": "str", "data": "bytes", "reason": "str",
    "todo": "ints", "outputs": "strs", "table": "str", "group": "int", "row": "int",
}  # fmt: skip
"""What a photograph is on its way to a worker: its number, and what :class:`Photograph` says of it; the bytes of its
file if it lies in a table, or the reason why there are none; which looks are to be made, and what they are called."""

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Photograph:
    """One input.

    Attributes:
        content: what records call it: its path, or the file and row of a table.
        name: relative path it would have as a file, by which its results are called.
        path: of its file; None for a row of a table.
        table, group, row: file, row group and row in it; None for a file.
    """

    content: str
    name: str
    path: str | None = None
    table: str | None = None
    group: int = 0
    row: int = 0


def find(
    source: Source, *, image_column: str | None = None, name_column: str | None = None, ignore: Path | None = None
) -> list[Photograph]:
    """The photographs of files, folders and parquet tables, in order.

    Args:
        source: an image, a folder (searched with its subfolders), a ``.parquet`` file, a folder of those, or several.
        image_column: of parquet files; see :func:`adain.batch.ray.tables.columns`.
        name_column: likewise.
        ignore: a folder of results, which are not taken for photographs when it lies inside one that is searched.

    Raises:
        MissingFileError: if a file or folder is missing.
        InputError: if a folder holds neither images nor parquet files, or a table has no such columns.
    """
    found: list[Photograph] = []
    paths = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    for path in map(Path, paths):
        files = sorted(_parquet_files(path)) if path.is_dir() else [path]
        if path.is_dir() and not files:
            images = _outside(ignore, path, list_images(path, recursive=True))
            found += [Photograph(str(p), p.relative_to(path).as_posix(), str(p)) for p in images]
        elif not path.exists():
            raise MissingFileError(f"cannot read {path}: there is no such file; check the path")
        elif files[0].suffix.lower() == PARQUET:
            for file in files:
                inside = file.relative_to(path).as_posix() if path.is_dir() else file.name
                columns = tables.columns(file, image=image_column, name=name_column)
                for group, row, name in tables.names(file, columns):
                    label = name or f"{inside.removesuffix(PARQUET)}-{row:07d}"
                    found.append(Photograph(f"{file}:{row}", label, None, str(file), group, row))
        else:
            found.append(Photograph(str(path), path.name, str(path)))
    return list({photo.content: photo for photo in found}.values())


def _outside(ignore: Path | None, searched: Path, found: Sequence[Path]) -> list[Path]:
    if ignore is None or searched.resolve() not in ignore.resolve().parents:
        return [*found]
    inner = ignore.resolve().relative_to(searched.resolve())
    kept = [path for path in found if inner not in path.relative_to(searched).parents]
    if not kept:
        raise InputError(f"{searched} holds no images but the results in {ignore}: name the folder of the photographs")
    return kept


def _parquet_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob(f"*{PARQUET}"):
        inside = path.relative_to(folder).parts
        # As the tools that write such folders have it, these are theirs and no data.
        if path.is_file() and not any(part.startswith((".", "_")) for part in inside):
            yield path


def outputs(
    photographs: Sequence[Photograph], looks: Sequence[str], folder: Path | None, *, suffix: str | None = None
) -> list[list[str]]:
    """The name of every result: for each photograph, one for each look.

    Subfolders are kept: ``a/b.jpg`` in the look ``wave`` becomes ``folder/a/b_stylized_wave.jpg``.

    Args:
        photographs: of :func:`find`.
        looks: the names of the looks.
        folder: where files go; None for names in a table.
        suffix: such as ``".png"``; None keeps each photograph's own, or ``.png`` where that cannot be written.

    Raises:
        InputError: if the suffix cannot be written, two results would share a name, one would replace an input, or
            a folder cannot be written to.
    """
    if suffix is not None and suffix not in WRITABLE:
        raise InputError(f"cannot write {suffix} files: choose one of {', '.join(sorted(WRITABLE))}")
    named = []
    for photo in photographs:
        parent, leaf = _place(photo.name)
        base = parent if folder is None else str(folder / parent)
        named.append([os.path.join(base, result_name(leaf, look, suffix)) for look in looks])
    for name, times in Counter(name for several in named for name in several).items():
        if times > 1:
            raise InputError(f"{times} results would be called {name}: rename the inputs or do them apart")
    if folder is not None:
        _check_files(photographs, named)
    return named


def _place(name: str) -> tuple[str, Path]:
    """Folder and file name that a name stands for, inside whatever folder it is put into."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..")]
    leaf = Path(parts[-1]) if parts else Path("image")
    if leaf.suffix.lower() not in SUFFIXES:
        # "painting.v2" is a whole name, and an identifier has no ending to keep.
        leaf = Path(f"{leaf}{FALLBACK_SUFFIX}")
    return "/".join(parts[:-1]), leaf


def _check_files(photographs: Sequence[Photograph], named: Sequence[Sequence[str]]) -> None:
    real: dict[str, str] = {}

    def resolve(path: str) -> str:
        parent, leaf = os.path.split(path)
        if parent not in real:
            real[parent] = os.path.realpath(parent)  # once a folder, as there may be a million files
        return os.path.join(real[parent], leaf)

    inputs = {resolve(photo.path) for photo in photographs if photo.path is not None}
    checked = set()
    for several in named:
        for name in several:
            if resolve(name) in inputs:
                raise InputError(f"{name} is also an input and would be replaced: choose another -o")
            where = (os.path.dirname(name), os.path.splitext(name)[1])
            if where not in checked:
                check_output_path(name)
                checked.add(where)


def existing(named: Sequence[Sequence[str]]) -> set[str]:
    """Those of the results that are files already, found by listing each folder once."""
    folders = {os.path.dirname(name) for several in named for name in several}
    there: set[str] = set()
    for folder in folders:
        if os.path.isdir(folder or "."):
            with os.scandir(folder or ".") as entries:
                there |= {os.path.join(folder, entry.name) for entry in entries if entry.is_file()}
    return there & {name for several in named for name in several}


def partitions(
    photographs: Sequence[Photograph], named: Sequence[Sequence[str]], done: set[str], size: int, *, in_table: bool
) -> Iterator[list[dict[str, Any]]]:
    """What is left to do, in runs of at most ``size`` photographs, each from one file or row group.

    Yields:
        Rows of :data:`ROW`.
    """
    run: list[dict[str, Any]] = []
    last: tuple[str | None, int] = (None, 0)
    for number, (photo, names) in enumerate(zip(photographs, named, strict=True)):
        todo = [k for k, name in enumerate(names) if name not in done]
        if not todo:
            continue
        origin = (photo.table, photo.group)
        # A row group is read as a whole, so it is not parted among readers.
        if run and (origin != last or (photo.table is None and len(run) == size)):
            yield run
            run = []
        last = origin
        # Workers need not run in the current folder.
        row: dict[str, Any] = {"number": number, "content": photo.content, "path": absolute(photo.path), "data": None}
        row |= {"reason": None, "todo": todo, "outputs": [names[k] if in_table else absolute(names[k]) for k in todo]}
        run.append(row | {"table": absolute(photo.table), "group": photo.group, "row": photo.row})
    if run:
        yield run


def with_images(
    run: Sequence[Mapping[str, Any]], image_column: str | None, name_column: str | None, size: int
) -> Iterator[list[dict[str, Any]]]:
    """The rows of one run of a table with their ``data``, or the ``reason`` why there is none, ``size`` at a time."""
    rows = [dict(row) for row in run]
    try:
        file = Path(rows[0]["table"])
        columns = tables.columns(file, image=image_column, name=name_column)
        data = tables.images(file, columns, rows[0]["group"], [row["row"] for row in rows])
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            for row in part:
                row["data"] = next(data)
                row["reason"] = None if row["data"] is not None else f"{row['content']} holds no image"
            yield part
    except Exception as error:  # pyarrow lets any kind through, and a damaged file must not end the job
        left = [row for row in rows if row["data"] is None and row["reason"] is None]
        yield [row | {"reason": f"cannot read {row['content']}: {' '.join(str(error).split())}"} for row in left]
