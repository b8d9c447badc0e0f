"""The same pass on Ray Data: one model in each actor, a million photographs over many machines.

Every result has a name before any work begins and is put there in one step, so whatever is made twice, because a
process or a machine died, is still there once. Ray restarts actors that die and gives their batch to another
(``max_restarts`` and ``max_task_retries`` are -1, as Ray Data sets them); the :class:`~adain.batch.ray.ledger.Ledger`
sees to it that a picture that kills every process it meets is given up instead of tried for ever.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ... import defaults
from ..._utils.errors import InputError
from ..._utils.files import atomic_path
from ...control.regions import Regions
from ...image import DEFAULT_MAX_PIXELS
from ...nn import pretrained
from ...stylizer.looks import Controls
from ...stylizer.stylizer import StyleInput
from . import runtime, tables
from .job import Job
from .ledger import Ledger
from .look import Look, absolute, each
from .records import FAILED, Record, Report, Tally
from .sources import ROW, Source, with_images
from .worker import RUN, Settings, Worker, unpacked

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_BYTES = 4 * 2**20  # of the tables that travel between processes: some dozens of pictures


def stylize_dataset(
    source: Source,
    styles: Sequence[StyleInput | Regions | Look],
    output: str | os.PathLike[str],
    *,
    image_column: str | None = None,
    name_column: str | None = None,
    suffix: str | None = None,
    quality: int = defaults.JPEG_QUALITY,
    skip_existing: bool = False,
    model: str = pretrained.DEFAULT_MODEL,
    encoder: str | Path | None = None,
    decoder: str | Path | None = None,
    device: str = "auto",
    max_pixels: int | None = DEFAULT_MAX_PIXELS,
    precision: str = defaults.PRECISION,
    address: str | None = None,
    actors: int | None = None,
    cpus_per_actor: float = 1.0,
    gpus_per_actor: float | None = None,
    retries: int = defaults.RAY_RETRIES,
    callback: Callable[[Record], None] | None = None,
    begin: Callable[[int], None] | None = None,
    **controls: Unpack[Controls],
) -> Report:
    """Photographs in styles on Ray: exactly one result, and one record, for each photograph and look.

    A Ray that is running in this process is used; else one is started, or joined at ``address``, and left at the end.
    Files are read and written where the work is done: paths must be the same on every machine of a cluster, and
    adain[ray] must be installed on each.

    Args:
        source: an image, a folder of images (searched with its subfolders), a ``.parquet`` file, a folder of those, or
            several such paths.
        styles: as for :meth:`adain.Stylizer.stylize`. With ``weights`` or ``masks`` they all go into one result, else
            there is one for each; or looks of your own.
        output: a folder for image files, called ``{content}_stylized_{style}{suffix}`` in the subfolders of the
            source; one file, for one result; or a name that ends in ``.parquet``: a folder of parquet files with
            the columns of :data:`adain.batch.ray.tables.RESULT_COLUMNS`.
        image_column, name_column: of parquet files in ``source``: pictures as the bytes of image files (or structs that
            hold them as ``bytes``), and names for the results, which are otherwise numbered. By default the first
            of :data:`~adain.batch.ray.tables.IMAGE_COLUMNS` and :data:`~adain.batch.ray.tables.NAME_COLUMNS` there is.
        suffix: format of the results, such as ``".jpg"``; by default the photograph's own.
        quality: of JPEG and WebP results, 1 to 100.
        skip_existing: leave out results that are there; what failed before is tried again.
        model, encoder, decoder, device, max_pixels, precision: see :meth:`adain.Stylizer.from_pretrained`.
        address: of a Ray cluster, ``"auto"`` for the one this machine belongs to; None starts one on this machine.
        actors: processes with a model each; by default as many as the CPUs, or GPUs, there are allow.
        cpus_per_actor: cores, and threads, of each.
        gpus_per_actor: GPUs of each, a fraction for several on one; by default 1 if the cluster has any, unless
            ``device`` says otherwise.
        retries: how often a picture is tried again after the process that made it has died.
        callback: called with each record, in the order in which results are made.
        begin: called with the number of results before the work begins.
        controls: see :meth:`adain.Stylizer.stylize`; nobody can ``watch``.

    Returns:
        The counts, and where the records are: :data:`~adain.batch.ray.job.MANIFEST` in the folder of the results, or
        beside them.

    Raises:
        InputError: if an argument cannot be used, results would share a name or replace an input, Ray is not installed,
            or a ``.parquet`` output is there and ``skip_existing`` is not set.
        MissingFileError, ImageError: if the source, a style or a mask cannot be read. Photographs that cannot be read
            are recorded as failed and stop nothing.
        EngineError: if the cluster cannot be reached, or its workers cannot start.
    """
    ray = runtime.load()
    if not 1 <= quality <= 100:
        raise InputError(f"expected a quality from 1 to 100, not {quality}")
    if retries < 0 or cpus_per_actor <= 0 or (actors is not None and actors < 1):
        raise InputError("retries must be at least 0, cpus_per_actor more than 0, and actors at least 1")
    content_size, crop = controls.get("content_size", defaults.CONTENT_SIZE), controls.get("crop", False)
    tile = controls.get("tile", defaults.TILE)
    own = {name: value for name, value in controls.items() if name not in ("content_size", "tile", "watch")}
    if any(isinstance(style, Look) for style in styles):
        own.pop("crop", None)  # which is then the photographs'
    looks = each(styles, **own)
    columns = (image_column, name_column)
    job = Job.plan(source, [look.name for look in looks], output, columns, suffix=suffix, skip_existing=skip_existing)
    own_weights = {"encoder": absolute(encoder), "decoder": absolute(decoder)}
    weights = {"name": model, "max_pixels": max_pixels, "precision": precision, **own_weights}
    with atomic_path(job.manifest) as temporary, contextlib.closing(Tally(temporary, job.total)) as tally:

        def tell(number: int, item: Record) -> None:
            if tally.add(number, item) and callback is not None:
                callback(item)

        if begin is not None:
            begin(job.total)
        for number, item in job.skipped():
            tell(number, item)
        if tally.missing():
            encoded = _encode(looks, weights)
            with runtime.errors(ray), runtime.joined(ray, address):
                pool = runtime.Pool.of(ray, device, actors, cpus_per_actor, gpus_per_actor)
                model_of = {**weights, "device": pool.device}
                settings = Settings(encoded, model_of, content_size, crop, tile, quality, job.in_table, retries)
                for row in _run(ray, job, settings, pool, columns):
                    number = job.number(row["number"], row["look"])
                    made = {name: row[name] for name in ("width", "height", "seconds")}
                    tell(number, {**job.record(number, row["status"], row["reason"]), **made})
        for number in tally.missing():
            tell(number, job.record(number, FAILED, "no result came back: do the same again, keeping what is there"))
    report = tally.report(job.manifest)
    if job.in_table:
        tables.write_failures(job.target, [row for row in report.records() if row["status"] == FAILED])
    return report


def _encode(looks: Sequence[Look], weights: dict[str, Any]) -> list[Look]:
    """The looks with their styles encoded, on whatever device this machine has."""
    from ...stylizer.stylizer import Stylizer

    stylizer = Stylizer.from_pretrained(**weights)
    return [look.encoded(stylizer).on("cpu") for look in looks]


def _run(
    ray: Any, job: Job, settings: Settings, pool: runtime.Pool, columns: tuple[str | None, str | None]
) -> Iterator[dict[str, Any]]:
    """Do what is left to do; yields rows of :func:`~adain.batch.ray.worker.results_table` without pictures."""
    # Small jobs are spread over all actors, large ones cut so that little is lost with a process.
    size = max(1, min(defaults.RAY_ROWS_PER_TASK, job.left // (4 * pool.actors)))
    runs = [{RUN: pickle.dumps(run)} for run in job.partitions(size)]
    ledger = ray.remote(num_cpus=0)(Ledger).remote()
    # No stage but the actors' asks for CPUs: on a machine whose cores the actors fill, it would never get one.
    light: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow", "num_cpus": 0}
    tasks = ray.data.TaskPoolStrategy(size=pool.actors)
    with _context(ray):
        # A block each. Of tables (from_arrow) Ray would ask every single size in a task of its own.
        flow = ray.data.from_items(runs, override_num_blocks=len(runs))
        if job.has_tables:
            read = {"columns": columns, "size": size}
            flow = flow.map_batches(_read, fn_kwargs=read, compute=tasks, **light)
        flow = flow.map_batches(
            Worker,
            fn_constructor_args=(settings, _RemoteLedger(ledger)),
            compute=ray.data.ActorPoolStrategy(size=min(pool.actors, max(1, job.left))),
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=pool.cpus,
            num_gpus=pool.gpus or None,
        )
        if job.in_table:
            parts = {**light, "batch_size": defaults.RAY_ROWS_PER_PART}
            flow = flow.map_batches(_write, fn_kwargs={"folder": os.path.abspath(job.target)}, compute=tasks, **parts)
        for made in flow.iter_batches(batch_size=None, batch_format="pyarrow"):
            yield from made.drop_columns(["image"]).to_pylist()


@contextlib.contextmanager
def _context(ray: Any) -> Iterator[None]:
    """Ray Data's settings for the time of a job."""
    context = ray.data.DataContext.get_current()
    own = {"enable_progress_bars": False, "target_max_block_size": _BLOCK_BYTES}
    before = {name: getattr(context, name) for name in own}
    for name, value in own.items():
        setattr(context, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)


