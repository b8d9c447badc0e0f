"""Keeping a picture in ``[0, 1]`` while it is optimised."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor


def bounded(image: Tensor) -> Tensor:
    """``image`` cut to ``[0, 1]``, with a gradient that lets go of the bounds.

    Inside, the gradient passes. On a bound it passes where descending leads inside: black and white are where many
    pixels of photographs and of one-pass results lie, and ``clamp`` alone, whose gradient there is 0 in some versions
    of torch, would hold them for ever. Where descending leads out, and beyond the bounds, where
    nothing changes, it is 0.
    """
    return cast(Tensor, _Bounded.apply(image))


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        ctx.save_for_backward(image)
        return image.clamp(0.0, 1.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (image,) = ctx.saved_tensors
        passes = (image > 0.0) & (image < 1.0)
        passes |= (image == 0.0) & (gradient < 0.0)
        passes |= (image == 1.0) & (gradient > 0.0)
        # Not a product: what is no number has to be noticed.
        return torch.where(passes | gradient.isnan(), gradient, 0.0)
