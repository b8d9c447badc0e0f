"""The VGG-19 encoder: one pass, any of its ReLU layers out.

Simonyan & Zisserman 2014, with the two changes style transfer makes to it: reflection padding, and filters
normalised so that every channel has a mean activation of 1 (Gatys et al. 2016; Huang & Belongie 2017). The
preprocessing of the original network is folded into the first convolution, so the input is plain RGB in ``[0, 1]``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, ClassVar, Literal, Protocol, Self

import torch.nn.functional as F
from torch import Tensor, nn

from .._utils.errors import InputError
from .fold import fuse, layers_of
from .hub import HubModel
from .layers import BASE
from .layers import CONTENT_LAYER as CONTENT_LAYER
from .layers import LAYERS as LAYERS
from .layers import MIN_SIZE as MIN_SIZE
from .layers import STRIDE as STRIDE
from .layers import STYLE_LAYERS as STYLE_LAYERS
from .layers import ConvSpec as ConvSpec
from .layers import layers_upto as layers_upto
from .layers import min_size as min_size
from .padding import can_pad_outside, convolve, pad

Pooling = Literal["max", "average"]


class Trim(Protocol):
    """Cuts a tile's halo down on its way through a network; see :class:`adain.stylizer.halo.Trimmer`."""

    def __call__(self, name: str, x: Tensor) -> Tensor:
        """What later layers need of the result of convolution ``name``."""
        ...

    def own(self, name: str, x: Tensor) -> Tensor:
        """The tile's own part of what a call with that name has left."""
        ...


def check_image(image: Tensor, halvings: int) -> None:
    """InputError, unless ``image`` is ``(B, 3, H, W)`` and large enough for a layer behind ``halvings`` halvings."""
    if image.ndim != 4 or image.shape[1] != 3:
        raise InputError(f"images must be (B, 3, H, W), not {tuple(image.shape)}")
    height, width = image.shape[2:]
    if min(height, width) < min_size(halvings):
        raise InputError(f"the image is {width}x{height} px: at least {min_size(halvings)} px on each side are needed")


class VGGEncoder(HubModel):
    """VGG-19 up to a chosen layer.

    Args:
        upto: the deepest layer that will be asked for, ``relu1_1`` … ``relu5_4``.
        pool: ``"max"`` as trained, or ``"average"`` (Gatys et al. 2016 found it smoother for optimisation).

    Attributes:
        layer_names: the layers it can give, from shallow to deep.
        content_layer, style_layers: where Gatys et al. 2016 compare content and style when they optimise an image
            (section 3). They belong to the network: an encoder that ends before them cannot give them.
        table: all convolutions of the network.
        folded: a finer layer that lies beside relu4_1 in :meth:`features`; None for none. VGG-19 has none until
            :meth:`giving` says so, as it serves decoders of both kinds.
        pass_bytes: peak memory of encoder and decoder together over an untiled image, in bytes a pixel of float32.

    Shape:
        image ``(B, 3, H, W)``, RGB in ``[0, 1]``, H and W at least :data:`MIN_SIZE` (one more from relu5_1 on) → a
        dict of ``(B, C, ceil(H / 2^k), ceil(W / 2^k))`` features, one entry per layer asked for.
    """

    name: ClassVar[str] = "vgg19"
    table: ClassVar[tuple[ConvSpec, ...]] = LAYERS
    pass_bytes: ClassVar[int] = BASE.pass_bytes
    content_layer: ClassVar[str] = "relu4_2"
    style_layers: ClassVar[tuple[str, ...]] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    folded_layer: ClassVar[str | None] = None
    part: ClassVar[str] = "encoder"

    def __init__(self, upto: str = CONTENT_LAYER, *, pool: Pooling = "max") -> None:
        super().__init__()
        if pool not in ("max", "average"):
            raise InputError(f"pool must be 'max' or 'average', not {pool!r}")
        self.upto = upto
        self.folded = self.folded_layer
        self.pool = pool
        self.specs = layers_upto(upto, self.table)
        self.layer_names = tuple(spec.relu for spec in self.specs)
        for spec in self.specs:
            self.add_module(spec.name, nn.Conv2d(spec.c_in, spec.c_out, 3, padding=1, padding_mode="reflect"))

    def forward(
        self, image: Tensor, layers: Iterable[str] = (CONTENT_LAYER,), *, trim: Trim | None = None
    ) -> dict[str, Tensor]:
        """Features of the named layers, computed in one pass that stops at the deepest of them.

        Args:
            image, layers: see above.
            trim: called with the name and the result of each convolution, to cut off what is not wanted of it.

        Raises:
            InputError: if a layer is unknown or deeper than :attr:`upto`, or the image is too small.
        """
        wanted = set(layers)
        if not wanted or not wanted <= {*self.layer_names}:
            missing = ", ".join(sorted(wanted - {*self.layer_names})) or "nothing"
            raise InputError(f"{missing} asked of an encoder that ends at {self.upto}")
        specs = self.specs[: 1 + max(self.layer_names.index(layer) for layer in wanted)]
        check_image(image, sum(spec.pool_before for spec in specs))
        found: dict[str, Tensor] = {}
        x = image
        for spec in specs:
            if spec.pool_before:
                # Ceil mode keeps the last row and column of odd sizes.
                pool = F.max_pool2d if self.pool == "max" else F.avg_pool2d
                x = pool(x, 2, ceil_mode=True)
            convolution = self.get_submodule(spec.name)
            if can_pad_outside(convolution, x):
                x = pad(x)
                x = convolve(convolution, x)
            else:
                x = convolution(x)
            x = F.relu(x if trim is None else trim(spec.name, x), inplace=True)
            if spec.relu in wanted:
                found[spec.relu] = x
        return found

    def giving(self, folded: str | None) -> Self:
        """This encoder, its weights shared, with such a finer layer in its :meth:`features`."""
        if folded == self.folded:
            return self
        other = copy.copy(self)
        other.folded = folded
        return other

    @property
    def feature_channels(self) -> int:
        """How many channels :meth:`features` has."""
        widths = {spec.relu: spec.c_out for spec in self.table}
        return widths[CONTENT_LAYER] + (4 * widths[self.folded] if self.folded else 0)

    def features(self, image: Tensor, *, trim: Trim | None = None) -> Tensor:
        """What AdaIN works on and the decoder decodes: :data:`CONTENT_LAYER`, and the folded layer if there is one.

        Shape:
            ``(B, 3, H, W)`` → ``(B, feature_channels, ceil(H / 8), ceil(W / 8))``.
        """
        found: dict[str, Tensor] = self(image, layers_of(self.folded), trim=trim)
        if self.folded is not None and trim is not None:
            name = next(spec.name for spec in self.specs if spec.relu == self.folded)
            found[self.folded] = trim.own(name, found[self.folded])
        return fuse(found, self.folded)

    def hub_config(self) -> dict[str, Any]:
        layers = [spec._asdict() for spec in self.specs]
        how = {"upto": self.upto, "pool": self.pool, "folded": self.folded}
        return {"kind": self.part, "network": self.name, **how, "layers": layers, **self.said_of_weights()}

    def extra_repr(self) -> str:
        return f"upto={self.upto}, pool={self.pool}"
