"""Weights as named arrays, whatever file they came in; of torch for its modules, of NumPy for engines without it.

Nothing here makes a network: :mod:`adain.nn.pretrained` fills torch's modules with these, an engine its own graphs.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._utils.arrays import is_tensor
from .._utils.errors import InputError, MissingFileError, WeightsError, first_line
from . import palettes
from .layers import CLASSIC, FAST, NETWORKS, ConvSpec, Network
from .shipped import DEFAULT_MODEL, ShippedModel, WeightsFile, find_model, read_verified, registry

State = dict[str, Any]
"""``conv1_1.weight`` and the like: arrays of one kind."""

Source = str | os.PathLike[str] | None
"""A shipped model's name, the path of a file of one's own, or None for the default model."""


def read_network(model: str | None, encoder: Source = None, decoder: Source = None) -> tuple[Network, State, State]:
    """Which network a model is, and the weights of its encoder to relu4_1 and its decoder, of NumPy and in float32.

    Args:
        model: a shipped model.
        encoder, decoder: ``.safetensors`` files in place of its own.

    Raises:
        MissingFileError: if a file is missing.
        WeightsError: if one is damaged or holds something else, or there is no such model.
        InputError: if the two are of different models.
    """
    sources = [model if own is None else Path(own) for own in (encoder, decoder)]
    (tensors, name), (others, other) = (
        read_tensors_of(source, part, load_arrays) for source, part in zip(sources, ("encoder", "decoder"), strict=True)
    )
    encoder_of = network_of(tensors, name)
    first = encoder_state(tensors, encoder_of, name)
    network, second = recognise_decoder(others, other)
    if network.encoder != encoder_of.encoder:
        check_match(encoder_of.channels, network.channels)
    return network, first, second


def check_match(encoder: int, decoder: int) -> None:
    """Raise InputError unless an encoder gives as many channels as a decoder takes."""
    if encoder != decoder:
        raise InputError(
            f"the encoder gives {encoder} channels and the decoder takes {decoder}: use the encoder and the decoder of "
            "one model"
        )


def shipped_model(source: Source) -> ShippedModel | None:
    """The model that a source names; None for a user's file."""
    if source is None:
        return find_model(DEFAULT_MODEL)
    return registry().get(source) if isinstance(source, str) else None


def read_tensors_of(source: Source, part: str, load: Callable[[bytes], Mapping[str, Any]]) -> tuple[State, str]:
    """The tensors of a shipped model's ``part`` or of a user's file, and a name for messages.

    Args:
        load: reads the bytes of a safetensors file.
    """
    model = shipped_model(source)
    if source is None or model is not None:
        weights: WeightsFile = getattr(model, part)
        return dict(load(read_verified(weights))), weights.file
    path = Path(source)
    if not path.suffix and not path.exists():
        find_model(str(source))  # raises with the names there are
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist: give the {part} as a .safetensors file")
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path} is not a .safetensors file: convert it with adain weights import")
    return read_safetensors(path, load), str(path)


def digest_of(source: Source, part: str) -> str:
    """SHA-256 of the file that a model's ``part`` comes from."""
    model = shipped_model(source)
    if model is not None:
        weights: WeightsFile = getattr(model, part)
        return weights.sha256
    return hashlib.sha256(Path(str(source)).read_bytes()).hexdigest()


def weights_digest(network: Network, encoder: Mapping[str, Any], decoder: Mapping[str, Any]) -> str:
    """SHA-256 of a model's weights, the same whatever file they are read from and by whatever library.

    Args:
        encoder: to relu4_1 at least; what lies behind that does not count.
    """
    digest = hashlib.sha256(network.name.encode())
    ends = (encoder, [spec.name for spec in network.encoder]), (decoder, network.decoder_shapes)
    for state, names in ends:
        for name in (f"{name}.{part}" for name in names for part in ("weight", "bias")):
            values = state[name].detach().float().cpu().numpy() if is_tensor(state[name]) else state[name]
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(values, "<f4").data)
    return digest.hexdigest()


def read_safetensors(path: Path, load: Callable[[bytes], Mapping[str, Any]]) -> State:
    """All tensors of a ``.safetensors`` file; WeightsError if it cannot be read."""
    from safetensors import SafetensorError

    try:
        data = path.read_bytes()
        if data:
            return dict(load(data))
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or first_line(error)}") from None
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged or not a safetensors file ({first_line(error)}): copy it anew") from None
    raise WeightsError(f"{path} is empty: give a .safetensors or .pth weights file")


def load_arrays(data: bytes) -> State:
    """A safetensors file as arrays of NumPy."""
    from safetensors.numpy import load

    try:
        return dict(load(data))
    except (KeyError, TypeError):  # bfloat16 and other types that NumPy does not know
        from safetensors.torch import load as load_tensors

        return {name: tensor.float().numpy() for name, tensor in load_tensors(data).items()}


