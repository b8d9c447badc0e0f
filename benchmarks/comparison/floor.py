"""The floor under a pass: the networks' arithmetic at the speed of a plain matrix product."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from adain.nn import Decoder, FastDecoder, FastEncoder, VGGEncoder

NETWORKS: dict[str, tuple[type[VGGEncoder], type[Decoder]]] = {
    "vgg19": (VGGEncoder, Decoder),
    "fast": (FastEncoder, FastDecoder),
}
"""Encoder and decoder of each model."""


def network_flops(height: int, width: int, model: str = "vgg19") -> int:
    """Floating-point operations of the encoder's and the decoder's convolutions on one picture.

    Two for each multiply-add, biases left out, as is the custom; counted by torch without computing anything.

    Args:
        height, width: in pixels, multiples of 8.
        model: whose, a key of :data:`NETWORKS`.
    """
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        encoder, decoder = NETWORKS[model]
        decoder()(encoder().features(torch.empty(1, 3, height, width)))
    return int(counter.get_total_flops())
