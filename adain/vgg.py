"""The VGG-19 encoder: one pass, any of its ReLU layers out.

Simonyan & Zisserman 2014, with the two changes style transfer makes to it: reflection padding, and filters
normalised so that every channel has a mean activation of 1 (Gatys et al. 2016; Huang & Belongie 2017). The
preprocessing of the original network is folded into the first convolution, so the input is plain RGB in ``[0, 1]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from .borders import can_pad_outside, convolve, pad
from .errors import InputError

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
Trim = Callable[[str, Tensor], Tensor]


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


def _layer_table() -> tuple[ConvSpec, ...]:
    table, channels = [], 3
    for block, (width, count) in enumerate(BLOCKS, start=1):
        for index in range(1, count + 1):
            pool = index == 1 and block > 1
            table.append(ConvSpec(f"conv{block}_{index}", channels, width, pool))
            channels = width
    return tuple(table)


LAYERS = _layer_table()
"""All sixteen convolutions in order."""


def layers_upto(relu: str) -> tuple[ConvSpec, ...]:
    """The convolutions needed to compute ``relu``.

    Raises:
        InputError: if VGG-19 has no such layer.
    """
    names = [spec.relu for spec in LAYERS]
    if relu not in names:
        raise InputError(f"VGG-19 has no layer {relu!r}: choose one of {', '.join(names)}")
    return LAYERS[: names.index(relu) + 1]


def min_size(halvings: int) -> int:
    """Shortest side in pixels that leaves two cells after so many halvings that round up, and no less than 16.

    Reflection padding needs two cells, and so does a standard deviation that is to mean anything.
    """
    return max(MIN_SIZE, (1 << halvings) + 1)


def check_image(image: Tensor, halvings: int) -> None:
    """Nothing, if ``image`` is ``(B, 3, H, W)`` and large enough for a layer behind ``halvings`` halvings.

    Raises:
        InputError: if it is not.
    """
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

    Shape:
        image ``(B, 3, H, W)``, RGB in ``[0, 1]``, H and W at least :data:`MIN_SIZE` (one more from relu5_1 on) → a
        dict of ``(B, C, ceil(H / 2^k), ceil(W / 2^k))`` features, one entry per layer asked for.
    """

    name: ClassVar[str] = "vgg19"
    content_layer: ClassVar[str] = "relu4_2"
    style_layers: ClassVar[tuple[str, ...]] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

    def __init__(self, upto: str = CONTENT_LAYER, *, pool: Pooling = "max") -> None:
        super().__init__()
        if pool not in ("max", "average"):
            raise InputError(f"pool must be 'max' or 'average', not {pool!r}")
        self.upto = upto
        self.pool = pool
        self.specs = layers_upto(upto)
        self.layer_names = tuple(spec.relu for spec in self.specs)
        for spec in self.specs:
            conv = nn.Conv2d(spec.c_in, spec.c_out, 3, padding=1, padding_mode="reflect")
            self.add_module(spec.name, conv)

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
        known = set(self.layer_names)
        if not wanted or not wanted <= known:
            missing = ", ".join(sorted(wanted - known)) or "nothing"
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

    def extra_repr(self) -> str:
        return f"upto={self.upto}, pool={self.pool}"
