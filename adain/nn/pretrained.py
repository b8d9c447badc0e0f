"""Loading the networks of the weights that ship, verified, and of your own."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from .._utils.errors import WeightsError
from .convert import fill
from .decoder import Decoder
from .fast import FastDecoder, FastEncoder
from .folded import BaseDecoder
from .hub import Provenance
from .layers import FAST
from .shipped import DEFAULT_MODEL as DEFAULT_MODEL
from .shipped import find_model as find_model
from .shipped import read_verified as read_verified
from .shipped import registry as registry
from .states import (
    convolution,
    has_convolution,
    network_of,
    read_tensors_of,
    recognise_decoder,
    shipped_model,
    too_short,
)
from .vgg import CONTENT_LAYER, Pooling, VGGEncoder

_log = logging.getLogger(__name__)

DECODERS: tuple[type[Decoder], ...] = (BaseDecoder, Decoder, FastDecoder)
"""One for each network of :data:`adain.nn.layers.NETWORKS`."""


def load_encoder(source: str | Path | None = None, *, upto: str = CONTENT_LAYER, pool: Pooling = "max") -> VGGEncoder:
    """The encoder of a shipped model, or one from a file that ``adain weights import`` wrote.

    Args:
        source: model name (default: :data:`DEFAULT_MODEL`) or path of a ``.safetensors`` file.
        upto: deepest layer needed; only the layers up to it are unpacked. The shipped encoder reaches relu5_2, and a
            second file is read for relu5_2 alone.
        pool: see :class:`~adain.nn.vgg.VGGEncoder`.

    Returns:
        A frozen :class:`~adain.nn.vgg.VGGEncoder` in float32 on the CPU; of the fast model, a
        :class:`~adain.nn.fast.FastEncoder`. The features of a shipped model's are those that its decoder takes, of a
        file's relu4_1 alone until :meth:`~adain.nn.vgg.VGGEncoder.giving` says more. For errors see
        :func:`read_verified` and :func:`find_model`.
    """
    tensors, name = read_tensors_of(source, "encoder", load_safetensors)
    kind = FastEncoder if network_of(tensors, name) is FAST else VGGEncoder
    if upto not in (spec.relu for spec in kind.table) and upto in (spec.relu for spec in VGGEncoder.table):
        raise WeightsError(f"{name} does not reach {upto}: it is the fast model's, which ends at {kind.table[-1].relu}")
    with torch.device("meta"):
        encoder = kind(upto, pool=pool)
    model = shipped_model(source)
    for deeper in model.encoder_deeper if model else ():
        if has_convolution(tensors, encoder.specs[-1].name):
            break
        tensors |= load_safetensors(read_verified(deeper))
        name += f" with {deeper.file}"
    state: dict[str, Tensor] = {}
    for spec in encoder.specs:
        if not has_convolution(tensors, spec.name):
            raise too_short(tensors, kind.table, upto, name)
        state[f"{spec.name}.weight"], state[f"{spec.name}.bias"] = convolution(tensors, spec.name)
    _log.info("encoder as far as %s from %s", upto, name)
    encoder = fill(encoder, state, f"the shapes in {name} are not those of {kind.__name__}")
    encoder.provenance = _provenance(source, "encoder")
    return encoder if model is None or model.folded is None else encoder.giving(model.folded)


def load_decoder(source: str | Path | None = None) -> Decoder:
    """The decoder of a shipped model, or one from a ``.safetensors`` file; arguments as :func:`load_encoder`."""
    tensors, name = read_tensors_of(source, "decoder", load_safetensors)
    network, state = recognise_decoder(tensors, name)
    kind = next(kind for kind in DECODERS if kind.network is network)
    with torch.device("meta"):
        decoder = kind()
    _log.info("decoder from %s", name)
    decoder = fill(decoder, state, f"the shapes in {name} are not those of {kind.__name__}")
    decoder.provenance = _provenance(source, "decoder")
    return decoder


def _provenance(source: str | Path | None, part: str) -> Provenance:
    """Where the weights of a model's part come from, as the registry says; nothing of a user's file."""
    model = shipped_model(source)
    if model is None:
        return Provenance()
    weights = getattr(model, part)
    return Provenance(DEFAULT_MODEL if source is None else str(source), weights.licence, weights.origin)
