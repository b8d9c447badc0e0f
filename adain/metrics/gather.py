"""What is to be measured, from how it is named: pictures and folders, folders of outputs, or a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from .._utils.errors import InputError
from ..batch.plan import expand
from .options import Pairing
from .pairs import DEFAULT_ROW, Pair, pair_up, read_triples, with_outputs


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
        InputError: if a table is given beside contents or outputs, two rows have one name, or nothing can be measured.
    """
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
