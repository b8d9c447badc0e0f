"""Results in parquet tables, written in parts; :mod:`adain.image.tables` reads the photographs."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._utils.files import atomic_path
from ...image.tables import open_table
from ..manifest import Manifest, Record

if TYPE_CHECKING:
    import pyarrow as pa

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
            with open_table(part) as file:
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
