"""Calm where the photograph is calm: what a result adds to flat skies, walls and water.

The style loss is a picture's as a whole and does not mind where a texture lies, and a decoder that was trained on it
fills flat places with strokes, laid out by what little is there: noise, a codec's blocks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .._utils.errors import InputError
from ..nn.statistics import at_least_float32

FLAT_SIZE = 16
"""Side in pixels of the squares that are looked at, half of it apart: as wide as the strokes that are meant."""

FLAT = 0.02
"""Deviation in a square, 5 levels of 255, at which it counts to 1/e: above sensor noise, below nearly all texture."""


def calm_loss(image: Tensor, content: Tensor) -> Tensor:
    r"""How much livelier an image is than the photograph, in its flat places.

    .. math:: \operatorname{mean}_k\left[ w_k \max(0, v_k(y) - v_k(c)) \right], \qquad w_k = e^{-v_k(c) / \tau^2}

    where :math:`v_k` is the variance in square :math:`k` of 16 px, the mean of those of R, G and B, and
    :math:`\tau = 0.02`. This project's own; Wu et al. 2022 (CCPL) hold the differences of neighbouring points of the
    features to the photograph's, everywhere, for a like end.

    Args:
        image: ``(B, 3, H, W)`` RGB in ``[0, 1]``, 16 px and more a side.
        content: the photograph, of the same shape; it takes no gradient.

    Returns:
        A float32 scalar, from 0 to 0.25.

    Raises:
        InputError: if the pictures are smaller, or differ in shape.
    """
    weights, added = _added(image, content)
    return (weights * added).mean()


def unrest(image: Tensor, content: Tensor) -> Tensor:
    r"""Deviation that an image adds in the flat places of the photograph: strokes in its sky.

    .. math:: \sqrt{\frac{\sum_k w_k \max(0, v_k(y) - v_k(c))}{\sum_k w_k}}

    with the squares and weights of :func:`~adain.losses.calm_loss`. Where nothing is flat, the flattest squares count.

    Args:
        image, content: as for :func:`~adain.losses.calm_loss`.

    Returns:
        ``(B,)`` float32, from 0 to 0.5, in the unit of the pixels. Lower is better: 0 adds nothing.

    Raises:
        InputError: as there.
    """
    weights, added = _added(image, content)
    scale = weights.amax(dim=(1, 2, 3), keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
    shares = weights / scale
    return ((shares * added).sum(dim=(1, 2, 3)) / shares.sum(dim=(1, 2, 3)).clamp_min(1.0)).sqrt()


def _added(image: Tensor, content: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the squares and the variance added in them, each ``(B, 1, h, w)``."""
    if image.shape != content.shape or min(image.shape[2:]) < FLAT_SIZE:
        raise InputError(
            f"what is added to flat places is measured of pictures of one shape, {FLAT_SIZE} px and more a side, not "
            f"{tuple(image.shape)} and {tuple(content.shape)}"
        )
    own = _variance(content).detach()
    return torch.exp(-own / FLAT**2), (_variance(image) - own).clamp_min(0)


def _variance(image: Tensor) -> Tensor:
    """``(B, 1, h, w)``, the variance in each square."""
    image = at_least_float32(image)
    image = image - image.mean(dim=(2, 3), keepdim=True)  # small numbers keep their digits
    mean, square = (F.avg_pool2d(x, FLAT_SIZE, FLAT_SIZE // 2) for x in (image, image.square()))
    return (square - mean.square()).mean(dim=1, keepdim=True)
