"""A convolution as a layer of an ncnn graph: which of its kinds is the fastest, and how its weights are written."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from .._utils.arrays import FloatArray

_FLOAT32 = 0  # what begins filters that are stored as they are
_WITHOUT_WINOGRAD = 1 << 6  # of what a layer can be told not to use, by its setting 31
_FEW = 3  # channels in or out that are colours


class NcnnLayer(NamedTuple):
    """What ncnn reads of a layer: its kind and settings in the graph, its weights in the file beside that."""

    kind: str
    settings: str
    weights: bytes


def convolution_layer(weight: FloatArray, bias: FloatArray | None, *, relu: bool = False) -> NcnnLayer:
    """A convolution without padding, of stride 1.

    Args:
        weight: ``(C_out, C_in, side, side)``.
        bias: ``(C_out,)``; None for none.
        relu: whether one follows.
    """
    c_out, c_in, side = weight.shape[:3]
    kind, more = "Convolution", ""
    # Colours are too few for Winograd's algorithm: going in they are convolved 1.7 times as fast without it, and
    # coming out 2.5 times as fast by a multiplication of matrices for every place, added up where they belong.
    if side > 1 and c_out <= _FEW:
        kind, more, weight = "Deconvolution", f"4={side - 1}", weight[:, :, ::-1, ::-1]
    elif side > 1 and c_in <= _FEW:
        more = f"31={_WITHOUT_WINOGRAD}"
    settings = [f"0={c_out} 1={side} 5={int(bias is not None)} 6={weight.size}", "9=1" if relu else "", more]
    parts = [struct.pack("<I", _FLOAT32)]
    parts += [np.ascontiguousarray(part, "<f4").tobytes() for part in (weight, bias) if part is not None]
    return NcnnLayer(kind, " ".join(filter(None, settings)), b"".join(parts))
