"""The networks as tables of convolutions, which every back end builds them from; free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .._utils.errors import InputError

BLOCKS: tuple[tuple[int, int], ...] = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""(channels, convolutions) of VGG-19's five blocks; a 2×2 pooling stands between two blocks."""

FAST_BLOCKS = ((16, 1), (32, 1), (64, 2), (128, 1))
"""(channels, convolutions) of the four blocks of the fast model's encoder."""

CONTENT_LAYER = "relu4_1"
"""Where AdaIN works and content is compared (Huang & Belongie 2017, section 5)."""

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
"""Where the style loss compares statistics (Huang & Belongie 2017, eq. 13)."""

STRIDE = 8
"""Pixels per feature cell at :data:`CONTENT_LAYER`: three poolings."""

MIN_SIZE = 16
"""Shortest side the encoder takes, and enough for relu4_4; relu5_1 and deeper need one pixel more: :func:`min_size`."""

LATTICE_SIZE = 8 * STRIDE
"""Shortest side in pixels in which what repeats every :data:`STRIDE` can be told from what lies around it."""

GRID_SIZE = 2 * LATTICE_SIZE
"""Shortest side of a picture whose quarters are each large enough for that."""

FINER = "relu3_1"
"""The base model's finer layer: of twice relu4_1's size, and one of those where the style loss compares statistics."""

FOLDED = "relu3_2"
"""The fast model's: the last one before the last pooling."""


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
"""VGG-19's sixteen convolutions in order."""

FAST_LAYERS = layer_table(FAST_BLOCKS)
"""The five convolutions of the fast model's encoder in order."""


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


MIRRORED: tuple[ConvSpec, ...] = tuple(reversed(layers_upto(CONTENT_LAYER)))
"""VGG-19's convolutions, deepest first; the decoder gives each one a partner of the same name."""

# One convolution more than the encoder has at a quarter and at half size, where strokes are made.
FAST_MIRRORED = tuple(reversed(layer_table(((16, 1), (32, 2), (64, 3), (128, 1)))))
"""What the fast model's decoder mirrors, deepest first."""


@dataclass(frozen=True)
class Network:
    """The two ends of a model.

    Attributes:
        name: the encoder's.
        encoder: its convolutions to :data:`CONTENT_LAYER`, in order.
        decoder: the convolutions that the decoder mirrors, deepest first.
        pass_bytes: peak memory of both over an untiled image by torch, in bytes a pixel of float32.
        folded: a finer layer that lies beside :data:`CONTENT_LAYER` in the features, its 2 × 2 places as channels.
        skip: name of the 1 × 1 convolution by which the decoder takes that layer in; None where it is added as it is.
    """

    name: str
    encoder: tuple[ConvSpec, ...]
    decoder: tuple[ConvSpec, ...]
    pass_bytes: int
    folded: str | None = None
    skip: str | None = None

    @property
    def fine_channels(self) -> int:
        """Of the finer layer; 0 without one."""
        return sum(spec.c_out for spec in self.encoder if spec.relu == self.folded)

    @property
    def channels(self) -> int:
        """Of the features."""
        return self.encoder[-1].c_out + 4 * self.fine_channels

    @property
    def decoder_shapes(self) -> dict[str, tuple[int, int, int, int]]:
        """The decoder's filters by the names of its convolutions, deepest first and the skip at the end."""
        shapes = {spec.name: (spec.c_in, spec.c_out, 3, 3) for spec in self.decoder}
        if self.skip is not None:
            shapes[self.skip] = (self.decoder[0].c_in, self.fine_channels, 1, 1)
        return shapes


# 880 as measured on a CPU at 1 to 4 megapixels (python -m benchmarks tiling memory --tile off).
CLASSIC = Network("vgg19", layers_upto(CONTENT_LAYER), MIRRORED, 900)
"""As published: relu4_1 alone (Huang & Belongie 2017, section 5)."""

# 821 to 872 at 1 to 4 megapixels, of the classic network 601 to 661 on that day's machine (the same command).
BASE = Network("vgg19+relu3_1", layers_upto(CONTENT_LAYER), MIRRORED, 960, FINER, "skip3_1")
"""The base model's: relu3_1 beside it."""

# 240 and 180 at 1 and 2 megapixels, on one thread (… --side 1000 --model fast).
FAST = Network("fast", FAST_LAYERS, FAST_MIRRORED, 250, FOLDED)
NETWORKS = (BASE, CLASSIC, FAST)
