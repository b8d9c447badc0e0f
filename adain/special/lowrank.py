"""A decoder whose weights stay, and a change of low rank beside them that learns (Hu et al. 2021, "LoRA")."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._utils.arrays import FloatArray
from .._utils.errors import InputError
from ..nn.decoder import Decoder
from ..nn.layers import Network
from ..nn.padding import pad
from ..nn.winograd import WinogradFilters, convolve, is_wide
from .options import MOST_BYTES

_END = "decoder."


class LowRankConvolution(nn.Module):
    """A convolution with :math:`W + U D` for its filters, of which :math:`U` and :math:`D` learn, and the bias.

    :math:`U` begins at zero, so that it gives to the bit what the convolution gave.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, convolution: nn.Conv2d, rank: int, random: torch.Generator, *, by_winograd: bool = False
    ) -> None:
        super().__init__()
        self._by_winograd = by_winograd and convolution.kernel_size == (3, 3)
        weight = convolution.weight.detach()
        out, fan_in = len(weight), weight[0].numel()
        rank = rank_of(rank, (out, fan_in))
        self.register_buffer("weight", weight, persistent=False)
        assert convolution.bias is not None
        self.register_buffer("bias", convolution.bias.detach(), persistent=False)
        self.up = nn.Parameter(torch.zeros(out, rank))
        self.down = nn.Parameter(torch.randn(rank, fan_in, generator=random) / math.sqrt(fan_in))
        self.shift = nn.Parameter(torch.zeros(out))

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):  # it would take the product in half precision
            weight = self.weight + (self.up @ self.down).view_as(self.weight)
        bias = self.bias + self.shift
        if self._by_winograd:
            return convolve(x, weight, bias, WinogradFilters())
        return F.conv2d(pad(x) if weight.shape[2] == 3 else x, weight, bias)


class SpecialDecoder(nn.Module):
    """A decoder with frozen weights and a change that learns.

    Args:
        decoder: is copied.
        rank: of each filter's change; no more than the filter has.
        seed: of the change's beginning.
        by_winograd: as for :func:`adain.nn.winograd.prepare`.
    """

    def __init__(self, decoder: Decoder, rank: int, seed: int, *, by_winograd: bool = False) -> None:
        super().__init__()
        shapes = decoder.network.decoder_shapes
        by_winograd = by_winograd and is_wide(shape for shape in shapes.values() if shape[2] == 3)
        self.decoder = copy.deepcopy(decoder).cpu().float()
        random = torch.Generator().manual_seed(seed)
        for name in shapes:
            convolution = self.decoder.get_submodule(name)
            assert isinstance(convolution, nn.Conv2d)
            setattr(self.decoder, name, LowRankConvolution(convolution, rank, random, by_winograd=by_winograd))

    @property
    def network(self) -> Network:
        """The tables of the decoder."""
        return self.decoder.network

    def forward(self, features: Tensor) -> Tensor:
        painted: Tensor = self.decoder(features)
        return painted


def factors_of(state: Mapping[str, Tensor], network: Network) -> dict[str, FloatArray]:
    """The change in a :class:`SpecialDecoder`'s ``state_dict``, in half precision, as a file has it."""
    found: dict[str, FloatArray] = {}
    for name, (_, c_in, height, width) in network.decoder_shapes.items():
        up, down, shift = (state[f"{_END}{name}.{part}"].detach().cpu() for part in ("up", "down", "shift"))
        values: dict[str, Any] = {"up": up, "down": down.reshape(-1, c_in, height, width), "bias": shift}
        found |= {f"{name}.{part}": value.numpy().astype(np.float16) for part, value in values.items()}
    return found


def rank_of(rank: int, shape: tuple[int, int]) -> int:
    """A rank, or the most that a matrix of that shape can have."""
    return min(rank, *shape)


def change_bytes(network: Network, rank: int) -> int:
    """What a change takes in a file."""
    numbers = 0
    for out, c_in, height, width in network.decoder_shapes.values():
        fan_in = c_in * height * width
        numbers += rank_of(rank, (out, fan_in)) * (out + fan_in) + out
    return 2 * numbers


def check_rank(network: Network, rank: int) -> None:
    """InputError, if the change would make a file of more than :data:`~adain.special.options.MOST_BYTES`."""
    rest = 4 * 3 * network.channels + 16_000  # statistics, and what a file says of itself
    most = max(r for r in range(1, 513) if change_bytes(network, r) + rest <= MOST_BYTES)
    if rank > most and change_bytes(network, rank) > change_bytes(network, most):
        size = (change_bytes(network, rank) + rest) / 1e6
        raise InputError(
            f"a change of rank {rank} makes a file of {size:.1f} MB, and {MOST_BYTES / 1e6:g} MB is the most: give "
            f"--rank {most} at most"
        )
