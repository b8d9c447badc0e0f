"""A folder of photographs in the styles of a folder of artworks, in one call."""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from .._utils.errors import ImageError, InputError
from .._utils.keywords import takes
from ..image import check_bits
from ..stylizer.looks import Look, files_of
from .artworks import StyleList
from .labels import copy_labels, find_labels
from .large import check_outputs
from .manifest import Manifest, digest_of
from .options import FolderOptions
from .order import Order
from .pages import described, paged
from .pairing import Pairing
from .plan import Found, distinct, find, means_file, plan_jobs
from .pool import share_out
from .run import Result, Task, by_content, make, remaining

STYLES = ".adain-styles"
"""Folder among the results that keeps encoded styles while they are drawn at random: a crash costs none of them,
several processes share them, and not all need be held."""

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@takes(FolderOptions).three
def stylize_folder(
    contents: Paths, styles: Paths | Look | Sequence[Any], output: str | os.PathLike[str], options: FolderOptions
) -> list[Result]:
    """Stylise folders, so that a crash loses nothing: the same call again makes what is missing.

    What was made and what failed stands in ``manifest.jsonl`` in the output folder, see :mod:`adain.batch.manifest`. A
    photograph is encoded once for all its styles and a style once for all photographs; files are read and written
    while the network works. One bad file does not stop the rest. Unlike :meth:`adain.Stylizer.stylize`, several styles
    are as many results, unless an option says how they come together.

    Args:
        contents: photographs and folders of them; or shards of WebDataset (``.tar``), folders of those, and several by
            braces, ``train-{000..127}.tar``: see :mod:`adain.batch.sharded`.
        styles: artworks, folders of them and banks (:class:`~adain.augment.StyleBank`); with ``weights``, ``masks``,
            ``gradient`` or ``grid`` they all go into one result.
        output: folder of the results, ``{content}_stylized_{style}{suffix}``, made when needed; or a file for one.
        options: a :class:`~adain.batch.FolderOptions` object; its fields are the keywords, too.

    Returns:
        What became of each output, in the order of contents, then styles. On a full disk it ends with those so far.

    Raises:
        InputError: if options contradict each other, two outputs would share a name, or nothing can be written.
        MissingFileError, ImageError: if a folder is missing, cannot be read or holds no images.
    """
    from .sharded import plan_folder

    return plan_folder(contents, styles, output, options, keeps=True).collect(options.progress)


