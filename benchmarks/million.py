"""What the sizing in docs/ray.md rests on: a worker's memory, processor time and bytes a picture, and a job's plan.

No Ray is started: a worker is run in this process on the shipped photographs, one thread, one size after the other.
Processor time is that of the process, so that other work on the machine counts little.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path

import click
import torch

from adain import Stylizer, read_image, save_image
from adain._utils.memory import resident_peak
from adain._utils.resources import sample_folder
from adain.batch.ray.job import Job
from adain.batch.ray.ledger import Ledger
from adain.batch.ray.look import each
from adain.batch.ray.sources import Photograph, outputs, partitions
from adain.batch.ray.worker import Settings, Worker
from adain.image import list_images, resize_shorter

from . import options
from .measuring import describe, row, table


def worker(size: int, count: int, suffix: str, device: str) -> str:
    """A row of the table: ``count`` photographs with a shorter side of ``size``, through a worker."""
    import pyarrow as pa

    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "in", Path(scratch) / "out"
        pixels = 0
        for k, path in enumerate(itertools.islice(itertools.cycle(list_images(sample_folder("content"))), count)):
            image = resize_shorter(read_image(path), size)
            pixels += image.width * image.height
            save_image(image, source / f"{k}.jpg", quality=90)
        stylizer = Stylizer.from_pretrained(device=device)
        style = stylizer.encode_style(list_images(sample_folder("style"))[0])
        settings = Settings(each([style]), {}, 0, False, "auto", 95, False, 2)
        (rows,) = Job.plan(source, ["s"], target, suffix=suffix).partitions(count)
        made = Worker(settings, Ledger(), stylizer)
        made(pa.Table.from_pylist(rows[:1]))  # the first picture pays for what is set up once
        start, wall = time.process_time(), time.perf_counter()
        made(pa.Table.from_pylist(rows))
        seconds, wall = time.process_time() - start, time.perf_counter() - wall
        written = sum(path.stat().st_size for path in target.glob(f"*{suffix}"))
        read = sum(path.stat().st_size for path in source.iterdir())
    megapixels = pixels / 1e6
    times = [
        f"{megapixels / count:.2f}",
        f"{seconds / count:.2f}",
        f"{wall / count:.2f}",
        f"{seconds / megapixels:.2f}",
    ]
    memory = [f"{read / count / 1e3:.0f}", f"{written / count / 1e3:.0f}", f"{resident_peak():.0f}"]
    return row([size, suffix, *times, *memory])


def plan(names: int) -> str:
    """A line: naming and cutting up that many photographs in a thousand folders."""
    before, start = resident_peak(), time.process_time()
    photographs = []
    for k in range(names):
        name = f"{k % 1000:03d}/{k:09d}.jpg"
        photographs.append(Photograph(f"/data/photos/{name}", name, f"/data/photos/{name}"))
    named = outputs(photographs, ["great-wave"], None)
    blocks = sum(1 for _ in partitions(photographs, named, set(), 32, in_table=True))
    seconds = time.process_time() - start
    return (
        f"{names} names: {blocks} batches of 32, {seconds:.1f} s of processor time, {resident_peak() - before:.0f} MB"
    )


@click.command(help=__doc__)
@options.sizes(default="256,512,1024", help="Shorter sides in px. Commas between them.")
@click.option("--count", type=int, default=4, help="Photographs of each size.")
@click.option("--names", type=int, default=1_000_000, help="Names to plan; 0 for none.")
@options.device(default="cpu")
def main(sizes: list[int], count: int, names: int, device: str) -> None:
    torch.set_num_threads(1)
    print(describe())
    print(table("shorter side | format | MP | CPU s | wall s | CPU s / MP | kB in | kB out | peak MB"))
    for size, suffix in itertools.product(sizes, (".jpg", ".png")):
        print(worker(size, count, suffix, device), flush=True)
    if names:
        print(plan(names))
