"""The fast model: encoder and decoder of VGG-19's shape at a quarter of its width, with few convolutions.

Where the base model's features are relu4_1 alone, these are relu4_1 and, cell by cell beside it, the finer relu3_2
*folded*: the 2 × 2 places of a cell lie one behind the other as channels. AdaIN then works at both depths at once, and
everything that is built on one feature map of 8-pixel cells (blends, masks, tiles) stays as it is. The finer layer
brings the outlines that so few channels would lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from .decoder import Decoder
from .layers import CONTENT_LAYER, FAST, FAST_LAYERS, FAST_MIRRORED, STYLE_LAYERS, ConvSpec
from .layers import FOLDED as FOLDED
from .vgg import Trim, VGGEncoder

_FOLDED_SPEC = next(spec for spec in FAST_LAYERS if spec.relu == FOLDED)


def fold(x: Tensor) -> Tensor:
    """The places of each 2 × 2 cell one behind the other; the last row and column of odd sizes count twice.

    ``(B, C, H, W)`` → ``(B, 4 C, ceil(H / 2), ceil(W / 2))``: first all channels of the upper left places.
    """
    odd = (0, x.shape[3] % 2, 0, x.shape[2] % 2)
    x = F.pad(x, odd, mode="replicate") if any(odd) else x
    return torch.cat([x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)], dim=1)


def unfold(x: Tensor) -> Tensor:
    """Undo :func:`fold` of even sizes: ``(B, 4 C, H, W)`` → ``(B, C, 2 H, 2 W)``."""
    batch, channels, height, width = x.shape
    places = x.reshape(batch, 2, 2, channels // 4, height, width)
    # By way of channels last, which convolutions on a CPU are faster in.
    return places.permute(0, 4, 1, 5, 2, 3).reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)


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

    @property
    def feature_channels(self) -> int:
        return super().feature_channels + 4 * _FOLDED_SPEC.c_out

    def features(self, image: Tensor, *, trim: Trim | None = None) -> Tensor:
        found = self(image, (CONTENT_LAYER, FOLDED), trim=trim)
        if trim is not None:
            found[FOLDED] = trim.own(_FOLDED_SPEC.name, found[FOLDED])
        return self.fuse(found)

    @staticmethod
    def fuse(found: Mapping[str, Tensor]) -> Tensor:
        """The two layers of :meth:`features` as one, relu4_1 first."""
        return torch.cat([found[CONTENT_LAYER], fold(found[FOLDED])], dim=1)


class FastDecoder(Decoder):
    """The fast model's decoder.

    The features' part from relu4_1 is decoded to the size of the folded one, which is added to it; from there on it is
    a :class:`~adain.nn.decoder.Decoder` like the base model's.

    Shape:
        features ``(B, 384, H, W)`` → image ``(B, 3, 8 H, 8 W)``, RGB nominally in ``[0, 1]``, not clamped.
    """

    specs: ClassVar[tuple[ConvSpec, ...]] = FAST_MIRRORED

    @property
    def feature_channels(self) -> int:
        return self.specs[0].c_out + 4 * _FOLDED_SPEC.c_out

    def _decode(self, features: Tensor, trim: Trim | None) -> Tensor:
        first, *others = self.specs
        fine = features[:, first.c_out :]
        x = self._run([first], features[:, : first.c_out], trim)
        # Adding to every place of a folded cell is doubling by nearest neighbours.
        fine = fine if trim is None else trim(first.name, fine)
        return self._run(others, unfold(x.repeat(1, 4, 1, 1) + fine), trim)
