"""Colour spaces that are told by primaries and a curve, not by an ICC profile, and pictures in them as sRGB.

Codes are those of Rec. ITU-T H.273 (07/2021), Tables 2 and 3, which PNG, AVIF, HEIF, JPEG 2000 and videos share.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from .hdr import Curve, Floats, curve_of, hlg_light, peak_of, pq_light, tone_mapped

Primaries: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""x and y of red, green, blue and white."""

_D65, _C, _E = (0.3127, 0.3290), (0.310, 0.316), (1 / 3, 1 / 3)
_SMPTE = (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65)

BT709: Primaries = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65)
BT2020: Primaries = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65)
ADOBE: Primaries = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65)
"""Adobe RGB (1998), section 4.3.1.1."""

ROMM: Primaries = (0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001, 0.3457, 0.3585)
"""ISO 22028-2."""

PRIMARIES: dict[int, Primaries] = {
    1: BT709,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *_C),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: _SMPTE,
    7: _SMPTE,
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *_C),
    9: BT2020,
    10: (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, *_E),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
"""By code."""

Decode: TypeAlias = Callable[[Floats], Floats]
"""From numbers in ``[0, 1]`` to light."""

ADOBE_GAMMA = 563 / 256
"""Adobe RGB (1998), section 4.3.4.2."""

_BAND = 256  # rows that are in floating point together
_STEPS = 65535  # of light in the table of the curve of sRGB: 0.05 of a level of 255 where it is steepest
_NEAR = 0.0015  # by how much primaries may differ that mean the same, as files round them


def srgb_light(numbers: Floats) -> Floats:
    """IEC 61966-2-1."""
    return np.where(numbers <= 0.04045, numbers / 12.92, np.power((numbers + 0.055) / 1.055, 2.4))


