"""A model as browsers read it (``web/model.js``): ``network.json``, its layers, and ``weights.bin``, their filters."""

from __future__ import annotations

import json
from typing import Any

from ..._utils.errors import InputError
from ...backends import Storage
from ...backends.storage import Array, levels_of, values_of
from ...nn import Decoder, VGGEncoder
from ...nn.layers import CONTENT_LAYER, ConvSpec, layers_upto

NETWORK, WEIGHTS = "network.json", "weights.bin"

_STEP = 4
"""Bytes that every tensor begins at a multiple of."""


def network_files(encoder: VGGEncoder, decoder: Decoder, storage: Storage) -> dict[str, bytes]:
    """The two files by name.

    Args:
        encoder, decoder: of one model.
        storage: of filters: ``"fp32"``, ``"fp16"``, or ``"int8"`` with a scale for each channel of the result.

    Raises:
        InputError: if the encoder pools by averages, which browsers are not told to.
    """
    if encoder.pool != "max":
        raise InputError(f"a page for browsers pools by maximum, and this encoder by {encoder.pool}")
    specs, network = layers_upto(CONTENT_LAYER, encoder.table), decoder.network
    deeper = (False, *(spec.pool_before for spec in network.decoder[:-1]))  # a pooling's partner is behind its layer
    layers = [
        [_layer(spec.c_in, spec.c_out, spec.name, is_halved=spec.pool_before) for spec in specs],
        [
            _layer(spec.c_out, spec.c_in, spec.name, is_doubled=doubled)
            for spec, doubled in zip(network.decoder, deeper, strict=True)
        ],
    ]
    skip = None
    if network.skip is not None:
        made, given, side, _ = network.decoder_shapes[network.skip]
        skip = _layer(given, made, network.skip, side=side)
    described = {
        "storage": storage,
        "encoder": layers[0],
        "decoder": layers[1],
        "finer": _number(specs, encoder.folded),
        "skip": skip,
    }
    parts = [(encoder, layers[0]), (decoder, layers[1]), (decoder, [skip] if skip else [])]
    weights = b"".join(_stored(module, layer["name"], storage) for module, several in parts for layer in several)
    return {NETWORK: json.dumps(described, indent=1).encode() + b"\n", WEIGHTS: weights}


def _layer(
    given: int, made: int, name: str, *, side: int = 3, is_halved: bool = False, is_doubled: bool = False
) -> dict[str, Any]:
    return {"name": name, "given": given, "made": made, "side": side, "is_halved": is_halved, "is_doubled": is_doubled}


def _number(specs: tuple[ConvSpec, ...], relu: str | None) -> int:
    return -1 if relu is None else [spec.relu for spec in specs].index(relu)


def _stored(module: Any, name: str, storage: Storage) -> bytes:
    """Filters and bias of a convolution; filters of 8 bits have their scales before them."""
    conv = module.get_submodule(name)
    filters, bias = values_of(conv.weight), values_of(conv.bias)
    if storage == "int8":
        whole, scale = levels_of(filters)
        tensors: list[Array] = [scale.astype("<f4"), whole, bias.astype("<f4")]
    else:
        tensors = [filters.astype("<f4" if storage == "fp32" else "<f2"), bias.astype("<f4")]
    return b"".join(each.tobytes() + bytes(-each.nbytes % _STEP) for each in tensors)
