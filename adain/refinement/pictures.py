"""The pictures an optimisation works from, the same ones at another size, and the one it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._utils.errors import ImageError, InputError, suggest
from .._utils.resources import resolve
from ..control.color import ColorPreservation
from ..image import ImageInput, Source
from ..image.tensors import resize_area, resize_to
from ..losses import combined_image
from ..losses.container import scaled_size
from ..stylizer.base import BaseStylizer
from .options import RefineOptions
from .recipe import STARTS

MIN_SIZE = 32
"""Shortest side in px of a picture to refine, and of an artwork: two cells at the deepest layers, and not just two."""

MIN_REDUCED = MIN_SIZE + 1
"""Shortest side in px an artwork is reduced to: with one more, every layer of every network can be had."""


def check_size(size: tuple[int, int], name: str) -> None:
    """:class:`~adain.ImageError` if a picture to refine, or an artwork, is under :data:`MIN_SIZE` a side."""
    if min(size) < MIN_SIZE:
        raise ImageError(
            f"{name} is {size[1]}x{size[0]} px: refining needs at least {MIN_SIZE} px a side, "
            "enlarge it or ask for a larger size"
        )


@dataclass(frozen=True, eq=False)
class StylePicture:
    """One artwork and where its style belongs.

    Attributes:
        pixels: ``(1, 3, H', W')`` in ``[0, 1]``.
        share: its weight among the artworks.
        guide: ``(1, 1, H, W)`` in ``[0, 1]``, the region of the picture it is for; None for all of it.
        source_guide: ``(1, 1, H', W')``, the part of the artwork that counts; None for all of it.
        color: what keeps the photograph's colours there.
    """

    pixels: Tensor
    share: float = 1.0
    guide: Tensor | None = None
    source_guide: Tensor | None = None
    color: ColorPreservation | None = None


@dataclass(frozen=True, eq=False)
class Pictures:
    """Everything targets are made of.

    Attributes:
        content: ``(1, 3, H, W)`` in ``[0, 1]``.
        styles: at least one.
        secondary: ``(1, 3, H, W)``, an intermediate stylised picture; None if no loss asks for it.
    """

    content: Tensor
    styles: tuple[StylePicture, ...]
    secondary: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the result."""
        return self.content.shape[2], self.content.shape[3]

    def at_scale(self, scale: float, *, average: bool = False) -> Pictures:
        """All pictures reduced by the same factor; artworks no further than to :data:`MIN_REDUCED`.

        Args:
            scale: above 0 up to 1.
            average: reduce exactly as :class:`~adain.losses.PyramidLoss` reduces the picture it judges, by averaging;
                else by antialiased interpolation, as a smaller file would look.
        """
        if scale == 1.0:
            return self

        def smaller(image: Tensor, by: float = scale, *, mask: bool = False) -> Tensor:
            size = scaled_size((image.shape[2], image.shape[3]), by)
            return resize_area(image, size) if average or mask else resize_to(image, size)

        def smaller_mask(mask: Tensor | None, by: float = scale) -> Tensor | None:
            return None if mask is None else smaller(mask, by, mask=True)

        def smaller_style(style: StylePicture) -> StylePicture:
            # An artwork may be far smaller than the photograph.
            by = min(1.0, max(scale, MIN_REDUCED / min(style.pixels.shape[2:])))
            return replace(
                style,
                pixels=smaller(style.pixels, by),
                guide=smaller_mask(style.guide),
                source_guide=smaller_mask(style.source_guide, by),
            )

        styles = tuple(smaller_style(style) for style in self.styles)
        secondary = None if self.secondary is None else smaller(self.secondary)
        return Pictures(smaller(self.content), styles, secondary)


def make_start(
    start: ImageInput,
    blend_share: float,
    stylizer: BaseStylizer,
    photo: Tensor,
    styles: Sequence[StylePicture],
    options: RefineOptions,
    index: int,
) -> Tensor:
    """The picture to start from, ``(1, 3, H, W)`` of the photograph's size.

    Args:
        start: one of :data:`~adain.refinement.recipe.STARTS`, or a picture, of which ``options.crop`` takes the
            central square and ``index`` one of a batch.
        blend_share: of the style in the start ``"blend"``.
        stylizer, styles: of the one pass, with the strength and the correction of the options.
        options: whose seed is that of the noise.

    Raises:
        InputError: if there is no such start, or the picture has another shape than the photograph.
        MissingFileError, ImageError: see :func:`adain.read_image`.
    """
    if isinstance(start, str):
        if start == "adain":
            return one_pass(stylizer, photo, styles, options)
        if start == "content":
            return photo
        if start == "noise":
            # A generator of its own leaves the caller's random numbers alone.
            return torch.rand(photo.shape, generator=torch.Generator().manual_seed(options.seed)).to(photo)
        if start == "blend":
            return blended(photo, styles, blend_share)
        if not Path(start).suffix and not resolve(start).exists():
            raise InputError(f"there is no start {start!r}: {suggest(start, STARTS)}, or name a picture")
    pixels = stylizer.open(start, crop=options.crop).to_tensor(stylizer.tensor_device)
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
def one_pass(stylizer: BaseStylizer, photo: Tensor, styles: Sequence[StylePicture], options: RefineOptions) -> Tensor:
    """The AdaIN picture with the same blend or the same regions, the strength and the correction of the options."""
    how: dict[str, Any] = {"correct": options.correct}
    if isinstance(options.alpha, (int, float)):
        how["alpha"] = options.alpha
    if any(style.guide is not None for style in styles):
        how["masks"] = [style.guide for style in styles]
    elif len(styles) > 1:
        how["weights"] = [style.share for style in styles]
    # As they are: a recoloured artwork may leave [0, 1] a little.
    encoded = [stylizer.encode_style(Source(style.pixels), size=0, mask=style.source_guide) for style in styles]
    return stylizer.stylize(photo, encoded, **how)


def blended(content: Tensor, styles: Sequence[StylePicture], share: float) -> Tensor:
    """:func:`~adain.losses.combined_image` with several artworks: by weight, or each in its own region."""
    whole = sum(style.share for style in styles)
    result = content
    for style in styles:
        if style.guide is None:
            result = result + combined_image(content, style.pixels, share * style.share / whole) - content
        else:
            result = result + style.guide * (combined_image(content, style.pixels, share) - content)
    return result.clamp(0.0, 1.0)
