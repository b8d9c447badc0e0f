"""Pixels as a file stores them, whatever their type: what masks and label maps are read from, and deep pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from .arrays import LUMA, bands
from .colorspace import Colorspace
from .modes import separate, to_levels, to_unit

_TURNED = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}
"""By EXIF orientation, quarter turns to the left that make a picture upright, and whether it is mirrored then."""


@dataclass(frozen=True, eq=False)
class Samples:
    """The numbers that a file stores.

    Attributes:
        values: ``(H, W)``, or ``(H, W, C)`` of colours, of any type.
        mode: of the picture, as Pillow calls it, without its alpha: ``"L"`` of all that is grey and no float.
        white: the number that is white, or full ink; None for the rule of :func:`~adain.read_image`.
        alpha: ``(H, W)`` in ``[0, 1]``; None of what has no transparency.
        is_inverted: whether 0 is white.
        indices: ``(H, W)``, what a palette or single bits store where ``values`` are what those stand for.
    """

    values: npt.NDArray[Any]
    mode: str
    white: float | None = None
    alpha: npt.NDArray[np.float32] | None = None
    is_inverted: bool = False
    indices: npt.NDArray[Any] | None = None

    @classmethod
    def of(cls, image: Image.Image, packing: Packing) -> Self:
        """Those of a loaded image, whose file was packed like this."""
        indices = np.asarray(image) if image.mode in ("P", "1") else None
        image, opacity = separate(image)
        values, white = np.asarray(image), None
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        if image.mode in ("L", "RGB"):
            white = 255.0
        if packing.white is not None and image.mode in ("L", "I"):
            top = 255 if image.mode == "L" else 65535
            values, white = np.rint(values * (packing.white / top)).astype(values.dtype), float(packing.white)
        if packing.is_inverted:
            values = values.dtype.type(white or 0) - values
        mode = "L" if image.mode.startswith("I") else image.mode
        alpha = None if opacity is None else np.asarray(opacity, np.float32) / np.float32(255)
        return cls(values, mode, white, alpha, packing.is_inverted, indices)

    def upright(self, orientation: int) -> Self:
        """The same, turned by its EXIF orientation."""
        quarters, is_mirrored = _TURNED.get(orientation, (0, False))

        def turn(plane: Any) -> Any:
            turned = None if plane is None else np.rot90(plane, quarters)
            return turned if turned is None or not is_mirrored else turned[:, ::-1]

        return replace(self, values=turn(self.values), alpha=turn(self.alpha), indices=turn(self.indices))

    @property
    def light(self) -> npt.NDArray[Any]:
        """:attr:`values`, such that 0 is black."""
        if not self.is_inverted:
            return self.values
        if self.values.dtype.kind == "f":
            top = self.values.dtype.type(max(1.0, float(self.values.max())))
        else:
            top = self.values.dtype.type(self.white or np.iinfo(self.values.dtype).max)
        turned: npt.NDArray[Any] = top - self.values.clip(0)
        return turned

    def luma(self) -> npt.NDArray[np.float32]:
        """``(H, W)`` in ``[0, 1]``: what is grey as it is, of colours their luma.

        Raises:
            ValueError: if it holds NaN or infinite values.
        """
        if self.mode in ("L", "F"):
            return to_unit(self.light, self.white)
        if self.mode != "RGB" or self.white == 255:
            grey = self.to_image().convert("RGB").convert("L")
            return np.asarray(grey, np.float32) / np.float32(255)
        luma: npt.NDArray[np.float32] = to_unit(self.values, self.white) @ np.array(LUMA, np.float32)
        return luma

    def to_image(self) -> Image.Image:
        """The colours in 8 bits, in the mode that Pillow has for them, without the alpha."""
        if self.mode == "LAB" and self.values.dtype != np.uint8:
            # TIFF 6.0, section 23: a* and b* are signed, in steps of 1/256.
            tint = np.rint(self.values[..., 1:].astype(np.int16) / 256).clip(-128, 127) + 128
            levels = np.concatenate([np.rint(self.values[..., :1] / 257), tint], axis=2).astype(np.uint8)
        else:
            is_plain = self.values.dtype == np.uint8 and self.white in (None, 255)
            levels = self.light if is_plain else to_levels(self.light, self.white)
        if levels.ndim == 2 or self.mode == "RGB":
            image = Image.fromarray(np.ascontiguousarray(levels))
        else:
            planes = [Image.fromarray(np.ascontiguousarray(levels[..., k])) for k in range(levels.shape[2])]
            image = Image.merge(self.mode, planes)
        return image

    def to_srgb(self, space: Colorspace) -> Self:
        """Integers of 16 bits in another colour space as those of sRGB."""
        if self.values.ndim == 2:
            return replace(self, values=space.greys_to_srgb(self.values))
        values = np.empty_like(self.values)
        for rows in bands(*values.shape[:2]):
            values[rows] = space.to_srgb(self.values[rows])
        return replace(self, values=values)

    def opacity(self) -> Image.Image | None:
        """:attr:`alpha` as an "L" image."""
        return None if self.alpha is None else Image.fromarray(np.rint(self.alpha * 255).astype(np.uint8))


@dataclass(frozen=True)
class Packing:
    """How the grey samples of a file become those that Pillow gives.

    Attributes:
        white: the number in the file that Pillow stretches to its own white; None where it keeps the numbers.
        is_inverted: whether it inverts them, as 0 is white.
    """

    white: int | None = None
    is_inverted: bool = False

    @classmethod
    def of(cls, image: Image.Image) -> Self:
        """That of an image that is not loaded yet; of a loaded one nothing is known any more."""
        tiles = getattr(image, "tile", None)
        if image.mode not in ("L", "I") or not tiles:
            return cls()
        decoder, _, _, args = tiles[0]
        if decoder in ("ppm", "ppm_plain"):
            return cls(int(args[-1]))
        how = raw_mode(image).partition(";")[2] if image.mode == "L" else ""
        return cls({"4": 15, "2": 3}.get(how[:1]), "I" in how)


def raw_mode(image: Image.Image) -> str:
    """How an image that is not loaded yet is stored, as Pillow calls it; empty where that is not known."""
    tiles = getattr(image, "tile", None)
    args = tiles[0][3] if tiles else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def key_of(image: Image.Image) -> Any:
    """The transparent colour that an image which is not loaded yet declares, in the numbers that Pillow gives.

    A PNG holds it in 16 bits, of which those count that its samples have; Pillow leaves it at that.
    """
    key, raw = image.info.get("transparency"), raw_mode(image)
    if image.mode == "L" and isinstance(key, int) and raw in ("L", "L;4", "L;2"):
        white = Packing.of(image).white or 255
        return (key & white) * (255 // white)
    if raw == "RGB" and isinstance(key, tuple):
        return tuple(part & 255 for part in key)
    return key
