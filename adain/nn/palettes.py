"""Convolution weights stored as 8-bit indices into a table of 256 values.

``W[o, i] = table[index[o, i]] * in_scale[i] / out_scale[o]``, evaluated in float32 from left to right, so that a
file of a quarter of the size gives every weight bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._utils.arrays import is_tensor

if TYPE_CHECKING:
    from torch import Tensor

PARTS = ("index", "table", "in_scale", "out_scale")


def is_palette(tensors: Mapping[str, Any], name: str) -> bool:
    """Whether ``tensors`` holds the convolution ``name`` as a palette."""
    return f"{name}.index" in tensors


def pack(name: str, index: Tensor, table: Tensor, in_scale: Tensor, out_scale: Tensor) -> dict[str, Tensor]:
    """The tensors of one palette under the keys :func:`unpack` reads.

    The index is ``(O, I, kH, kW)`` uint8, the others are float32: ``(256,)``, ``(I,)`` and ``(O,)``.
    """
    parts = (index, table, in_scale, out_scale)
    return {f"{name}.{part}": t.contiguous() for part, t in zip(PARTS, parts, strict=True)}


def unpack(tensors: Mapping[str, Any], name: str) -> Any:
    """The ``(O, I, kH, kW)`` float32 weight of the convolution ``name``, of the kind of the tensors or arrays."""
    index, table, in_scale, out_scale = (tensors[f"{name}.{part}"] for part in PARTS)
    weight = table[index.int() if is_tensor(index) else index]  # bytes of torch's would be taken for a mask
    weight *= in_scale[None, :, None, None]
    weight /= out_scale[:, None, None, None]
    return weight
