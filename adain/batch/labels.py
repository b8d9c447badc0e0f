"""What lies beside photographs in folders and is no picture: their annotations, copied to where the results are."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._utils.errors import ImageError, InputError
from .._utils.files import atomic_path
from .._utils.protect import protect
from ..image import SUFFIXES, source_of
from ..image.listing import walk
from .manifest import NAME
from .options import FolderOptions
from .plan import Job


def find_labels(
    contents: Iterable[Any],
    jobs: Sequence[Job],
    output: str | os.PathLike[str] | None,
    options: FolderOptions,
) -> dict[Path, Path]:
    """Where each annotation of folders of photographs goes: its source by its target.

    A file of the same name as a photograph beside it, but for the ending, is its own and called as its results are,
    once for each; any other keeps its name and sub-folder. Hidden files and manifests are none, nor what is in the
    folder of the results.

    Args:
        contents: what was given: of files only their folders' files would be meant, so only folders count.
        jobs: the results.
        output: folder of the results.
        options: whether sub-folders are meant, and whether results are called as their photographs.

    Raises:
        InputError: if two would be one file, or one would replace what is read.
        ImageError: if a folder cannot be listed.
    """
    results: defaultdict[tuple[Path, str], list[Path]] = defaultdict(list)
    for job in jobs if options.naming != "content" else ():
        photograph = source_of(job.content)
        if isinstance(photograph, Path):
            results[photograph.parent, photograph.stem].append(job.output)
    target = Path(output or ".")
    found: dict[Path, Path] = {}
    for folder in (Path(given) for given in contents if isinstance(given, (str, os.PathLike)) and os.path.isdir(given)):
        for source in _files(folder, target, options.recursive):
            own = _own(source, results)
            for place in own or [target / source.relative_to(folder)]:
                if os.path.exists(place) and os.path.samefile(place, source):
                    continue
                if found.setdefault(place, source) != source:
                    raise InputError(f"{source} and {found[place]} would both be {place}: stylise the folders apart")
    protect(found, found.values())
    return found


def _files(folder: Path, target: Path, recursive: bool) -> Iterator[Path]:
    """The files of a folder that are no pictures."""

    def refuse(error: OSError) -> None:
        raise ImageError(f"cannot list {error.filename or folder}: {error.strerror or error}; name a readable folder")

    results = target.resolve()
    for path in walk(folder, refuse) if recursive else sorted(folder.iterdir()):
        is_ours = path.name == NAME or (results in path.resolve().parents and results != folder.resolve())
        if path.suffix.lower() not in SUFFIXES and not path.name.startswith(".") and path.is_file() and not is_ours:
            yield path


def _own(source: Path, results: Mapping[tuple[Path, str], Sequence[Path]]) -> list[Path]:
    """What the annotation of a photograph is called beside each of its results: ``x.txt``, and ``x.boxes.json``."""
    stem, name = source.name, source.name
    while "." in stem:
        stem = stem.rpartition(".")[0]
        if (found := results.get((source.parent, stem))) is not None:
            return [output.with_name(f"{output.stem}{name.removeprefix(stem)}") for output in found]
    return []


def copy_labels(labels: Mapping[Path, Path]) -> None:
    """Copy annotations, by target, byte for byte; those of the same size and time of change are there already.

    Raises:
        ImageError: if one cannot be read.
        InputError: if one cannot be written.
    """
    for target, source in labels.items():
        try:
            told = source.stat()
            there = target.stat() if target.is_file() else None
            if there is not None and (there.st_size, there.st_mtime_ns) == (told.st_size, told.st_mtime_ns):
                continue
            with open(source, "rb") as file, atomic_path(target) as temporary:
                with open(temporary, "wb") as copy:
                    shutil.copyfileobj(file, copy)
                os.utime(temporary, ns=(told.st_atime_ns, told.st_mtime_ns))
        except OSError as error:
            raise ImageError(f"cannot copy {source}: {error.strerror or error}; see to it or leave it out") from error
