"""The pictures an optimisation works from, and the same ones at another size."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from .._utils.errors import ImageError
from ..image.tensors import resize_area, resize_to
from ..losses.container import scaled_size

MIN_SIZE = 32
"""Shortest side in px of a picture to refine, and of an artwork: two cells at the deepest layers, and not just two."""

MIN_REDUCED = MIN_SIZE + 1
"""Shortest side in px an artwork is reduced to: with one more, every layer of every network can be had."""


def check_size(size: tuple[int, int], name: str) -> None:
    """Nothing, if a picture of that height and width can be refined or be the artwork.

    Raises:
        ImageError: if it is under :data:`MIN_SIZE` a side.
    """
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
    """

    pixels: Tensor
    share: float = 1.0
    guide: Tensor | None = None
    source_guide: Tensor | None = None


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
        height, width = self.content.shape[2:]
        return height, width

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
            height, width = image.shape[2:]
            size = scaled_size((height, width), by)
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
