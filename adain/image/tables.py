"""Pictures in parquet tables: found, and read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._utils.errors import InputError

PARQUET = ".parquet"

IMAGE_COLUMNS = ("image", "bytes", "img", "data")
NAME_COLUMNS = ("name", "file_name", "filename", "path", "id", "key")


@dataclass(frozen=True)
class Columns:
    """Where a table keeps its pictures and their names.

    Attributes:
        image: column of the bytes of image files, or of structs with ``bytes`` and perhaps ``path``, as Hugging Face
            writes them.
        name: column of texts or numbers, or ``image.path``; None for row numbers.
        nested: whether ``image`` is of structs.
        links: whether these have a ``path``, which is where a picture lies whose bytes are null.
    """

    image: str
    name: str | None
    nested: bool
    links: bool = False


def open_table(path: Path) -> Any:
    """A parquet file of pyarrow; InputError if it is damaged."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise InputError(f"cannot read {path}: {error}; name an intact parquet file") from error


def columns(path: Path, *, image: str | None = None, name: str | None = None) -> Columns:
    """The columns of a parquet file, those named or else the first of :data:`IMAGE_COLUMNS` and :data:`NAME_COLUMNS`.

    Raises:
        InputError: if the file is damaged, or there are no such columns, or not of such types.
    """
    import pyarrow as pa

    with open_table(path) as file:
        schema = file.schema_arrow
    names = schema.names
    chosen = image or next((column for column in IMAGE_COLUMNS if column in names), None)
    if chosen is None or chosen not in names:
        raise InputError(f"{path} has no column {chosen or 'of images'}: choose one of {', '.join(names)}")
    kind = schema.field(chosen).type
    nested = pa.types.is_struct(kind)
    leaves = {leaf.name: leaf.type for leaf in kind} if nested else {}
    bytes_of = leaves.get("bytes", pa.null()) if nested else kind
    path_of = leaves.get("path", pa.null())
    links = pa.types.is_string(path_of) or pa.types.is_large_string(path_of)
    is_empty = "bytes" in leaves and pa.types.is_null(bytes_of) and links
    if not (pa.types.is_binary(bytes_of) or pa.types.is_large_binary(bytes_of) or is_empty):
        raise InputError(f"column {chosen} of {path} holds {kind}, not the bytes of image files")
    if name is not None and name not in names:
        raise InputError(f"{path} has no column {name}: choose one of {', '.join(names)}")
    own = name or next((column for column in NAME_COLUMNS if column in names and column != chosen), None)
    if own is None and "path" in leaves:
        own = f"{chosen}.path"
    return Columns(chosen, own, nested, links)


def names(path: Path, columns: Columns) -> Iterator[tuple[int, int, str | None]]:
    """Row group, row in the file, and name (None without one) of every picture; pixels stay unread."""
    with open_table(path) as file:
        row = 0
        for group in range(file.num_row_groups):
            if columns.name is None:
                given: Sequence[Any] = [None] * file.metadata.row_group(group).num_rows
            else:
                read = file.read_row_group(group, columns=[columns.name]).column(0)
                given = read.to_pylist()
                if columns.name not in file.schema_arrow.names:  # "image.path" comes as structs of path alone
                    given = [None if value is None else value["path"] for value in given]
            for value in given:
                yield group, row, None if value is None or value == "" else str(value)
                row += 1


def links(path: Path, columns: Columns) -> Iterator[str | None]:
    """The ``path`` of every picture, None without one; pixels stay unread."""
    with open_table(path) as file:
        for group in range(file.num_row_groups):
            if not columns.links:
                yield from [None] * file.metadata.row_group(group).num_rows
                continue
            for value in file.read_row_group(group, columns=[f"{columns.image}.path"]).column(0).to_pylist():
                yield (value or {}).get("path") or None


def images(path: Path, columns: Columns, group: int, rows: Sequence[int] | None) -> Iterator[bytes | str | None]:
    """The bytes of some rows of one row group, or of all, in ascending order; the path of a file; None without either.

    Hugging Face's ``datasets`` writes ``{"bytes": null, "path": ...}`` of a picture that it leaves where it is.
    """
    with open_table(path) as file:
        first = _first_row(file, group)
        wanted = None if rows is None else set(rows)
        leaves = [f"{columns.image}.bytes", *([f"{columns.image}.path"] if columns.links else [])]
        # Batches, as a row group may hold gigabytes.
        read = leaves if columns.nested else [columns.image]
        batches = file.iter_batches(batch_size=64, row_groups=[group], columns=read)
        for row, cell in enumerate((cell for batch in batches for cell in batch.column(0)), first):
            if wanted is None or row in wanted:
                value = cell.as_py()
                if columns.nested and value is not None:
                    value = value["bytes"] if value["bytes"] is not None else value.get("path") or None
                yield value


def first_row(path: Path, group: int) -> int:
    """The number in the file of the first row of a row group."""
    with open_table(path) as file:
        return _first_row(file, group)


def _first_row(file: Any, group: int) -> int:
    return sum(file.metadata.row_group(k).num_rows for k in range(group))
