"""A photograph after the encoder: what is computed once and decoded in any number of styles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image
from torch import Tensor

from .._utils.errors import InputError
from ..control.recolor import count_colors
from ..image import Source, to_tensor
from ..image.box import Box
from ..image.resize import cut
from .halo import Tiling
from .store import FeatureStore


class TileProgress(NamedTuple):
    """How far the tiles of a photograph are.

    Attributes:
        phase: ``"encode"`` or ``"decode"``.
        done, total: tiles.
    """

    phase: str
    done: int
    total: int


Progress = Callable[[TileProgress], object]
"""Called after each tile."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """How a photograph was encoded in tiles, and is decoded.

    Attributes:
        picture: the photograph of mode ``RGB``; None if it is a tensor, which :attr:`Content.pixels` then is.
    """

    tiling: Tiling
    store: FeatureStore
    picture: Image.Image | None
    progress: Progress | None


@dataclass(frozen=True, eq=False)
class Content:
    """A content image after the encoder, ready to be decoded in any number of styles.

    Attributes:
        features: ``(B, 512, H', W')`` at relu4_1, or ``(B, 384, H', W')`` of the fast model
            (:class:`~adain.nn.fast.FastEncoder`), from the image padded to multiples of 8; of tiles, on the CPU, and
            in a temporary file if large.
        size: height and width of the result in pixels.
        opacity: the image's alpha channel (mode ``L``), given back to the result; None without one.
        is_tensor: whether the result is a tensor.
        pixels: ``(B, 3, H, W)`` float32 in ``[0, 1]`` on the device, not padded, for what keeps the photograph's
            colours; None where those are not wanted. In tiles, the tensor that was given, or None for a picture.
        uncropped: height and width in pixels before the central square was cut out, which is what masks are painted
            on; None where nothing was cut.
        tiles: how it is decoded in tiles; None for in one piece.
        is_single: whether that tensor is ``(3, H, W)``, as the one that was given.
    """

    features: Tensor
    size: tuple[int, int]
    opacity: Image.Image | None = None
    is_tensor: bool = False
    pixels: Tensor | None = None
    uncropped: tuple[int, int] | None = None
    tiles: Tiles | None = None
    is_single: bool = False

    @classmethod
    def of(cls, opened: Source, features: Tensor, pixels: Tensor | None, tiles: Tiles | None = None) -> Content:
        """The content of a picture, with what was made of it."""
        is_tensor, size = isinstance(opened.image, Tensor), opened.size
        return cls(features, size, opened.opacity, is_tensor, pixels, opened.uncropped, tiles, opened.is_single)

    def colors(self, box: Box | None = None) -> Tensor:
        """:attr:`pixels`, all or those of a box, or :class:`~adain.InputError` if there are none."""
        if self.pixels is not None:
            return self.pixels if box is None else self.pixels[(..., *box.slices)]
        if self.tiles is None or self.tiles.picture is None:
            raise InputError("this Content has no pixels to keep the colours of: make it with encode_content")
        top, left, bottom, right = Box(0, 0, *self.size) if box is None else box
        return to_tensor(cut(self.tiles.picture, (left, top, right, bottom)))

    def distribution(self, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The photograph's colours as an image and a mask, for what takes statistics of them and nothing else.

        They are :attr:`pixels` and ``mask``, or in tiles its distinct colours and the weight of each; see
        :func:`~adain.control.recolor.count_colors`. Raises as :meth:`colors` does.
        """
        if self.tiles is None or self.tiles.picture is None:
            return self.colors(), mask
        return count_colors(self.tiles.picture, mask)

    def __repr__(self) -> str:
        height, width = self.size
        tiles = "" if self.tiles is None else f", tiles={self.tiles.tiling.count}"
        return f"Content({width}x{height} px, features={tuple(self.features.shape)}{tiles})"
