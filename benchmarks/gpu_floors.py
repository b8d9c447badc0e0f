"""What a picture's convolutions cost by the tables of layers, and how soon a device could be done with them; no torch.

Two floors, of which the higher holds: arithmetic, at the rate of large matrix products, and memory, at that of copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from adain.nn import STRIDE, Network

TAPS = 9
"""Of a filter of the encoder's table: 3 × 3."""

BYTES = {"bf16": 2, "fp32": 4}
"""Of a number, by precision."""

COPY = "copy"
"""Where the rate of copies stands among a device's rates; those of matrix products stand at their precision."""


class ConvolutionCost(NamedTuple):
    """One convolution over one picture."""

    name: str
    flops: int
    """An addition and a multiplication counted as two."""
    reads: int
    """Numbers of its input."""
    writes: int
    """Numbers of its output."""

    @classmethod
    def of(cls, name: str, c_in: int, c_out: int, taps: int, pixels: int) -> ConvolutionCost:
        return cls(name, 2 * taps * c_in * c_out * pixels, c_in * pixels, c_out * pixels)


def convolutions(network: Network, width: int, height: int) -> Iterator[ConvolutionCost]:
    """Those of both ends for a picture of so many pixels, whose last cells are completed first."""
    wide, high = (-(-side // STRIDE) * STRIDE for side in (width, height))
    for spec in network.encoder:
        if spec.pool_before:
            wide, high = wide // 2, high // 2
        yield ConvolutionCost.of(spec.name, spec.c_in, spec.c_out, TAPS, wide * high)
    if network.skip is not None:  # over the finer layer, whose places are channels at this size
        c_out, c_in, *kernel = network.decoder_shapes[network.skip]
        yield ConvolutionCost.of(network.skip, c_in, c_out, kernel[0] * kernel[1], 4 * wide * high)
    for spec in network.decoder:
        c_out, c_in, *kernel = network.decoder_shapes[spec.name]
        yield ConvolutionCost.of(spec.name, c_in, c_out, kernel[0] * kernel[1], wide * high)
        if spec.pool_before:
            wide, high = 2 * wide, 2 * high


def flops_of(network: Network, width: int, height: int) -> int:
    """Of all convolutions of a picture."""
    return sum(each.flops for each in convolutions(network, width, height))


def numbers_of(network: Network, width: int, height: int) -> int:
    """What all convolutions of a picture read and write."""
    return sum(each.reads + each.writes for each in convolutions(network, width, height))


def widest(network: Network, width: int, height: int) -> int:
    """The most numbers that a feature map of a picture has."""
    return max(max(each.reads, each.writes) for each in convolutions(network, width, height))


class Floors(NamedTuple):
    """Milliseconds that a picture takes at least; None where the device's rate is not known."""

    arithmetic: float | None
    memory: float | None

    @classmethod
    def of(cls, flops: float, numbers: float, precision: str, rates: Mapping[str, float]) -> Floors:
        """Floors of a cost by the rates of a device: operations and, of copies, bytes a second."""
        matrix, copy = rates.get(precision), rates.get(COPY)
        arithmetic = 1e3 * flops / matrix if matrix else None
        return cls(arithmetic, 1e3 * BYTES[precision] * numbers / copy if copy else None)

    @property
    def higher(self) -> float | None:
        return max((each for each in self if each is not None), default=None)