def network_of(tensors: Mapping[str, Any], name: str) -> Network:
    """Whose encoder the tensors are, by the width of its first convolution; the base model's if there is none."""
    first = tensors.get("conv1_1.bias")
    width = NETWORKS[0].encoder[0].c_out if first is None else len(first)
    for network in NETWORKS:
        if width == network.encoder[0].c_out:
            return network
    what = "a decoder" if width == NETWORKS[0].encoder[0].c_in else "a network of another width"
    raise WeightsError(f"{name} holds no encoder but {what}: the shapes in it are not those of VGGEncoder")


def encoder_state(tensors: Mapping[str, Any], network: Network, name: str) -> State:
    """Weights and biases to relu4_1, unpacked; WeightsError if one of them is missing or of another shape."""
    state: State = {}
    for spec in network.encoder:
        if not has_convolution(tensors, spec.name):
            raise too_short(tensors, network.encoder, network.encoder[-1].relu, name)
        weight, bias = convolution(tensors, spec.name)
        if weight.shape != (spec.c_out, spec.c_in, 3, 3) or bias.shape != (spec.c_out,):
            kind = "FastEncoder" if network is FAST else "VGGEncoder"
            raise WeightsError(f"the shapes in {name} are not those of {kind}")
        state |= {f"{spec.name}.weight": weight, f"{spec.name}.bias": bias}
    return state


def too_short(tensors: Mapping[str, Any], table: Iterable[ConvSpec], relu: str, name: str) -> WeightsError:
    """What to say of an encoder that ends before a layer."""
    have = [spec.relu for spec in table if f"{spec.name}.bias" in tensors]
    reach = f"it ends at {have[-1]}" if have else "it holds no encoder"
    return WeightsError(f"{name} does not reach {relu}: {reach} (adain weights import makes such files)")


def recognise_decoder(tensors: Mapping[str, Any], name: str) -> tuple[Network, State]:
    """Whose decoder the tensors are, and its weights by their names here; WeightsError if they are none, or more."""
    for network in NETWORKS:
        if (state := decoder_state(tensors, network)) is not None:
            return network, state
    known = _parameters(CLASSIC)
    if known <= set(tensors):
        extra = ", ".join(sorted(set(tensors) - known)[:3])
        raise WeightsError(f"{name} holds a decoder and something that does not belong to one, {extra}: leave that out")
    raise WeightsError(f"{name} holds no decoder: its layers do not mirror VGG-19 to relu4_1, nor the fast model")


def has_convolution(tensors: Mapping[str, Any], name: str) -> bool:
    """Whether ``tensors`` holds the convolution ``name``, packed or plain."""
    has_weight = palettes.is_palette(tensors, name) or f"{name}.weight" in tensors
    return has_weight and f"{name}.bias" in tensors


def convolution(tensors: Mapping[str, Any], name: str) -> tuple[Any, Any]:
    """Weight and bias of the convolution ``name``, unpacked and in float32."""
    packed = palettes.is_palette(tensors, name)
    weight = palettes.unpack(tensors, name) if packed else tensors[f"{name}.weight"]
    return as_float32(weight), as_float32(tensors[f"{name}.bias"])


def decoder_state(state: Mapping[str, Any], network: Network) -> State | None:
    """The state in this library's decoder layout, or None if it is anything else than that network's decoder.

    Names other than this library's will do for a network without a skip, whose order of convolutions says it all.
    """
    shapes = network.decoder_shapes
    if set(state) == _parameters(network):
        pairs = [(state[f"{name}.weight"], state[f"{name}.bias"]) for name in shapes]
    elif network.skip is None and not _parameters(network) < set(state):
        pairs = convolutions(state)
    else:
        return None
    fits = [tuple(w.shape) for w, _ in pairs] == [*shapes.values()]
    return named(shapes, pairs) if fits and 2 * len(pairs) == len(state) else None


def _parameters(network: Network) -> set[str]:
    """The names of a decoder's tensors."""
    return {f"{name}.{part}" for name in network.decoder_shapes for part in ("weight", "bias")}


def convolutions(state: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Weights and biases of the convolutions, in the order of the numbers in their names."""

    def order(key: str) -> list[tuple[int, str]]:
        return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", key)]

    pairs = []
    for key in sorted((k for k in state if k.endswith("weight")), key=order):
        bias = state.get(key.removesuffix("weight") + "bias")
        if state[key].ndim == 4 and bias is not None:
            pairs.append((as_float32(state[key]), as_float32(bias)))
    return pairs


def named(names: Iterable[str], pairs: Iterable[tuple[Any, Any]]) -> State:
    """Weights and biases in order, by the names of their convolutions."""
    state: State = {}
    for name, (weight, bias) in zip(names, pairs, strict=True):
        state[f"{name}.weight"], state[f"{name}.bias"] = as_float32(weight), as_float32(bias)
    return state


def as_float32(values: Any) -> Any:
    """In float32 and in one piece."""
    return values.float().contiguous() if is_tensor(values) else np.ascontiguousarray(values, np.float32)
