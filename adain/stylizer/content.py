"""A photograph after the encoder: what is computed once and decoded in any number of styles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from .._utils.arrays import device_of, is_tensor, moved
from .._utils.errors import InputError
from ..image import Source
from ..image.arrays import to_array
from ..image.box import Box
from ..image.stored import StoredPicture
from ..image.strips import Photograph, Strips
from ..image.wrap import axes_of, part, picture_part, resize_values
from ..options import Wrap
from .halo import Tiling
from .store import FeatureStore

if TYPE_CHECKING:
    from .strips import EncodedAgain


class TileProgress(NamedTuple):
    """How far the tiles of a photograph are.

    Attributes:
        phase: ``"encode"``, ``"correct"`` for each round of that, or ``"decode"``.
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
        store: the features.
        picture: the photograph of mode ``RGB``; None if it is a tensor, or an array, which :attr:`Content.pixels` is.
        folder: for temporary files; None for the usual one.
        whole: the statistics of the whole, once they are known.
    """

    tiling: Tiling
    store: FeatureStore | EncodedAgain
    picture: Image.Image | StoredPicture | Photograph | None
    progress: Progress | None
    folder: str | PathLike[str] | None = None
    whole: list[tuple[Any, Any]] = field(default_factory=list)

    @property
    def is_strips(self) -> bool:
        """Whether neither photograph nor result are ever held as a whole."""
        return isinstance(self.picture, Photograph)

    def release(self) -> None:
        """Give back what the tile before has left of files in memory."""
        for each in (self.store, self.picture):
            if isinstance(each, FeatureStore | StoredPicture):
                each.release()


@dataclass(frozen=True, eq=False)
class Content:
    """A content image after the encoder, ready to be decoded in any number of styles.

    Attributes:
        features: ``(B, C, H', W')``, C as in :attr:`adain.Style.mean`, from the image padded to multiples of 8; of
            tiles, on the CPU, and in a temporary file if large. An array of what computes without torch.
        size: height and width in pixels at which it is encoded and decoded: those of the result, but see ``wanted``.
        opacity: the image's alpha channel (mode ``L``), given back to the result; None without one.
        is_tensor: whether the result is a tensor, or an array, and no picture.
        pixels: ``(B, 3, H, W)`` float32 in ``[0, 1]`` on the device, not padded, for what keeps the photograph's
            colours; None where those are not wanted. In tiles, the tensor that was given, or None for a picture.
        uncropped: height and width in pixels before the central square was cut out, which is what masks are painted
            on; None where nothing was cut.
        tiles: how it is decoded in tiles; None for in one piece.
        is_single: whether that tensor is ``(3, H, W)``, as the one that was given.
        is_array: whether it is an array, as the one that was given.
        wrap: which of its sides meet.
        wanted: height and width of the result in pixels, where the sides that meet make others; else None.
    """

    features: Any
    size: tuple[int, int]
    opacity: Image.Image | None = None
    is_tensor: bool = False
    pixels: Any = None
    uncropped: tuple[int, int] | None = None
    tiles: Tiles | None = None
    is_single: bool = False
    is_array: bool = False
    wrap: Wrap = "none"
    wanted: tuple[int, int] | None = None

    @classmethod
    def of(cls, opened: Source, features: Any, pixels: Any, tiles: Tiles | None = None) -> Content:
        """The content of a picture, with what was made of it."""
        is_picture = isinstance(opened.image, Image.Image | StoredPicture | Strips)
        is_array = isinstance(opened.image, np.ndarray)
        return cls(
            features, opened.size, opened.opacity, not is_picture, pixels, opened.uncropped, tiles, opened.is_single,
            is_array, opened.wrap, opened.wanted,
        )  # fmt: skip

    @property
    def result_size(self) -> tuple[int, int]:
        """Height and width of the result in pixels."""
        return self.wanted or self.size

    def fitted(self, result: Any) -> Any:
        """Pixels ``(B, 3, H, W)`` of :attr:`size` at :attr:`result_size`."""
        return resize_values(result, self.result_size, axes_of(self.wrap))

    @property
    def is_strips(self) -> bool:
        """Whether it comes in strips, as the result will."""
        return self.tiles is not None and self.tiles.is_strips

    def returned(self, result: Any) -> Any:
        """A result ``(B, 3, H, W)`` in the form that the photograph had."""
        result = result[0] if self.is_single else result
        return result if self.is_array or is_tensor(result) else moved(result, "cpu")

    def colors(self, box: Box | None = None) -> Any:
        """:attr:`pixels`, all or those of a box, or :class:`~adain.InputError` if there are none.

        Beyond the photograph's sides are its pixels again, see :func:`adain.image.wrap.part`.
        """
        if self.pixels is not None:
            return self.pixels if box is None else part(self.pixels, box)
        if self.tiles is None or self.tiles.picture is None:
            raise InputError("this Content has no pixels to keep the colours of: make it with encode_content")
        levels = to_array(picture_part(self.tiles.picture, box or Box(0, 0, *self.size)))
        return levels if device_of(self.features) is None else moved(levels, "cpu")

    def distribution(self, mask: Any = None) -> tuple[Any, Any]:
        """The photograph's colours as an image and a mask, for what takes statistics of them and nothing else.

        They are :attr:`pixels` and ``mask``, or in tiles its distinct colours and the weight of each; see
        :func:`~adain.control.recolor.count_colors`. Raises as :meth:`colors` does.
        """
        if self.tiles is None or self.tiles.picture is None:
            return self.colors(), mask
        from ..control.recolor import count_colors

        return count_colors(self.tiles.picture, mask)

    def __repr__(self) -> str:
        height, width = self.result_size
        tiles = "" if self.tiles is None else f", tiles={self.tiles.tiling.count}"
        return f"Content({width}x{height} px, features={tuple(self.features.shape)}{tiles})"
