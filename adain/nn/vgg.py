"""The VGG-19 encoder: one pass, any of its ReLU layers out.

Simonyan & Zisserman 2014, with the two changes style transfer makes to it: reflection padding, and filters
normalised so that every channel has a mean activation of 1 (Gatys et al. 2016; Huang & Belongie 2017). The
preprocessing of the original network is folded into the first convolution, so the input is plain RGB in ``[0, 1]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

import torch.nn.functional as F
from torch import Tensor, nn

from .._utils.errors import InputError
from .padding import can_pad_outside, convolve, pad

BLOCKS: tuple[tuple[int, int], ...] = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""(channels, convolutions) of VGG-19's five blocks; a 2×2 pooling stands between two blocks."""

CONTENT_LAYER = "relu4_1"
"""Where AdaIN works and content is compared (Huang & Belongie 2017, section 5)."""

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
"""Where the style loss compares statistics (Huang & Belongie 2017, eq. 13)."""

STRIDE = 8
"""Pixels per feature cell at :data:`CONTENT_LAYER`: three poolings."""

MIN_SIZE = 16
"""Shortest side the encoder takes, and enough for relu4_4; relu5_1 and deeper need one pixel more: :func:`min_size`."""

Pooling = Literal["max", "average"]


class Trim(Protocol):
    """Cuts a tile's halo down on its way through a network; see :class:`adain.stylizer.halo.Trimmer`."""

    def __call__(self, name: str, x: Tensor) -> Tensor:
        """What later layers need of the result of convolution ``name``."""
        ...

    def own(self, name: str, x: Tensor) -> Tensor:
        """The tile's own part of what a call with that name has left."""
        ...


class ConvSpec(NamedTuple):
    """One convolution: its name, channels in and out, and whether a pooling comes before it."""

    name: str
    c_in: int
    c_out: int
    pool_before: bool

    @property
    def relu(self) -> str:
        """Name of the activation behind it: ``conv4_1`` gives ``relu4_1``."""
        return self.name.replace("conv", "relu")


def layer_table(blocks: Sequence[tuple[int, int]]) -> tuple[ConvSpec, ...]:
    """The convolutions of a network of such blocks, (channels, convolutions) each, a pooling between two of them."""
    table, channels = [], 3
    for block, (width, count) in enumerate(blocks, start=1):
        for index in range(1, count + 1):
            table.append(ConvSpec(f"conv{block}_{index}", channels, width, pool_before=index == 1 and block > 1))
            channels = width
    return tuple(table)


LAYERS = layer_table(BLOCKS)
"""All sixteen convolutions in order."""


def layers_upto(relu: str, table: tuple[ConvSpec, ...] = LAYERS) -> tuple[ConvSpec, ...]:
    """The convolutions of ``table`` needed to compute ``relu``; InputError if there is no such layer."""
    names = [spec.relu for spec in table]
    if relu not in names:
        network = "VGG-19" if table is LAYERS else "this network"
        raise InputError(f"{network} has no layer {relu!r}: choose one of {', '.join(names)}")
    return table[: names.index(relu) + 1]


def min_size(halvings: int) -> int:
    """Shortest side in pixels that leaves two cells after so many halvings that round up, and no less than 16.

    Reflection padding needs two cells, and so does a standard deviation that is to mean anything.
    """
    return max(MIN_SIZE, (1 << halvings) + 1)


def check_image(image: Tensor, halvings: int) -> None:
    """InputError, unless ``image`` is ``(B, 3, H, W)`` and large enough for a layer behind ``halvings`` halvings."""
    if image.ndim != 4 or image.shape[1] != 3:
        raise InputError(f"images must be (B, 3, H, W), not {tuple(image.shape)}")
    height, width = image.shape[2:]
    if min(height, width) < min_size(halvings):
        raise InputError(f"the image is {width}x{height} px: at least {min_size(halvings)} px on each side are needed")


class VGGEncoder(nn.Module):
    """VGG-19 up to a chosen layer.

    Args:
        upto: the deepest layer that will be asked for, ``relu1_1`` … ``relu5_4``.
        pool: ``"max"`` as trained, or ``"average"`` (Gatys et al. 2016 found it smoother for optimisation).

    Attributes:
        layer_names: the layers it can give, from shallow to deep.
        content_layer, style_layers: where Gatys et al. 2016 compare content and style when they optimise an image
            (section 3). They belong to the network: an encoder that ends before them cannot give them.
        table: all convolutions of the network.
        pass_bytes: peak memory of encoder and decoder together over an untiled image, in bytes a pixel of float32.

    Shape:
        image ``(B, 3, H, W)``, RGB in ``[0, 1]``, H and W at least :data:`MIN_SIZE` (one more from relu5_1 on) → a
        dict of ``(B, C, ceil(H / 2^k), ceil(W / 2^k))`` features, one entry per layer asked for.
    """

    name: ClassVar[str] = "vgg19"
    table: ClassVar[tuple[ConvSpec, ...]] = LAYERS
    # 880 as measured on a CPU at 1 to 4 megapixels (python -m benchmarks tiling memory --tile off).
    pass_bytes: ClassVar[int] = 900
    content_layer: ClassVar[str] = "relu4_2"
    style_layers: ClassVar[tuple[str, ...]] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

    def __init__(self, upto: str = CONTENT_LAYER, *, pool: Pooling = "max") -> None:
        super().__init__()
        if pool not in ("max", "average"):
            raise InputError(f"pool must be 'max' or 'average', not {pool!r}")
        self.upto = upto
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

    @property
    def feature_channels(self) -> int:
        """How many channels :meth:`features` has."""
        return layers_upto(CONTENT_LAYER, self.table)[-1].c_out

    def features(self, image: Tensor, *, trim: Trim | None = None) -> Tensor:
        """What AdaIN works on and the decoder decodes: :data:`CONTENT_LAYER`.

        Shape:
            ``(B, 3, H, W)`` → ``(B, feature_channels, ceil(H / 8), ceil(W / 8))``.
        """
        found: dict[str, Tensor] = self(image, (CONTENT_LAYER,), trim=trim)
        return found[CONTENT_LAYER]

    def extra_repr(self) -> str:
        return f"upto={self.upto}, pool={self.pool}"
