"""Which output belongs to which content and style: by names, by a table, or as a call names pictures and folders."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._utils.errors import InputError, MissingFileError
from ..batch.plan import expand, output_stem
from ..control.style import is_style_file
from ..image import list_images
from .options import Pairing as Pairing

DEFAULT_ROW = "output"
"""Name of the row of outputs that were given none."""

MADE = "adain"
GUARDS = ("identity", "style")
"""Rows that are always there: the content unchanged and the style unchanged."""


@dataclass(frozen=True)
class Pair:
    """A content and a style, and what was made of them.

    Attributes:
        content, style: the pictures.
        outputs: by the name of the row, for as many rows as have one.
    """

    content: Path
    style: Path
    outputs: Mapping[str, Path]


def pair_up(contents: Sequence[Path], styles: Sequence[Path], pairing: Pairing = "product") -> list[Pair]:
    """Every content with every style, or content k with style k, starting again when the styles run out.

    Raises:
        InputError: if there are no contents or styles.
    """
    if not contents or not styles:
        raise InputError("an evaluation needs contents and styles")
    if pairing == "zip":
        return [Pair(content, styles[k % len(styles)], {}) for k, content in enumerate(contents)]
    return [Pair(content, style, {}) for content in contents for style in styles]


def with_outputs(pairs: Sequence[Pair], rows: Mapping[str, str | os.PathLike[str]]) -> list[Pair]:
    """Those of the pairs that have an output, which is found by its name ``{content}_stylized_{style}``.

    Args:
        pairs: of :func:`pair_up`.
        rows: a folder for each row.

    Raises:
        MissingFileError: if there is no such folder.
        InputError: if two outputs of a row have the same name, a row has none, or a name is reserved.
    """
    found: dict[str, dict[str, Path]] = {}
    for row, folder in rows.items():
        check_row(row)
        found[row] = {}
        for path in list_images(folder):
            if path.stem in found[row]:
                raise InputError(f"{found[row][path.stem]} and {path} differ in their suffix alone: keep one of them")
            found[row][path.stem] = path
    joined = []
    for pair in pairs:
        name = output_stem(pair.content.stem, pair.style.stem)
        if outputs := {row: files[name] for row, files in found.items() if name in files}:
            joined.append(Pair(pair.content, pair.style, outputs))
    for row, folder in rows.items():
        if not any(row in pair.outputs for pair in joined):
            example = output_stem(pairs[0].content.stem, pairs[0].style.stem)
            raise InputError(f"{folder} holds no output of these pictures: they are found by name, such as {example}.*")
    return joined


def check_row(name: str) -> None:
    """InputError, if outputs may not be called that."""
    if not name or name in (reserved := (*GUARDS, MADE)):
        raise InputError(f"outputs cannot be called {name!r}: {', '.join(reserved)} are rows of their own")


def read_triples(
    path: str | os.PathLike[str], styles: Sequence[Path] = (), *, warn: Callable[[str], None] = lambda _: None
) -> list[Pair]:
    """Pairs from a table, or from the manifest of a folder of results.

    A ``.csv`` has columns ``content``, ``style``, ``output`` and perhaps ``row``; a ``.jsonl`` has an object a line
    with these fields. Entries whose ``status`` is other than ``done`` are passed over, and of several about one output
    the last counts. Paths are relative to the file's folder, or else to the current one. A manifest has them as they
    were given to the command that wrote it: its contents and artworks are looked for from the current folder first,
    then from that of the manifest and those above it.

    Results of several styles together, such as blends, are passed over: no one style is what they should look like. So
    are those of single pages of a file.

    Args:
        path: of the table.
        styles: artworks to look up, by stem, styles that are named and not given as a path.
        warn: is told in a line how many results were of several styles, or of single pages.

    Raises:
        MissingFileError: if there is no such file.
        InputError: if it is of another form, names a style and not its file, or has nothing that can be measured.
    """
    file = Path(path)
    if not file.is_file():
        raise MissingFileError(f"{file} is not a file: give a .csv or .jsonl with content, style and output")
    try:
        entries = _entries(file)
    except (UnicodeDecodeError, ValueError, csv.Error) as error:
        raise InputError(f"{file} cannot be read: {error}") from None
    stems = {style.stem: style for style in styles}
    outputs: dict[tuple[Path, Path], dict[str, Path]] = {}
    latest: dict[str, Mapping[str, Any]] = {}
    for number, entry in entries:
        if not all(isinstance(entry.get(field), str) and entry[field] for field in ("content", "style", "output")):
            if entry.get("status", "done") != "done":
                continue
            raise InputError(f"{file}, line {number}: expected content, style and output")
        latest[entry["output"]] = entry
    beside, around = (file.parent, Path()), (Path(), *file.absolute().parents)
    mixed, paged = [], []
    for entry in latest.values():
        if entry.get("status", "done") != "done":
            continue
        check_row(row := entry.get("row") or DEFAULT_ROW)
        places = around if "status" in entry else beside
        named = entry.get("styles")  # of a manifest; there the style itself is a name for people
        files = named if isinstance(named, list) and named and all(isinstance(n, str) for n in named) else None
        if files and len(files) > 1:
            mixed.append(entry["output"])
            continue
        if "page" in entry:
            paged.append(entry["output"])
            continue
        name = entry["style"]
        style = stems.get(name) or _locate(files[0] if files else name, places)
        if not style.suffix and not style.exists():
            raise InputError(
                f"{file} names the style {name!r}, not its file: give the artworks, such as --style styles/"
            )
        key = _locate(entry["content"], places), style
        outputs.setdefault(key, {})[row] = _locate(entry["output"], beside)
    if not outputs:
        only = " and of one style alone" if mixed else " and of a whole file" if paged else ""
        raise InputError(f"{file} names no output that is done{only}")
    if mixed:
        warn(f"{len(mixed)} results of several styles are left out, such as {mixed[0]}: none of these is their measure")
    if paged:
        warn(f"{len(paged)} results of single pages are left out, such as {paged[0]}: only first pages are read here")
    return [Pair(content, style, rows) for (content, style), rows in outputs.items()]


def _entries(file: Path) -> list[tuple[int, Mapping[str, Any]]]:
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix.lower() == ".csv":
        reader = csv.DictReader(text.splitlines())
        return [(reader.line_num, {k: v for k, v in row.items() if k}) for row in reader]
    found: list[tuple[int, Mapping[str, Any]]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            if number == len(lines):  # torn by a kill while it was written
                continue
            entry = None
        if not isinstance(entry, dict):
            raise ValueError(f"line {number} is no JSON object")
        found.append((number, entry))
    return found


def _locate(name: str, folders: Sequence[Path]) -> Path:
    """A path of a table: in the first of the folders where it is, else as it stands."""
    return next((path for folder in folders if (path := folder / name).exists()), Path(name))


def gather(
    contents: Sequence[str | os.PathLike[str]],
    styles: Sequence[str | os.PathLike[str]],
    outputs: Sequence[str] = (),
    triples: str | os.PathLike[str] | None = None,
    *,
    pairing: Pairing = "product",
    making: bool = False,
    warn: Callable[[str], None] = lambda _: None,
) -> list[Pair]:
    """The pairs of an evaluation, with those of their outputs that there are.

    Args:
        contents, styles: pictures and folders of them.
        outputs: folders, or ``NAME=FOLDER``; a row without a name of its own has the folder's.
        triples: a table instead, see :func:`read_triples`; the styles then are artworks to look up.
        pairing: see :func:`pair_up`.
        making: whether pairs without outputs are wanted, too, as pictures are made now.
        warn: see :func:`read_triples`.

    Raises:
        MissingFileError: if a file or a folder is missing.
        InputError: if a table is given beside contents or outputs, two rows have one name, or nothing can be measured;
            if the statistics of an artwork stand for it.
    """
    if encoded := next(filter(is_style_file, styles), None):
        raise InputError(f"{encoded} holds statistics, and pictures are measured against the artwork itself: give that")
    if triples is not None:
        if outputs or contents:
            raise InputError("--triples names contents and outputs itself: leave out --content and --output")
        return read_triples(triples, expand(styles) if styles else (), warn=warn)
    pairs = pair_up(expand(contents), expand(styles), pairing)
    if not outputs:
        return pairs
    joined = with_outputs(pairs, _rows(outputs))
    known = {(pair.content, pair.style): pair for pair in joined}
    return [known.get((pair.content, pair.style), pair) for pair in pairs] if making else joined


def _rows(outputs: Sequence[str]) -> dict[str, str]:
    """Folders of outputs by the name of their row: the one given, else the folder's own."""
    rows: dict[str, str] = {}
    for text in outputs:
        name, equals, folder = text.partition("=")
        if not equals or Path(text).exists():
            name, folder = (DEFAULT_ROW if len(outputs) == 1 else Path(text).name), text
        if name in rows:
            raise InputError(f"two folders would be called {name!r}: name them, as in --output {name}2={folder}")
        rows[name] = folder
    return rows
