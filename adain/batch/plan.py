"""Which picture goes where: contents and styles paired, planned before any work begins."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .._utils.errors import ImageError, InputError
from .._utils.protect import Place, folds_case, locator, one_spelling, refuse_input
from .._utils.resources import resolve
from ..control.style import SUFFIX as STYLE_SUFFIX
from ..control.style import stem_of
from ..image import WRITABLE, check_output_path, list_images, source_of
from .options import Naming
from .pairing import Pairing

FALLBACK_SUFFIX = ".png"
"""Used for contents whose own format cannot be written."""


@dataclass(frozen=True, slots=True)
class Job:
    """One output to make.

    Attributes:
        content: the photograph: a path, a page of one, or a row of a table (:class:`adain.batch.ray.sources.Row`).
        style: index into the styles the plan was made for.
        output: the file to write.
    """

    content: Any
    style: int
    output: Path


class Found(NamedTuple):
    """A file, or a row of a table, and where it was found.

    Attributes:
        path: the file, its page or the row.
        below: the sub-folder it lies in, seen from the folder that was named; ``.`` for that itself.
        called: what its results are called after, where that is not the file's name.
    """

    path: Any
    below: Path = Path()
    called: Path | None = None

    @property
    def name(self) -> str:
        """The file's name without its suffix, after those of its sub-folders: ``monet-lilies``."""
        return "-".join((*self.below.parts, stem_of(self.path)))

    @property
    def drawn_as(self) -> str:
        """What decides which styles are drawn for it: its name, seen from the folder that was named."""
        own = getattr(self.path, "drawn_as", None)
        return own if isinstance(own, str) else (self.below / Path(self.called or self.path).name).as_posix()


def output_stem(content: str, style: str, naming: Naming = "underscore") -> str:
    """The name of a result without its suffix, from the names of its content and style."""
    return {"underscore": f"{content}_stylized_{style}", "dash": f"{content}-stylized-{style}", "content": content}[
        naming
    ]


def find(
    paths: Sequence[str | os.PathLike[str]],
    *,
    recursive: bool = False,
    ignore: Callable[[Path], bool] = lambda _: False,
    unreadable: list[ImageError] | None = None,
    of_styles: bool = False,
) -> list[Found]:
    """The files named, with folders replaced by the images in them, in order.

    Args:
        recursive: take the images in sub-folders, too.
        ignore: says of an image in a folder whether it is to be passed over, such as a result of an earlier run.
        unreadable: takes the errors of sub-folders that cannot be listed; None raises them.
        of_styles: whether files of :meth:`Style.save <adain.Style.save>` are artworks, too.

    Raises:
        MissingFileError, ImageError: see :func:`adain.image.list_images`; files are checked when they are read.
        InputError: if all images of a folder are to be ignored, or what is given is no name.
    """
    found: list[Found] = []
    wrong = next((path for path in paths if not isinstance(path, (str, os.PathLike))), None)
    if wrong is not None:
        raise InputError(
            f"photographs are files and folders here, not {type(wrong).__name__}: adain.Stylizer takes that"
        )
    for given in paths:
        path = given if isinstance(given, Path) else resolve(given) if isinstance(given, str) else Path(given)
        if not path.is_dir():
            found.append(Found(path))
            continue
        also = (STYLE_SUFFIX,) if of_styles else ()
        listed = list_images(path, recursive=recursive, unreadable=unreadable, also=also)
        kept = [Found(p, p.parent.relative_to(path)) for p in listed if not ignore(p)]
        if not kept:
            raise InputError(f"{path} holds nothing but results of earlier runs: name the folder of the inputs")
        found += kept
    return found


