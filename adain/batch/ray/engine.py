"""The same pass on Ray Data: one model in each actor, a million photographs over many machines.

Every result has a name before any work begins and is put there in one step, so whatever is made twice, because a
process or a machine died, is still there once. Ray restarts actors that die and gives their batch to another
(``max_restarts`` and ``max_task_retries`` are -1, as Ray Data sets them); the :class:`~adain.batch.ray.worker.Ledger`
sees to it that a picture that kills every process it meets is given up instead of tried for ever, and appends to the
folder's manifest what workers tell it, as soon as it is so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._utils.errors import AdainError, DiskFullError, InputError
from ..._utils.keywords import takes
from ..._utils.protect import protect
from ..folder import Folder, Paths
from ..run import Result, Task, by_content, fail
from ..shards import find_shards
from . import runtime, tables
from .options import RayOptions
from .sources import PARQUET, Group, Row, absolute, find, runs, with_images
from .worker import RUN, Ledger, RayWorker, Settings, packed, unpacked

if TYPE_CHECKING:
    import pyarrow as pa

    from ...stylizer.looks import Look

ROWS_PER_TASK = 32
"""Photographs that are given to an actor at a time, and lost with it if it dies."""

ROWS_PER_PART = 256
"""Results in a part of a parquet folder."""

BLOCK_BYTES = 4 * 2**20
"""Of the tables that travel between processes: some dozens of pictures."""


@takes(RayOptions).three
def stylize_dataset(
    contents: Paths, styles: Paths | Look | Sequence[Any], output: str | os.PathLike[str], options: RayOptions
) -> list[Result]:
    """What :func:`adain.stylize_folder` makes, on Ray, and of tables of pictures, too.

    Names, manifest and what is made anew are the same, so that one may go on where the other ended. A Ray that runs in
    this process is used; else one is started, or joined at ``address``, and left at the end. Paths must be the same on
    every machine of a cluster, and adain[ray] installed on each.

    Args:
        contents: photographs, folders of them, ``.parquet`` files and folders of those; see
            :func:`adain.image.tables.columns`.
        styles: see :func:`adain.stylize_folder`.
        output: as there, or a name that ends in ``.parquet``: a folder of parquet files with the columns of
            :data:`adain.batch.ray.tables.RESULT_COLUMNS`, where results that were made under other options are not
            replaced unless ``existing`` says so.
        options: a :class:`~adain.batch.ray.RayOptions` object; its fields are the keywords, too.

    Returns:
        What became of each output, as they came. On a full disk it ends with those so far.

    Raises:
        InputError: if options contradict each other, two outputs would share a name or replace an input, Ray is not
            installed, or nothing can be written.
        MissingFileError, ImageError: if a folder is missing, cannot be read or holds no images.
        EngineError: if the cluster cannot be reached, or its workers cannot start.
    """
    return plan_dataset(contents, styles, output, options, tolerant=False).collect(options.progress)


def plan_dataset(
    contents: Paths, styles: Any, output: str | os.PathLike[str], options: RayOptions, *, tolerant: bool = True
) -> Dataset:
    """All results of :func:`stylize_dataset`, found and named but not made; see there, and :meth:`Folder.plan`."""
    runtime.load()
    if shards := find_shards(contents if isinstance(contents, (list, tuple)) else [contents]):
        raise InputError(f"{shards[0].path} is a shard, and those are not for Ray: use --engine local (stylize_folder)")
    target, parts = Path(output), None
    if target.suffix.lower() == PARQUET:
        if target.is_file():
            raise InputError(f"{output} is a file: results go into a folder of that name, remove it or choose another")
        if options.copy_labels:
            options.refuse("{copy_labels} is for folders of results, not for tables: leave it out")
        parts, output = tables.Parts(target), f"{target}/"
    search = functools.partial(find, columns=options.columns, target=target if parts else None)
    how: dict[str, Any] = {"tolerant": tolerant, "search": search, "manifest": parts, "place": "ray"}
    planned = Dataset.plan(contents, styles, output, options, **how)
    if parts is not None:
        contained = {task.job.content for task in planned.tasks}
        protect(target.glob(f"*{PARQUET}"), {row.table for row in contained if isinstance(row, Row)})
    if parts is not None and options.existing == "resume":
        done = [task for task in planned.tasks if parts.is_there(task.job.output)]
        if others := sum(not parts.is_complete(task.job.output, task.settings) for task in done):
            options.refuse(
                f"{target} holds {others} of these results made under other options: keep them with --skip-existing, "
                "make them anew with --redo (in Python existing is skip or redo), or choose another output"
            )
    return planned


class Dataset(Folder):
    """All results of a call, to be made by Ray; they come in any order."""

    def _make(self, todo: Sequence[Task], progress: Callable[[Any], object] | None) -> Iterator[Result]:
        """Exactly one result for each task, or fewer on a full disk; nobody tells of tiles."""
        parts = self.manifest if isinstance(self.manifest, tables.Parts) else None
        if parts is not None:
            parts.discard(task.job.output for task in todo)
        elif self.manifest is not None:
            self.manifest.sweep()
        left = dict(enumerate(todo))
        looks, unusable = self._encode({task.job.style for task in todo})
        for number, task in enumerate(todo):
            if (error := unusable.get(task.job.style)) is not None:
                yield fail(left.pop(number), error, self.manifest)
        for number, result in self._work(left, looks) if left else ():
            if number not in left:
                continue  # made twice, as a process died between the two
            result = dataclasses.replace(result, task=left.pop(number))
            if parts is not None:
                reason = None if result.error is None else str(result.error)
                details = {**result.details, "settings": result.task.settings, "reason": reason}
                parts.append(result.output, result.status, **details)
            yield result
            if isinstance(result.error, DiskFullError):
                return
        for task in left.values():
            yield fail(task, AdainError(f"{task.job.content}: no result came back: run the same again"), self.manifest)

    def _encode(self, wanted: set[int]) -> tuple[dict[int, Look], dict[int, AdainError]]:
        """The looks with their styles encoded on whatever device this machine has, and why others cannot be."""
        from ...backends.models import open_model

        model = open_model(self.order.options.change(device="auto"))
        self.order.check(model)
        looks, unusable = {}, {}
        for k in wanted:
            try:
                looks[k] = self.order.looks[k].encoded(model).on("cpu")
            except AdainError as error:
                unusable[k] = error
        return looks, unusable

    def _work(self, tasks: Mapping[int, Task], looks: Mapping[int, Look]) -> Iterator[tuple[int, Result]]:
        """Number and result of each task as it is done; see :data:`adain.batch.ray.worker.COLUMNS`."""
        options = RayOptions.of(self.order.options)
        ray = runtime.load()
        folder, keeps = ".", "nothing"
        if self.manifest is not None:
            self.manifest.close()  # another process appends to it from here on
            folder, keeps = str(self.manifest.folder), "bytes" if isinstance(self.manifest, tables.Parts) else "lines"
        with runtime.errors(ray), runtime.joined(ray, options.address):
            pool = runtime.Pool.of(ray, options)
            settings = Settings.of(options.change(device=pool.device), looks, os.path.abspath(folder), keeps)
            for batch in _flow(ray, tasks, settings, pool, options):
                for row in batch.select(["number", "result"]).to_pylist():
                    yield row["number"], pickle.loads(row["result"])  # of this very job's making


def _flow(
    ray: Any, tasks: Mapping[int, Task], settings: Settings, pool: runtime.Pool, options: RayOptions
) -> Iterator[Any]:
    """Tables of :data:`~adain.batch.ray.worker.COLUMNS` as they are made."""
    groups, numbers = by_content([*tasks.values()]), iter([*tasks])
    # Small jobs are spread over all actors, large ones cut so that little is lost with a process.
    size = max(1, min(ROWS_PER_TASK, len(groups) // (4 * pool.actors)))
    sent = (Group([(next(numbers), absolute(task)) for task in group]) for group in groups)
    items = [{RUN: pickle.dumps(run)} for run in runs(sent, size)]
    # On this machine, which sees the manifest that it goes on from.
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), True)
    ledger = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)(Ledger)
    keeper = ledger.remote(settings.folder)
    # No stage but the actors' asks for CPUs: on a machine whose cores the actors fill, it would never get one.
    light: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow", "num_cpus": 0}
    pooled = ray.data.TaskPoolStrategy(size=pool.actors)
    with _context(ray):
        # A block each. Of tables (from_arrow) Ray would ask every single size in a task of its own.
        flow = ray.data.from_items(items, override_num_blocks=len(items))
        if any(isinstance(group[0].job.content, Row) for group in groups):
            read = {"columns": options.columns, "size": size}
            flow = flow.map_batches(_read, fn_kwargs=read, compute=pooled, **light)
        flow = flow.map_batches(
            RayWorker,
            fn_constructor_args=(settings, _RemoteLedger(keeper)),
            compute=ray.data.ActorPoolStrategy(size=min(pool.actors, len(groups))),
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=pool.cpus,
            num_gpus=pool.gpus or None,
        )
        if settings.keeps == "bytes":
            parts = {**light, "batch_size": ROWS_PER_PART}
            flow = flow.map_batches(_write, fn_kwargs={"folder": settings.folder}, compute=pooled, **parts)
        yield from flow.iter_batches(batch_size=None, batch_format="pyarrow")


@contextlib.contextmanager
def _context(ray: Any) -> Iterator[None]:
    """Ray Data's settings for the time of a job."""
    context = ray.data.DataContext.get_current()
    before = context.enable_progress_bars, context.target_max_block_size
    context.enable_progress_bars, context.target_max_block_size = False, BLOCK_BYTES
    try:
        yield
    finally:
        context.enable_progress_bars, context.target_max_block_size = before


class _RemoteLedger(Ledger):
    """A :class:`~adain.batch.ray.worker.Ledger` in an actor of its own."""

    __repr__ = object.__repr__

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def begin(self, key: Any) -> int:
        import ray

        return int(ray.get(self.actor.begin.remote(key)))

    def finish(self, key: Any) -> None:
        self.actor.finish.remote(key)

    def append(self, output: Path, status: str, **details: Any) -> None:
        import ray

        try:
            ray.get(self.actor.append.remote(output, status, **details))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None


def _read(batch: pa.Table, columns: tuple[str | None, str | None], size: int) -> Iterator[pa.Table]:
    """A run of rows of a table with their pictures; files are read where they are used."""
    groups = unpacked(batch)
    is_table = groups and isinstance(groups[0].content, Row)
    yield from map(packed, with_images(groups, columns, size) if is_table else [groups])


def _write(batch: pa.Table, folder: str) -> pa.Table:
    """A part of a parquet folder; passes on what became of each result, without its picture."""
    import pyarrow as pa

    tables.write_part(Path(folder), batch)
    return batch.set_column(batch.column_names.index("image"), "image", pa.nulls(batch.num_rows, pa.large_binary()))
