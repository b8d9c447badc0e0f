"""The fast model: encoder and decoder of VGG-19's shape at a quarter of its width, with few convolutions.

Beside relu4_1 its features have the finer relu3_2 folded (:mod:`adain.nn.fold`), which brings the outlines that so
few channels would lose.
"""

from __future__ import annotations

from typing import ClassVar

from .folded import FoldedDecoder
from .layers import CONTENT_LAYER, FAST, FAST_LAYERS, STYLE_LAYERS, ConvSpec, Network
from .layers import FOLDED as FOLDED
from .vgg import VGGEncoder


class FastEncoder(VGGEncoder):
    """The fast model's encoder; arguments and layers as :class:`~adain.nn.vgg.VGGEncoder`, as far as there are any.

    Shape:
        image ``(B, 3, H, W)``, RGB in ``[0, 1]`` → :meth:`features` ``(B, 384, ceil(H / 8), ceil(W / 8))``.
    """

    name: ClassVar[str] = "fast"
    content_layer: ClassVar[str] = CONTENT_LAYER
    style_layers: ClassVar[tuple[str, ...]] = STYLE_LAYERS
    table: ClassVar[tuple[ConvSpec, ...]] = FAST_LAYERS
    pass_bytes: ClassVar[int] = FAST.pass_bytes
    folded_layer: ClassVar[str | None] = FOLDED


class FastDecoder(FoldedDecoder):
    """The fast model's decoder.

    Shape:
        features ``(B, 384, H, W)`` → image ``(B, 3, 8 H, 8 W)``, RGB nominally in ``[0, 1]``, not clamped.
    """

    network: ClassVar[Network] = FAST
