"""From floating-point pixels to the levels of a file: how many there are, and what becomes of what lies between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.arrays import is_tensor, moved
from .._utils.errors import InputError
from ..options import FileOptions
from .arrays import bands, check_finite, check_range, check_shape

Painted: TypeAlias = "Image.Image | npt.NDArray[np.uint16]"
"""A result: an image, or of 16 bits, which Pillow has no colours of, an array ``(H, W, 3)`` or ``(H, W, 4)``."""

# The root of x³ = x + 1. Its powers make the sequence R2 (M. Roberts 2018, "The unreasonable effectiveness of
# quasirandom sequences"), which fills the unit interval evenly over every patch of pixels.
_RATIO = 1.324717957244746
_THRESHOLDS = 4096


@dataclass(frozen=True)
class Levels:
    """Those of a file.

    Attributes:
        bits: of each colour, 8 or 16.
        dither: let the mean over a patch of pixels be that of the floats, where rounding to the nearest would leave
            steps. Each pixel is rounded up or down by a threshold that its place alone decides: the same picture gives
            the same file, in tiles or not.

    Raises:
        InputError: for other bits, and for 16 of them dithered.
    """

    bits: int = FileOptions.bits
    dither: bool = FileOptions.dither

    def __post_init__(self) -> None:
        if self.bits not in (8, 16):
            raise InputError(f"a picture has 8 or 16 bits, not {self.bits}")
        if self.dither and self.bits != 8:
            raise InputError("dithering is for 8 bits: of 16, one step is not seen")

    @classmethod
    def of(cls, options: FileOptions) -> Levels:
        """Those that options ask for; InputError if they contradict each other."""
        if options.dither and options.bits != 8:
            options.refuse("{dither} is for 8 bits, as steps of 16 are not seen: leave out {dither} or {bits}")
        return cls(options.bits, options.dither)

    def taken(self, image: Any) -> npt.NDArray[Any] | None:
        """What holds more than 8 bits as levels ``(H, W, 3)`` or ``(H, W, 4)``; None for what does not.

        That are tensors ``(3, H, W)`` or ``(1, 3, H, W)``, and arrays ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)``, of
        floats in ``[0, 1]`` or of uint16.

        Raises:
            ImageError: for other shapes, and for floats out of range.
        """
        if is_tensor(image):
            from .tensors import as_batch, check_single

            return self.quantised(moved(check_single(as_batch(image)).detach().float(), None)[0])
        is_16 = isinstance(image, np.ndarray) and image.dtype.newbyteorder("=") == np.uint16
        if not isinstance(image, np.ndarray) or not (image.dtype.kind == "f" or is_16):
            return None
        check_shape(image)
        values = np.dstack([image] * 3) if image.ndim == 2 else image
        if is_16:
            values = values.astype(np.uint16, copy=False)
            return values if self.bits == 16 else self.quantised(values.transpose(2, 0, 1) / np.float32(65535))
        check_range(float(values.min()), float(values.max()), "image arrays")
        return self.quantised(values.transpose(2, 0, 1))

    @property
    def top(self) -> int:
        """The highest."""
        return (1 << self.bits) - 1

    def quantised(self, planes: npt.NDArray[Any], corner: tuple[int, int] = (0, 0)) -> npt.NDArray[Any]:
        """``(C, H, W)`` in ``[0, 1]``, clamped to that, as levels ``(H, W, C)`` of uint8 or uint16.

        Args:
            corner: row and column of the first pixel in the picture that this is a part of.

        Raises:
            ImageError: for values that are NaN or infinite.
        """
        count, height, width = planes.shape
        levels = np.empty((height, width, count), np.uint8 if self.bits == 8 else np.uint16)
        for rows in bands(height, width):
            for channel in range(count):
                part = check_finite(planes[channel, rows].astype(np.float32))
                np.clip(part, 0, 1, out=part)
                part *= np.float32(self.top)
                if self.dither:
                    part += _thresholds(part.shape, (corner[0] + rows.start, corner[1]), channel)
                    levels[rows, :, channel] = np.floor(part, out=part)
                else:
                    levels[rows, :, channel] = np.rint(part, out=part)
        return levels


PLAIN = Levels(8, False)
"""8 bits, each colour to the nearest of their levels."""


def painted(pixels: Any, levels: Levels = PLAIN, corner: tuple[int, int] = (0, 0)) -> Painted:
    """``(1, 3, H, W)`` in ``[0, 1]``, a tensor or an array, as a picture of those levels."""
    if is_tensor(pixels) and levels == PLAIN:
        from .tensors import to_pil

        return to_pil(pixels)
    values = moved(pixels.detach().float() if is_tensor(pixels) else pixels, None)
    quantised = levels.quantised(values[0], corner)
    return quantised if levels.bits == 16 else Image.fromarray(quantised)


def size_of_painted(picture: Painted) -> tuple[int, int]:
    """Height and width."""
    return (picture.height, picture.width) if isinstance(picture, Image.Image) else picture.shape[:2]


def _thresholds(shape: tuple[int, ...], corner: tuple[int, int], channel: int) -> npt.NDArray[np.float32]:
    """In ``(0, 1)``; not so near its ends that rounding of float32 could move what is a level already."""
    down = np.arange(corner[0], corner[0] + shape[0])[:, None] / _RATIO**2 + channel / 3
    across = np.arange(corner[1], corner[1] + shape[1]) / _RATIO
    steps = np.floor(np.mod(down + across, 1.0) * _THRESHOLDS)
    thresholds: npt.NDArray[np.float32] = ((steps + 0.5) / _THRESHOLDS).astype(np.float32)
    return thresholds
