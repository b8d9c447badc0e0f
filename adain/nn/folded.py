"""Decoders that take in a layer folded beside relu4_1 (:mod:`adain.nn.fold`)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from .decoder import Decoder
from .fold import unfold
from .layers import BASE, Network
from .vgg import Trim


class FoldedDecoder(Decoder):
    """A decoder that takes a folded layer in.

    The features' part from relu4_1 is decoded to the size of the folded one, which is added to it, through a 1 × 1
    convolution if the network has a *skip*; from there on it is a :class:`~adain.nn.decoder.Decoder`.
    """

    def __init__(self) -> None:
        super().__init__()
        if self.network.skip is not None:
            out, fine, *_ = self.network.decoder_shapes[self.network.skip]
            self.add_module(self.network.skip, nn.Conv2d(fine, out, 1))

    def _decode(self, features: Tensor, trim: Trim | None) -> Tensor:
        first, *others = self.specs
        x = self._run([first], features[:, : first.c_out], trim)
        fine = features[:, first.c_out :]
        fine = fine if trim is None else trim(first.name, fine)
        if self.network.skip is not None:
            skip = self.get_submodule(self.network.skip)
            fine = torch.cat([skip(place) for place in fine.chunk(4, dim=1)], dim=1)
        # Adding to every place of a folded cell is doubling by nearest neighbours.
        return self._run(others, unfold(x.repeat(1, 4, 1, 1) + fine), trim)


class BaseDecoder(FoldedDecoder):
    """The base model's decoder: that of Huang & Belongie 2017 with relu3_1 beside relu4_1.

    Shape:
        features ``(B, 1536, H, W)`` → image ``(B, 3, 8 H, 8 W)``, RGB nominally in ``[0, 1]``, not clamped.
    """

    network: ClassVar[Network] = BASE