class _RemoteLedger:
    """A :class:`~adain.batch.ray.ledger.Ledger` in an actor of its own."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def begin(self, key: str) -> int:
        import ray

        return int(ray.get(self.actor.begin.remote(key)))

    def finish(self, key: str) -> None:
        self.actor.finish.remote(key)


def _table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows of :func:`~adain.batch.ray.sources.partitions` as a block of Ray Data."""
    import pyarrow as pa

    kinds = {"int": pa.int64(), "str": pa.string(), "bytes": pa.large_binary()}
    kinds |= {"ints": pa.list_(pa.int64()), "strs": pa.list_(pa.string())}
    return pa.Table.from_pylist(list(rows), schema=pa.schema([(name, kinds[kind]) for name, kind in ROW.items()]))


def _read(batch: pa.Table, columns: tuple[str | None, str | None], size: int) -> Iterator[pa.Table]:
    """A run of rows of a table with their pictures; files are read where they are used."""
    rows = unpacked(batch)
    if rows and rows[0]["table"] is not None:
        yield from map(_table, with_images(rows, *columns, size))
    else:
        yield _table(rows)


def _write(batch: pa.Table, folder: str) -> pa.Table:
    """A part of a parquet folder; passes on what became of each result, without its picture."""
    import pyarrow as pa

    tables.write_part(Path(folder), batch)
    return batch.set_column(batch.column_names.index("image"), "image", pa.nulls(batch.num_rows, pa.large_binary()))
