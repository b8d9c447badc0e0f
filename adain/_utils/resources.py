"""Where the installed package keeps its weights and sample pictures, and the samples by name."""

from __future__ import annotations

import csv
import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["content", "style"]


class Sample(NamedTuple):
    """A picture that ships, as ``SOURCES.tsv`` describes it.

    Attributes:
        kind: ``"content"`` for a photograph, ``"style"`` for an artwork.
        name: what it is called on the command line.
        title, author, licence, source: of the work, and where the file came from.
        path: the file.
    """

    kind: Kind
    name: str
    title: str
    author: str
    licence: str
    source: str
    path: Path


def weights_dir() -> Path:
    """The folder of the shipped weights."""
    return Path(str(resources.files("adain.weights")))


def sample_folder(kind: Kind) -> Path:
    """The folder of the sample photographs or artworks that ship."""
    return _samples_dir() / kind


@cache
def samples(kind: Kind | None = None) -> tuple[Sample, ...]:
    """The pictures that ship, of one kind or of both."""
    folder = _samples_dir()
    found = []
    with (folder / "SOURCES.tsv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            described = {field: row[field] for field in ("name", "title", "author", "licence", "source")}
            of: Kind = "style" if row["file"].startswith("style/") else "content"
            found.append(Sample(of, **described, path=folder / row["file"]))
    return tuple(sample for sample in found if kind in (None, sample.kind))


def resolve(name: str, kind: Kind | None = None) -> Path:
    """The file or folder that is meant by what was typed: a path, or the name of a sample.

    Whatever exists wins. Else a plain word, without folder or suffix, is looked up among the samples by its name or the
    stem of its file: ``great-wave`` or ``hokusai_great_wave``; first among those of ``kind``. Anything else is a path
    that does not exist, and comes back as it is: whoever reads it says so, with the words of :func:`missing`.
    """
    path = Path(name)
    if path.suffix or os.path.basename(name) != name or os.path.lexists(name):
        return path
    sample = _find(name, kind)
    return sample.path if sample else path


def absolute(source: Any) -> Any:
    """A path as an absolute one, and a sample's name as its path, for a process with another current folder.

    Anything else, such as a picture, is given back as it is.
    """
    source = resolve(source) if isinstance(source, str) else source
    return os.path.abspath(source) if isinstance(source, os.PathLike) else source


def missing(name: str | os.PathLike[str]) -> str:
    """The end of the message that a file does not exist: what to do, also where a sample may have been meant."""
    path = Path(name)
    if sample := _find(path.stem):
        return f"the sample of that name is given as {sample.name}, without folder or suffix"
    if path.suffix or path.name != os.fspath(name):
        return "check the path"
    import difflib  # here: it is for mistakes alone

    near = difflib.get_close_matches(_plain(path.name), [sample.name for sample in samples()], n=1)
    return f"{f'did you mean {near[0]}?' if near else 'check the path;'} adain styles lists the samples"


def _samples_dir() -> Path:
    return Path(str(resources.files("adain.samples")))


def _find(name: str, kind: Kind | None = None) -> Sample | None:
    wanted = _plain(name)
    ordered = sorted(samples(), key=lambda sample: sample.kind != kind)
    return next((sample for sample in ordered if wanted in (sample.name, _plain(sample.path.stem))), None)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
