"""What the sizing in docs/ray.md rests on: a worker's memory, processor time and bytes for a picture, and a job's plan.

No Ray is started: a worker is run in this process on the shipped photographs, one thread, one size after the other.
Processor time is that of the process, so that other work on the machine counts little.

    python benchmarks/million.py --sizes 256,512,1024 --names 1000000
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from machine import describe

from adain import Stylizer
from adain._utils.resources import sample_folder
from adain.batch.ray.job import Job
from adain.batch.ray.ledger import Ledger
from adain.batch.ray.look import each
from adain.batch.ray.sources import Photograph, outputs, partitions
from adain.batch.ray.worker import Settings, Worker
from adain.image import list_images, read_image, resize_shorter, save_image


def peak_mb() -> float:
    """Most memory this process has held so far, in MB (10^6 bytes)."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1e6 if sys.platform == "darwin" else 1e3) * (1 if sys.platform == "darwin" else 1.024)


def worker(size: int, count: int, suffix: str, device: str) -> str:
    """A row of the table: ``count`` photographs with a shorter side of ``size``, through a worker."""
    import pyarrow as pa

    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "in"
        source.mkdir()
        pixels = 0
        for k, path in enumerate(list_images(sample_folder("content")) * count):
            if k == count:
                break
            image = resize_shorter(read_image(path), size)
            pixels += image.width * image.height
            save_image(image, source / f"{k}.jpg", quality=90)
        stylizer = Stylizer.from_pretrained(device=device)
        style = stylizer.encode_style(list_images(sample_folder("style"))[0])
        settings = Settings(each([style]), {}, 0, False, "auto", 95, False, 2)
        job = Job.plan(source, ["s"], Path(scratch) / "out", suffix=suffix)
        (rows,) = job.partitions(count)
        made = Worker(settings, Ledger(), stylizer)
        made(pa.Table.from_pylist(rows[:1]))  # the first picture pays for what is set up once
        start, wall = time.process_time(), time.perf_counter()
        made(pa.Table.from_pylist(rows))
        seconds, wall = time.process_time() - start, time.perf_counter() - wall
        written = sum(path.stat().st_size for path in (Path(scratch) / "out").glob(f"*{suffix}"))
        read = sum(path.stat().st_size for path in source.iterdir())
    megapixels = pixels / 1e6
    cells = [f"{size}", suffix, f"{megapixels / count:.2f}", f"{seconds / count:.2f}", f"{wall / count:.2f}"]
    cells += [
        f"{seconds / megapixels:.2f}",
        f"{read / count / 1e3:.0f}",
        f"{written / count / 1e3:.0f}",
        f"{peak_mb():.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def plan(names: int) -> str:
    """A line: naming and cutting up that many photographs in a thousand folders."""
    before, start = peak_mb(), time.process_time()
    photographs = []
    for k in range(names):
        name = f"{k % 1000:03d}/{k:09d}.jpg"
        photographs.append(Photograph(f"/data/photos/{name}", name, f"/data/photos/{name}"))
    named = outputs(photographs, ["great-wave"], None)
    blocks = sum(1 for _ in partitions(photographs, named, set(), 32, in_table=True))
    seconds = time.process_time() - start
    return f"{names} names: {blocks} batches of 32, {seconds:.1f} s of processor time, {peak_mb() - before:.0f} MB"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="256,512,1024", help="shorter sides in px")
    parser.add_argument("--count", type=int, default=4, help="photographs of each size")
    parser.add_argument("--names", type=int, default=1_000_000, help="names to plan; 0 for none")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(describe())
    print("| shorter side | format | MP | CPU s | wall s | CPU s / MP | kB in | kB out | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for size in map(int, options.sizes.split(",")):
        for suffix in (".jpg", ".png"):
            print(worker(size, options.count, suffix, options.device), flush=True)
    if options.names:
        print(plan(options.names))


if __name__ == "__main__":
    main()
