from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adain.nn.decoder import Decoder
from adain.nn.padding import add_reflected, can_pad_outside, convolve, pad, pad_doubled
from adain.nn.vgg import VGGEncoder


def reflecting() -> nn.Conv2d:
    return nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect").requires_grad_(False)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(2, 2), (3, 7), (8, 5)])
def test_padding_outside_gives_the_same_bits(size: tuple[int, int], layout: torch.memory_format) -> None:
    x = torch.randn(2, 4, *size).contiguous(memory_format=layout)
    convolution = reflecting()
    assert torch.equal(convolve(convolution, pad(x)), convolution(x))
    doubled = F.interpolate(x, scale_factor=2, mode="nearest")
    got = pad_doubled(x)
    assert torch.equal(got, pad(doubled))
    assert got.is_contiguous(memory_format=layout)
    assert torch.equal(convolve(convolution, got), convolution(doubled))


def test_one_cell_can_be_doubled() -> None:
    assert torch.equal(pad_doubled(torch.full((1, 1, 1, 1), 3.0)), torch.full((1, 1, 4, 4), 3.0))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_types_are_kept(dtype: torch.dtype) -> None:
    assert pad_doubled(torch.ones(1, 2, 3, 3, dtype=dtype)).dtype == dtype


def test_only_where_nobody_watches() -> None:
    x, convolution = torch.randn(1, 4, 5, 5), reflecting()
    assert can_pad_outside(convolution, x)
    wanted = x.clone().requires_grad_()
    assert not can_pad_outside(convolution, wanted)
    with torch.no_grad():
        assert can_pad_outside(convolution, wanted)
    assert not can_pad_outside(reflecting().requires_grad_(), x)
    assert not can_pad_outside(nn.Conv2d(4, 6, 3, padding=1), x)
    assert not can_pad_outside(nn.Identity(), x)
    handle = convolution.register_forward_hook(lambda *_: None)
    assert not can_pad_outside(convolution, x)
    handle.remove()
    assert can_pad_outside(convolution, x)


def plain_encoder(encoder: VGGEncoder, x: Tensor) -> Tensor:
    for spec in encoder.specs:
        x = F.max_pool2d(x, 2, ceil_mode=True) if spec.pool_before else x
        x = F.relu(encoder.get_submodule(spec.name)(x))
    return x


def test_networks_give_the_same_with_and_without_a_gradient() -> None:
    """With one, the convolutions pad by themselves; without, all of it goes the short way."""
    encoder, decoder = VGGEncoder(), Decoder()
    image = torch.rand(1, 3, 22, 19).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        features = encoder(image)["relu4_1"]
        assert torch.equal(features, plain_encoder(encoder, image))
        output = decoder(features)
    tracked = decoder(encoder(image.requires_grad_())["relu4_1"])
    assert tracked.requires_grad
    torch.testing.assert_close(tracked.detach(), output, rtol=0, atol=0)


def test_hooks_on_layers_are_called() -> None:
    seen: list[str] = []
    decoder = Decoder().requires_grad_(False)
    decoder.get_submodule("conv1_2").register_forward_hook(lambda *_: seen.append("conv1_2"))
    decoder(torch.rand(1, 512, 2, 2))
    assert seen == ["conv1_2"]


@pytest.mark.parametrize("size", [(2, 2), (3, 5), (6, 4)])
def test_what_was_reflected_goes_back(size: tuple[int, int]) -> None:
    """The transpose of padding, of tensors and arrays; a part without a border of one side has nothing to add there."""
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    gradient = torch.randn(2, 3, size[0] + 2, size[1] + 2, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(pad(x), x, gradient)
    values = gradient.clone()
    add_reflected(values)
    torch.testing.assert_close(values[..., 1:-1, 1:-1], wanted)
    array = gradient.clone().numpy()
    add_reflected(array)
    assert (array == values.numpy()).all()
    add_reflected(rows := gradient.clone(), top=False, bottom=False)
    (across,) = torch.autograd.grad(F.pad(x, (1, 1, 0, 0), mode="reflect"), x, gradient[..., 1:-1, :])
    torch.testing.assert_close(rows[..., 1:-1, 1:-1], across)
