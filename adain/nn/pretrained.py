"""Loading the networks of the weights that ship, verified, and of your own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from .._utils.errors import MissingFileError, WeightsError
from . import palettes
from .convert import decoder_state, fill, read_tensors
from .decoder import Decoder
from .fast import FastDecoder, FastEncoder
from .shipped import DEFAULT_MODEL as DEFAULT_MODEL
from .shipped import ShippedModel, WeightsFile, find_model, read_verified, registry
from .vgg import CONTENT_LAYER, Pooling, VGGEncoder

_log = logging.getLogger(__name__)


def load_encoder(source: str | Path | None = None, *, upto: str = CONTENT_LAYER, pool: Pooling = "max") -> VGGEncoder:
    """The encoder of a shipped model, or one from a file that ``adain weights import`` wrote.

    Args:
        source: model name (default: :data:`DEFAULT_MODEL`) or path of a ``.safetensors`` file.
        upto: deepest layer needed; only the layers up to it are unpacked. The shipped encoder reaches relu5_2, and a
            second file is read for relu5_2 alone.
        pool: see :class:`~adain.nn.vgg.VGGEncoder`.

    Returns:
        A frozen :class:`~adain.nn.vgg.VGGEncoder` in float32 on the CPU; of the fast model, a
        :class:`~adain.nn.fast.FastEncoder`. For errors see :func:`read_verified` and :func:`find_model`.
    """
    tensors, name = _tensors(source, "encoder")
    kind = _encoder_kind(tensors, name)
    if upto not in (spec.relu for spec in kind.table) and upto in (spec.relu for spec in VGGEncoder.table):
        raise WeightsError(f"{name} does not reach {upto}: it is the fast model's, which ends at {kind.table[-1].relu}")
    with torch.device("meta"):
        encoder = kind(upto, pool=pool)
    model = _shipped(source)
    for deeper in model.encoder_deeper if model else ():
        if _has_convolution(tensors, encoder.specs[-1].name):
            break
        tensors |= load_safetensors(read_verified(deeper))
        name += f" with {deeper.file}"
    state: dict[str, Tensor] = {}
    for spec in encoder.specs:
        if not _has_convolution(tensors, spec.name):
            have = [s.relu for s in kind.table if f"{s.name}.bias" in tensors]
            reach = f"it ends at {have[-1]}" if have else "it holds no encoder"
            raise WeightsError(f"{name} does not reach {upto}: {reach} (adain weights import makes such files)")
        is_packed = palettes.is_palette(tensors, spec.name)
        weight = palettes.unpack(tensors, spec.name) if is_packed else tensors[f"{spec.name}.weight"]
        state |= {f"{spec.name}.weight": weight, f"{spec.name}.bias": tensors[f"{spec.name}.bias"]}
    _log.info("encoder as far as %s from %s", upto, name)
    return fill(encoder, state, f"the shapes in {name} are not those of {kind.__name__}")


def load_decoder(source: str | Path | None = None) -> Decoder:
    """The decoder of a shipped model, or one from a ``.safetensors`` file; arguments as :func:`load_encoder`."""
    tensors, name = _tensors(source, "decoder")
    for kind in (Decoder, FastDecoder):
        if (state := decoder_state(tensors, kind.specs)) is not None:
            with torch.device("meta"):
                decoder = kind()
            _log.info("decoder from %s", name)
            return fill(decoder, state, f"the shapes in {name} are not those of {kind.__name__}")
    raise WeightsError(f"{name} holds no decoder: its layers do not mirror VGG-19 to relu4_1, nor the fast model")


def _encoder_kind(tensors: Mapping[str, Tensor], name: str) -> type[VGGEncoder]:
    """Which network the tensors are of, by the width of its first convolution; the base model's if there is none."""
    first = tensors.get("conv1_1.bias")
    width = VGGEncoder.table[0].c_out if first is None else len(first)
    for kind in (VGGEncoder, FastEncoder):
        if width == kind.table[0].c_out:
            return kind
    what = "a decoder" if width == VGGEncoder.table[0].c_in else "a network of another width"
    raise WeightsError(f"{name} holds no encoder but {what}: the shapes in it are not those of VGGEncoder")


def _shipped(source: str | Path | None) -> ShippedModel | None:
    """The model that ``source`` names; None for a user's file."""
    if source is None:
        return find_model(DEFAULT_MODEL)
    return registry().get(source) if isinstance(source, str) else None


def _has_convolution(tensors: Mapping[str, Tensor], name: str) -> bool:
    """Whether ``tensors`` holds the convolution ``name``, packed or plain."""
    has_weight = palettes.is_palette(tensors, name) or f"{name}.weight" in tensors
    return has_weight and f"{name}.bias" in tensors


def _tensors(source: str | Path | None, part: str) -> tuple[dict[str, Tensor], str]:
    """The tensors of a registry entry or of a user's file, and a name for messages."""
    model = _shipped(source)
    if source is None or model is not None:
        weights: WeightsFile = getattr(model, part)
        return load_safetensors(read_verified(weights)), weights.file
    path = Path(source)
    if not path.suffix and not path.exists():
        find_model(str(source))  # raises with the names there are
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist: give the {part} as a .safetensors file")
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path} is not a .safetensors file: convert it with adain weights import")
    return read_tensors(path), str(path)
