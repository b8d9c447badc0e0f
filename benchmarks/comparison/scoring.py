"""Judging pictures: everybody's by the same network, against the same photograph and artwork."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from adain import metrics
from adain.image import open_source, to_tensor
from adain.nn import VGGEncoder, load_encoder
from adain.options import Options

from .plan import pair
from .worker import opened

Features = dict[str, Tensor]


def figures(output: Tensor, photo: Tensor, content: Features, style: Features) -> dict[str, float]:
    """Those of a picture, made from a photograph; all ``(1, 3, H, W)``. See :mod:`adain.metrics`."""
    features = encode(output)
    return {
        "style_residual": float(metrics.style_residual(features, content, style)),
        "content_distance": float(metrics.content_distance(features, content)),
        "gram_difference": float(metrics.gram_difference(features, style)),
        "ssim": float(metrics.ssim(output, photo)),
    }


def score(picture: Path | Image.Image, index: int, size: int) -> dict[str, Any]:
    """Figures of a picture made from the pair of that index at a size."""
    pixels = to_tensor(opened(str(picture)) if isinstance(picture, Path) else picture)
    return {"size": size, "pair": index, **figures(pixels, *_content(index, size), _art(index))}


@cache
def _network() -> VGGEncoder:
    return load_encoder(upto=metrics.GRAM_LAYERS[-1])


@cache
def photograph(index: int, size: int) -> Image.Image:
    """That of a pair: where everybody starts."""
    return opened(pair(index)[0], size)


def guards(index: int, size: int) -> dict[str, Image.Image]:
    """What nobody has stylised, by the names of :data:`adain.metrics.GUARDS`: a figure that they win says little."""
    return dict(zip(metrics.GUARDS, (photograph(index, size), opened(pair(index)[1], size)), strict=True))


@cache
def _content(index: int, size: int) -> tuple[Tensor, Features]:
    pixels = to_tensor(photograph(index, size))
    return pixels, encode(pixels)


@cache
def _art(index: int) -> Features:
    return encode(open_source(pair(index)[1], size=Options.style_size).to_tensor())


@torch.inference_mode()
def encode(pixels: Tensor) -> Features:
    return _network()(pixels, metrics.GRAM_LAYERS)  # type: ignore[no-any-return]
