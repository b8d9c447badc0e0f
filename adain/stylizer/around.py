"""Photographs whose sides meet, in one piece: a tile like any other, whose halo is read from the opposite sides.

A convolution that pads circularly sees at a side what lies at the opposite one. So does one that is given a margin of
that, as wide as the network reaches; what the network's own padding spoils lies in the margin alone, and is cut off.
The networks stay as they are, whatever computes them, and tiles do the same with their halos.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..control.regions import Placement
from ..control.style import Style
from ..image.box import Box
from ..image.wrap import Axes, axes_of, part
from ..nn.bands import REACH_CELLS
from ..nn.layers import STRIDE
from ..nn.statistics import channel_mean_std, regional_mean_std
from .content import Content
from .halo import DECODER_HALO, ENCODER_HALO, cells_of
from .tiles import complete
from .transfer import has_fine_band, is_plain, transfer

if TYPE_CHECKING:
    from .base import BaseStylizer


def encode_around(model: BaseStylizer, pixels: Any, axes: Axes) -> Any:
    """The features of ``(B, 3, H, W)`` in ``[0, 1]``: ``(B, C, ceil(H / 8), ceil(W / 8))``."""
    size = pixels.shape[2], pixels.shape[3]
    cells = cells_of(size)
    whole = Box(0, 0, *cells)
    outer = whole.grown(ENCODER_HALO, cells, axes)
    return model.encode_part(complete(part(pixels, outer.pixels(size, STRIDE, axes))), whole, outer)


def decode_around(model: BaseStylizer, content: Content, target: Style | Placement, alpha: float) -> Any:
    """The pixels ``(B, 3, 8 h, 8 w)`` of an encoded photograph in a style, not clamped; all on the model's device."""
    axes, cells = axes_of(content.wrap), (content.features.shape[2], content.features.shape[3])
    whole = Box(0, 0, *cells)
    outer = whole.grown(DECODER_HALO, cells, axes)
    return model.decode_part(change_around(model, content, target, alpha, outer), whole, outer)


def change_around(model: BaseStylizer, content: Content, target: Style | Placement, alpha: float, box: Box) -> Any:
    """The features of a box of cells, which may lie beyond sides that meet, as the decoder is to have them."""
    features, axes = content.features, axes_of(content.wrap)
    cells = features.shape[2], features.shape[3]
    wide = box.grown(REACH_CELLS if has_fine_band(target) else 0, cells, axes)
    # Of the photograph itself, before any of it is there twice.
    if is_plain(target):
        stats = channel_mean_std(features)
    else:
        assert isinstance(target, Placement)
        stats = regional_mean_std(features, target.cells)
    near = target if isinstance(target, Style) else target.part(wide, model.device)
    changed = transfer(part(features, wide), near, alpha, content_stats=stats)
    return changed[(..., *box.within(wide).slices)]
