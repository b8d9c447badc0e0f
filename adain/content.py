"""A photograph after the encoder: what is computed once and decoded in any number of styles."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from .errors import InputError


@dataclass(frozen=True, eq=False)
class Content:
    """A content image after the encoder, ready to be decoded in any number of styles.

    Attributes:
        features: ``(B, 512, H', W')`` at relu4_1, from the image padded to multiples of 8.
        size: height and width of the result in pixels.
        opacity: the image's alpha channel (mode ``L``), given back to the result; None without one.
        is_tensor: whether the result is a tensor.
        pixels: ``(B, 3, H, W)`` float32 in ``[0, 1]`` on the device, not padded, for what keeps the photograph's
            colours; None where those are not wanted.
        uncropped: height and width in pixels before the central square was cut out, which is what masks are painted
            on; None where nothing was cut.
    """

    features: Tensor
    size: tuple[int, int]
    opacity: Image.Image | None = None
    is_tensor: bool = False
    pixels: Tensor | None = None
    uncropped: tuple[int, int] | None = None

    def colors(self) -> Tensor:
        """:attr:`pixels`, or :class:`~adain.errors.InputError` if there are none."""
        if self.pixels is None:
            raise InputError("this Content has no pixels to keep the colours of: make it with encode_content")
        return self.pixels

    def __repr__(self) -> str:
        height, width = self.size
        return f"Content({width}x{height} px, features={tuple(self.features.shape)})"
