"""Time exported models in onnxruntime against torch, taking turns in one run.

Each run stylises the same picture once with each, the style encoded before; ratios to torch are taken run by run, and
their median is given with the smallest and the largest. All have the same number of threads.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np
import torch

from adain import OnnxStylizer, Stylizer
from adain.backends import Storage, export_onnx
from adain.image import to_tensor

from . import options
from .measuring import ART, ratio, square, table, take_turns


@click.command(help=__doc__)
@options.model
@options.size()
@options.runs(default=7)
@options.as_json
def main(model: str, size: int, runs: int, as_json: bool) -> None:
    stylizer = Stylizer.from_pretrained(model, device="cpu", precision="fp32")
    photo = square(size)
    pixels = to_tensor(photo)
    style = stylizer.encode_style(ART, size=size)
    wanted = stylizer.stylize(pixels, style).numpy()
    works = {"torch": partial[object](stylizer.stylize, photo, style)}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for storage in get_args(Storage):
            folder = Path(scratch) / storage
            files = export_onnx(stylizer.encoder, stylizer.decoder, folder, storage=storage).files
            made = OnnxStylizer(folder, threads=torch.get_num_threads(), providers=["CPUExecutionProvider"])
            own = made.encode_style(ART, size=size)
            works[storage] = partial(made.stylize, photo, own)
            difference = made.stylize(pixels.numpy(), own) - wanted
            error = float(np.square(difference).mean())
            row = {"storage": storage, "mb": round(sum(file.stat().st_size for file in files) / 1e6, 1)}
            row |= {"max_difference": float(np.abs(difference).max())}
            rows.append(row | {"psnr_db": round(-10 * float(np.log10(max(error, 1e-12))), 1)})
        times = take_turns(works, runs)
    for row in rows:
        row["seconds"] = round(statistics.median(times[row["storage"]]), 3)
        row["time_to_torch"] = ratio(times[row["storage"]], times["torch"]).rounded(2)
    if as_json:
        print(json.dumps({"size": size, "threads": torch.get_num_threads(), "rows": rows}))
        return
    lines = []
    for row in rows:
        median, least, most = row["time_to_torch"]
        shown = row | {"max_difference": f"{row['max_difference']:.1e}", "spread": f"{median} ({least} … {most})"}
        lines.append([value for name, value in shown.items() if name != "time_to_torch"])
    print(table("filters | MB | max difference | PSNR dB | s | time ÷ torch (min … max)", lines))
