"""Stylising without torch: encoder and decoder by an engine, and what lies between them by NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .._utils.arrays import FloatArray, is_tensor
from .._utils.errors import ImageError, InputError
from ..image import DEFAULT_MAX_PIXELS, Source
from ..image.arrays import check_range
from ..image.box import Box
from ..image.source import check_least, lay
from ..nn.layers import MIN_SIZE, ConvSpec, Network
from ..options import Options, Wrap
from ..stylizer.base import BaseStylizer
from ..stylizer.cache import StyleCache
from ..stylizer.transfer import plain_change, transfer

if TYPE_CHECKING:
    import os

    from ..control.regions import Placement
    from ..control.style import Style


class Engine(Protocol):
    """What computes the two networks on arrays of NumPy. Several threads may ask at a time, as those of a video do."""

    network: Network
    pass_bytes: int
    """Peak memory of both networks over a picture, in bytes a pixel."""

    def encode(self, pixels: FloatArray, keep: Box | None = None) -> FloatArray:
        """``(B, 3, H, W)`` in ``[0, 1]`` → ``(B, C, ceil(H / 8), ceil(W / 8))``, or the cells that are to be kept."""

    def decode(
        self, features: FloatArray, keep: Box | None = None, change: tuple[FloatArray, FloatArray] | None = None
    ) -> FloatArray:
        """``(B, C, h, w)`` → ``(B, 3, 8 h, 8 w)``, not clamped, or the pixels of the cells that are to be kept.

        ``change`` is what the features are to be multiplied by and what is to be added, ``(B or 1, C, 1, 1)`` each.
        """


class EngineStylizer(BaseStylizer):
    """Stylises as :class:`~adain.Stylizer` does, without torch unless a picture keeps the photograph's colours.

    Photographs may also be float arrays ``(B, 3, H, W)`` in ``[0, 1]``, which give arrays. Tensors give tensors, on the
    CPU; no gradient passes.

    Args:
        engine: computes the networks.
        max_pixels: largest picture that will be opened, a guard against decompression bombs; None for any.
        style_cache: folder that keeps encoded styles for later calls, see :class:`~adain.stylizer.StyleCache`.
    """

    device = None

    def __init__(
        self,
        engine: Engine,
        *,
        max_pixels: int | None = DEFAULT_MAX_PIXELS,
        style_cache: StyleCache | str | os.PathLike[str] | None = None,
    ) -> None:
        self.engine, self.max_pixels = engine, max_pixels
        self.style_cache = style_cache if isinstance(style_cache, StyleCache | None) else StyleCache(style_cache)
        self.channels = engine.network.channels

    @property
    def specs(self) -> tuple[tuple[ConvSpec, ...], tuple[ConvSpec, ...]]:
        return self.engine.network.encoder, self.engine.network.decoder

    def open(
        self,
        source: Any,
        *,
        size: int = 0,
        crop: bool = False,
        wrap: Wrap = Options.wrap,
        is_artwork: bool = False,
    ) -> Source:
        """:meth:`BaseStylizer.open`, which also takes a float array ``(B, 3, H, W)``, as it is.

        Raises:
            InputError: for a tensor that wants a gradient.
        """
        if isinstance(source, np.ndarray) and source.ndim == 4:
            if source.shape[1] != 3 or source.dtype.kind != "f" or 0 in source.shape:
                raise ImageError(
                    f"image arrays must be floats (B, 3, H, W) in [0, 1], not {source.dtype} of shape {source.shape}"
                )
            check_range(float(source.min()), float(source.max()), "image arrays")
            check_least((source.shape[2], source.shape[3]), MIN_SIZE, "")
            return lay(np.ascontiguousarray(source, np.float32), (source.shape[2], source.shape[3]), wrap)
        if is_tensor(source) and source.requires_grad:
            raise InputError("gradients need torch: use adain.Stylizer, or detach() where none is wanted")
        return super().open(source, size=size, crop=crop, wrap=wrap, is_artwork=is_artwork)

    def pixels(self, opened: Source) -> FloatArray:
        return np.ascontiguousarray(opened.to_array())

    def encode(self, pixels: FloatArray) -> FloatArray:
        return self.engine.encode(pixels)

    def encode_part(self, pixels: FloatArray, inner: Box, outer: Box) -> FloatArray:
        return self.engine.encode(pixels, inner.within(outer))

    def decode_features(self, features: FloatArray) -> FloatArray:
        return self.engine.decode(features)

    def decode_changed(self, features: FloatArray, target: Style | Placement, alpha: float) -> FloatArray:
        change = plain_change(features, target, alpha)
        if change is None:
            return self.decode_features(transfer(features, target, alpha))
        return self.engine.decode(features, change=change)

    def decode_part(self, features: FloatArray, inner: Box, outer: Box) -> FloatArray:
        return self.engine.decode(features, inner.within(outer))

    def pass_bytes(self) -> int:
        return self.engine.pass_bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.engine.network.name})"
