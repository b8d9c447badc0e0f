"""A picture as the colours it has and how often: all that colour statistics need, at a fraction of its size."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..image.resize import cut

_BAND = 1 << 22  # pixels that are looked at together
_LEVELS = 256


def count_colors(picture: Image.Image, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The distinct colours of a picture and the weight of each.

    As an image and its mask they have the mean, the covariance and the histograms of the picture under its mask: what
    :mod:`adain.control.recolor` takes from a photograph, without the photograph in floating point.

    Args:
        picture: of mode ``RGB``.
        mask: ``(1, 1, H, W)`` weights of its pixels, on the CPU; 1 everywhere without it.

    Returns:
        K colours ``(1, 3, 1, K)`` in ``[0, 1]`` and weights ``(1, 1, 1, K)`` whose largest is 1, both float32; at
        work, 8 bytes for each of the 2^24 colours there can be. Without any weight, one colour of weight 0.
    """
    counts = torch.zeros(_LEVELS**3, dtype=torch.float64)
    height, width = picture.height, picture.width
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        levels = torch.from_numpy(np.array(cut(picture, (0, top, width, bottom)))).view(-1, 3).long()
        codes = (levels[:, 0] * _LEVELS + levels[:, 1]) * _LEVELS + levels[:, 2]
        weights = torch.ones(()).expand(len(codes)) if mask is None else mask[0, 0, top:bottom].reshape(-1)
        counts.index_add_(0, codes, weights.double())
    codes = counts.nonzero()[:, 0]
    if len(codes) == 0:
        codes = torch.zeros(1, dtype=torch.long)
    weights = counts[codes]
    weights = (weights / weights.max().clamp(min=torch.finfo(torch.float64).tiny)).float()
    levels = torch.stack([codes // _LEVELS**2, codes // _LEVELS % _LEVELS, codes % _LEVELS])
    return (levels.float() / 255.0)[None, :, None], weights[None, None, None]
