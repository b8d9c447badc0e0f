"""Tiled against untiled: what differs, what it costs, how time grows, and how much memory it takes.

``difference`` compares the results in floating point; with ``--images`` it writes the differences, amplified until the
largest is white. ``time`` stylises squares, picture in and picture out, with the style encoded before; untiled runs, up
to that many megapixels, take turns with tiled ones, and the median of the ratios is given. ``memory`` reads, stylises
and writes a square PNG in a fresh process and reports the most that it ever held, and what the pictures took of it a
pixel. Each takes ``--model NAME``, or ``--encoder FILE --decoder FILE``, for another model than the base one. Targets,
for that one: a difference of 1e-3, 1.35 times the untiled time, s/MP within 15 % from 1 to 64 megapixels, 3 GB at 8192.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image

from adain import read_image, save_image
from adain._utils.memory import resident_peak
from adain.backends import open_stylizer
from adain.image import to_pil
from adain.options import ModelOptions, TileSize

from . import options
from .measuring import ART, PHOTO, describe, ratio, row, table, take_turns
from .processes import Process

MEGAPIXEL = 1e6


def photograph(width: int, height: int) -> Image.Image:
    """A sample stretched to that size."""
    return read_image(PHOTO).resize((width, height), Image.Resampling.BICUBIC)


@click.group(help=__doc__)
def main() -> None: ...


@main.command()
@options.networks
@click.option("--sizes", type=options.names, default="1024x1024,1537x911", help="Of the picture, with commas between.")
@click.option("--tiles", type=options.ints, default="128,256,512", help="Sides of tiles in px, with commas between.")
@click.option("--images", type=options.FOLDER, help="For the differences, amplified.")
def difference(networks: ModelOptions, sizes: list[str], tiles: list[int], images: Path | None) -> None:
    """The largest and the mean difference for each size and tile."""
    stylizer = open_stylizer(networks.change(device="cpu"))
    style = stylizer.encode_style(ART)
    print(table("picture | tile | tiles | overlap | largest difference | mean | pixels of other levels"))
    for size in sizes:
        width, height = map(int, size.split("x"))
        picture = photograph(width, height)
        whole = stylizer.decode(stylizer.encode_content(picture, tile="off"), style)
        for tile in tiles:
            content = stylizer.encode_content(picture, tile=tile)
            assert content.tiles is not None
            change = (stylizer.decode(content, style) - whole).abs()
            largest = float(change.max())
            levels = (change.new_tensor(255.0) * (change + whole)).round() != (255.0 * whole).round()
            others = float(levels.any(dim=1).float().mean())
            overlap, mean = stylizer.overlap(content), float(change.mean())
            figures = (f"{overlap:.1%}", f"{largest:.2e}", f"{mean:.1e}", f"{others:.2%}")
            print(row((size, tile, content.tiles.tiling.count, *figures)), flush=True)
            if images is not None:
                images.mkdir(parents=True, exist_ok=True)
                factor = 1.0 / max(largest, 1e-12)
                to_pil(change * factor).save(images / f"difference-{size}-{tile}-times-{factor:.0f}.png")


@main.command("time")
@options.networks
@click.option("--sides", type=options.ints, default="1024,2048,4096,8192", help="Of the squares in px, commas between.")
@click.option("--tile", type=int, default=512, help="Side of the tiles in px.")
@options.runs(default=3)
@click.option("--untiled-to", type=float, default=4.0, help="Megapixels up to which untiled runs take turns.")
def timing(networks: ModelOptions, sides: list[int], tile: int, runs: int, untiled_to: float) -> None:
    """Seconds per megapixel, tiled and untiled."""
    stylizer = open_stylizer(networks)
    style = stylizer.encode_style(ART)
    first: float | None = None
    print(f"Tiles of {tile} px, {runs} runs, {describe()}.\n")
    print(table("side | MP | overlap | tiled s/MP | of the first | untiled s/MP | tiled / untiled | spread"))
    stylizer.stylize(photograph(tile, tile), style, tile="off")  # warm up
    for side in sides:
        picture, pixels = photograph(side, side), side * side / MEGAPIXEL
        # 1024 a side are 1.05 megapixels
        hows: tuple[TileSize, ...] = (tile, "off") if pixels <= untiled_to * 1.05 else (tile,)
        works = {str(how): partial(stylizer.stylize, picture, style, tile=how) for how in hows}
        tiled, *untiled = take_turns(works, runs).values()
        each = statistics.median(tiled) / pixels
        first = first or each
        overlap = stylizer.overlap(stylizer.encode_content(picture, tile=tile))
        beside = ["", "", ""]
        if untiled:
            spread = ratio(tiled, *untiled)
            beside = [f"{statistics.median(*untiled) / pixels:.3f}", f"{spread.median:.3f}"]
            beside += [f"{spread.low:.3f} … {spread.high:.3f}"]
        print(row((side, f"{pixels:.1f}", f"{overlap:.1%}", f"{each:.3f}", f"{each / first:.3f}", *beside)), flush=True)


@main.command()
@options.networks
@click.option("--side", type=int, default=8192, help="Of the square in px.")
@click.option("--tile", default="512", help="Side of the tiles in px, auto or off.")
def memory(networks: ModelOptions, side: int, tile: str) -> None:
    """Peak memory of a fresh process, file to file."""
    with tempfile.TemporaryDirectory() as folder, Process(f"{side} px in tiles of {tile}") as process:
        source, target = Path(folder) / "photo.png", Path(folder) / "out.png"
        photograph(side, side).save(source, compress_level=1)
        record = process.do(file_to_file, networks, source, target, tile)
    each = round(1e9 * (record["peak_gb"] - record["start_gb"]) / side**2)
    picture = {"side": side, "megapixels": round(side * side / MEGAPIXEL, 1), "tile": tile}
    print(json.dumps({**picture, **record, "bytes_per_pixel": each}))


def file_to_file(networks: ModelOptions, source: Path, target: Path, tile: str) -> dict[str, Any]:
    """One file stylised: the memory after each stage."""

    def peak() -> float:
        return round(resident_peak() / 1e3, 3)

    stylizer = open_stylizer(networks.change(device="cpu"))
    record: dict[str, Any] = {"threads": torch.get_num_threads(), "start_gb": peak()}
    style = stylizer.encode_style(ART)
    begin = time.perf_counter()
    content = stylizer.encode_content(source, tile=tile if tile in ("auto", "off") else int(tile))
    record |= {"tiles": content.tiles.tiling.count if content.tiles else 1, "encoded_gb": peak()}
    picture = stylizer.stylize(content, style)
    record["decoded_gb"] = peak()
    assert isinstance(picture, Image.Image)
    save_image(picture, target)
    return record | {"peak_gb": peak(), "seconds": round(time.perf_counter() - begin, 1)}