def expand(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """The files of :func:`find`, not recursive and without repetition."""
    return list(dict.fromkeys(found.path for found in find(paths)))


def distinct(found: Sequence[Found]) -> list[Found]:
    """Without repetitions of a path; the first of each stays."""
    first: dict[Any, Found] = {}
    for each in found:
        first.setdefault(each.path, each)
    return list(first.values())


def plan_jobs(
    contents: Sequence[Path | Found],
    styles: Sequence[str],
    output: str | os.PathLike[str] | None = None,
    *,
    suffix: str | None = None,
    pairing: Pairing = Pairing(),  # noqa: B008  # which is frozen
    naming: Naming = "underscore",
    inputs: Iterable[str | os.PathLike[str]] = (),
) -> list[Job]:
    """Every content in every style, or each in its own, with the outputs' names settled and checked.

    Files in a folder are called as ``naming`` says, ``{content}_stylized_{style}{suffix}`` or otherwise, in the
    sub-folder the content was found in.

    Args:
        contents: the photographs; their jobs follow one another.
        styles: a name for each style.
        output: a file (for a single job), a folder (made when needed), or None for the current folder.
        suffix: such as ``".png"``; None keeps each content's own, or ``.png`` where that cannot be written.
        pairing: which content in which style.
        naming: of files in a folder.
        inputs: artworks, masks and whatever else the results are made from.

    Raises:
        InputError: if an output cannot be written, two would share a name, one would replace an input, or the pairs
            cannot be made.
    """
    if suffix is not None and suffix not in WRITABLE:
        raise InputError(f"cannot write {suffix} files: choose one of {', '.join(sorted(WRITABLE))}")
    photographs = [given if isinstance(given, Found) else Found(given) for given in contents]
    if naming == "content" and pairing.several(len(styles)):
        raise InputError(
            "results that are called as their photographs (--naming content) are one for each, not several: give one "
            "style, draw one for each with --pairs random, or name them otherwise"
        )
    couples = list(pairing.couples(photographs, len(styles)))
    is_file = means_file(output)
    if is_file and len(couples) != 1:
        raise InputError(f"{output} is one file for {len(couples)} results: give a folder to -o instead")
    target = Path(output or ".")
    folder = functools.cache(target.joinpath)
    jobs = []
    for k, index in couples:
        content, below, called = photographs[k]
        path = target if is_file else folder(below) / _result_name(called or content, styles[index], suffix, naming)
        jobs.append(Job(content, index, path))
    check_inputs(jobs, inputs)
    return jobs


def _result_name(content: Path, style: str, suffix: str | None, naming: Naming) -> str:
    own = content.suffix.lower()
    return f"{output_stem(content.stem, style, naming)}{suffix or (own if own in WRITABLE else FALLBACK_SUFFIX)}"


def means_file(output: str | os.PathLike[str] | None) -> bool:
    """Whether ``-o`` names a file: it has a suffix, is no folder yet, and does not end in a slash."""
    text = os.fspath(output or "")
    return not text.endswith(("/", os.sep)) and Path(text).suffix != "" and not Path(text).is_dir()


def check_inputs(jobs: Sequence[Job], inputs: Iterable[str | os.PathLike[str]]) -> None:
    """See that outputs can be written, and that none would replace another, a content or any of the inputs.

    Raises:
        InputError: see :func:`plan_jobs`.
    """
    locate = locator()
    # Of a table's rows, those that name a file.
    files = (getattr(content, "file", content) for content in {source_of(job.content) for job in jobs})
    contents = (file for file in files if isinstance(file, Path))
    kept = {locate(path).key for path in (*inputs, *contents)}
    places = {job.output: locate(job.output) for job in jobs}
    check_distinct(jobs, places)
    tried = set()
    for path, place in places.items():
        refuse_input(path, place, kept)
        # One new name says whether others of its folder and format can be written.
        like = os.path.dirname(path), os.path.splitext(path)[1]
        if place.is_there or like not in tried:
            check_output_path(path)
            tried.add(like)


def check_distinct(jobs: Sequence[Job], places: Mapping[Path, Place]) -> None:
    """InputError, if two results would be one file, by whatever name."""
    times = Counter(places[job.output].path for job in jobs)
    if len(times) == len(jobs):
        times = Counter(one_spelling(places[job.output].path) for job in jobs)
        alike = [job.output for job in jobs if times[one_spelling(places[job.output].path)] > 1]
        if not any(folds_case(folder) for folder in {path.parent for path in alike}):
            return
        path, count = alike[0], times[one_spelling(places[alike[0]].path)]
    else:
        path, count = next((j.output, n) for j in jobs if (n := times[places[j.output].path]) > 1)
    raise InputError(f"{count} results would be called {path}: rename the inputs or do them apart")
