"""What the sizing in docs/ray.md rests on: memory, processor time and bytes a picture, and the plan of a job.

No Ray is started: what its workers do is done in this process, which keeps one thread busy with the shipped
photographs, one size after the other. Processor time is that of the process, so that other work on the machine counts
little.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path

import click
import torch

from adain import Stylizer, read_image, save_image, stylize_folder
from adain._utils.memory import resident_peak
from adain._utils.resources import sample_folder
from adain.batch import Folder, FolderOptions
from adain.image import list_images, resize_shorter

from . import options
from .measuring import ART, describe, row, table


def made(size: int, count: int, suffix: str, device: str) -> str:
    """A row of the table: ``count`` photographs with a shorter side of ``size`` px, stylised from files to files."""
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "in", Path(scratch) / "out"
        megapixels = 0.0
        for k, path in enumerate(itertools.islice(itertools.cycle(list_images(sample_folder("content"))), count)):
            image = resize_shorter(read_image(path), size)
            megapixels += image.width * image.height / 1e6
            save_image(image, source / f"{k}.jpg", quality=90)
        stylizer = Stylizer.from_pretrained(device=device)
        style = stylizer.encode_style(ART)
        stylizer.stylize(source / "0.jpg", style)  # the first picture pays for what is set up once
        start, wall = time.process_time(), time.perf_counter()
        results = stylize_folder(source, [style], target, stylizer=stylizer, suffix=suffix)
        seconds, wall = time.process_time() - start, time.perf_counter() - wall
        assert all(result.status == "done" for result in results)
        written = sum(result.output.stat().st_size for result in results)
        read = sum(path.stat().st_size for path in source.iterdir())
    times = (megapixels / count, seconds / count, wall / count, seconds / megapixels)
    memory = (read / count / 1e3, written / count / 1e3, resident_peak())
    return row([size, suffix, *(f"{value:.2f}" for value in times), *(f"{value:.0f}" for value in memory)])


def plan(names: int) -> str:
    """A line: naming the results of that many photographs in a thousand folders."""
    photographs = [Path(f"/data/photos/{k % 1000:03d}/{k:09d}.jpg") for k in range(names)]
    before, start = resident_peak(), time.process_time()
    with tempfile.TemporaryDirectory() as target:
        planned = Folder.plan(photographs, ART, target, FolderOptions())
    seconds, memory = time.process_time() - start, resident_peak() - before
    return f"{planned.total} names: {seconds:.1f} s of processor time, {memory:.0f} MB"


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
        print(made(size, count, suffix, device), flush=True)
    if names:
        print(plan(names))
