"""The decoder: the encoder's mirror image, from relu4_1 features back to pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from .._utils.errors import InputError
from .hub import HubModel
from .layers import CLASSIC, ConvSpec, Network
from .layers import MIRRORED as MIRRORED
from .padding import can_pad_outside, convolve, pad, pad_doubled
from .vgg import Trim


class Decoder(HubModel):
    """3×3 convolutions with reflection padding, nine of them (Huang & Belongie 2017, section 5).

    Each mirrors one convolution of the encoder and carries its name: where the encoder pools before a convolution,
    the decoder doubles the size (nearest neighbour) after its partner. There is no normalisation layer, which
    would undo AdaIN, and no output activation.

    Attributes:
        network: the tables it is made from; its encoder is the one that the decoder belongs to.
        specs: the convolutions of the encoder that are mirrored, deepest first.

    Shape:
        features ``(B, 512, H, W)`` → image ``(B, 3, 8 H, 8 W)``, RGB nominally in ``[0, 1]``, not clamped.
    """

    network: ClassVar[Network] = CLASSIC
    specs: ClassVar[tuple[ConvSpec, ...]] = CLASSIC.decoder
    part: ClassVar[str] = "decoder"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.specs = cls.network.decoder

    def __init__(self) -> None:
        super().__init__()
        for spec in self.specs:
            self.add_module(spec.name, nn.Conv2d(spec.c_out, spec.c_in, 3, padding=1, padding_mode="reflect"))

    def forward(self, features: Tensor, *, trim: Trim | None = None) -> Tensor:
        """The image; ``trim`` is called with the name and result of each convolution, to cut off what is not wanted.

        Raises:
            InputError: if the features have another number of channels, as those of another model do.
        """
        if features.shape[1] != self.feature_channels:
            raise InputError(
                f"the features have {features.shape[1]} channels and the decoder takes {self.feature_channels}: "
                "use the encoder and the decoder of one model"
            )
        return self._decode(features, trim)

    @property
    def feature_channels(self) -> int:
        """How many channels the features must have."""
        return self.network.channels

    def hub_config(self) -> dict[str, Any]:
        layers = [{"name": name, "shape": [*shape]} for name, shape in self.network.decoder_shapes.items()]
        return {"kind": self.part, "network": self.network.name, "layers": layers, **self.said_of_weights()}

    def _decode(self, features: Tensor, trim: Trim | None) -> Tensor:
        return self._run(self.specs, features, trim)

    def _run(self, specs: Sequence[ConvSpec], x: Tensor, trim: Trim | None) -> Tensor:
        """Some convolutions in a row, each with its ReLU and doubling; but a doubling behind the last is left out."""
        doubles = False
        for spec in specs:
            convolution = self.get_submodule(spec.name)
            if can_pad_outside(convolution, x):
                x = pad_doubled(x) if doubles else pad(x)
                x = convolve(convolution, x)
            else:
                x = F.interpolate(x, scale_factor=2, mode="nearest") if doubles else x
                x = convolution(x)
            x = x if trim is None else trim(spec.name, x)
            if spec is not self.specs[-1]:
                x = F.relu(x, inplace=True)
            doubles = spec.pool_before
        return x
