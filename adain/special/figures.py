"""How near the pictures of a decoder are to the artwork, before and after it was specialised, and a sheet of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from ..control.style import Style
from ..image import center_crop_square, contact_sheet, resize_shorter, save_image, to_pil, to_tensor
from ..losses import Stats, content_loss, feature_stats, mean_std_distance
from ..nn.statistics import normalize_channels
from ..nn.vgg import CONTENT_LAYER, STYLE_LAYERS, VGGEncoder
from ..stylizer.stylizer import Stylizer
from ..training.cache import ImageCache
from .target import SpecialTarget

SIZE = 512
"""Side of the squares that are judged, unless the photographs are smaller."""

JUDGED, LEAST_APART = 6, 16
"""Photographs that are judged, and from how many on they are kept apart from those to train on."""

SHOWN = 4
"""Photographs on a sheet."""


@dataclass(frozen=True)
class Figures:
    """Means over some photographs; lower is better.

    Attributes:
        style_residual: :func:`adain.metrics.style_residual`, of the artwork's own statistics.
        content_distance: :func:`adain.metrics.content_distance`.
    """

    style_residual: float
    content_distance: float


class Judged(NamedTuple):
    """What photographs became under a decoder."""

    figures: Figures
    pictures: list[Image.Image]


def apart(contents: ImageCache) -> tuple[int, list[Image.Image]]:
    """How many photographs to train on, from the first, and the squares of those to judge by.

    The last ones are kept apart where there are enough.
    """
    count = len(contents)
    kept = JUDGED if count >= LEAST_APART else 0
    chosen = range(count - kept, count) if kept else range(min(count, JUDGED))
    return count - kept, [_square(Image.fromarray(contents.image(k))) for k in chosen]


def share_within(limit: float, *known: tuple[float, float]) -> float:
    """The share of a change that costs ``limit``, by the parabola through 0 and two shares whose cost is known.

    Args:
        limit: > 0, and less than the cost of the second.
        known: share and cost of two, the second the larger share, the first a share of it as the limit is of its cost.
    """
    (x, cost), (whole, most) = known
    # cost = share (slope + bend share)
    bend = (most / whole - cost / x) / (whole - x)
    slope = cost / x - bend * x
    if bend < 0:  # the first costs more than its part, and so more than the limit
        return x * limit / cost
    return 2 * limit / (slope + math.sqrt(slope * slope + 4 * bend * limit))


def judge_style(
    stylizer: Stylizer,
    judge: VGGEncoder,
    style: Style,
    stats: Stats,
    photographs: Sequence[Image.Image],
    check: Callable[[], None] = lambda: None,
) -> Judged:
    """The figures of a style, with its change of the decoder or without, and the pictures they are of.

    Args:
        judge: VGG-19, in float32 on the stylizer's device.
        stats: of the artwork at the style layers.
        check: called before each photograph.
    """
    residuals, distances, pictures = [], [], []
    with torch.no_grad():
        for photograph in photographs:
            check()
            pixels = to_tensor(photograph).to(stylizer.device)
            seen = judge(pixels, STYLE_LAYERS)
            output: Tensor = stylizer.decode(stylizer.encode_content(pixels), style)
            found = judge(output, STYLE_LAYERS)
            before = mean_std_distance(feature_stats(seen), stats)
            residuals.append(float(mean_std_distance(feature_stats(found), stats) / before))
            there, here = (normalize_channels(each[CONTENT_LAYER]) for each in (found, seen))
            distances.append(float(content_loss(there, here)))
            pictures.append(to_pil(output.cpu()))
    return Judged(Figures(fmean(residuals), fmean(distances)), pictures)


def save_sheet(
    target: SpecialTarget,
    photographs: Sequence[Image.Image],
    before: Judged,
    after: Judged,
    path: Path,
    cell: int = 256,
) -> None:
    """Photographs, and what became of them before and after, beside the artwork."""
    art = [center_crop_square(picture) for picture in target.pictures[:1]]
    rows: list[list[Image.Image | None]] = [
        [photograph, general, special]
        for photograph, general, special, _ in zip(
            photographs, before.pictures, after.pictures, range(SHOWN), strict=False
        )
    ]
    rows[0] += art
    old, new = (f"{judged.figures.style_residual:.3f}" for judged in (before, after))
    labels = ["photograph", f"general decoder: {old}", f"specialised: {new}", "artwork"]
    save_image(contact_sheet(rows, column_labels=labels), path, quality=88)


def _square(picture: Image.Image) -> Image.Image:
    """The central square, at most :data:`SIZE` px a side."""
    square = center_crop_square(picture)
    return resize_shorter(square, SIZE) if square.width > SIZE else square
