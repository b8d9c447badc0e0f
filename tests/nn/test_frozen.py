from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from adain.nn.backbones import load_backbone
from adain.nn.padding import FrozenConvolution, freeze


def convolution(**values: object) -> nn.Conv2d:
    settings: dict[str, object] = {"padding": 1, "padding_mode": "reflect"}
    return nn.Conv2d(3, 5, 3, **(settings | values)).double().requires_grad_(False)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(7, 9), (2, 5), (3, 3), (2, 2), (16, 1 + 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients(size: tuple[int, int], bias: bool) -> None:
    plain = convolution(bias=bias)
    frozen = FrozenConvolution(plain)
    one = torch.rand(2, 3, *size, dtype=torch.float64).requires_grad_()
    two = one.detach().clone().requires_grad_()
    a, b = plain(one), frozen(two)
    assert torch.equal(a, b)
    weights = torch.rand_like(a)
    (a.square() * weights).sum().backward()
    (b.square() * weights).sum().backward()
    torch.testing.assert_close(one.grad, two.grad)


def test_finite_differences() -> None:
    image = torch.rand(1, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(FrozenConvolution(convolution()), (image,))


def test_the_shipped_network() -> None:
    layers = ("relu1_1", "relu2_1", "relu3_1")
    plain, frozen = (load_backbone("vgg19", upto=layers, pool="average") for _ in range(2))
    freeze(frozen)
    assert sum(isinstance(module, FrozenConvolution) for module in frozen.modules()) == 5
    image = torch.rand(1, 3, 33, 40)

    def gradient(network: nn.Module, dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
        x = image.clone().requires_grad_()
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            found = network(x, layers)
        value = sum(f.float().square().mean() for f in found.values())
        assert isinstance(value, Tensor)
        value.backward()
        assert x.grad is not None
        assert x.grad.dtype == torch.float32
        return value.detach(), x.grad

    for dtype, tolerance in ((None, 1e-5), (torch.bfloat16, 0.05)):
        (value, wanted), (same, found) = gradient(plain, dtype), gradient(frozen, dtype)
        assert torch.equal(value, same)
        assert float((found - wanted).norm()) <= tolerance * float(wanted.norm())


def test_what_it_cannot_stand_for_is_left() -> None:
    learning = convolution()
    learning.requires_grad_(True)
    others = [convolution(padding_mode="zeros"), convolution(stride=2), convolution(dilation=2, padding=2), learning]
    network = nn.Sequential(*others, nn.Sequential(convolution()))
    freeze(network)
    assert [type(module) for module in network] == [nn.Conv2d] * 4 + [nn.Sequential]
    assert isinstance(network[4][0], FrozenConvolution)
