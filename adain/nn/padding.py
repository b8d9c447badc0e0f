"""Reflection padding apart from the convolutions it belongs to, which spares memory and passes over it.

A padded convolution of torch's holds its input, the padded copy and its output at a time. Of a picture, each of the
three is 64 channels wide. Padding outside lets the input go, and the decoder's padding and doubling can be one copy.

Where a gradient with respect to the picture is wanted, :func:`freeze` halves what a network that never learns has to
hold: the gradient needs the weights, and not what the convolutions were fed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def can_pad_outside(convolution: nn.Module, x: Tensor) -> TypeGuard[nn.Conv2d]:
    """Whether :func:`pad` and :func:`convolve` may stand for ``convolution(x)``: same numbers, and nobody is watching.

    Not where a gradient is wanted, which would keep what is to be let go; nor while the network is being traced, as
    what comes out is meant for another runtime; nor for a module of another kind, or one with hooks.
    """
    if type(convolution) is not nn.Conv2d or convolution.padding_mode != "reflect":
        return False
    if convolution._forward_hooks or convolution._forward_pre_hooks:
        return False
    if torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in convolution.parameters())):
        return False
    return not (torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None)


def convolve(convolution: nn.Conv2d, padded: Tensor) -> Tensor:
    """The convolution of an input that is padded already."""
    return F.conv2d(padded, convolution.weight, convolution.bias)


def pad(x: Tensor) -> Tensor:
    """``(B, C, H, W)``, sides of at least 2, with a reflected border of one cell: ``(B, C, H + 2, W + 2)``."""
    return F.pad(x, (1, 1, 1, 1), mode="reflect")


def add_reflected(padded: Any, *, top: bool = True, bottom: bool = True) -> None:
    """What a border reflects goes back to where it came from, in place and added: the transpose of :func:`pad`.

    Args:
        padded: ``(..., H + 2, W + 2)``, a tensor or an array; the border is not changed itself.
        top, bottom: whether there is a border of that side, as parts of a picture have not.
    """
    if top:
        padded[..., 2, :] += padded[..., 0, :]
    if bottom:
        padded[..., -3, :] += padded[..., -1, :]
    padded[..., 2] += padded[..., 0]
    padded[..., -3] += padded[..., -1]


def pad_doubled(x: Tensor) -> Tensor:
    """:func:`pad` of ``x`` enlarged twofold by nearest neighbours, in one copy of its format and not differentiable."""
    batch, channels, height, width = x.shape
    is_last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    shape = (batch, channels, 2 * height + 2, 2 * width + 2)
    layout = torch.channels_last if is_last else torch.contiguous_format
    padded = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)
    inside = padded[:, :, 1:-1, 1:-1]
    for row in (0, 1):
        for column in (0, 1):
            inside[:, :, row::2, column::2] = x
    padded[:, :, 0], padded[:, :, -1] = padded[:, :, 2], padded[:, :, -3]
    padded[..., 0], padded[..., -1] = padded[..., 2], padded[..., -3]
    return padded


def freeze(network: nn.Module) -> None:
    """Replace the convolutions of a network, in place, by :class:`FrozenConvolution` wherever that can stand for them.

    The features stay the same to the bit, their gradient to rounding. torch keeps the padded input of every convolution
    for the gradient of its weights, whether that is wanted or not: of a VGG, nearly half of what a picture costs.
    """
    replace_plain(network, lambda convolution: None if _learns(convolution) else FrozenConvolution(convolution))


def _learns(module: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters())


def replace_plain(network: nn.Module, make: Callable[[nn.Conv2d], nn.Module | None]) -> None:
    """Put another module in the place of every convolution that :func:`is_plain`, unless ``make`` gives None for it."""
    for name, module in list(network.named_modules()):
        if is_plain(module) and (made := make(module)) is not None:
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, made)


def is_plain(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether this is a 3×3 convolution behind reflection padding, as all of VGG-19's are, and nothing more."""
    if not isinstance(module, nn.Conv2d):
        return False
    kind = (module.padding_mode, module.kernel_size, module.padding, module.stride, module.dilation, module.groups)
    return kind == ("reflect", (3, 3), (1, 1), (1, 1), (1, 1), 1)


class FrozenConvolution(nn.Module):
    """A 3×3 convolution behind reflection padding, differentiable with respect to the picture alone, and once.

    It shares the weights of another; sides must be at least 2.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.register_buffer("weight", convolution.weight.detach())
        self.register_buffer("bias", None if convolution.bias is None else convolution.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, _Convolve.apply(x, self.weight, self.bias))


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return F.conv2d(pad(x), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        # Half precision comes from autocast, which has cast the weights on their way in.
        padded = F.conv_transpose2d(gradient, weight.to(gradient.dtype))
        add_reflected(padded)
        return padded[:, :, 1:-1, 1:-1], None, None