@dataclass
class Folder:
    """All results of a call: planned, and then made or found to be there.

    Attributes:
        order: what they look like.
        tasks: each of them, in the order of contents, then styles.
        manifest: of their folder; None for a single result, which is made without ado.
        unreadable: sub-folders that could not be listed.
        is_named: whether the output is a file that was named.
        labels: the annotations to be copied, by where to.
    """

    order: Order
    tasks: list[Task]
    manifest: Manifest | None
    unreadable: list[ImageError] = field(default_factory=list)
    is_named: bool = False
    labels: Mapping[Path, Path] = field(default_factory=dict)

    @classmethod
    def plan(
        cls,
        contents: Paths,
        styles: Any,
        output: str | os.PathLike[str] | None,
        options: FolderOptions,
        *,
        tolerant: bool = False,
        search: Callable[..., list[Found]] = find,
        manifest: Manifest | None = None,
        place: str = "",
    ) -> Self:
        """Find photographs and artworks, name the results, and see that the options go together.

        Arguments and errors are those of :func:`stylize_folder`; no output is the current folder.

        Args:
            tolerant: keep the errors of sub-folders that cannot be listed, rather than raise them.
            search: finds the photographs, as :func:`~adain.batch.plan.find` does.
            manifest: in place of the one in the folder of the results.
            place: see :class:`~adain.batch.order.Order`.
        """
        if any(isinstance(path, str) and not path for path in (output, *_listed(contents), *_listed(styles))):
            raise InputError("a path is empty: is a variable unset?")
        options.check_color()
        pairing = Pairing.of(options)
        unreadable: list[ImageError] = []
        paths = _listed(contents)
        arts: list[Any] = [styles] if isinstance(styles, Look) else _listed(styles)
        if manifest is None and not means_file(output):
            files = (path for path in (*paths, *arts) if isinstance(path, (str, os.PathLike)))
            manifest = Manifest(output or ".") if any(map(os.path.isdir, files)) else None
        how: dict[str, Any] = {"recursive": options.recursive, "unreadable": unreadable if tolerant else None}
        how["ignore"] = manifest.has if manifest else lambda _: False
        looks = StyleList.of(arts, options, lambda files: find(files, of_styles=True, **how))
        names = pairing.distinct_names(looks.names)
        photographs = paged(search(paths, **how), options.page)
        if options.pairs != "zip":
            photographs = distinct(photographs)
        inputs = [*looks.files(), *files_of(options)]
        named: dict[str, Any] = {"suffix": options.suffix, "naming": options.naming}
        jobs = plan_jobs(photographs, names, output, pairing=pairing, inputs=inputs, **named)
        for job in jobs:
            check_bits(job.output, options.bits)
        check_outputs((job.output for job in jobs), options)
        if manifest is None and len(jobs) > 1:
            manifest = Manifest(output or ".")
        if pairing.pairs == "random" and place != "ray" and manifest is not None and options.stylizer is None:
            options = options.change(style_cache=options.style_cache or manifest.folder / STYLES)
        if options.copy_labels and means_file(output):
            options.refuse(f"{{copy_labels}} is for folders of results, and {output} is a file: leave it out")
        labels = find_labels(paths, jobs, output, options) if options.copy_labels else {}
        order = Order(looks, options, place)

        @functools.cache
        def about(number: int) -> dict[str, Any]:
            look = looks[number]
            return {"style": names[number], "styles": _files(look), **_strength(look)}

        tasks = []
        for job in jobs:
            details = {**described(job.content), **about(job.style)}
            tasks.append(Task(job, order.fingerprint(job) if manifest else "", details, options.metadata))
        return cls(order, tasks, manifest, unreadable, means_file(output), labels)

    def _found(self, task: Task) -> dict[str, Any]:
        """The alpha that was found for a result that is there, and its drift, as far as the manifest knows them."""
        if self.manifest is None or "max_drift" not in task.details:
            return {}
        known = self.manifest.latest.get(self.manifest.key(task.job.output), {})
        return {name: known[name] for name in ("alpha", "drift", "held") if name in known}

    @property
    def total(self) -> int:
        """Results asked for."""
        return len(self.tasks)

    def collect(self, progress: Callable[[Any], object] | None = None) -> list[Result]:
        """All :meth:`results`, of each of which ``progress`` is told, too."""
        made = []
        for result in self.results(progress):
            made.append(result)
            if progress is not None:
                progress(result)
        return made

    def results(self, progress: Callable[[Any], object] | None = None) -> Generator[Result, None, None]:
        """Make what is still to be made, and yield what became of each result, in the order of the tasks.

        Ends early on a full disk, with the tasks that had been begun. However it ends, what was made is recorded.

        Args:
            progress: called after each tile, where this process does the work.

        Raises:
            AdainError: if the networks cannot be loaded.
        """
        copy_labels(self.labels)
        todo = self._remaining()
        before = self._before(todo)
        wanted = {task.job.output for task in todo}
        replaced = {task.job.output for task in todo if self._is_other(task)}
        made = self._make(todo, progress) if todo else iter(())
        try:
            for task in self.tasks:
                if task.job.output not in wanted:
                    yield Result(task, "skipped", {**task.details, **self._found(task)})
                elif (result := next(made, None)) is None:
                    return
                elif result.error is None and (
                    result.output in replaced or (before is not None and digest_of(result.output) != before)
                ):
                    yield dataclasses.replace(result, details={**result.details, "replaced": True})
                else:
                    yield result
            self._tidy()
        finally:
            getattr(made, "close", lambda: None)()
            if self.manifest is not None:
                self.manifest.close()

    def _remaining(self) -> list[Task]:
        """The tasks that are still to be done."""
        return remaining(self.tasks, self.manifest, self.order.options.existing)

    def _tidy(self) -> None:
        """Remove the styles that were kept for the time of the work, which has come to its end."""
        if self.manifest is not None and self.order.options.style_cache == self.manifest.folder / STYLES:
            shutil.rmtree(self.manifest.folder / STYLES, ignore_errors=True)

    def _before(self, todo: Sequence[Task]) -> str | None:
        """The digest of what is there of the only result, if its name was not said but made."""
        if self.manifest is not None or not todo or self.is_named or not todo[0].job.output.is_file():
            return None
        return digest_of(todo[0].job.output)

    def _is_other(self, task: Task) -> bool:
        """Whether a result is there that was made under other options."""
        known = None if self.manifest is None else self.manifest.latest.get(self.manifest.key(task.job.output))
        other = known is not None and known["status"] == "done" and known.get("settings") != task.settings
        return other and task.job.output.is_file()

    def _make(self, todo: Sequence[Task], progress: Callable[[Any], object] | None) -> Iterator[Result]:
        options = self.order.options
        if self.manifest is not None:
            self.manifest.sweep()
            if options.jobs > 1:
                build = functools.partial(self.order.maker, share=options.jobs)
                return share_out(todo, build, self.manifest, jobs=options.jobs, options=options)
        return make(by_content(todo), self.order.maker(progress), self.manifest, options=options)


def _files(look: Look) -> list[str]:
    """The files of a look's styles; the names of those that come from none."""
    styles = look.styles if isinstance(look.styles, tuple) else ()
    return [os.fspath(s) if isinstance(s, (str, os.PathLike)) else getattr(s, "name", look.name) for s in styles]


def _listed(paths: Any) -> list[Any]:
    return [*paths] if isinstance(paths, Sequence) and not isinstance(paths, (str, bytes)) else [paths]


def _strength(look: Look) -> dict[str, Any]:
    """What is recorded of it: alpha, or the bound that it is yet to be found for."""
    bound = look.options.max_drift
    return {"alpha": look.options.alpha} if bound is None else {"max_drift": bound}
