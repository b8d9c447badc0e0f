"""The floor under a pass: the networks' arithmetic at the speed of a plain matrix product."""

from __future__ import annotations

from adain.nn import CONTENT_LAYER, STRIDE, Decoder, FastDecoder, FastEncoder, VGGEncoder, layers_upto

TAPS = 9  # of a 3×3 filter

NETWORKS = {"vgg19": (VGGEncoder, Decoder), "fast": (FastEncoder, FastDecoder)}
"""Encoder and decoder of each model."""


def network_flops(height: int, width: int, model: str = "vgg19") -> int:
    """Floating-point operations of the encoder's and the decoder's convolutions on one picture.

    Two for each multiply-add, biases left out, as is the custom; counted from the tables the networks are built from.

    Args:
        height, width: in pixels, multiples of 8.
        model: whose, a key of :data:`NETWORKS`.
    """
    encoder, decoder = NETWORKS[model]
    total, cells = 0, height * width
    for spec in layers_upto(CONTENT_LAYER, encoder.table):
        cells //= 4 if spec.pool_before else 1
        total += 2 * TAPS * spec.c_in * spec.c_out * cells
    cells = height * width // STRIDE**2
    for spec in decoder.specs:
        total += 2 * TAPS * spec.c_in * spec.c_out * cells
        cells *= 4 if spec.pool_before else 1
    return total
