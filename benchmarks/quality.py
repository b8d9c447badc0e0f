"""Score a model on every pair of a folder of photographs and a folder of artworks.

    python benchmarks/quality.py CONTENT_DIR STYLE_DIR [--model NAME] [--encoder FILE] [--decoder FILE] [--size 512]
        [--pairs product|zip] [--json]

Figures, each the mean over pairs (pictures): style residual and content distance at alpha 1 as `adain evaluate`
measures them, PSNR at alpha 0 against the photograph, SSIM against the input when an image is its own style.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from adain import metrics
from adain.control.style import Style
from adain.image.io import list_images
from adain.metrics import MADE, Pairing, evaluate, load_square, pair_up
from adain.nn import DEFAULT_MODEL, STRIDE, channel_mean_std
from adain.stylizer.stylizer import Stylizer


def score(stylizer: Stylizer, contents: list[Path], styles: list[Path], size: int, pairs: Pairing) -> dict[str, object]:
    """The figures above, and the style residual of every pair."""
    chosen = pair_up(contents, styles, pairs)
    names = ["style-residual", "content-distance"]
    judged = evaluate(chosen, names=names, stylizer=stylizer, size=size, track=bar)
    if judged.failures:
        raise judged.failures[0]
    made = [entry for entry in judged.entries if entry.row == MADE]
    residuals = {f"{entry.content.stem} in {entry.style.stem}": entry.values["style-residual"] for entry in made}
    psnr, ssim = [], []
    with torch.inference_mode():
        for path in contents:
            photo = load_square(path, size).to(stylizer.device)
            content = stylizer.encode_content(photo)
            own = Style(*channel_mean_std(content.features))
            psnr.append(float(metrics.psnr(stylizer.decode(content, own, alpha=0.0), photo)))
            ssim.append(float(metrics.ssim(stylizer.decode(content, own), photo)))
    return {
        "pairs": len(chosen),
        "size": size,
        "style_residual": round(statistics.mean(residuals.values()), 4),
        "style_residual_median": round(statistics.median(residuals.values()), 4),
        "style_residual_worst": round(max(residuals.values()), 4),
        "content_distance": round(statistics.mean(entry.values["content-distance"] for entry in made), 4),
        "psnr_alpha0_db": round(statistics.mean(psnr), 2),
        "ssim_own_style": round(statistics.mean(ssim), 4),
        "residuals": {key: round(value, 4) for key, value in residuals.items()},
    }


def bar(order: Sequence[int]) -> Iterable[int]:
    """A progress bar on a terminal."""
    return tqdm(order, disable=not sys.stderr.isatty())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("contents", type=Path)
    parser.add_argument("styles", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--decoder", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--pairs", choices=("product", "zip"), default="product")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true", help="everything as one object, with every pair")
    args = parser.parse_args()
    if args.size % STRIDE:
        parser.error(f"--size must be a multiple of {STRIDE}")
    stylizer = Stylizer.from_pretrained(args.model, encoder=args.encoder, decoder=args.decoder, device=args.device)
    result = score(stylizer, list_images(args.contents), list_images(args.styles), args.size, args.pairs)
    if args.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if name != "residuals":
            print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
