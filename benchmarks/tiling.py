"""Tiled against untiled: what differs, what it costs, how time grows, and how much memory it takes.

    python benchmarks/tiling.py difference [--sizes 1024x1024 1537x911] [--tiles 128 256 512] [--images FOLDER]
    python benchmarks/tiling.py time [--sides 1024 2048 4096 8192] [--tile 512] [--runs 3] [--untiled-to 4]
    python benchmarks/tiling.py memory [--side 8192] [--tile 512]

``difference`` compares the results in floating point; with ``--images`` it writes the differences, amplified until the
largest is white. ``time`` stylises squares, picture in and picture out, with the style encoded before; untiled runs, up
to that many megapixels, take turns with tiled ones, and the median of the ratios is given. ``memory`` reads, stylises
and writes a square PNG in a fresh process and reports the most that it ever held, and what the pictures took of it a
pixel. Each takes ``--model NAME``, or ``--encoder FILE --decoder FILE``, for another model than the base one. Targets,
for that one: a difference of 1e-3, 1.35 times the untiled time, s/MP within 15 % from 1 to 64 megapixels, 3 GB at 8192.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import machine
import torch
from PIL import Image

from adain._utils.memory import resident_peak
from adain._utils.resources import sample_folder
from adain.image.io import read_image, save_image, to_pil
from adain.nn import CONTENT_LAYER, DEFAULT_MODEL, layers_upto
from adain.stylizer.halo import TileSize, Tiling, cells_of
from adain.stylizer.stylizer import Stylizer

STYLE = "hokusai_great_wave.jpg"
PHOTO = "cincinnati-bridge.jpg"
MEGAPIXEL = 1e6
MODEL = ("model", "encoder", "decoder")
"""Options that say which model."""


def photograph(width: int, height: int) -> Image.Image:
    """A sample stretched to that size."""
    return read_image(sample_folder("content") / PHOTO).resize((width, height), Image.Resampling.BICUBIC)


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def difference(stylizer: Stylizer, sizes: list[str], tiles: list[int], folder: Path | None) -> None:
    """The largest and the mean difference for each size and tile."""
    style = stylizer.encode_style(sample_folder("style") / STYLE)
    networks = layers_upto(CONTENT_LAYER, stylizer.encoder.table), stylizer.decoder.specs
    print("| picture | tile | tiles | overlap | largest difference | mean | pixels of other levels |")
    print("|---|---|---|---|---|---|---|")
    for size in sizes:
        width, height = map(int, size.split("x"))
        picture = photograph(width, height)
        whole = stylizer.decode(stylizer.encode_content(picture, tile="off"), style)
        for tile in tiles:
            content = stylizer.encode_content(picture, tile=tile)
            assert content.tiles is not None
            tiling = content.tiles.tiling
            change = (stylizer.decode(content, style) - whole).abs()
            largest = float(change.max())
            levels = (change.new_tensor(255.0) * (change + whole)).round() != (255.0 * whole).round()
            others = float(levels.any(dim=1).float().mean())
            overlap = tiling.overlap(*networks)
            row = f"{tiling.count} | {overlap:.1%} | {largest:.2e} | {float(change.mean()):.1e} | {others:.2%}"
            print(f"| {size} | {tile} | {row} |", flush=True)
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                factor = 1.0 / max(largest, 1e-12)
                to_pil(change * factor).save(folder / f"difference-{size}-{tile}-times-{factor:.0f}.png")


def timing(stylizer: Stylizer, sides: list[int], tile: int, runs: int, untiled_to: float) -> None:
    """Seconds per megapixel, tiled and untiled."""
    style = stylizer.encode_style(sample_folder("style") / STYLE)
    networks = layers_upto(CONTENT_LAYER, stylizer.encoder.table), stylizer.decoder.specs
    first = 0.0
    print(f"Tiles of {tile} px, {runs} runs, {machine.describe()}.\n")
    print("| side | MP | overlap | tiled s/MP | of the first | untiled s/MP | tiled / untiled | spread |")
    print("|---|---|---|---|---|---|---|---|")
    stylizer.stylize(photograph(tile, tile), style, tile="off")  # warm up
    for side in sides:
        picture, pixels = photograph(side, side), side * side / MEGAPIXEL
        with_untiled = pixels <= untiled_to * 1.05  # 1024 a side are 1.05 megapixels

        def run(how: TileSize, picture: Image.Image = picture) -> float:
            return seconds(lambda: stylizer.stylize(picture, style, tile=how))

        pairs = [(run(tile), run("off") if with_untiled else float("nan")) for _ in range(runs)]
        tiled = statistics.median(a for a, _ in pairs) / pixels
        first = first or tiled
        overlap = Tiling(cells_of((side, side)), tile).overlap(*networks)
        row = f"| {side} | {pixels:.1f} | {overlap:.1%} | {tiled:.3f} | {tiled / first:.3f} |"
        if with_untiled:
            ratios = sorted(a / b for a, b in pairs)
            plain = statistics.median(b for _, b in pairs) / pixels
            row += f" {plain:.3f} | {statistics.median(ratios):.3f} | {ratios[0]:.3f} … {ratios[-1]:.3f} |"
        else:
            row += " | | |"
        print(row, flush=True)


def memory(side: int, tile: str, model: list[str]) -> None:
    """Peak memory of a fresh process, file to file."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "photo.png"
        photograph(side, side).save(source, compress_level=1)
        command = [sys.executable, __file__, "child", str(source), str(Path(folder) / "out.png"), "--tile", tile]
        command += model
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        out = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    record = json.loads(out)
    each = round(1e9 * (record["peak_gb"] - record["start_gb"]) / side**2)
    picture = {"side": side, "megapixels": round(side * side / MEGAPIXEL, 1), "tile": tile}
    print(json.dumps({**picture, **record, "bytes_per_pixel": each}))


