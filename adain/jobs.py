"""Which picture goes where: contents × styles, planned before any work begins."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError
from .images import WRITABLE, check_output_path, list_images

FALLBACK_SUFFIX = ".png"
"""Used for contents whose own format cannot be written."""


@dataclass(frozen=True)
class Job:
    """One output to make.

    Attributes:
        content: the photograph.
        style: index into the styles the plan was made for.
        output: the file to write.
    """

    content: Path
    style: int
    output: Path


def expand(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """The files named, with folders replaced by the images in them, in order and without repetition.

    Raises:
        MissingFileError, ImageError: see :func:`adain.images.list_images`; files are checked when they are read.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        found += list_images(path) if path.is_dir() else [path]
    return list(dict.fromkeys(found))


def plan(
    contents: Sequence[Path],
    styles: Sequence[str],
    output: str | os.PathLike[str] | None = None,
    *,
    suffix: str | None = None,
) -> list[Job]:
    """Every content in every style, with the outputs' names settled and checked.

    Files in a folder are called ``{content}_stylized_{style}{suffix}``.

    Args:
        contents: the photographs.
        styles: a name for each style.
        output: a file (for a single job), a folder (made when needed), or None for the current folder.
        suffix: such as ``".png"``; None keeps each content's own, or ``.png`` where that cannot be written.

    Raises:
        InputError: if an output cannot be written, two would share a name, or one would replace a content.
    """
    if suffix is not None and suffix not in WRITABLE:
        raise InputError(f"cannot write {suffix} files: choose one of {', '.join(sorted(WRITABLE))}")
    count = len(contents) * len(styles)
    is_file = output is not None and means_file(output)
    if is_file and count != 1:
        raise InputError(f"{output} is one file for {count} results: give a folder to -o instead")
    jobs = []
    for content in contents:
        for index, style in enumerate(styles):
            target = Path(output or ".")
            if not is_file:
                target = target / result_name(content, style, suffix)
            jobs.append(Job(content, index, target))
    _check(jobs)
    return jobs


def result_name(content: Path, style: str, suffix: str | None = None) -> str:
    """What the file of a result is called in a folder; see :func:`plan`."""
    own = content.suffix.lower()
    return f"{content.stem}_stylized_{style}{suffix or (own if own in WRITABLE else FALLBACK_SUFFIX)}"


def means_file(output: str | os.PathLike[str]) -> bool:
    """Whether ``-o`` names a file: it has a suffix, is no folder yet, and does not end in a slash."""
    text = os.fspath(output)
    return not text.endswith(("/", os.sep)) and Path(text).suffix != "" and not Path(text).is_dir()


def _check(jobs: Sequence[Job]) -> None:
    sources = {job.content.resolve() for job in jobs}
    for path, times in Counter(job.output for job in jobs).items():
        if times > 1:
            raise InputError(f"{times} results would be called {path}: rename the inputs or do them apart")
        if path.resolve() in sources:
            raise InputError(f"{path} is also an input and would be replaced: choose another -o")
        check_output_path(path)
