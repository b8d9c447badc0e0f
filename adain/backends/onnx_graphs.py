"""The networks as ONNX graphs, written node by node from their own tables of convolutions.

Two graphs: ``encoder`` (picture → features and their statistics) and ``decoder`` (features, the photograph's and the
artwork's statistics, alpha → picture). Sizes are free: whatever depends on them is computed inside. torch's exporters
trace one example instead; they take a minute for these networks, or keep decisions that hold for the example alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ..nn.decoder import Decoder
from ..nn.folded import FoldedDecoder
from ..nn.statistics import EPS
from ..nn.vgg import CONTENT_LAYER, ConvSpec, VGGEncoder, layers_upto
from .options import Storage
from .storage import Array, levels_of, values_of

_Shape = Sequence[int | str]

_MEAN_TAKES_AXES = 18
"""The opset from which ReduceMean has its axes as an input."""


class Graph:
    """Nodes and constants in the order they are added; each call returns the name of its result.

    Args:
        opset: of ONNX's own operators.
        storage: how filters are stored; what computes with them is float32.
    """

    def __init__(self, opset: int, storage: Storage) -> None:
        self.opset, self.storage = opset, storage
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node with one output."""
        result = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [*inputs], [result], name=result, **attributes))
        return result

    def constant(self, name: str, value: Array) -> str:
        """A constant; one of the same name is the same."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def integers(self, *values: int) -> str:
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.constant(f"number_{value:g}", np.array(value, np.float32))

    def filters(self, name: str, values: Array) -> str:
        """The filters of a convolution, widened to float32; in 8 bits with a scale for each channel of the result."""
        if self.storage == "fp32":
            return self.constant(name, values)
        if self.storage == "fp16":
            return self.add("Cast", self.constant(name, values.astype(np.float16)), to=TensorProto.FLOAT)
        levels, scale = levels_of(values)
        # A product and no DequantizeLinear: runtimes work that out once, when they load the model, not in every run.
        widened = self.add("Cast", self.constant(name, levels), to=TensorProto.FLOAT)
        return self.add("Mul", widened, self.constant(f"{name}.scale", scale))

    def mean(self, x: str, name: str = "") -> str:
        """``(B, C, H, W)`` → ``(B, C, 1, 1)``.

        Along rows first, then over their means: runtimes add one value after the other in float32, and of a large flat
        picture such a sum is off by hundredths.
        """
        return self._mean_along(self._mean_along(x, 3), 2, name)

    def _mean_along(self, x: str, axis: int, name: str = "") -> str:
        if self.opset >= _MEAN_TAKES_AXES:
            return self.add("ReduceMean", x, self.integers(axis), name=name, keepdims=1)
        return self.add("ReduceMean", x, name=name, axes=[axis], keepdims=1)

    def size(self, x: str) -> str:
        """Height and width."""
        return self.add("Slice", self.add("Shape", x), self.integers(2), self.integers(4), self.integers(0))

    def evened(self, x: str) -> str:
        """``x`` with its last row and column once more where their number is odd."""
        # Mod takes the sign of the divisor.
        missing = self.add("Mod", self.add("Neg", self.size(x)), self.integers(2))
        pads = self.add("Concat", self.integers(0, 0, 0, 0, 0, 0), missing, axis=0)
        return self.add("Pad", x, pads, mode="edge")

    def convolution(self, module: nn.Module, x: str, name: str) -> str:
        """A convolution of 3 × 3 with a reflected border of one cell, or of 1 × 1."""
        conv: Any = module.get_submodule(name)
        part = "decoder" if isinstance(module, Decoder) else "encoder"
        side = conv.kernel_size[0]
        border = x if side == 1 else self.add("Pad", x, self.integers(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect")
        weight = self.filters(f"{part}.{name}.weight", values_of(conv.weight))
        return self.add(
            "Conv",
            border,
            weight,
            self.constant(f"{part}.{name}.bias", values_of(conv.bias)),
            kernel_shape=[side, side],
        )


def encode(graph: Graph, encoder: VGGEncoder, image: str) -> str:
    """:meth:`~adain.nn.vgg.VGGEncoder.features` of an image."""
    x, found = image, {}
    for spec in layers_upto(CONTENT_LAYER, encoder.table):
        if spec.pool_before:
            kind = "MaxPool" if encoder.pool == "max" else "AveragePool"
            # One row and column of nothing more, which only odd sizes reach: ceil mode, which not all runtimes have.
            x = graph.add(kind, x, kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1])
        x = graph.add("Relu", graph.convolution(encoder, x, spec.name))
        found[spec.relu] = x
    if encoder.folded is None:
        return x
    return graph.add("Concat", x, graph.add("SpaceToDepth", graph.evened(found[encoder.folded]), blocksize=2), axis=1)


def statistics(graph: Graph, features: str, names: tuple[str, str]) -> None:
    """:func:`~adain.nn.statistics.channel_mean_std`, under names of one's own."""
    mean = graph.mean(features, names[0])
    centred = graph.add("Sub", features, mean)
    variance = graph.mean(graph.add("Mul", centred, centred))
    graph.add("Sqrt", graph.add("Add", variance, graph.number(EPS)), name=names[1])


def statistics_graph(opset: int) -> onnx.ModelProto:
    """``features`` → ``mean``, ``std``: the part of the encoder whose result depends on how a runtime adds."""
    graph = Graph(opset, "fp32")
    statistics(graph, "features", ("mean", "std"))
    outputs = [_tensor(name, ["batch", "channels", 1, 1], "") for name in ("mean", "std")]
    return _model(
        graph, "adain_statistics", [_tensor("features", ["batch", "channels", "rows", "columns"], "")], outputs
    )