def child(stylizer: Stylizer, source: Path, target: Path, tile: str) -> None:
    """One file stylised; prints the memory after each stage."""

    def peak() -> float:
        return round(resident_peak() / 1e3, 3)

    record: dict[str, object] = {"threads": torch.get_num_threads(), "start_gb": peak()}
    style = stylizer.encode_style(sample_folder("style") / STYLE)
    begin = time.perf_counter()
    content = stylizer.encode_content(source, tile=tile if tile in ("auto", "off") else int(tile))
    record |= {"tiles": content.tiles.tiling.count if content.tiles else 1, "encoded_gb": peak()}
    picture = stylizer.stylize(content, style)
    record["decoded_gb"] = peak()
    assert isinstance(picture, Image.Image)
    save_image(picture, target)
    record |= {"peak_gb": peak(), "seconds": round(time.perf_counter() - begin, 1)}
    print(json.dumps(record))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    model = argparse.ArgumentParser(add_help=False)
    for option in MODEL:
        model.add_argument(f"--{option}")
    parts = parser.add_subparsers(dest="part", required=True)
    one = parts.add_parser("difference", parents=[model])
    one.add_argument("--sizes", nargs="+", default=["1024x1024", "1537x911"])
    one.add_argument("--tiles", nargs="+", type=int, default=[128, 256, 512])
    one.add_argument("--images", type=Path)
    two = parts.add_parser("time", parents=[model])
    two.add_argument("--sides", nargs="+", type=int, default=[1024, 2048, 4096, 8192])
    two.add_argument("--tile", type=int, default=512)
    two.add_argument("--runs", type=int, default=3)
    two.add_argument("--untiled-to", type=float, default=4.0)
    three = parts.add_parser("memory", parents=[model])
    three.add_argument("--side", type=int, default=8192)
    three.add_argument("--tile", default="512")
    four = parts.add_parser("child", parents=[model])
    four.add_argument("source", type=Path)
    four.add_argument("target", type=Path)
    four.add_argument("--tile", default="512")
    args = parser.parse_args()
    given = {option: value for option in MODEL if (value := getattr(args, option)) is not None}
    if args.part == "memory":
        memory(args.side, args.tile, [text for option, value in given.items() for text in (f"--{option}", value)])
        return
    name = given.pop("model", DEFAULT_MODEL)
    stylizer = Stylizer.from_pretrained(name, device="auto" if args.part == "time" else "cpu", **given)
    if args.part == "difference":
        difference(stylizer, args.sizes, args.tiles, args.images)
    elif args.part == "time":
        timing(stylizer, args.sides, args.tile, args.runs, args.untiled_to)
    else:
        child(stylizer, args.source, args.target, args.tile)


if __name__ == "__main__":
    main()
