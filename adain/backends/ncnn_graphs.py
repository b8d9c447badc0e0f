"""The networks as ncnn graphs: each end in two stages, written from the tables of convolutions.

ncnn reads a graph as text (``.param``) and its weights as one run of numbers in the order of the layers (``.bin``).

Each end is cut where a picture is at a quarter of its size. What lies on the pixels' side of the cut holds little, but
its results are large; what lies on the other side is the reverse. So the former is computed in small tiles, which need
a halo of two places only, and the latter in large ones; see :mod:`adain.backends.ncnn`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._utils.arrays import FloatArray
from ..nn.layers import ConvSpec, Network
from ..nn.ncnn_layer import convolution_layer

_MAGIC = "7767517"
_REPLICATE, _REFLECT = 1, 2  # of Padding's types
_CHANNELS_FIRST, _PLACES_FIRST = 0, 1  # of PixelShuffle's modes; adain.nn.fold lays the channels in the second way


class Blob(NamedTuple):
    """What goes into a stage or comes out of it.

    Attributes:
        channels: as ncnn has it.
        places: of its own to a unit of the stage.
        folded: whether its 2 places to a unit, each way, are wanted as channels; see :mod:`adain.nn.fold`.
    """

    name: str
    channels: int
    places: int
    folded: bool = False


@dataclass(frozen=True)
class StageGraph:
    """One stage of a network. Its *unit* is the least square that it can be computed for.

    Attributes:
        text, weights: what ncnn reads.
        inputs, outputs: the former whole, the latter as far as they are asked for.
        halo: units beyond its own that a result depends on, each way.
    """

    text: str
    weights: bytes
    inputs: tuple[Blob, ...]
    outputs: tuple[Blob, ...]
    halo: int


class _Writer:
    """Layers in the order in which they are added, one after the other unless something else is said."""

    def __init__(self, *inputs: str) -> None:
        self.lines = [f"Input {name} 0 1 {name}" for name in inputs]
        self.weights: list[bytes] = []
        self.last = inputs[0]
        self.blobs = len(inputs)

    def add(self, kind: str, settings: str, *inputs: str, outputs: Sequence[str] = ()) -> str:
        inputs = inputs or (self.last,)
        made = outputs or (f"b{self.blobs}",)
        self.lines.append(
            " ".join([kind, f"l{len(self.lines)}", str(len(inputs)), str(len(made)), *inputs, *made, settings]).rstrip()
        )
        self.blobs += len(made)
        self.last = made[0]
        return self.last

    def convolution(self, weight: FloatArray, bias: FloatArray, *inputs: str, relu: bool) -> None:
        """3 × 3 with a reflected border of one place, or 1 × 1."""
        if weight.shape[2] > 1:
            inputs = (self.pad(_REFLECT, *inputs),)
        self._filters(weight, bias, *inputs, relu=relu)

    def doubled_convolution(self, weight: FloatArray, bias: FloatArray, *, relu: bool) -> None:
        """Twice the size by nearest neighbours, and there 3 × 3 with a reflected border: in one, before the doubling.

        The doubled border would mirror what the border without doubling repeats.
        """
        self.pad(_REPLICATE)
        self._filters(doubled_filters(weight), np.repeat(bias, 4), relu=relu)
        self.add("PixelShuffle", f"0=2 1={_CHANNELS_FIRST}")

    def pad(self, kind: int, *inputs: str) -> str:
        """A border of one place."""
        return self.add("Padding", f"0=1 1=1 2=1 3=1 4={kind}", *inputs)

    def _filters(self, weight: FloatArray, bias: FloatArray, *inputs: str, relu: bool) -> None:
        layer = convolution_layer(weight, bias, relu=relu)
        self.add(layer.kind, layer.settings, *inputs)
        self.weights.append(layer.weights)

    def pool(self) -> None:
        """The largest of 2 × 2; an odd last row or column counts alone."""
        self.add("Pooling", "0=0 1=2 2=2 5=0")

    def double(self) -> str:
        """By nearest neighbours."""
        return self.add("Interp", "0=1 1=2 2=2")

    def both(self) -> str:
        """Another name for the last result, which two layers are to have."""
        first, second = f"b{self.blobs}", f"b{self.blobs + 1}"
        self.add("Split", "", outputs=(first, second))
        return second

    def graph(self, inputs: Sequence[Blob], outputs: Sequence[Blob], halo: int) -> StageGraph:
        text = "\n".join([_MAGIC, f"{len(self.lines)} {self.blobs}", *self.lines, ""])
        return StageGraph(text, b"".join(self.weights), tuple(inputs), tuple(outputs), halo)


def doubled_filters(weight: FloatArray) -> FloatArray:
    """What filters for a picture of twice the size by nearest neighbours are for the picture before.

    Of a place's 2 × 2, each looks at no more than 2 × 2 places before: a sum of the weights that fall on the same one.
    So the multiplications are as many, but nothing of twice the size is padded and read.

    Args:
        weight: ``(C_out, C_in, 3, 3)``.

    Returns:
        ``(4 C_out, C_in, 3, 3)``; the 2 × 2 of a channel lie together, row by row.
    """
    made = np.zeros((len(weight), 2, 2, *weight.shape[1:]), np.float32)
    for row, column, down, across in itertools.product(range(2), range(2), range(3), range(3)):
        made[:, row, column, :, (row + down + 1) // 2, (column + across + 1) // 2] += weight[:, :, down, across]
    return made.reshape(-1, *weight.shape[1:])


Weights = Mapping[str, FloatArray]


def encoder_graphs(network: Network, weights: Weights) -> tuple[StageGraph, StageGraph]:
    """From pixels to a quarter of their size, and from there to relu4_1.

    The second gives the layer to be folded of a network that has one, too.
    """
    cut = next(k for k, spec in enumerate(network.encoder) if spec.name == _CUT)
    shallow, deep = network.encoder[:cut], network.encoder[cut:]
    first, second = _Writer("pixels"), _Writer("quarter")
    for spec in shallow:
        if spec.pool_before:
            first.pool()
        _convolve(first, spec, weights)
    first.pool()
    finer = []
    for spec in deep:
        if spec.pool_before and spec.name != _CUT:
            second.pool()
        _convolve(second, spec, weights)
        if spec.relu == network.folded:
            finer.append(Blob(second.both(), spec.c_out, 2, folded=True))
    coarse, width = Blob(second.last, deep[-1].c_out, 1), shallow[-1].c_out
    return (
        first.graph([Blob("pixels", 3, 4)], [Blob(first.last, width, 1)], _units(_encoder_reach(shallow), 4)),
        second.graph([Blob("quarter", width, 2)], [coarse, *finer], _units(_encoder_reach(deep), 2)),
    )


def decoder_graphs(network: Network, weights: Weights) -> tuple[StageGraph, StageGraph]:
    """From relu4_1, and the folded layer where there is one, to a quarter of the picture's size; and on to pixels."""
    cut = next(k for k, spec in enumerate(network.decoder) if spec.name == _CUT) + 1
    deep, shallow = network.decoder[:cut], network.decoder[cut:]
    first, second = _Writer("cells", *(["fine"] if network.folded else [])), _Writer("quarter")
    for spec in deep:
        _convolve(first, spec, weights)
        if spec is deep[0]:
            doubled = first.double()
            if network.folded:
                first.add("BinaryOp", "0=0", doubled, _fine(first, network, weights))
    for before, spec in itertools.pairwise(network.decoder[cut - 1 :]):
        relu = spec is not shallow[-1]
        if before.pool_before:
            second.doubled_convolution(weights[f"{spec.name}.weight"], weights[f"{spec.name}.bias"], relu=relu)
        else:
            _convolve(second, spec, weights, relu=relu)
    inputs, width = [Blob("cells", deep[0].c_out, 1)], deep[-1].c_in
    if network.folded:
        inputs.append(Blob("fine", 4 * network.fine_channels, 1))
    return (
        first.graph(inputs, [Blob(first.last, width, 2)], _decoder_reach(deep)),
        second.graph([Blob("quarter", width, 1)], [Blob(second.last, 3, 4)], _units(_decoder_reach(shallow), 2)),
    )


