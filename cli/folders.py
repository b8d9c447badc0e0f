"""Folders on the command line: how photographs and artworks are paired, what is kept, and what is told about it."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain import defaults
from adain._utils.errors import AdainError, DiskFullError, InputError

from .codes import ALL_FAILED, SOME_FAILED

if TYPE_CHECKING:
    from adain.batch.manifest import Manifest
    from adain.batch.run import Result, Task

    from .exported import OnnxOrder
    from .making import Order

Command = TypeVar("Command", bound=Callable[..., Any])


def folder_options(command: Command) -> Command:
    """The options of :class:`FolderOptions`."""
    for option in (
        click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, metavar="N",
                     help="Processes that share the photographs of a folder; each loads the network."),
        click.option("--redo", is_flag=True, help="Make everything anew, also what is there already."),
        click.option("--skip-existing", is_flag=True, help="Keep every result that is there, whatever made it."),
        click.option("-r", "--recursive", is_flag=True, help="Take sub-folders, too; results keep their structure."),
        click.option("--pairs", type=click.Choice(defaults.PAIRS), default=defaults.PAIRS[0], show_default=True,
                     help="Every photograph in every style, or the first in the first, the second in the second, ..."),
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True)
class FolderOptions:
    """The values of :func:`folder_options`."""

    pairs: str
    recursive: bool
    skip_existing: bool
    redo: bool
    jobs: int

    @classmethod
    def take(cls, options: dict[str, Any]) -> FolderOptions:
        """Those of a command's options, which are taken out of them.

        Raises:
            InputError: if they contradict each other.
        """
        taken = cls(**{name: options.pop(name) for name in cls.__dataclass_fields__})
        if taken.redo and taken.skip_existing:
            raise InputError("--redo makes everything anew and --skip-existing nothing: give one of them")
        return taken

    @property
    def existing(self) -> str:
        """One of :data:`adain.defaults.EXISTING`."""
        return "skip" if self.skip_existing else "redo" if self.redo else "resume"


def carry_out(
    order: Order | OnnxOrder,
    tasks: Sequence[Task],
    manifest: Manifest | None,
    options: FolderOptions,
    *,
    quality: int,
    as_json: bool,
    failures: Sequence[AdainError] = (),
) -> int:
    """Make what is still to be made, tell of it, and give the exit code.

    Args:
        order: what the results look like.
        tasks: all that were planned.
        manifest: of their folder; None for a single result, which is made without ado.
        options: those of folders.
        quality: of JPEG and WebP files.
        as_json: tell of each result by a JSON object.
        failures: what went wrong before.

    Raises:
        AdainError: if a single result cannot be made, or nothing can be.
    """
    from adain.batch.run import by_content, make, remaining, render, save

    todo = remaining(tasks, manifest, options.existing)
    outcome = _Outcome(as_json, [*failures])
    if manifest is None:
        for task in todo:
            maker = order.maker()
            outcome.tell(save(*render(maker, maker.read(task.job.content), task), quality=quality))
        outcome.tell_skipped(tasks if not todo else ())
        return outcome.code(len(tasks))
    with manifest:
        manifest.sweep()
        results: Iterable[Result] = ()
        if todo and options.jobs == 1:
            results = make(by_content(todo), order.maker(), manifest, quality=quality)
        elif todo:
            results = _in_processes(order, todo, manifest, options.jobs, quality)
        outcome.follow(tasks, todo, results)
    return outcome.code(len(tasks))


def _in_processes(
    order: Order | OnnxOrder, todo: Sequence[Task], manifest: Manifest, jobs: int, quality: int
) -> Iterable[Result]:
    import torch

    from adain.batch.pool import share_out

    build = functools.partial(order.maker, quiet=True)
    threads = max(1, torch.get_num_threads() // jobs)
    return share_out(todo, build, manifest, jobs=jobs, threads=threads, quality=quality)


class _Outcome:
    """What is told: results on stdout, in the order of the plan; a bar, and in the end failures, on stderr."""

    def __init__(self, as_json: bool, failures: list[AdainError]) -> None:
        self.as_json, self.failures = as_json, failures
        self.present = 0

    def follow(self, tasks: Sequence[Task], todo: Sequence[Task], results: Iterable[Result]) -> None:
        """Tell of all tasks, as the results of those that were to be done come in."""
        from tqdm import tqdm

        wanted = {task.job.output for task in todo}
        hidden = len(tasks) < 2 or not sys.stderr.isatty()
        stream = iter(results)
        with tqdm(total=len(tasks), unit="image", disable=hidden, file=sys.stderr) as bar:
            try:
                for task in tasks:
                    result = None
                    if task.job.output in wanted and (result := next(stream, None)) is None:
                        break  # a full disk: the rest was not begun
                    with tqdm.external_write_mode():
                        if result is None:
                            self.tell_skipped([task])
                        else:
                            self.tell(result)
                    bar.update()
            finally:
                if (close := getattr(stream, "close", None)) is not None:
                    close()

    def tell(self, result: Result) -> None:
        """Of something that was made, or could not be."""
        if result.error is not None:
            self.failures.append(result.error)
            return
        self._say(result.task, {**result.details, "status": result.status})

    def tell_skipped(self, tasks: Sequence[Task]) -> None:
        """Of results that were there already: a script finds the same list as when they were made."""
        for task in tasks:
            self._say(task, {**task.details, "status": "skipped"})

    def _say(self, task: Task, record: dict[str, Any]) -> None:
        self.present += 1
        output = os.fspath(task.job.output)
        click.echo(json.dumps({"output": output, **record}, ensure_ascii=False) if self.as_json else output)

    def code(self, planned: int) -> int:
        """The exit code, after listing what failed."""
        if self.failures and planned == 1 and not self.present:
            raise self.failures[0]
        for failure in self.failures:
            click.echo(f"adain stylize: error: {' '.join(str(failure).split())}", err=True)
        if any(isinstance(failure, DiskFullError) for failure in self.failures):
            done = f"{self.present} of {planned} results are there"
            click.echo(f"adain stylize: error: stopped, {done}; with space, the same command makes the rest", err=True)
        if not self.failures:
            return 0
        return SOME_FAILED if self.present else ALL_FAILED
