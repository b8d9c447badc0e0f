"""Score keep_edges: photographs in their own style, flat skies in every artwork, and what it costs.

For each model and strength: SSIM of photographs stylised by themselves with the photograph, least and mean; the
deviation of results in the flattest patch of photographs that have a flat one, over the photograph's own there, the
greatest and the median of all artworks; and the processor's time over that of a plain pass.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from adain.backends import open_model
from adain.control import keep_edges
from adain.image import list_images
from adain.metrics import ssim
from adain.options import ModelOptions

from . import options
from .measuring import table

PATCH = (96, 192)
"""Height and width in px of a flat patch, which lies in the upper half."""

FLATTEST, FLAT = 4 / 255, 0.025
"""Deviation of a flat patch: less is one that the sensor has cut off, more is none."""


@click.command(help=__doc__)
@options.folders
@options.size(default=512, help="Shorter side of the photographs in px.")
@click.option("--models", type=options.names, default="vgg19,fast", help="Of the registry, with commas between them.")
@click.option("--patch-least", type=click.FloatRange(0), default=FLATTEST, help="Least deviation of a flat patch.")
def main(contents: Path, styles: Path, size: int, models: list[str], patch_least: float) -> None:
    rows = []
    for name in models:
        model = open_model(ModelOptions(model=name))
        artworks = [model.encode_style(path) for path in list_images(styles)]
        own: dict[float, list[float]] = {0.0: [], 0.25: [], 0.5: [], 0.75: [], 1.0: []}
        calm: dict[float, list[float]] = {strength: [] for strength in own}
        cost: dict[float, list[float]] = {strength: [] for strength in own}
        skies = 0
        for path in tqdm(list_images(contents), unit="photograph", disable=None):
            content, plain = _timed(partial(model.encode_content, path, size=size))
            pixels = content.colors()
            made, decoding = _timed(partial(model.decode, content, model.encode_style(path)))
            plain += decoding
            patch = _flattest(pixels, patch_least)
            skies += patch is not None
            for strength in own:
                kept, seconds = _timed(partial(keep_edges, made, pixels, strength))
                own[strength].append(float(ssim(torch.as_tensor(kept), torch.as_tensor(pixels))))
                cost[strength].append(seconds / plain)
            for artwork in artworks if patch is not None else []:
                decoded = model.decode(content, artwork)
                for strength, found in calm.items():
                    result = keep_edges(decoded, pixels, strength)
                    found.append(_deviation(result[patch]) / _deviation(pixels[patch]))
        for strength in own:
            flat = calm[strength] or [float("nan")]
            rows.append([
                name, f"{strength:g}", f"{min(own[strength]):.3f}", f"{statistics.mean(own[strength]):.3f}",
                f"{max(flat):.2f}", f"{statistics.median(flat):.2f}", f"{statistics.median(cost[strength]):.1%}",
            ])  # fmt: skip
        click.echo(f"{name}: {skies} photographs with a flat patch", err=True)
    print(table("model | strength | SSIM, least | mean | flat patches, greatest | median | cost", rows))


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.process_time()
    made = work()
    return made, time.process_time() - begun


def _deviation(values: Any) -> float:
    return float(np.sqrt(np.asarray(values).reshape(3, -1).var(1).mean()))


def _flattest(pixels: npt.NDArray[np.float32], least: float) -> Any:
    """Where the flattest patch of the upper half is, to index with; None if there is none."""
    down, across = PATCH
    places = [
        (..., slice(top, top + down), slice(left, left + across))
        for top in range(0, pixels.shape[2] // 2 - down + 1, 16)
        for left in range(0, pixels.shape[3] - across + 1, 16)
    ]
    known = [(_deviation(pixels[place]), number) for number, place in enumerate(places)]
    flat = min((each for each in known if each[0] >= least), default=(1.0, 0))
    return places[flat[1]] if flat[0] <= FLAT else None
