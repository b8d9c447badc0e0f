"""Score the decoder on every pair of a folder of photographs and a folder of artworks.

    python benchmarks/quality.py CONTENT_DIR STYLE_DIR [--decoder FILE] [--size 512] [--pairs product|zip] [--json]

Figures, each the mean over pairs (pictures): style residual and content distance at alpha 1 (see adain.metrics), PSNR
at alpha 0 against the photograph, SSIM against the input when an image is its own style.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from adain import metrics
from adain.images import center_crop_square, list_images, read_image, resize_shorter, split_alpha, to_tensor
from adain.layer import adaptive_instance_norm
from adain.statistics import channel_mean_std
from adain.style import Style
from adain.stylizer import Content, Stylizer
from adain.vgg import CONTENT_LAYER, STRIDE, STYLE_LAYERS


def load(path: Path, size: int) -> torch.Tensor:
    """A square picture of ``size`` px as a tensor."""
    return to_tensor(center_crop_square(resize_shorter(split_alpha(read_image(path))[0], size)))


@torch.inference_mode()
def score(stylizer: Stylizer, contents: list[Path], styles: list[Path], size: int, pairs: str) -> dict[str, object]:
    """The figures above, and the style residual of every pair."""
    device = stylizer.device
    photos = [load(path, size).to(device) for path in contents]
    features = [stylizer.encoder(photo, STYLE_LAYERS) for photo in photos]
    targets = [stylizer.encoder(load(path, size).to(device), STYLE_LAYERS) for path in styles]
    if pairs == "zip":
        chosen = [(i, i % len(styles)) for i in range(len(contents))]
    else:
        chosen = [(i, j) for i in range(len(contents)) for j in range(len(styles))]

    residuals, distances = {}, []
    for i, j in tqdm(chosen, disable=not sys.stderr.isatty()):
        mean, std = channel_mean_std(targets[j][CONTENT_LAYER])
        target = adaptive_instance_norm(features[i][CONTENT_LAYER], mean, std)
        output = stylizer.encoder(stylizer.decoder(target).clamp(0, 1), STYLE_LAYERS)
        key = f"{contents[i].stem} in {styles[j].stem}"
        residuals[key] = float(metrics.style_residual(output, features[i], targets[j]))
        distances.append(float(metrics.content_distance(output, features[i])))
    psnr, ssim = [], []
    for photo, feature in zip(photos, features, strict=True):
        plain = stylizer.decoder(feature[CONTENT_LAYER]).clamp(0, 1)
        psnr.append(float(metrics.psnr(plain, photo)))
        content = Content(feature[CONTENT_LAYER], (size, size))
        own = stylizer.decode(content, Style(*channel_mean_std(feature[CONTENT_LAYER])))
        ssim.append(float(metrics.ssim(own, photo)))
    return {
        "pairs": len(chosen),
        "size": size,
        "style_residual": round(statistics.mean(residuals.values()), 4),
        "style_residual_median": round(statistics.median(residuals.values()), 4),
        "style_residual_worst": round(max(residuals.values()), 4),
        "content_distance": round(statistics.mean(distances), 4),
        "psnr_alpha0_db": round(statistics.mean(psnr), 2),
        "ssim_own_style": round(statistics.mean(ssim), 4),
        "residuals": {key: round(value, 4) for key, value in residuals.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("contents", type=Path)
    parser.add_argument("styles", type=Path)
    parser.add_argument("--decoder", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--pairs", choices=("product", "zip"), default="product")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true", help="everything as one object, with every pair")
    args = parser.parse_args()
    if args.size % STRIDE:
        parser.error(f"--size must be a multiple of {STRIDE}")
    stylizer = Stylizer.from_pretrained(decoder=args.decoder, device=args.device)
    result = score(stylizer, list_images(args.contents), list_images(args.styles), args.size, args.pairs)
    if args.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if name != "residuals":
            print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
