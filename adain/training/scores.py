"""How well weights do on a folder of evaluation pairs, and a sheet of what they paint."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

import torch
from PIL import Image
from torch import Tensor

from .._utils.errors import InputError
from ..image import (
    center_crop_square,
    contact_sheet,
    list_images,
    read_image,
    resize_shorter,
    save_image,
    split_alpha,
    to_pil,
    to_tensor,
)
from ..losses import Stats, content_loss, feature_stats, mean_std_distance
from ..nn.decoder import Decoder
from ..nn.statistics import normalize_channels
from ..nn.vgg import CONTENT_LAYER, STYLE_LAYERS, VGGEncoder
from .networks import FastNet, paint

SIZE = 512
"""Side of an evaluation pair's pictures unless something else is asked for, as in the model card."""

SHEET_SIZE, SHEET_CONTENTS, SHEET_STYLES = 256, 4, 5
CELL_QUALITY = 90


@dataclass(frozen=True)
class Scores:
    """Of one model on some pairs; lower is better.

    Attributes:
        pairs: how many.
        style_residual, style_residual_median, style_residual_worst: :func:`adain.metrics.style_residual`.
        content_distance: the mean of :func:`adain.metrics.content_distance`.
    """

    pairs: int
    style_residual: float
    style_residual_median: float
    style_residual_worst: float
    content_distance: float


@dataclass
class Judge:
    """Scores models, always on the same pairs.

    Args:
        folder: with the pictures of the pairs in ``content`` and ``style``; every content is paired with every style.
        device: where it computes, in float32.
        size: side of the pictures, cut to squares.
        seconds: how long an evaluation may take: pairs are left out, evenly, until it does not take longer.
        pairs: so many pairs, whatever they take; 0 leaves it to ``seconds``.

    Raises:
        MissingFileError, ImageError: if there are no pictures.
    """

    folder: Path
    device: torch.device
    size: int = SIZE
    seconds: float = float("inf")
    pairs: int = 0
    check: Callable[[], None] = field(default=lambda: None)

    def __post_init__(self) -> None:
        self.contents, self.styles = (squares(self.folder / kind, self.size) for kind in ("content", "style"))

    def __call__(self, encoder: VGGEncoder, network: Decoder | FastNet) -> Scores:
        """The scores of a decoder, or of both ends of a fast model."""
        with torch.no_grad():
            styles = [feature_stats(self._features(encoder, to_tensor(style))) for style in self.styles]
            residuals: list[float] = []
            distances: list[float] = []
            start = time.monotonic()
            every = [(c, s) for c in range(len(self.contents)) for s in range(len(self.styles))]
            todo = self._chosen(len(every))
            while todo:
                self.check()
                content, style = every[todo.pop(0)]
                pair = self._pair(encoder, network, content, style, styles[style])
                residuals.append(pair[0])
                distances.append(pair[1])
                if not self.pairs:  # the first pair has told how long one takes
                    taken = max(1e-6, time.monotonic() - start)
                    self.pairs = max(1, int(min(len(every), self.seconds / taken)))
                    todo = [k for k in self._chosen(len(every)) if k]
        return Scores(len(residuals), fmean(residuals), median(residuals), max(residuals), fmean(distances))

    def _chosen(self, count: int) -> list[int]:
        """Pairs spread evenly over all, the first one among them."""
        wanted = min(self.pairs or 1, count)
        return [k * count // wanted for k in range(wanted)]

    def _pair(
        self, encoder: VGGEncoder, network: Decoder | FastNet, content: int, style: int, wanted: Stats
    ) -> tuple[float, float]:
        photograph, artwork = (to_tensor(p).to(self.device) for p in (self.contents[content], self.styles[style]))
        seen = self._features(encoder, photograph)
        output = paint(encoder, network, photograph, artwork).float().clamp(0, 1)
        found = self._features(encoder, output)
        residual = mean_std_distance(feature_stats(found), wanted) / mean_std_distance(feature_stats(seen), wanted)
        distance = content_loss(normalize_channels(found[CONTENT_LAYER]), normalize_channels(seen[CONTENT_LAYER]))
        return float(residual), float(distance)

    def _features(self, encoder: VGGEncoder, image: Tensor) -> dict[str, Tensor]:
        return dict(encoder(image.to(self.device), STYLE_LAYERS))


def squares(folder: Path, size: int) -> list[Image.Image]:
    """The pictures of a folder, the shorter side brought to ``size``, cut to the central square."""
    if not folder.is_dir():
        raise InputError(f"{folder} is missing: --eval-dir is a folder with pictures in content/ and style/")
    found = (split_alpha(read_image(path))[0] for path in list_images(folder))
    return [center_crop_square(resize_shorter(picture, size)) for picture in found]


@torch.no_grad()
def save_sheet(
    encoder: VGGEncoder,
    network: Decoder | FastNet,
    device: torch.device,
    contents: Sequence[Image.Image],
    styles: Sequence[Image.Image],
    path: Path,
) -> None:
    """A sheet of a few contents × styles, 256 px each at most."""
    cell = min(SHEET_SIZE, contents[0].width)
    left, top = (
        [p.resize((cell, cell), Image.Resampling.LANCZOS) for p in spread(pictures, count)]
        for pictures, count in ((contents, SHEET_CONTENTS), (styles, SHEET_STYLES))
    )
    rows: list[list[Image.Image | None]] = [[None, *top]]
    for picture in left:
        pair = [(to_tensor(picture).to(device), to_tensor(style).to(device)) for style in top]
        made = [paint(encoder, network, *both).float().clamp(0, 1).cpu() for both in pair]
        rows.append([picture, *map(to_pil, made)])
    save_image(contact_sheet(rows, cell=cell), path, quality=CELL_QUALITY)


def spread(pictures: Sequence[Image.Image], count: int) -> list[Image.Image]:
    """So many of them at most, evenly spread."""
    count = min(count, len(pictures))
    return [pictures[k * len(pictures) // count] for k in range(count)]
