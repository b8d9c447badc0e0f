"""Calm where the photograph is calm: what a result adds to flat skies, walls and water.

The style loss is a picture's as a whole and does not mind where a texture lies, and a decoder that was trained on it
fills flat places with strokes, laid out by what little is there: noise, a codec's blocks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..nn.statistics import at_least_float32

WINDOW = 16
"""Side in pixels of the squares that are looked at, half of it apart: as wide as the strokes that are meant."""

FLAT = 0.02
"""Deviation in a square, 5 levels of 255, at which it counts to 1/e: above sensor noise, below nearly all texture."""


def calm_loss(image: Tensor, content: Tensor) -> Tensor:
    r"""How much livelier an image is than the photograph, in its flat places.

    .. math:: \operatorname{mean}_k\left[ e^{-v_k(c) / \tau^2} \max(0, v_k(y) - v_k(c)) \right]

    where :math:`v_k` is the variance in square :math:`k` of 16 px, the mean of those of R, G and B, and
    :math:`\tau = 0.02`. A measure of this project's own; Wu et al. 2022 (CCPL) hold the differences of neighbouring
    points to the photograph's for the same end, by features and everywhere.

    Args:
        image: ``(B, 3, H, W)`` RGB in ``[0, 1]``, 16 px and more a side.
        content: the photograph, of the same shape.

    Returns:
        A float32 scalar, from 0 to 0.25.
    """
    own = _variance(content).detach()
    weight = torch.exp(-own / FLAT**2)
    return (weight * (_variance(image) - own).clamp_min(0)).mean()


def _variance(image: Tensor) -> Tensor:
    """``(B, 1, h, w)``, the variance in each square."""
    image = at_least_float32(image)
    image = image - image.mean(dim=(2, 3), keepdim=True)  # small numbers keep their digits
    mean, square = (F.avg_pool2d(x, WINDOW, WINDOW // 2) for x in (image, image.square()))
    return (square - mean.square()).mean(dim=1, keepdim=True)
