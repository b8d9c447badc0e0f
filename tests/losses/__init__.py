"""What the tests of the losses share: small random features and guides, and loops to compare with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from adain.nn.vgg import STYLE_LAYERS

SIZE = (13, 9)
"""Height and width of the pictures: odd, not square, and not a multiple of any pooling."""

GuidedLoss = Callable[[Tensor, Tensor | None], Tensor]


def ceil_size(layer: str, size: tuple[int, int] = SIZE) -> tuple[int, int]:
    """Size of a feature map of VGG, whose poolings round up."""
    step = 2 ** (int(layer[4]) - 1)
    return -(-size[0] // step), -(-size[1] // step)


def feature_map(seed: int, b: int = 1, c: int = 3, size: tuple[int, int] = SIZE) -> Tensor:
    """Random ``(b, c, *size)`` in float64."""
    return torch.randn(b, c, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def features(seed: int, b: int = 1, size: tuple[int, int] = SIZE) -> dict[str, Tensor]:
    """Random features of all style layers, 4 to 16 channels, in float64."""
    return {
        layer: feature_map(seed + k, b, 4 * (k + 1), ceil_size(layer, size)) for k, layer in enumerate(STYLE_LAYERS)
    }


def soft_guide(seed: int = 7, b: int = 1, size: tuple[int, int] = SIZE) -> Tensor:
    """Random weights in ``[0, 1]``, a fifth of them 0."""
    g = torch.rand(b, 1, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (1.25 * g - 0.25).clamp_min(0.0)


def box_guide(top: int, left: int, height: int, width: int, size: tuple[int, int] = SIZE) -> Tensor:
    """1 in a rectangle, 0 outside."""
    g = torch.zeros(1, 1, *size, dtype=torch.float64)
    g[..., top : top + height, left : left + width] = 1.0
    return g


def check_gradient(loss: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """That the gradient agrees with finite differences."""
    assert x.dtype == torch.float64
    assert torch.autograd.gradcheck(loss, (x.clone().requires_grad_(),))


def check_batch_is_mean(loss: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """That the loss of a batch is the mean of the losses of its pictures."""
    assert len(x) > 1
    each = torch.stack([loss(x[k : k + 1]) for k in range(len(x))])
    torch.testing.assert_close(loss(x), each.mean())


def gradient(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The gradient of a scalar, in the dtype of ``x``."""
    leaf = x.detach().clone().requires_grad_()
    (result,) = torch.autograd.grad(loss(leaf), leaf)
    return result


def check_half(loss: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """That half-precision features with values up to hundreds give a finite float32 loss and a finite gradient."""
    scaled = x.float() * (400.0 / float(x.abs().max()))
    for dtype in (torch.float16, torch.bfloat16):
        leaf = scaled.to(dtype).requires_grad_()
        value = loss(leaf)
        assert value.dtype == torch.float32
        assert bool(value.isfinite())
        value.backward()
        assert leaf.grad is not None
        assert leaf.grad.dtype == dtype
        assert bool(leaf.grad.isfinite().all())


def check_autocast(loss: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """That the loss is computed in float32 also inside autocast: the same bits as outside."""
    plain = loss(x.float())
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(x.float())
    assert inside.dtype == torch.float32
    assert torch.equal(inside, plain)
