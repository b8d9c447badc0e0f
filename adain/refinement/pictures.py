"""The pictures an optimisation works from, and the same ones at another size."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from ..losses.container import scaled_size
from ..tensors import resize_area, resize_to


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
        """All pictures reduced by the same factor.

        Args:
            scale: above 0 up to 1.
            average: reduce exactly as :class:`~adain.losses.PyramidLoss` reduces the picture it judges, by averaging;
                else by antialiased interpolation, as a smaller file would look.
        """
        if scale == 1.0:
            return self

        def smaller(image: Tensor, *, mask: bool = False) -> Tensor:
            height, width = image.shape[2:]
            size = scaled_size((height, width), scale)
            return resize_area(image, size) if average or mask else resize_to(image, size)

        def smaller_mask(mask: Tensor | None) -> Tensor | None:
            return None if mask is None else smaller(mask, mask=True)

        styles = tuple(
            replace(
                style,
                pixels=smaller(style.pixels),
                guide=smaller_mask(style.guide),
                source_guide=smaller_mask(style.source_guide),
            )
            for style in self.styles
        )
        secondary = None if self.secondary is None else smaller(self.secondary)
        return Pictures(smaller(self.content), styles, secondary)
