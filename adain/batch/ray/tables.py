"""Pictures in parquet tables: found, read row group by row group, and written in parts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._utils.errors import InputError
from ..._utils.files import atomic_path
from .records import DONE, FIELDS

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_COLUMNS = ("image", "bytes", "img", "data")
NAME_COLUMNS = ("name", "file_name", "filename", "path", "id", "key")
RESULT_COLUMNS = ("image", *FIELDS)
"""Of the tables written: the bytes of each result and what :data:`~adain.batch.ray.records.FIELDS` say of it."""

FAILURES = "failed.parquet"
"""The part of the results that could not be made."""


@dataclass(frozen=True)
class Columns:
    """Where a table keeps its pictures and their names.

    Attributes:
        image: column of bytes, or of structs with ``bytes`` and perhaps ``path`` as Hugging Face writes them.
        name: column of texts or numbers, or ``image.path``; None for row numbers.
        nested: whether ``image`` is of structs.
    """

    image: str
    name: str | None
    nested: bool


def _open(path: Path) -> Any:
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

    with _open(path) as file:
        schema = file.schema_arrow
    names = schema.names
    chosen = image or next((column for column in IMAGE_COLUMNS if column in names), None)
    if chosen is None or chosen not in names:
        raise InputError(f"{path} has no column {chosen or 'of images'}: choose one of {', '.join(names)}")
    kind = schema.field(chosen).type
    nested = pa.types.is_struct(kind)
    if nested:
        leaves = {kind.field(k).name: kind.field(k).type for k in range(kind.num_fields)}
        bytes_of = leaves.get("bytes", pa.null())
    else:
        leaves, bytes_of = {}, kind
    if not (pa.types.is_binary(bytes_of) or pa.types.is_large_binary(bytes_of)):
        raise InputError(f"column {chosen} of {path} holds {kind}, not the bytes of image files")
    if name is not None and name not in names:
        raise InputError(f"{path} has no column {name}: choose one of {', '.join(names)}")
    own = name or next((column for column in NAME_COLUMNS if column in names and column != chosen), None)
    if own is None and "path" in leaves:
        own = f"{chosen}.path"
    return Columns(chosen, own, nested)


def names(path: Path, columns: Columns) -> Iterator[tuple[int, int, str | None]]:
    """Row group, row in the file, and name (None without one) of every picture; pixels stay unread."""
    with _open(path) as file:
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


def images(path: Path, columns: Columns, group: int, rows: Sequence[int]) -> Iterator[bytes | None]:
    """The bytes of some rows of one row group, in ascending order; None where there are none."""
    with _open(path) as file:
        row = sum(file.metadata.row_group(k).num_rows for k in range(group))
        wanted = iter(rows)
        next_row = next(wanted, None)
        leaf = f"{columns.image}.bytes" if columns.nested else columns.image
        # Batches, as a row group may hold gigabytes.
        for batch in file.iter_batches(batch_size=64, row_groups=[group], columns=[leaf]):
            column = batch.column(0)
            while next_row is not None and next_row < row + len(column):
                value = column[next_row - row].as_py()
                yield value["bytes"] if columns.nested and value is not None else value
                next_row = next(wanted, None)
            row += len(column)


def write_part(folder: Path, table: pa.Table) -> Path | None:
    """Write the results that were made into a part of a parquet folder; None if there are none.

    The part is named after the results in it, so that whoever writes the same again replaces it.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    made = table.filter(pc.equal(table["status"], DONE)).select(list(RESULT_COLUMNS))
    if made.num_rows == 0:
        return None
    digest = hashlib.sha256("\0".join(made["output"].to_pylist()).encode()).hexdigest()
    path = folder / f"part-{digest[:20]}.parquet"
    with atomic_path(path) as temporary:
        # Row groups of a few dozen, so that a reader need not hold a whole part; pictures do not compress again.
        compression = {name: "NONE" if name == "image" else "SNAPPY" for name in RESULT_COLUMNS}
        pq.write_table(made, temporary, row_group_size=64, compression=compression)
    return path


def write_failures(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Replace the part of the results that could not be made, whose image is null; none removes it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / FAILURES
    if not rows:
        path.unlink(missing_ok=True)
        return
    kinds = {"image": pa.large_binary(), "width": pa.int64(), "height": pa.int64(), "seconds": pa.float64()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in RESULT_COLUMNS])
    table = pa.Table.from_pylist([{"image": None, **row} for row in rows], schema=schema)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def written(folder: Path) -> set[str]:
    """Names of the results in the parts of a folder."""
    import pyarrow.parquet as pq

    there: set[str] = set()
    if folder.is_dir():
        for part in sorted(folder.glob("part-*.parquet")):
            with pq.ParquetFile(part) as file:
                there.update(file.read(columns=["output"]).column(0).to_pylist())
    return there


def has_parts(folder: Path) -> bool:
    """Whether something was written there before."""
    names = os.listdir(folder) if folder.is_dir() else []
    return any(name.endswith(".parquet") and not name.startswith(".") for name in names)
