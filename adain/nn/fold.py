"""A finer layer beside relu4_1, *folded* into the same 8-pixel cells.

relu4_1 alone, an eighth of the picture's size, does not hold what faces and small text are made of. A layer of twice
its size lies cell by cell beside it: the 2 × 2 places of a cell one behind the other as channels. AdaIN then works at
both depths at once, and everything that is built on one feature map (blends, masks, tiles, styles) stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .layers import CONTENT_LAYER


def fold(x: Tensor) -> Tensor:
    """The places of each 2 × 2 cell one behind the other; the last row and column of odd sizes count twice.

    ``(B, C, H, W)`` → ``(B, 4 C, ceil(H / 2), ceil(W / 2))``: first all channels of the upper left places.
    """
    odd = (0, x.shape[3] % 2, 0, x.shape[2] % 2)
    x = F.pad(x, odd, mode="replicate") if any(odd) else x
    return torch.cat([x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)], dim=1)


def layers_of(folded: str | None) -> tuple[str, ...]:
    """The layers that :func:`fuse` makes one of."""
    return (CONTENT_LAYER,) if folded is None else (CONTENT_LAYER, folded)


def fuse(found: Mapping[str, Tensor], folded: str | None) -> Tensor:
    """relu4_1 and, behind its channels, those of the folded layer if there is one."""
    coarse = found[CONTENT_LAYER]
    return coarse if folded is None else torch.cat([coarse, fold(found[folded])], dim=1)


def unfold(x: Tensor) -> Tensor:
    """Undo :func:`fold` of even sizes: ``(B, 4 C, H, W)`` → ``(B, C, 2 H, 2 W)``."""
    batch, channels, height, width = x.shape
    places = x.reshape(batch, 2, 2, channels // 4, height, width)
    # By way of channels last, which convolutions on a CPU are faster in.
    return places.permute(0, 4, 1, 5, 2, 3).reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)
