"""Folders of results that survive a crash: made one after another, written whole, and recorded in a manifest.

Photographs are read ahead and results are written behind the network, each in a thread of its own.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .._utils.errors import AdainError, DiskFullError, InputError, out_of_memory
from .._utils.files import atomic_path, temporary_name
from .._utils.prefetch import THREADS, read_ahead, write_behind
from ..image import encode_image, size_of_painted
from ..image.io import metadata_of
from ..image.levels import Painted
from ..image.strip_writer import write_strips
from ..image.strips import Strips
from ..options import FileOptions, MetadataMode
from .manifest import Manifest, digest_of
from .options import Existing
from .plan import Job
from .shards import Member

if TYPE_CHECKING:
    from .order import Maker

Made: TypeAlias = "Painted | Strips | Result | AdainError"
"""A picture; what became of the task already; or why there is none."""

Status = Literal["done", "skipped", "failed"]

FILES = FileOptions()
"""How files are written where nothing is said."""


@dataclass(frozen=True, slots=True)
class Task:
    """A job, and what is recorded about it.

    Attributes:
        job: the content, the style and the output.
        settings: :func:`~adain._utils.fingerprint.fingerprint` of all that decides what the output looks like, taken
            before anything is read: a file that changes meanwhile is then found to have changed.
        details: what else the manifest is to say.
        metadata: what the output keeps of what its content says of itself.
    """

    job: Job
    settings: str
    details: Mapping[str, Any] = field(default_factory=dict)
    metadata: MetadataMode = FileOptions.metadata


@dataclass(frozen=True)
class Result:
    """What became of a task.

    Attributes:
        task: it.
        status: ``"done"``, ``"skipped"`` (it was there already) or ``"failed"``.
        details: those of the task, and for a picture that was made its ``width``, ``height`` and ``seconds``.
        error: why it failed.
    """

    task: Task
    status: Status
    details: Mapping[str, Any]
    error: AdainError | None = None

    @property
    def output(self) -> Path:
        return self.task.job.output


def portable(result: Result) -> Result:
    """The same for another process: there are errors that cannot be sent."""
    if result.error is None:
        return result
    kind = DiskFullError if isinstance(result.error, DiskFullError) else AdainError
    return replace(result, error=kind(str(result.error)))


def remaining(tasks: Sequence[Task], manifest: Manifest | None, existing: Existing = "resume") -> list[Task]:
    """The tasks that are still to be done.

    Of the results that are there ``"resume"`` keeps those that the manifest knows to be complete and of the same
    settings, ``"skip"`` all and ``"redo"`` none.
    """
    if existing == "skip":
        is_there = Path.is_file if manifest is None else manifest.is_there
        return [task for task in tasks if not is_there(task.job.output)]
    if existing == "redo" or manifest is None:
        return [*tasks]
    todo = []
    for task in tasks:
        if manifest.is_complete(task.job.output, task.settings):
            manifest.settle(task.job.output, **task.details)
        else:
            todo.append(task)
    return todo


def by_content(tasks: Sequence[Task]) -> list[list[Task]]:
    """Tasks in a row that share their content, as one list each."""
    return [[*group] for _, group in itertools.groupby(tasks, lambda task: task.job.content)]


def make(
    groups: Iterable[Sequence[Task]],
    maker: Maker,
    manifest: Manifest | None = None,
    *,
    options: FileOptions = FILES,
    stop: threading.Event | None = None,
    report: Callable[[Result], None] | None = None,
    threads: int = THREADS,
) -> Iterator[Result]:
    """Do tasks, and yield what became of each, in order.

    One that fails, for whatever reason, does not stop the rest, except on a full disk, where all others would fail,
    too: then those that have not been begun are left out. However this ends, an exception, KeyboardInterrupt included,
    or a caller that takes no more, every picture that was made by then is written and recorded.

    Args:
        groups: of :func:`by_content`; each content is read once for its group.
        manifest: takes a line for each.
        options: of the files that are written.
        stop: ends the work before the next task once it is set.
        report: called, in a thread that writes, as soon as a task is done.
        threads: that read, and as many that write.
    """
    ending = stop or threading.Event()

    def pictures() -> Iterator[tuple[Task, Made, float]]:
        for group, loaded in read_ahead(groups, lambda group: maker.read(group[0].job.content), threads=threads):
            for task in group:
                if ending.is_set():
                    return
                start = time.perf_counter()
                made: Made
                try:
                    picture = loaded.result()
                    start = time.perf_counter()  # without the wait for the disk
                    task, made = render(maker, picture, task)
                    if isinstance(made, Strips):  # which are painted as they are written: here
                        seconds = time.perf_counter() - start
                        made = save(task, made, manifest, options=options, seconds=seconds)
                except Exception as error:
                    made = explain(error, task)
                yield task, made, time.perf_counter() - start

    def write(item: tuple[Task, Made, float]) -> Result:
        task, made, seconds = item
        try:
            if isinstance(made, AdainError):
                raise made
            result = made if isinstance(made, Result) else save(task, made, manifest, options=options, seconds=seconds)
        except Exception as error:
            reason = explain(error, task)
            if isinstance(reason, DiskFullError):
                ending.set()
            result = fail(task, reason, manifest)
        if report is not None:
            report(result)
        return result

    return write_behind(pictures(), write, threads=threads)


def render(maker: Maker, loaded: Any, task: Task) -> tuple[Task, Painted | Strips]:
    """The picture of a task, and the task with what its maker has to say of it."""
    picture = maker.render(loaded, task.job)
    return replace(task, details={**task.details, **maker.details()}), picture


def save(
    task: Task,
    picture: Painted | Strips,
    manifest: Manifest | None = None,
    *,
    options: FileOptions = FILES,
    seconds: float = 0.0,
    origin: Any = None,
) -> Result:
    """Write the picture of a task, as :func:`adain.save_image` does, and record it; it took ``seconds`` to make.

    ``origin`` is the content itself, where that is no file.
    """
    start, output = time.perf_counter(), task.job.output
    name = temporary_name(output.suffix)

    def announce(digest: str) -> None:
        if manifest is not None:
            manifest.writing(output, task.settings, digest, name)

    told = task.job.content if origin is None else origin
    told = told.opened() if isinstance(told, Member) else told
    if isinstance(picture, Strips):
        announce("")
        complete = None if manifest is None else lambda temporary: announce(digest_of(temporary))
        kept = metadata_of(told, task.metadata)
        write_strips(picture, output, quality=options.quality, told=kept, name=name, complete=complete)
        height, width = picture.size
    else:
        data = encode_image(picture, output, **options.written(), metadata=task.metadata, origin=told)
        announce(hashlib.sha256(data).hexdigest())
        with atomic_path(output, name=name) as temporary:
            temporary.write_bytes(data)
        height, width = size_of_painted(picture)
    seconds = round(seconds + time.perf_counter() - start, 3)
    details = {**task.details, "width": width, "height": height, "seconds": seconds}
    if manifest is not None:
        manifest.append(output, "done", durable=True, **details, settings=task.settings, bytes=output.stat().st_size)
    return Result(task, "done", details)


def fail(task: Task, error: AdainError, manifest: Manifest | None = None) -> Result:
    """The result of a task that failed, recorded if that is possible."""
    if manifest is not None:
        try:
            manifest.append(task.job.output, "failed", **task.details, settings=task.settings, reason=str(error))
        except InputError as full:
            # Where nothing can be written, the failure itself is still reported, and tried again another time.
            error.add_note(str(full))
    return Result(task, "failed", task.details, error)


def explain(error: Exception, task: Task) -> AdainError:
    """Any exception as an error of one line that names the picture.

    It comes without what it was raised from and through, as those hold on to every picture they worked on.
    """
    if isinstance(error, AdainError):
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    if out_of_memory(error):
        text = "out of memory; a smaller content_size (--content-size) needs less"
    else:
        text = " ".join(f"{type(error).__name__}: {error}".split())
    return AdainError(f"{task.job.content}: {text}")
