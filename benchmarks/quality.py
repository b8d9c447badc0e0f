"""Score a model on every pair of a folder of photographs and a folder of artworks.

Figures, each the mean over pairs (pictures): style residual, content distance, unrest and lattice at alpha 1 as `adain
evaluate` measures them, PSNR at alpha 0 against the photograph, SSIM against the input when an image is its own style.
Those at alpha 1 are also given for what nobody has stylised: *identity* is the photograph itself,
*style* the artwork.
"""

from __future__ import annotations

import itertools
import statistics
from pathlib import Path
from typing import get_args

import click
import torch
from tqdm import tqdm

from adain import Style, metrics
from adain.backends import open_stylizer
from adain.image import list_images
from adain.metrics import GUARDS, MADE, Pairing, evaluate, load_square, pair_up
from adain.nn import LATTICE_SIZE, STRIDE, channel_mean_std
from adain.options import ModelOptions

from . import options
from .measuring import show


@click.command(help=__doc__)
@options.folders
@options.networks
@options.size(default=512, help=f"Side of the squares in px, a multiple of {STRIDE}.")
@click.option("--pairs", type=click.Choice(get_args(Pairing)), default="product", help="Every pair, or k with k.")
@options.device()
@click.option("--json", "as_json", is_flag=True, help="Print everything as one object, with every pair.")
def main(
    contents: Path, styles: Path, networks: ModelOptions, size: int, pairs: Pairing, device: str, as_json: bool
) -> None:
    if size % STRIDE:
        raise click.BadParameter(f"must be a multiple of {STRIDE}", param_hint="--size")
    stylizer = open_stylizer(networks.change(device=device))
    photos = list_images(contents)
    chosen = pair_up(photos, list_images(styles), pairs)
    names = ["style-residual", "content-distance", "unrest", *(["lattice"] if size >= LATTICE_SIZE else [])]
    judged = evaluate(chosen, names=names, stylizer=stylizer, size=size, track=lambda order: tqdm(order, disable=None))
    if judged.failures:
        raise judged.failures[0]
    made = [entry for entry in judged.entries if entry.row == MADE]
    residuals = {f"{entry.content.stem} in {entry.style.stem}": entry.values["style-residual"] for entry in made}
    psnr, ssim = [], []
    with torch.inference_mode():
        for path in photos:
            photo = load_square(path, size).to(stylizer.device)
            content = stylizer.encode_content(photo)
            own = Style(*channel_mean_std(content.features))
            psnr.append(float(metrics.psnr(stylizer.decode(content, own, alpha=0.0), photo)))
            ssim.append(float(metrics.ssim(stylizer.decode(content, own), photo)))
    result: dict[str, object] = {
        "pairs": len(chosen),
        "size": size,
        "style_residual": round(statistics.mean(residuals.values()), 4),
        "style_residual_median": round(statistics.median(residuals.values()), 4),
        "style_residual_worst": round(max(residuals.values()), 4),
        "content_distance": round(statistics.mean(entry.values["content-distance"] for entry in made), 4),
        **{name: round(statistics.mean(entry.values[name] for entry in made), 4) for name in names[2:]},
        "psnr_alpha0_db": round(statistics.mean(psnr), 2),
        "ssim_own_style": round(statistics.mean(ssim), 4),
    }
    for guard, name in itertools.product(GUARDS, names):
        values = (entry.values[name] for entry in judged.entries if entry.row == guard)
        result[f"{guard}_{name.replace('-', '_')}"] = round(statistics.mean(values), 4)
    each = {"residuals": {key: round(value, 4) for key, value in residuals.items()}}
    show(result | each if as_json else result, as_json, width=26)