_CUT = "conv3_1"
"""The encoder's first convolution, and the decoder's last, at a quarter of the picture's size."""


def _convolve(writer: _Writer, spec: ConvSpec, weights: Weights, *, relu: bool = True) -> None:
    weight, bias = weights[f"{spec.name}.weight"], weights[f"{spec.name}.bias"]
    writer.convolution(weight, bias, relu=relu)


def _fine(writer: _Writer, network: Network, weights: Weights) -> str:
    """The folded layer at its own size, as the decoder adds it."""
    writer.add("PixelShuffle", f"0=2 1={_PLACES_FIRST}", "fine")
    if network.skip is not None:
        writer.convolution(weights[f"{network.skip}.weight"], weights[f"{network.skip}.bias"], relu=False)
    return writer.last


def _units(places: int, size: int) -> int:
    """Units of a size that cover so many places."""
    return -(-places // size)


def _encoder_reach(specs: Sequence[ConvSpec]) -> int:
    """Places of the first convolution's input that a result depends on beyond its own, each way."""
    margin = 0
    for spec in reversed(specs):
        margin += 1
        if spec.pool_before and spec is not specs[0]:
            margin *= 2
    return margin


def _decoder_reach(specs: Sequence[ConvSpec]) -> int:
    """The same of convolutions between which sizes are doubled."""
    margin = 0
    for spec in reversed(specs):
        if spec.pool_before and spec is not specs[-1]:
            margin = _units(margin, 2)
        margin += 1
    return margin
