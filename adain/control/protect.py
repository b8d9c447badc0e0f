r"""Protecting a part of the photograph: there the style is weaker, and the photograph's edges are kept.

With the mask :math:`m`, soft at its borders, the features of a result are :math:`t + (1 - 0.3)\, m\, (c - t)` in
place of :math:`t`, with :math:`c` those of the photograph: a strength of 0.3 where the mask is white. Its edges are
kept there (:mod:`adain.control.edges`) at 0.7, or at what is asked for everywhere if that is more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._utils.arrays import device_of, moved, namespace
from ..image import DEFAULT_MAX_PIXELS
from ..image.wrap import axes_of
from ..options import Channel
from .edges import EdgeShare
from .masks import MaskInput, feather, open_mask
from .regions import Canvas, Placement, cell_means, guide_names
from .style import Style

ALPHA = 0.3
"""What is left of the strength where a mask is white."""

EDGES = 0.7
"""The strength at which the photograph's edges are kept there."""

SOFTNESS = 16.0
"""Radius in pixels of the result over which a mask's borders are softened where no other is asked for."""


@dataclass(frozen=True, eq=False)
class Protection:
    """A mask laid on a photograph.

    Attributes:
        mask: ``(1, 1, H, W)`` in ``[0, 1]``, at its pixels; a tensor or an array, as its features are.
        cells: ``(1, 1, H', W')``, at the cells of its features.
    """

    mask: Any
    cells: Any

    @classmethod
    def lay(
        cls,
        mask: MaskInput,
        canvas: Canvas,
        softness: float = 0.0,
        *,
        channel: Channel = "luminance",
        max_pixels: int | None = DEFAULT_MAX_PIXELS,
    ) -> Protection:
        """A mask on a photograph, white where that is protected, of its shape and any size.

        Args:
            softness: radius in pixels; 0 for :data:`SOFTNESS`.
            channel, max_pixels: see :func:`adain.control.read_mask`.

        Raises:
            InputError: if it has another aspect ratio than the photograph.
            MissingFileError, ImageError: see :func:`adain.control.read_mask`.
        """
        fitted = canvas.fit(open_mask(mask, channel=channel, max_pixels=max_pixels), guide_names([mask])[0])
        soft = feather(fitted, softness or SOFTNESS, axes_of(canvas.wrap))
        return cls(soft, cell_means(soft))

    def on(self, content: Any) -> Protection:
        """This one, whatever the photograph: it was laid on it."""
        return self

    def target(self, target: Style | Placement) -> Style | Placement:
        """A style or regions, weaker where the mask is."""
        device = device_of(_statistic(target))
        cells = moved(self.cells, device)
        if isinstance(target, Style):
            xp = namespace(cells)
            target = Placement((target,), (1.0,), xp.ones_like(cells[..., :0, :0]), xp.ones_like(cells))
        return replace(target, kept=(1.0 - ALPHA) * cells)

    def edges(self, edges: Sequence[EdgeShare]) -> list[EdgeShare]:
        """The edges that are kept, with those of what is protected; of one strength everywhere, or of none."""
        everywhere = max((strength for strength, _ in edges), default=0.0)
        if everywhere >= EDGES:
            return [*edges]
        return [(everywhere, 1.0 - self.mask), (EDGES, self.mask)]


def _statistic(target: Style | Placement) -> Any:
    """A statistic of what is painted with, which lies where the others do."""
    return target.mean if isinstance(target, Style) else target.styles[0].mean
