"""What a decoder is trained for: the statistics of the artworks, taken once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from .._utils.errors import InputError
from ..control.style import Style, blend, is_encoded
from ..image import to_pil
from ..losses import Stats, feature_stats
from ..nn.vgg import STYLE_LAYERS, VGGEncoder
from ..stylizer.stylizer import Stylizer
from .options import SpecialOptions


class SpecialTarget(NamedTuple):
    """Of one artwork, or the mean of several.

    Attributes:
        style: what the decoder is given.
        stats: what VGG-19 is to see in its pictures.
        pictures: the artworks, for people.
    """

    style: Style
    stats: Stats
    pictures: list[Image.Image]


@torch.no_grad()
def read_target(
    stylizer: Stylizer, judge: VGGEncoder, artworks: Sequence[Path], options: SpecialOptions
) -> SpecialTarget:
    """The target of artworks that belong together; statistics in float32, on the stylizer's device.

    Raises:
        InputError: if there is no artwork, or statistics stand for one.
        MissingFileError, ImageError: if one cannot be read.
    """
    if not artworks:
        raise InputError("no artwork given: adain specialise ARTWORK -o NAME.style.safetensors")
    styles: list[Style] = []
    stats: list[Stats] = []
    pictures: list[Image.Image] = []
    for path in artworks:
        if is_encoded(path):
            raise InputError(f"{path} holds statistics, and a decoder is trained with the artwork itself: give that")
        opened = stylizer.open(path, size=options.style_size, crop=options.crop, is_artwork=True)
        pixels = stylizer.pixels(opened)
        more = {"size": options.style_size, "crop": options.crop, "fine_size": options.fine_style_size}
        styles.append(stylizer.encode_style(path, **more))  # type: ignore[arg-type]
        stats.append(feature_stats(judge(pixels, STYLE_LAYERS)))
        pictures.append(to_pil(pixels.cpu()))
    style = blend(styles)
    name = " + ".join(known.name for known in styles)
    return SpecialTarget(Style(style.mean, style.std, name, style.fine_std), _mean(stats), pictures)


def _mean(stats: Sequence[Stats]) -> Stats:
    """Statistics are blended as :func:`adain.blend` does."""

    def of(layer: str, part: int) -> Tensor:
        return torch.stack([each[layer][part] for each in stats]).mean(0)

    return {layer: (of(layer, 0), of(layer, 1)) for layer in STYLE_LAYERS}
