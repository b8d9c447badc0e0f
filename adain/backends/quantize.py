"""How the filters of exported graphs are stored: in 32, 16 or 8 bits. What computes with them is float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from onnx import TensorProto
from torch import nn

from .onnx_graphs import Array, Graph, Pack


def fp32(graph: Graph, name: str, values: Array) -> str:
    """As they are."""
    return graph.constant(name, values)


def fp16(graph: Graph, name: str, values: Array) -> str:
    """In half precision."""
    return graph.add("Cast", graph.constant(name, values.astype(np.float16)), to=TensorProto.FLOAT)


def int8(graph: Graph, name: str, values: Array) -> str:
    """In 8 bits, with a scale for each channel of the result.

    A product and no DequantizeLinear: runtimes work that out once, when they load the model, and not in every run.
    """
    levels, scale = _levels(values)
    widened = graph.add("Cast", graph.constant(name, levels), to=TensorProto.FLOAT)
    return graph.add("Mul", widened, graph.constant(f"{name}.scale", scale))


PACKS: dict[str, Pack] = {"fp32": fp32, "fp16": fp16, "int8": int8}
"""By the names of :data:`adain.backends.options.Storage`."""


def rounded(values: Array, storage: str) -> Array:
    """What is left of filters ``(out, in, 3, 3)`` when they are stored so."""
    if storage == "fp16":
        return values.astype(np.float16).astype(np.float32)
    if storage == "int8":
        levels, scale = _levels(values)
        return levels.astype(np.float32) * scale
    return values


def round_filters(network: nn.Module, storage: str) -> None:
    """Round all filters of a network, in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            values: Any = module.weight.detach().numpy()
            module.weight.data.copy_(torch.from_numpy(rounded(values, storage)))


def _levels(values: Array) -> tuple[Array, Array]:
    """Integers from -127 to 127 and what one of them is worth, for each channel of the result."""
    scale = np.maximum(np.abs(values).max(axis=(1, 2, 3), keepdims=True) / 127, 1e-30).astype(np.float32)
    return np.rint(values / scale).astype(np.int8), scale
