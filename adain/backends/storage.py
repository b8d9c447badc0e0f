"""How filters are stored where the model goes elsewhere, and what is left of them then."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from .options import Storage

Array = npt.NDArray[Any]


def values_of(tensor: Any) -> Array:
    """As float32."""
    values: Array = tensor.detach().float().cpu().numpy()
    return values


def levels_of(values: Array) -> tuple[Array, Array]:
    """Integers from -127 to 127 and what one of them is worth, for each channel of the result."""
    scale = np.maximum(np.abs(values).max(axis=(1, 2, 3), keepdims=True) / 127, 1e-30).astype(np.float32)
    return np.rint(values / scale).astype(np.int8), scale


def round_filters(network: nn.Module, storage: Storage) -> None:
    """Leave of all filters of a network, in place, what is left of them when they are stored so."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            values = values_of(module.weight)
            if storage == "fp16":
                values = values.astype(np.float16).astype(np.float32)
            elif storage == "int8":
                levels, scale = levels_of(values)
                values = levels.astype(np.float32) * scale
            module.weight.data.copy_(torch.from_numpy(values))
