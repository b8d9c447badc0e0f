"""Four ways to a stylised picture side by side: SSIM, Gram matrix difference, runtime and peak memory.

    python benchmarks/methods.py [CONTENT STYLE] [--sizes 256 1024] [--share 1 0.2] [--pictures DIR]

Gatys from the content (``gatys2016``), the AdaIN pass, the AdaIN pass and its refinement (``refine-fast``), and
``dynamic-multiscale``. Every method runs in a process of its own, one after the other, so that its peak memory is its
own; the time is that of its work without start-up. SSIM is against the photograph (1: unchanged), the Gram difference
against the artwork (0: reached), under either pooling of the network. ``--share`` is the part of each recipe's steps
that is done at each size.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import torch
from machine import describe

from adain._utils.memory import peak_memory
from adain._utils.resources import sample_folder
from adain.image.io import save_image, to_pil
from adain.image.tensors import center_crop_square
from adain.nn import Pooling, load_encoder
from adain.refinement import load_recipe, refine
from adain.stylizer.stylizer import Stylizer

METHODS = {
    "photograph": None,
    "Gatys from the content": "gatys2016",
    "AdaIN pass": None,
    "AdaIN + refinement": "refine-fast",
    "dynamic, multi-scale": "dynamic-multiscale",
}


def work(method: str, content: Path, style: Path, size: int, share: float, pictures: Path | None) -> dict[str, Any]:
    """Run one method and judge its picture."""
    from adain.metrics import GRAM_LAYERS, gram_difference, ssim

    stylizer = Stylizer.from_pretrained()
    photo = center_crop_square(stylizer.pixels(content, size=size)[0]).contiguous()
    art = stylizer.pixels(style, size=size)[0].contiguous()
    recipe = METHODS[method]
    steps = 0
    begun = time.perf_counter()
    if recipe is not None:
        steps = max(1, round(share * load_recipe(recipe).steps))
        result = refine(content=photo, style=art, recipe=recipe, steps=steps, style_size=0, stylizer=stylizer)
    elif method == "AdaIN pass":
        result = stylizer.stylize(photo, art, style_size=0)
    else:
        result = photo
    seconds = time.perf_counter() - begun
    peak = peak_memory(torch.device("cpu")) / 1e3
    assert isinstance(result, torch.Tensor)
    differences = {}
    with torch.no_grad():
        # By both poolings: the decoder was trained under one, and the recipes of Gatys optimise under the other.
        for pool in get_args(Pooling):
            encoder = load_encoder(upto=GRAM_LAYERS[-1], pool=pool)
            difference = gram_difference(encoder(result, GRAM_LAYERS), encoder(art, GRAM_LAYERS))
            differences[pool] = float(difference)
        likeness = ssim(result, photo)
    if pictures is not None:
        save_image(to_pil(result), pictures / f"{size}-{method.replace(' ', '-')}.png")
    return {
        "method": method,
        "size": size,
        "steps": steps,
        "ssim": float(likeness),
        "gram_difference": differences,
        "seconds": seconds,
        "peak_gb": peak,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("content", type=Path, nargs="?", default=sample_folder("content") / "cincinnati-bridge.jpg")
    parser.add_argument("style", type=Path, nargs="?", default=sample_folder("style") / "hokusai_great_wave.jpg")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 1024], help="side of the square photograph in px")
    parser.add_argument("--share", type=float, nargs="+", default=[1.0, 0.2], help="of the steps, for each size")
    parser.add_argument("--pictures", type=Path, help="folder for the results")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        found = work(args.worker, args.content, args.style, args.sizes[0], args.share[0], args.pictures)
        print(json.dumps(found))
        return
    print(describe())
    print(f"{args.content.name} × {args.style.name}\n")
    print("| size | method | steps | SSIM | Gram (max pooling) | Gram (average) | seconds | × AdaIN pass | peak GB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for size, share in zip(args.sizes, args.share, strict=True):
        rows = []
        for method in METHODS:
            command = [sys.executable, __file__, str(args.content), str(args.style), "--worker", method]
            command += ["--sizes", str(size), "--share", str(share)]
            command += ["--pictures", str(args.pictures)] if args.pictures else []
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{method} at {size} px failed: {done.stderr.strip().splitlines()[-1]}")
            rows.append(json.loads(done.stdout.splitlines()[-1]))
        one_pass = next(row["seconds"] for row in rows if row["method"] == "AdaIN pass")
        for row in rows:
            idle = row["method"] == "photograph"
            timing = (
                "– | – | –"
                if idle
                else f"{row['seconds']:.1f} | {row['seconds'] / one_pass:.1f} | {row['peak_gb']:.2f}"
            )
            print(
                f"| {size} | {row['method']} | {row['steps'] or '–'} | {row['ssim']:.3f} | "
                f"{' | '.join(f'{value:.2f}' for value in row['gram_difference'].values())} | {timing} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