def normalise(graph: Graph, features: str, content: tuple[str, str], style: tuple[str, str], alpha: str) -> str:
    """:func:`~adain.nn.adain.adaptive_instance_norm` by given statistics, one multiplication and addition a cell.

    Where alpha is 0, these are by 1 and of 0, which leave every bit.
    """
    scale = graph.add("Div", style[1], content[1])
    shift = graph.add("Sub", style[0], graph.add("Mul", content[0], scale))
    rest = graph.add("Sub", graph.number(1.0), alpha)
    scale = graph.add("Add", rest, graph.add("Mul", alpha, scale))
    return graph.add("Add", graph.add("Mul", features, scale), graph.add("Mul", alpha, shift), name="changed")


def decode(graph: Graph, decoder: Decoder, features: str) -> str:
    """The decoder's image, not yet clamped."""
    specs: Sequence[ConvSpec] = decoder.specs
    if not isinstance(decoder, FoldedDecoder):
        return _mirror(graph, decoder, specs, features)
    first, *others = specs
    parts = (graph.integers(0), graph.integers(first.c_out), graph.integers(decoder.feature_channels))
    fine = graph.add("Slice", features, *parts[1:], graph.integers(1))
    x = _mirror(graph, decoder, [first], graph.add("Slice", features, *parts[:2], graph.integers(1)))
    skip = decoder.network.skip
    if skip is not None:
        fine = graph.add("DepthToSpace", fine, blocksize=2, mode="DCR")
        x = graph.add("Add", _doubled(graph, x), graph.convolution(decoder, fine, skip))
        return _mirror(graph, decoder, others, x)
    fourfold = graph.add("Concat", x, x, x, x, axis=1)
    x = graph.add("DepthToSpace", graph.add("Add", fourfold, fine), blocksize=2, mode="DCR")
    return _mirror(graph, decoder, others, x)


def _mirror(graph: Graph, decoder: Decoder, specs: Sequence[ConvSpec], x: str) -> str:
    """Some convolutions in a row, each with its ReLU and doubling; but a doubling behind the last is left out."""
    doubles = False
    for spec in specs:
        x = _doubled(graph, x) if doubles else x
        x = graph.convolution(decoder, x, spec.name)
        x = x if spec is decoder.specs[-1] else graph.add("Relu", x)
        doubles = spec.pool_before
    return x


def _doubled(graph: Graph, x: str) -> str:
    """By nearest neighbours."""
    scales = graph.constant("doubling", np.array([1, 1, 2, 2], np.float32))
    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", x, "", scales, **nearest)


def encoder_graph(encoder: VGGEncoder, graph: Graph) -> onnx.ModelProto:
    """``image`` → ``features``, ``mean``, ``std``.

    Shape:
        ``image`` ``(batch, 3, height, width)``, RGB in ``[0, 1]``, at least 16 px a side → features
        ``(batch, C, ceil(height / 8), ceil(width / 8))``, and their statistics ``(batch, C, 1, 1)`` each.
    """
    channels = encoder.feature_channels
    features = graph.add("Identity", encode(graph, encoder, "image"), name="features")
    statistics(graph, features, ("mean", "std"))
    statistic: _Shape = ["batch", channels, 1, 1]
    inputs = [_tensor("image", ["batch", 3, "height", "width"], "RGB in [0, 1], at least 16 px a side")]
    outputs = [
        _tensor("features", ["batch", channels, "rows", "columns"], "a cell for every 8 x 8 px, the last ones in part"),
        _tensor("mean", statistic, "mean of each channel of the features"),
        _tensor("std", statistic, "standard deviation of each channel"),
    ]
    return _model(graph, "adain_encoder", inputs, outputs)


def decoder_graph(decoder: Decoder, graph: Graph) -> onnx.ModelProto:
    """``features`` and their statistics, those of a style, ``alpha`` → ``stylized``.

    Shape:
        ``features`` ``(batch, C, rows, columns)``; ``content_mean`` and ``content_std`` ``(batch, C, 1, 1)``, which
        the encoder gave with them; ``style_mean`` and ``style_std`` ``(styles, C, 1, 1)``, of one style or one for
        each photograph; ``alpha`` a number in ``[0, 1]`` → ``stylized`` ``(batch, 3, 8 rows, 8 columns)``, RGB in
        ``[0, 1]``.
    """
    channels = decoder.feature_channels
    content, style = ("content_mean", "content_std"), ("style_mean", "style_std")
    x = decode(graph, decoder, normalise(graph, "features", content, style, "alpha"))
    graph.add("Clip", x, graph.number(0.0), graph.number(1.0), name="stylized")
    own: _Shape = ["batch", channels, 1, 1]
    other: _Shape = ["styles", channels, 1, 1]
    inputs = [
        _tensor("features", ["batch", channels, "rows", "columns"], "of the photograph, by encoder.onnx"),
        _tensor(content[0], own, "what encoder.onnx gave with the features as mean"),
        _tensor(content[1], own, "and as std"),
        _tensor(style[0], other, "mean of the artwork's features; of one for all, or one for each photograph"),
        _tensor(style[1], other, "their std, likewise"),
        _tensor("alpha", [], "strength: 0 is the photograph, 1 the full style"),
    ]
    picture: _Shape = ["batch", 3, "height", "width"]
    return _model(graph, "adain_decoder", inputs, [_tensor("stylized", picture, "RGB in [0, 1], 8 x 8 px of a cell")])


def _tensor(name: str, shape: _Shape, text: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape, doc_string=text)


def _model(
    graph: Graph, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    made = helper.make_graph(graph.nodes, name, inputs, outputs, [*graph.constants.values()])
    opsets = [helper.make_opsetid("", graph.opset)]
    # The oldest that will do: runtimes refuse what is newer than they are.
    return helper.make_model(made, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets))
