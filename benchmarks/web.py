"""The page without a server: its speed beside Python's onnxruntime, a slider's move, and what a large picture takes.

Writes ``web.json``. The page is driven in Chromium, as that of ``python -m benchmarks app``.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

from adain.app import export_site
from adain.backends import export_onnx
from adain.nn import load_decoder, load_encoder

from . import options
from .measuring import ART, describe
from .web_page import measure

FLAT = (0.1, 0.3, 0.7)
"""A picture of one colour, whose sums are the longest of equal terms."""

TARGET_FLAT = 1e-3


def flat(model: Path, side: int) -> dict[str, Any]:
    """How far the graphs are from torch over a large flat picture, in one piece, of 1."""
    import onnxruntime
    import torch

    from adain.stylizer import Stylizer

    pixels = np.broadcast_to(np.array(FLAT, np.float32).reshape(1, 3, 1, 1), (1, 3, side, side))
    pixels = np.ascontiguousarray(pixels)
    stylizer = Stylizer.from_pretrained("fast", device="cpu")
    style = stylizer.encode_style(ART)
    encoder, decoder = (onnxruntime.InferenceSession(model / f"{name}.onnx") for name in ("encoder", "decoder"))
    features, mean, std = encoder.run(None, {"image": pixels})
    known = {"content_mean": mean, "content_std": std, "alpha": np.array(1, np.float32)}
    for name in ("mean", "std"):
        known[f"style_{name}"] = np.asarray(getattr(style, name), np.float32).reshape(1, -1, 1, 1)
    del encoder
    (made,) = decoder.run(None, {"features": features, **known})
    del decoder, features
    wanted = stylizer.stylize(torch.from_numpy(pixels), style).numpy()
    difference = float(np.abs(made - wanted).max())
    return {"side": side, "difference": difference, "is_met": difference <= TARGET_FLAT}


@click.command(help=__doc__)
@options.sizes(default="512,1024", help="Sides of square photographs in px.")
@click.option("--threads", type=options.ints, default="1,2", help="Of both runtimes.")
@click.option("--rounds", type=int, default=10, help="Pictures that are timed.")
@click.option("--megapixels", type=float, default=12, help="Of the large picture.")
@click.option("--flat", "side", type=int, default=4096, help="Side of a flat one; 0: none. The default takes 10 GB.")
@options.output
def main(sizes: list[int], threads: list[int], rounds: int, megapixels: float, side: int, output: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site, graphs = folder / "site", folder / "graphs"
        export_site(site)
        export_onnx(load_encoder("fast"), load_decoder("fast"), graphs, storage="fp16")
        result = measure(site, graphs, folder, sizes, threads, rounds, megapixels)
        if side:
            result["flat"] = flat(graphs, side)
    output.mkdir(parents=True, exist_ok=True)
    path = output / "web.json"
    path.write_text(json.dumps({"machine": describe(), **result}, indent=1) + "\n")
    click.echo(path)
    click.echo(json.dumps(result, indent=1))
