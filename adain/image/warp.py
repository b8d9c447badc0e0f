"""Following motion from one frame to the next: warping along a flow, and where that can be trusted.

Flows are backward: ``flow[:, :, y, x]`` says where what is seen at ``(x, y)`` of a frame lies in the frame before it,
as a displacement ``(dx, dy)`` in pixels, x to the right and y downwards.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .._utils.errors import InputError
from .tensors import at_least_float32

# Slope and offset of the bounds of Ruder et al. 2016:
CONSISTENCY = (0.01, 0.5)  # on the squared round trip, eq. 4
BOUNDARY = (0.01, 0.002)  # on the squared gradient of the flow, eq. 5


def warp(image: Tensor, flow: Tensor, mode: Literal["bilinear", "bicubic", "nearest"] = "bilinear") -> Tensor:
    r"""What a frame looks like after the motion: :math:`w(p) = x(p + f(p))`.

    Args:
        image: ``(B, C, H, W)``, the frame before; any floating dtype.
        flow: ``(B, 2, H, W)`` or ``(1, 2, H, W)`` in pixels; see the module.
        mode: how values between pixels are found. Bicubic blurs less when applied over and over, and overshoots.

    Returns:
        ``(B, C, H, W)`` in the dtype of ``image``; positions outside it take the value at its border. Differentiable
        with respect to both.

    Raises:
        InputError: if the shapes do not fit.
    """
    check_flow(image, flow)
    frames = at_least_float32(image)
    places = _places(flow.to(frames).expand(frames.shape[0], -1, -1, -1))
    sides = (image.shape[3], image.shape[2])
    grid = torch.stack([2.0 * x / max(side - 1, 1) - 1.0 for x, side in zip(places, sides, strict=True)], dim=-1)
    return F.grid_sample(frames, grid, mode=mode, padding_mode="border", align_corners=True).to(image.dtype)


def inside(flow: Tensor) -> Tensor:
    """``(B, 1, H, W)`` booleans: whether the flow ``(B, 2, H, W)`` points into the frame."""
    x, y = _places(flow)
    height, width = flow.shape[2:]
    within: Tensor = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return within[:, None]


def trusted(flow: Tensor, there: Tensor) -> Tensor:
    r"""Where a flow can be relied on: no disocclusion, no edge of a motion, not from outside the frame.

    A pixel is dropped where the way there and back does not close,
    :math:`|f(p) + g(p + f(p))|^2 > 0.01\,(|f|^2 + |g|^2) + 0.5`, or where the motion changes abruptly,
    :math:`|\nabla u|^2 + |\nabla v|^2 > 0.01\,|f|^2 + 0.002` (Ruder et al. 2016, "Artistic style transfer for videos",
    eq. 4 and 5).

    Args:
        flow: ``(B, 2, H, W)`` from a frame to the one before.
        there: ``(B, 2, H, W)`` from that one to the frame.

    Returns:
        ``(B, 1, H, W)`` booleans.
    """
    check_flow(there, flow)
    back = warp(there, flow)
    slope, offset = CONSISTENCY
    size = flow.square().sum(1, keepdim=True)
    closes = (flow + back).square().sum(1, keepdim=True) <= slope * (size + back.square().sum(1, keepdim=True)) + offset
    slope, offset = BOUNDARY
    gradients = torch.gradient(flow, dim=(2, 3))
    change = sum((g.square().sum(1, keepdim=True) for g in gradients), torch.zeros_like(size))
    return closes & (change <= slope * size + offset) & inside(flow)


def _places(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Where each pixel comes from, x and y, each ``(B, H, W)``."""
    height, width = flow.shape[2:]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype)
    return flow[:, 0] + x, flow[:, 1] + y


def check_flow(image: Tensor, flow: Tensor) -> None:
    """Nothing, if a flow fits its frames; :class:`~adain.InputError` if it does not."""
    wanted = (2, *image.shape[2:])
    if image.ndim != 4 or flow.ndim != 4 or flow.shape[0] not in (1, image.shape[0]) or flow.shape[1:] != wanted:
        raise InputError(f"the flow of frames {tuple(image.shape)} must be (B, 2, H, W), not {tuple(flow.shape)}")
