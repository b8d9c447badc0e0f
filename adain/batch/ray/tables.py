"""Pictures in parquet tables: found, read row group by row group, and written in parts."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._utils.errors import InputError
from ..._utils.files import atomic_path
from ..manifest import Manifest, Record

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_COLUMNS = ("image", "bytes", "img", "data")
NAME_COLUMNS = ("name", "file_name", "filename", "path", "id", "key")
RESULT_COLUMNS = {
    "image": "large_binary", "output": "string", "content": "string", "style": "string", "status": "string",
    "reason": "string", "width": "int64", "height": "int64", "seconds": "float64", "settings": "string",
    "alpha": "float64", "drift": "float64",
}  # fmt: skip
"""Of the tables written, with their types: the bytes of a result, and what it was or was to be made of; ``status`` is
``"done"`` or ``"failed"``, and ``settings`` the fingerprint that a manifest has, too; ``alpha`` and ``drift`` are what
a bound on the drift has found, and null without one."""

FAILURES = "failed.parquet"
"""The part of the results that could not be made."""


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


def links(path: Path, columns: Columns) -> Iterator[str | None]:
    """The ``path`` of every picture, None without one; pixels stay unread."""
    with _open(path) as file:
        for group in range(file.num_row_groups):
            if not columns.links:
                yield from [None] * file.metadata.row_group(group).num_rows
                continue
            for value in file.read_row_group(group, columns=[f"{columns.image}.path"]).column(0).to_pylist():
                yield (value or {}).get("path") or None


def images(path: Path, columns: Columns, group: int, rows: Sequence[int]) -> Iterator[bytes | str | None]:
    """The bytes of some rows of one row group, in ascending order; or the path of the file; None where there is none.

    Hugging Face's ``datasets`` writes ``{"bytes": null, "path": ...}`` of a picture that it leaves where it is.
    """
    with _open(path) as file:
        first = sum(file.metadata.row_group(k).num_rows for k in range(group))
        wanted = set(rows)
        leaves = [f"{columns.image}.bytes", *([f"{columns.image}.path"] if columns.links else [])]
        # Batches, as a row group may hold gigabytes.
        read = leaves if columns.nested else [columns.image]
        batches = file.iter_batches(batch_size=64, row_groups=[group], columns=read)
        for row, cell in enumerate((cell for batch in batches for cell in batch.column(0)), first):
            if row in wanted:
                value = cell.as_py()
                if columns.nested and value is not None:
                    value = value["bytes"] if value["bytes"] is not None else value.get("path") or None
                yield value


def as_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str] = RESULT_COLUMNS) -> pa.Table:
    """Rows as a table of the same columns and types whatever is in them."""
    import pyarrow as pa

    schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in columns.items()])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def _found(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details of a result; alpha, which may be one for each region, only where it was found."""
    return {name: value for name, value in details.items() if name != "alpha" or "max_drift" in details}


def write_part(folder: Path, table: pa.Table) -> Path | None:
    """Write the results that were made into a part of a parquet folder; None if there are none.

    The part is named after the results in it, so that whoever writes the same again replaces it. The table is of
    :data:`adain.batch.ray.worker.COLUMNS`.
    """
    told = [(pickle.loads(row["result"]), row["image"]) for row in table.to_pylist()]  # of this very job's making
    key = Manifest(folder, is_known=True).key
    rows = [
        {**_found(result.details), "output": key(result.output), "status": result.status,
         "settings": result.task.settings, "image": image}
        for result, image in told if result.error is None
    ]  # fmt: skip
    if not rows:
        return None
    digest = hashlib.sha256("\0".join(row["output"] for row in rows).encode()).hexdigest()
    path = folder / f"part-{digest[:20]}.parquet"
    _write(path, as_table(rows))
    return path


def _write(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        # Row groups of a few dozen, so that a reader need not hold a whole part; pictures do not compress again.
        compression = {name: "NONE" if name == "image" else "SNAPPY" for name in table.column_names}
        pq.write_table(table, temporary, row_group_size=64, compression=compression)


class Parts(Manifest):
    """What is known of the results in a parquet folder: a manifest that is the parts themselves.

    What was made stands in the parts, which workers write; what failed in a part of its own, :data:`FAILURES`, whose
    images are null. That one is replaced when this is closed.
    """

    def _read(self) -> dict[str, Record]:
        latest: dict[str, Record] = {}
        self._changed = False
        for part in sorted(self.folder.glob("*.parquet")) if self.folder.is_dir() else ():
            with _open(part) as file:
                if "output" not in file.schema_arrow.names:
                    continue  # somebody else's
                known = [name for name in RESULT_COLUMNS if name in file.schema_arrow.names and name != "image"]
                for row in file.read(columns=known).to_pylist():
                    row.setdefault("status", "done")
                    if row["status"] == "done":
                        row = {"status": "done", "output": row["output"], "settings": row.get("settings")}
                        latest[row["output"]] = row
                    else:
                        latest.setdefault(row["output"], row)
        return latest

    def is_there(self, output: Path) -> bool:
        return self.latest.get(self.key(output), {}).get("status") == "done"

    def is_complete(self, output: Path, settings: str) -> bool:
        return self.is_there(output) and self.latest[self.key(output)]["settings"] == settings

    def append(self, output: Path, status: str, *, durable: bool = False, **details: Any) -> None:
        """Take note of a result."""
        self.latest[self.key(output)] = {**details, "output": self.key(output), "status": status}
        self._changed = True

    def discard(self, outputs: Iterable[Path]) -> None:
        """Take the results of those names out of the parts, to be made anew."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        names = [self.key(output) for output in outputs if self.is_there(output)]
        for part in sorted(self.folder.glob("part-*.parquet")) if names else ():
            table = pq.read_table(part)
            if "output" not in table.column_names:
                continue
            kept = table.filter(pc.invert(pc.is_in(table["output"], pa.array(names))))
            if kept.num_rows == 0:
                part.unlink()
            elif kept.num_rows < table.num_rows:
                _write(part, kept)
        for name in names:
            del self.latest[name]

    def close(self) -> None:
        """Replace the part of what failed; nothing removes it."""
        if not self._changed:
            return
        path, self._changed = self.folder / FAILURES, False
        failed = [row for row in self.latest.values() if row["status"] == "failed"]
        if failed:
            _write(path, as_table([_found(row) for row in failed]))
        else:
            path.unlink(missing_ok=True)
