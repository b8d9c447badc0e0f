"""The VGG-19 encoder: one pass, any of its ReLU layers out.

Simonyan & Zisserman 2014, with the two changes style transfer makes to it: reflection padding, and filters
normalised so that every channel has a mean activation of 1 (Gatys et al. 2016; Huang & Belongie 2017). The
preprocessing of the original network is folded into the first convolution, so the input is plain RGB in ``[0, 1]``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

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
"""Shortest side the encoder takes: reflection padding needs two cells at relu4_1."""

Pooling = Literal["max", "average"]


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


class VGGEncoder(nn.Module):
    """VGG-19 up to a chosen layer.

    Args:
        upto: the deepest layer that will be asked for, ``relu1_1`` … ``relu5_4``.
        pool: ``"max"`` as trained, or ``"average"`` (Gatys et al. 2016 found it smoother for optimisation).

    Shape:
        image ``(B, 3, H, W)``, RGB in ``[0, 1]``, H and W at least :data:`MIN_SIZE` → a dict of
        ``(B, C, ceil(H / 2^k), ceil(W / 2^k))`` features, one entry per layer asked for.
    """

    def __init__(self, upto: str = CONTENT_LAYER, *, pool: Pooling = "max") -> None:
        super().__init__()
        if pool not in ("max", "average"):
            raise InputError(f"pool must be 'max' or 'average', not {pool!r}")
        self.upto = upto
        self.pool = pool
        self.specs = layers_upto(upto)
        for spec in self.specs:
            conv = nn.Conv2d(spec.c_in, spec.c_out, 3, padding=1, padding_mode="reflect")
            self.add_module(spec.name, conv)

    def forward(self, image: Tensor, layers: Iterable[str] = (CONTENT_LAYER,)) -> dict[str, Tensor]:
        """Features of the named layers, computed in one pass that stops at the deepest of them.

        Raises:
            InputError: if a layer is unknown or deeper than :attr:`upto`, or the image is too small.
        """
        wanted = set(layers)
        known = {spec.relu for spec in self.specs}
        if not wanted or not wanted <= known:
            missing = ", ".join(sorted(wanted - known)) or "nothing"
            raise InputError(f"{missing} asked of an encoder that ends at {self.upto}")
        if image.ndim != 4 or image.shape[1] != 3:
            raise InputError(f"images must be (B, 3, H, W), not {tuple(image.shape)}")
        if min(image.shape[2:]) < MIN_SIZE:
            height, width = image.shape[2:]
            raise InputError(f"the image is {width}x{height} px: at least {MIN_SIZE} px on each side are needed")
        found: dict[str, Tensor] = {}
        x = image
        for spec in self.specs:
            if spec.pool_before:
                # Ceil mode keeps the last row and column of odd sizes.
                pool = F.max_pool2d if self.pool == "max" else F.avg_pool2d
                x = pool(x, 2, ceil_mode=True)
            x = F.relu(self.get_submodule(spec.name)(x), inplace=True)
            if spec.relu in wanted:
                found[spec.relu] = x
                if len(found) == len(wanted):
                    break
        return found

    def extra_repr(self) -> str:
        return f"upto={self.upto}, pool={self.pool}"
