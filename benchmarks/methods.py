"""Four ways to a stylised picture side by side: SSIM, Gram matrix difference, runtime and peak memory.

Gatys from the content (``gatys2016``), the AdaIN pass, the AdaIN pass and its refinement (``refine-fast``), and
``dynamic-multiscale``. Every method runs in a process of its own, one after the other, so that its peak memory is its
own; the time is that of its work without start-up. SSIM is against the photograph (1: unchanged), the Gram difference
against the artwork (0: reached), under either pooling of the network. ``--share`` is the part of each recipe's steps
that is done at each size.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, get_args

import click
import torch

from adain import Stylizer, refine, save_image
from adain._utils.memory import resident_peak
from adain.image import open_source, to_pil
from adain.metrics import GRAM_LAYERS, gram_difference, ssim
from adain.nn import Pooling, load_encoder
from adain.refinement import load_recipe

from . import options
from .measuring import NONE, describe, row, table
from .processes import Process

METHODS = {
    "photograph": None,
    "Gatys from the content": "gatys2016",
    "AdaIN pass": None,
    "AdaIN + refinement": "refine-fast",
    "dynamic, multi-scale": "dynamic-multiscale",
}

HEAD = "size | method | steps | SSIM | Gram (max pooling) | Gram (average) | seconds | × AdaIN pass | peak GB"


def measure(method: str, content: Path, style: Path, size: int, share: float, pictures: Path | None) -> dict[str, Any]:
    """Run one method and judge its picture."""
    stylizer = Stylizer.from_pretrained()
    photo = open_source(content, size=size, crop=True).to_tensor(stylizer.device).contiguous()
    art = open_source(style, size=size).to_tensor(stylizer.device).contiguous()
    recipe, steps = METHODS[method], 0
    begun = time.perf_counter()
    if recipe is not None:
        steps = max(1, round(share * load_recipe(recipe).steps))
        result = refine(photo, art, recipe=recipe, steps=steps, style_size=0, stylizer=stylizer)
    elif method == "AdaIN pass":
        result = stylizer.stylize(photo, art, style_size=0)
    else:
        result = photo
    took, peak = time.perf_counter() - begun, resident_peak() / 1e3
    assert isinstance(result, torch.Tensor)
    differences = []
    with torch.no_grad():
        # By both poolings: the decoder was trained under one, and the recipes of Gatys optimise under the other.
        for pool in get_args(Pooling):
            encoder = load_encoder(upto=GRAM_LAYERS[-1], pool=pool)
            differences.append(float(gram_difference(encoder(result, GRAM_LAYERS), encoder(art, GRAM_LAYERS))))
        likeness = float(ssim(result, photo))
    if pictures is not None:
        save_image(to_pil(result), pictures / f"{size}-{method.replace(' ', '-')}.png")
    return {"steps": steps, "ssim": likeness, "gram": differences, "seconds": took, "peak_gb": peak}


@click.command(help=__doc__)
@options.pair
@options.sizes(default="256,1024", help="Sides of the square photograph in px. Commas between them.")
@click.option("--share", type=options.floats, default="1,0.2", help="Of the steps, for each size.")
@click.option("--pictures", type=options.FOLDER, help="For the results.")
def main(content: Path, style: Path, sizes: list[int], share: list[float], pictures: Path | None) -> None:
    if len(sizes) != len(share):
        raise click.UsageError("give one --share for each of --sizes")
    print(f"{describe()}\n{content.name} × {style.name}\n\n{table(HEAD)}")
    for size, part in zip(sizes, share, strict=True):
        rows = {}
        for method in METHODS:
            with Process(f"{method} at {size} px") as process:
                rows[method] = process.do(measure, method, content, style, size, part, pictures)
        one_pass = rows["AdaIN pass"]["seconds"]
        for method, found in rows.items():
            took = found["seconds"]
            timing = [f"{took:.1f}", f"{took / one_pass:.1f}", f"{found['peak_gb']:.2f}"]
            likeness = [f"{found['ssim']:.3f}", *(f"{value:.2f}" for value in found["gram"])]
            likeness += [NONE] * 3 if method == "photograph" else timing
            print(row((size, method, found["steps"] or NONE, *likeness)), flush=True)
