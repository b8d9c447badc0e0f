"""The pictures that a bank is made of, found before any is read: in folders, tar archives and parquet tables."""

from __future__ import annotations

import csv
import functools
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from .._utils.errors import ImageError, InputError, MissingFileError
from .._utils.fingerprint import fingerprint
from .._utils.resources import missing, resolve
from .._utils.tars import check_end
from ..image import SUFFIXES, list_images, tables
from .bank_options import BankOptions

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

_COLUMNS = {
    "file": ("file", "name", "filename", "file_name", "path"),
    "source": ("source", "url"),
    "licence": ("licence", "license"),
    "class": ("class", "label"),
}


@dataclass(frozen=True)
class Artwork:
    """A picture that was found.

    Attributes:
        key: its path in what it was found in.
        where: what messages call it.
        stamp: changes when the file does.
        read: gives what :func:`~adain.image.open_source` takes.
    """

    key: str
    where: str
    stamp: int
    read: Callable[[], Any]

    @property
    def name(self) -> str:
        """The key without the ending of a picture."""
        path = PurePosixPath(self.key)
        return str(path.with_suffix("")) if path.suffix.lower() in SUFFIXES else self.key

    @property
    def label(self) -> str:
        """The first folder of the key; empty without one."""
        parts = PurePosixPath(self.key).parts
        return parts[0] if len(parts) > 1 else ""


def find(paths: Sequence[Any], options: BankOptions, skipped: Callable[[str, str], None]) -> Iterator[Artwork]:
    """All pictures of folders and their sub-folders, archives, tables and files, in order.

    Raises:
        MissingFileError, InputError: if one of the paths cannot be used; what cannot be read below them is passed to
            ``skipped`` with the reason.
    """
    for given in paths:
        path = resolve(str(given))
        if not path.exists():
            raise MissingFileError(f"cannot read {given}: there is no such file or folder; {missing(given)}")
        if path.is_dir():
            yield from _in_folder(path, options, skipped)
        elif path.name.lower().endswith(TARS):
            yield from _in_tar(path)
        elif path.suffix.lower() == tables.PARQUET:
            yield from _in_table(path, path.stem, options)
        else:
            yield Artwork(path.name, str(given), _stamp(path), functools.partial(Path, path))


def _in_folder(folder: Path, options: BankOptions, skipped: Callable[[str, str], None]) -> Iterator[Artwork]:
    """Pictures; or, in a folder that has some, parquet tables and archives."""
    shards = sorted(
        path
        for path in folder.rglob("*")
        if path.name.lower().endswith((*TARS, tables.PARQUET)) and not path.name.startswith((".", "_"))
    )
    for path in shards:
        inside = path.relative_to(folder).as_posix().removesuffix(tables.PARQUET)
        yield from _in_tar(path) if path.name.lower().endswith(TARS) else _in_table(path, inside, options)
    refused: list[ImageError] = []
    try:
        found = list_images(folder, recursive=True, unreadable=refused)
    except ImageError:
        if not shards:
            raise
        found = []
    for path in found:
        yield Artwork(path.relative_to(folder).as_posix(), str(path), _stamp(path), functools.partial(Path, path))
    for error in refused:
        skipped(str(folder), str(error))


def _in_tar(path: Path) -> Iterator[Artwork]:
    try:
        archive = tarfile.open(path)  # noqa: SIM115  # members are read while it is open; closed when it is collected
        members = archive.getmembers()
        check_end(archive)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"cannot read {path}: it is no intact tar archive ({error}); copy it anew") from None
    of = _stamp(path) if path.name.lower().endswith(TARS[1:]) else path.name
    for member in members:
        name = PurePosixPath(member.name)
        if member.isfile() and name.suffix.lower() in SUFFIXES and not name.name.startswith("."):
            stamp = _stamp((of, member.name, member.size, int(member.mtime), member.offset_data))
            yield Artwork(name.as_posix().removeprefix("./"), f"{path}:{name}", stamp, _Member(archive, member))


@dataclass(frozen=True)
class _Member:
    """A file in an archive, read when it is called."""

    archive: tarfile.TarFile
    member: tarfile.TarInfo

    def __call__(self) -> io.BytesIO:
        file = self.archive.extractfile(self.member)
        return io.BytesIO(file.read() if file else b"")


def _in_table(path: Path, inside: str, options: BankOptions) -> Iterator[Artwork]:
    chosen = tables.columns(path, image=options.picture_column, name=options.title_column)
    of, rows = _stamp(path), _TableRows(path, chosen)
    for group, row, name in tables.names(path, chosen):
        key = "/".join(part for part in PurePosixPath(name or f"{inside}-{row:07d}").parts if part not in ("/", ".."))
        yield Artwork(key, f"{path}:{row}", _stamp((of, row)), functools.partial(rows.read, group, row))


class _TableRows:
    """The pictures of a table, row by row; those that are asked for in order are read in one pass."""

    def __init__(self, path: Path, columns: tables.Columns) -> None:
        self._path, self._columns = path, columns
        self._group, self._next = -1, 0
        self._cells: Iterator[bytes | str | None] = iter(())

    def read(self, group: int, row: int) -> Any:
        if group != self._group or row < self._next:
            first = tables.first_row(self._path, group)
            self._cells = tables.images(self._path, self._columns, group, None)
            self._group, self._next = group, first
        while self._next < row:
            next(self._cells)
            self._next += 1
        cell = next(self._cells)
        self._next += 1
        if cell is None:
            raise ImageError(f"{self._path}:{row} holds no image")
        return io.BytesIO(cell) if isinstance(cell, bytes) else self._path.parent / cell


def _stamp(value: Any) -> int:
    return int(fingerprint(value), 16)


class SourceLine(NamedTuple):
    """What a table says of a picture; empty for nothing."""

    source: str = ""
    licence: str = ""
    label: str = ""


def read_sources(path: Any) -> dict[str, SourceLine]:
    """What a table of sources says, by the names of files as they stand there.

    Args:
        path: of a text in UTF-8, tab-separated or comma-separated as its first line is, with a line of column names.

    Raises:
        MissingFileError: if there is no such file.
        InputError: if it is no such table.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MissingFileError(f"cannot read {path}: there is no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is no text in UTF-8'}"
        ) from None
    lines = io.StringIO(text, newline="")
    reader = csv.DictReader(lines, delimiter="\t" if "\t" in text.partition("\n")[0] else ",")
    given = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    chosen = {what: next((given[n] for n in names if n in given), None) for what, names in _COLUMNS.items()}
    if chosen["file"] is None or not any(chosen[what] for what in ("source", "licence", "class")):
        raise InputError(
            f"{path} has the columns {', '.join(given) or 'of nothing'}: it needs file, and source, licence or class"
        )

    def cell(row: Mapping[str, Any], what: str) -> str:
        return str(row.get(chosen[what] or "") or "").strip()

    return {cell(row, "file"): SourceLine(*(cell(row, w) for w in ("source", "licence", "class"))) for row in reader}


def provenance(known: Mapping[str, SourceLine], artwork: Artwork) -> SourceLine:
    """What is known of a picture: by its path, or that without its ending, or its file's name alone."""
    leaf = PurePosixPath(artwork.key).name
    names = (artwork.key, artwork.name, artwork.where, leaf, PurePosixPath(artwork.name).name)
    return next((known[name] for name in names if name in known), SourceLine())