def srgb_numbers(light: Floats) -> Floats:
    """Undo :func:`srgb_light`."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055)


def power_light(gamma: float) -> Decode:
    """A power of the number."""
    return lambda numbers: np.power(numbers, gamma)


def romm_light(numbers: Floats) -> Floats:
    """ISO 22028-2."""
    return np.where(numbers < 16 / 512, numbers / 16, np.power(numbers, 1.8))


# The curves of cameras, BT.709 and its like, have no other for screens in their standards. Those numbers are shown as
# if they were sRGB, as videos are read, too.
CURVES: dict[int, Decode] = dict.fromkeys((1, 6, 7, 11, 12, 13, 14, 15), srgb_light) | {
    4: power_light(2.2),
    5: power_light(2.8),
    8: lambda numbers: numbers,
    9: lambda numbers: np.where(numbers > 0, np.power(10.0, 2 * (numbers - 1)), 0),
    10: lambda numbers: np.where(numbers > 0, np.power(10.0, 2.5 * (numbers - 1)), 0),
    17: lambda numbers: np.minimum(52.37 / 48 * np.power(numbers, 2.6), 1),
}
"""Of standard range, by code."""


@dataclass(frozen=True)
class Colorspace:
    """What the numbers of a picture mean.

    Attributes:
        primaries: their chromaticities, and that of white.
        decode: from numbers to light; without a part where ``curve`` is given.
        curve: of high dynamic range; None for standard.
        peak: cd/m² of the brightest that the picture may hold, with a ``curve``.
        is_narrow: whether black is at 16/255 and white at 235/255.
    """

    primaries: Primaries = BT709
    decode: Decode = srgb_light
    curve: Curve | None = None
    peak: float = 0.0
    is_narrow: bool = False

    @classmethod
    def of_codes(
        cls,
        primaries: int,
        transfer: int,
        *,
        is_narrow: bool = False,
        brightest: float | None = None,
        mastered: float | None = None,
    ) -> Colorspace | None:
        """By codes; None if they say nothing.

        One that is unspecified, or not known, is that of sRGB, or BT.2020 with PQ and HLG. ``brightest`` and
        ``mastered`` are those of :func:`~adain.image.hdr.peak_of`.
        """
        if (curve := curve_of(transfer)) is not None:
            of = PRIMARIES.get(primaries, BT2020)
            return cls(of, srgb_light, curve, peak_of(curve, brightest, mastered), is_narrow)
        if primaries not in PRIMARIES and transfer not in CURVES:
            return None
        return cls(PRIMARIES.get(primaries, BT709), CURVES.get(transfer, srgb_light), is_narrow=is_narrow)

    @property
    def is_srgb(self) -> bool:
        """Whether a picture in it is one in sRGB."""
        near = np.allclose(self.primaries, BT709, rtol=0, atol=_NEAR)
        return near and self.decode is srgb_light and self.curve is None and not self.is_narrow

    def to_srgb(self, numbers: npt.NDArray[Any], kind: type[Any] | None = None) -> npt.NDArray[Any]:
        """Pixels ``(..., 3)`` of sRGB, as levels of 8 or 16 bits or floats in ``[0, 1]``, as ``kind`` or as they were.

        Chromatic adaptation is that of Bradford; colours that sRGB does not hold are clipped.
        """
        wanted, light = np.dtype(kind or numbers.dtype), self.light(numbers)
        light = np.minimum(light if self.curve is None else tone_mapped(light, self.peak), 1)
        if wanted.kind == "u":
            levels: npt.NDArray[Any] = _levels(wanted.str)[np.rint(light * np.float32(_STEPS)).astype(np.uint16)]
            return levels
        floats: npt.NDArray[Any] = srgb_numbers(light).astype(wanted)
        return floats

    def greys_to_srgb(self, numbers: npt.NDArray[Any], kind: type[Any] | None = None) -> npt.NDArray[Any]:
        """Grey levels ``(H, W)`` of 8 or 16 bits, likewise."""
        every = np.arange(np.iinfo(numbers.dtype).max + 1, dtype=numbers.dtype.newbyteorder("="))
        shown: npt.NDArray[Any] = self.to_srgb(np.repeat(every[:, None], 3, axis=1), kind)[:, 1][numbers]
        return shown

    def light(self, numbers: npt.NDArray[Any]) -> Floats:
        """Pixels as light in the primaries of BT.709, in cd/m² with a ``curve``, else with white at 1."""
        is_tabled = numbers.dtype.kind == "u" and self.curve != "HLG"
        light: Floats = _table(self, numbers.dtype.str)[numbers] if is_tabled else self._light(numbers)
        light = light @ _to_bt709(self.primaries)
        return np.maximum(light, 0)

    def converted(self, image: Image.Image) -> Image.Image:
        """A picture "L" or "RGB" as a new one "RGB" of sRGB."""
        image = image.convert("RGB")
        if self.is_srgb:
            return image
        pixels = np.array(image)
        for top in range(0, len(pixels), _BAND):
            pixels[top : top + _BAND] = self.to_srgb(pixels[top : top + _BAND])
        return Image.fromarray(pixels)

    def _light(self, numbers: npt.NDArray[Any]) -> Floats:
        highest = float(np.iinfo(numbers.dtype).max) if numbers.dtype.kind == "u" else 1.0
        black, white = 0.0, highest
        if self.is_narrow:  # H.273, section 8.3: 16 bits are 8 and eight more below them
            step = 256.0 if numbers.dtype == np.uint16 else highest / 255
            black, white = 16 * step, 235 * step
        unit = np.clip((numbers.astype(np.float32) - np.float32(black)) / np.float32(white - black), 0, 1)
        decode = self.decode if self.curve is None else pq_light if self.curve == "PQ" else hlg_light
        return decode(unit).astype(np.float32)


@functools.lru_cache(maxsize=8)
def _table(space: Colorspace, kind: str) -> Floats:
    """The light of every level."""
    return space._light(np.arange(np.iinfo(np.dtype(kind)).max + 1, dtype=kind))


@functools.cache
def _levels(kind: str) -> npt.NDArray[Any]:
    numbers = srgb_numbers(np.arange(_STEPS + 1) / _STEPS)
    levels: npt.NDArray[Any] = np.rint(numbers * np.iinfo(np.dtype(kind)).max).astype(kind)
    return levels


def xyz_matrix(primaries: Primaries) -> npt.NDArray[np.float64]:
    """From light of R, G and B to X, Y and Z: SMPTE RP 177. ValueError if the primaries span no colours."""
    red, green, blue, white = (
        np.array([x, y, 1 - x - y]) for x, y in zip(primaries[::2], primaries[1::2], strict=True)
    )
    if primaries[-1] <= 0:
        raise ValueError("white without light")
    columns = np.stack([red, green, blue], axis=1)
    matrix: npt.NDArray[np.float64] = columns * np.linalg.solve(columns, white / primaries[-1])
    return matrix


@functools.lru_cache(maxsize=16)
def _to_bt709(primaries: Primaries) -> Floats:
    """For pixels as rows; white stays white, by the adaptation of Bradford (ICC.1:2022, annex E)."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    source, target = xyz_matrix(primaries), xyz_matrix(BT709)
    white, wanted = bradford @ source.sum(1), bradford @ target.sum(1)
    adapted = np.linalg.inv(bradford) @ np.diag(wanted / white) @ bradford
    return cast("Floats", (np.linalg.inv(target) @ adapted @ source).T.astype(np.float32))


@functools.lru_cache(maxsize=16)
def from_bt709(primaries: Primaries) -> Floats:
    """The way back from light in BT.709, for pixels as rows."""
    back: Floats = np.linalg.inv(_to_bt709(primaries).astype(np.float64)).astype(np.float32)
    return back
