"""What the sizing in docs/ray.md rests on: a worker's memory, processor time and bytes a picture, and a job's plan.

No Ray is started: what a worker does is done in this process on the shipped photographs, one thread, one size after the
other. Processor time is that of the process, so that other work on the machine counts little.
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
from adain.batch import Folder, FolderOptions
from adain.image import list_images, resize_shorter

from . import options
from .measuring import describe, row, table


def worker(size: int, count: int, suffix: str, device: str) -> str:
    """A row of the table: ``count`` photographs with a shorter side of ``size``, through a worker."""
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "in", Path(scratch) / "out"
        pixels = 0
        for k, path in enumerate(itertools.islice(itertools.cycle(list_images(sample_folder("content"))), count)):
            image = resize_shorter(read_image(path), size)
            pixels += image.width * image.height
            save_image(image, source / f"{k}.jpg", quality=90)
        stylizer = Stylizer.from_pretrained(device=device)
        style = stylizer.encode_style(list_images(sample_folder("style"))[0])
        options = FolderOptions(stylizer=stylizer, suffix=suffix)
        first = next(source.iterdir())
        list(Folder.plan(first, [style], target / "first/", options).results())  # it pays for what is set up once
        start, wall = time.process_time(), time.perf_counter()
        made = list(Folder.plan(source, [style], target, options).results())
        seconds, wall = time.process_time() - start, time.perf_counter() - wall
        assert [result.status for result in made] == ["done"] * count
        written = sum(path.stat().st_size for path in target.glob(f"*{suffix}"))
        read = sum(path.stat().st_size for path in source.iterdir())
    times = [f"{figure / count:.2f}" for figure in (pixels / 1e6, seconds, wall)] + [f"{seconds / pixels * 1e6:.2f}"]
    memory = [f"{read / count / 1e3:.0f}", f"{written / count / 1e3:.0f}", f"{resident_peak():.0f}"]
    return row([size, suffix, *times, *memory])


def plan(names: int) -> str:
    """A line: naming that many photographs in a thousand folders, and telling what decides each result."""
    before, start = resident_peak(), time.process_time()
    paths = [f"/data/photos/{k % 1000:03d}/{k:09d}.jpg" for k in range(names)]
    with tempfile.TemporaryDirectory() as scratch:
        Folder.plan(paths, list_images(sample_folder("style"))[:1], scratch, FolderOptions())
    seconds = time.process_time() - start
    return f"{names} names: {seconds:.1f} s of processor time, {resident_peak() - before:.0f} MB"


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
