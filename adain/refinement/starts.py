"""The picture an optimisation starts from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._utils.errors import InputError, suggest
from ..image.io import ImageInput
from ..image.tensors import resize_to
from ..stylizer.stylizer import Stylizer
from .pictures import StylePicture
from .recipe import STARTS
from .targets import blended


def make_start(
    start: ImageInput,
    blend_share: float,
    stylizer: Stylizer,
    photo: Tensor,
    styles: Sequence[StylePicture],
    alpha: float,
    crop: bool,
    index: int,
    seed: int,
) -> Tensor:
    """The picture to start from, ``(1, 3, H, W)`` of the photograph's size.

    Args:
        start: one of :data:`~adain.refinement.recipe.STARTS`, or a picture.
        blend_share: of the style in the start ``"blend"``.
        stylizer: makes the one pass, and reads files.
        photo: ``(1, 3, H, W)``.
        styles: of the one pass and of the blend.
        alpha: strength of the one pass.
        crop: use the central square of a picture.
        index: which picture of a batch.
        seed: of the noise.

    Raises:
        InputError: if there is no such start, or the picture has another shape than the photograph.
        MissingFileError, ImageError: see :func:`adain.image.io.read_image`.
    """
    if start == "adain":
        return one_pass(stylizer, photo, styles, alpha)
    if start == "content":
        return photo
    if start == "noise":
        # A generator of its own leaves the caller's random numbers alone.
        return torch.rand(photo.shape, generator=torch.Generator().manual_seed(seed)).to(photo)
    if start == "blend":
        return blended(photo, styles, blend_share)
    if isinstance(start, str) and not Path(start).suffix and not Path(start).exists():
        raise InputError(f"there is no start {start!r}: {suggest(start, STARTS)}, or name a picture")
    pixels, _ = stylizer.pixels(start, crop=crop)
    height, width = photo.shape[2:]
    one = pixels[index % pixels.shape[0] :][:1]
    ratio = (one.shape[3] / one.shape[2]) / (width / height)
    if not 0.98 < ratio < 1.02:
        raise InputError(
            f"the start is {one.shape[3]}x{one.shape[2]} px and the photograph {width}x{height} px: "
            "start from a picture of the photograph's shape"
        )
    return resize_to(one, (height, width))


@torch.no_grad()
def one_pass(stylizer: Stylizer, photo: Tensor, styles: Sequence[StylePicture], alpha: float) -> Tensor:
    """The AdaIN picture with the same blend or the same regions."""
    how: dict[str, Any] = {}
    if any(style.source_guide is not None for style in styles):
        how["style_masks"] = [style.source_guide for style in styles]
    if any(style.guide is not None for style in styles):
        how["masks"] = [style.guide for style in styles]
    elif len(styles) > 1:
        how["weights"] = [style.share for style in styles]
    pictures: Any = [style.pixels for style in styles] if len(styles) > 1 or how else styles[0].pixels
    return stylizer.stylize(photo, pictures, alpha=alpha, content_size=0, style_size=0, **how)
