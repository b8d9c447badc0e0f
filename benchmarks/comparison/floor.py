"""The floor under a pass: the networks' arithmetic at the speed of a plain matrix product."""

from __future__ import annotations

from adain import slim, vgg

TAPS = 9  # of a 3×3 filter

TABLES = {"vgg19": vgg.LAYERS, "fast": slim.LAYERS}
"""The convolutions of each model's encoder, which its decoder mirrors."""


def network_flops(height: int, width: int, model: str = "vgg19") -> int:
    """Floating-point operations of the encoder's and the decoder's convolutions on one picture.

    Two for each multiply-add, biases left out, as is the custom; counted from the tables the networks are built from.

    Args:
        height, width: in pixels, multiples of 8.
        model: whose, a key of :data:`TABLES`.
    """
    total, cells = 0, height * width
    for spec in vgg.layers_upto(vgg.CONTENT_LAYER, TABLES[model]):
        cells //= 4 if spec.pool_before else 1
        # A convolution of the decoder takes in as many channels as its partner gives, at the same size.
        total += 2 * (2 * TAPS * spec.c_in * spec.c_out * cells)
    return total
