"""Convolutions that never learn, in half the memory: their gradient needs the weights, and not what they were fed."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def freeze(network: nn.Module) -> None:
    """Replace the convolutions of a network, in place, by :class:`FrozenConvolution` wherever that can stand for them.

    The features stay the same to the bit, their gradient to rounding. torch keeps the padded input of every convolution
    for the gradient of its weights, whether that is wanted or not: of a VGG, nearly half of what a picture costs.
    """
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d) and _fits(module):
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, FrozenConvolution(module))


def _fits(module: nn.Conv2d) -> bool:
    wanted = ("reflect", (3, 3), (1, 1), (1, 1), (1, 1), 1)
    found = (
        module.padding_mode,
        module.kernel_size,
        module.padding,
        module.stride,
        module.dilation,
        module.groups,
    )
    return found == wanted and not any(p.requires_grad for p in module.parameters())


class FrozenConvolution(nn.Module):
    """A 3×3 convolution behind reflection padding, differentiable with respect to the picture alone, and once.

    Args:
        convolution: whose weights it shares.

    Shape:
        ``(B, C, H, W)``, sides of at least 2 → ``(B, C', H, W)``.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.register_buffer("weight", convolution.weight.detach())
        self.register_buffer("bias", None if convolution.bias is None else convolution.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, _Convolve.apply(x, self.weight, self.bias))

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}"


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        # Half precision comes from autocast, which has cast the weights on their way in.
        padded = F.conv_transpose2d(gradient, weight.to(gradient.dtype))
        # What was reflected out of the picture goes back to where it came from: rows first, then the columns.
        padded[:, :, 2] += padded[:, :, 0]
        padded[:, :, -3] += padded[:, :, -1]
        padded[..., 2] += padded[..., 0]
        padded[..., -3] += padded[..., -1]
        return padded[:, :, 1:-1, 1:-1], None, None
