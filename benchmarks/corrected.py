"""Score correction: every photograph in every artwork, with each number of rounds.

Means over the pairs of style residual and content distance, as `adain evaluate` measures them, their change against no
round, on how many pairs the residual is lower, and the mean seconds of decoding, correction included.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from pathlib import Path
from typing import Any

import click
import torch
from tqdm import tqdm

from adain.backends import open_stylizer
from adain.image import list_images
from adain.metrics import content_distance, load_square, style_residual
from adain.nn import STRIDE, STYLE_LAYERS, load_encoder
from adain.options import ModelOptions

from . import options
from .measuring import table


@click.command(help=__doc__)
@options.folders
@options.size(default=512, help=f"Side of the squares in px, a multiple of {STRIDE}.")
@click.option("--rounds", type=options.ints, default="0,1,2,3", help="Numbers of rounds; the first is compared with.")
@click.option("--models", type=options.names, default="vgg19,fast", help="Of the registry, with commas between them.")
@click.option("--every", type=click.IntRange(1), default=1, help="Take only every Nth pair.")
@options.device()
@options.as_json
def main(
    contents: Path, styles: Path, size: int, rounds: list[int], models: list[str], every: int, device: str,
    as_json: bool,
) -> None:  # fmt: skip
    judge, stylizers = load_encoder(), {name: open_stylizer(ModelOptions(model=name, device=device)) for name in models}
    judge = judge.to(next(iter(stylizers.values())).device)
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {
        key: [] for key in itertools.product(models, rounds)
    }
    pairs = list(itertools.product(list_images(contents), list_images(styles)))[::every]
    with torch.inference_mode():
        for photo, art in tqdm(pairs, unit="pair", disable=None):
            pixels = [load_square(path, size).to(next(judge.parameters()).device) for path in (photo, art)]
            wanted = [judge(picture, STYLE_LAYERS) for picture in pixels]
            for name, stylizer in stylizers.items():
                content, style = stylizer.encode_content(pixels[0]), stylizer.encode_style(pixels[1], size=0)
                for count in rounds:
                    begun = time.perf_counter()
                    made = stylizer.decode(content, style, correct=count)
                    seconds = time.perf_counter() - begun
                    seen = judge(made, STYLE_LAYERS)
                    residual, distance = style_residual(seen, *wanted), content_distance(seen, wanted[0])
                    found[name, count].append((float(residual), float(distance), seconds))
    if as_json:
        print(json.dumps({f"{name} {count}": values for (name, count), values in found.items()}))
        return
    print(table("model | rounds | style residual | change | lower on | content distance | change | seconds", [
        _row(name, count, found[name, rounds[0]], found[name, count]) for name, count in found
    ]))  # fmt: skip


def _row(name: str, count: int, before: list[Any], after: list[Any]) -> list[str]:
    (old, was, _), (new, now, seconds) = (
        [statistics.mean(column) for column in zip(*v, strict=True)] for v in (before, after)
    )
    lower = sum(b[0] < a[0] for a, b in zip(before, after, strict=True))
    return [
        name, str(count), f"{new:.4f}", f"{new / old - 1:+.1%}", f"{lower} of {len(after)}", f"{now:.4f}",
        f"{now - was:+.4f}", f"{seconds:.2f}",
    ]  # fmt: skip
