"""The floor under a pass: the networks' arithmetic at the speed of a plain matrix product."""

from __future__ import annotations

from adain.decoder import MIRRORED
from adain.vgg import CONTENT_LAYER, layers_upto

TAPS = 9  # of a 3×3 filter


def network_flops(height: int, width: int) -> int:
    """Floating-point operations of the encoder's and the decoder's convolutions on one picture.

    Two for each multiply-add, biases left out, as is the custom; counted from the tables the networks are built from.

    Args:
        height, width: in pixels, multiples of 8.
    """
    total, cells = 0, height * width
    for spec in layers_upto(CONTENT_LAYER):
        cells //= 4 if spec.pool_before else 1
        total += 2 * TAPS * spec.c_in * spec.c_out * cells
    for spec in MIRRORED:
        total += 2 * TAPS * spec.c_in * spec.c_out * cells
        cells *= 4 if spec.pool_before else 1
    return total
