"""Videos of high dynamic range: tone-mapped, or kept by a gain for every pixel.

A model paints standard pictures, in the colours of standard artworks. So that a painted video keeps its range, each
frame is split into its tone-mapped picture, which is painted, and a *gain*, how many times brighter each pixel was
(:func:`adain.image.hdr.gain_of`, 1 where it is dark), as ISO 21496-1 keeps it with photographs. What is painted is
multiplied by it again. Where nothing is painted over, the light of the source comes back; a white of the artwork is
reference white, 203 cd/m², but where the source shines, and there it shines, too.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..image.colorspace import BT2020, Colorspace, from_bt709, srgb_light, srgb_numbers
from ..image.hdr import WHITE, Curve, curve_of, gain_of, hlg_numbers, peak_of, pq_numbers, tone_mapped
from ..image.resize import scaled
from ..image.wrap import FLAT, Axes, resize_picture
from .frames import Color, Deep, Floats, Pixels

PQ, HLG, BT2020_CODE = 16, 18, 9

_DYNAMIC = ("DYNAMIC_HDR_PLUS", "DYNAMIC_HDR_VIVID", "DOVI_RPU_BUFFER", "DOVI_METADATA")
"""What FFmpeg calls tone mappings of scenes, which are of the pictures as they were."""

_BAND = 256  # rows that are in floating point together


@dataclass(frozen=True)
class Mastering:
    """The display that a video was made on: SMPTE ST 2086.

    Attributes:
        primaries: x and y of red, green, blue and white.
        brightest, darkest: in cd/m².
    """

    primaries: tuple[float, ...]
    brightest: float
    darkest: float


@dataclass(frozen=True)
class DynamicRange:
    """What is known of a video of high dynamic range.

    Attributes:
        curve: PQ or HLG.
        primaries: code of Rec. ITU-T H.273, Table 2.
        light: MaxCLL and MaxFALL in cd/m² (CTA-861.3), where they are told.
        mastering: where it is told.
        is_dynamic: whether frames have tone mappings of their own.
    """

    curve: Curve
    primaries: int = BT2020_CODE
    light: tuple[int, int] | None = None
    mastering: Mastering | None = None
    is_dynamic: bool = False

    @classmethod
    def of_frame(cls, raw: Any) -> DynamicRange | None:
        """Of a decoded frame; None for one of standard range."""
        if (curve := curve_of(int(raw.color_trc))) is None:
            return None
        light, mastering, is_dynamic = None, None, False
        for data in raw.side_data:
            if data.type.name == "CONTENT_LIGHT_LEVEL":
                light = struct.unpack_from("=2I", bytes(data))
            elif data.type.name == "MASTERING_DISPLAY_METADATA":
                mastering = _mastering(bytes(data))
            is_dynamic = is_dynamic or data.type.name in _DYNAMIC
        return cls(curve, int(raw.color_primaries), light, mastering, is_dynamic)

    @property
    def peak(self) -> float:
        """cd/m² of the brightest that it may hold."""
        brightest = None if self.light is None else self.light[0]
        return peak_of(self.curve, brightest, None if self.mastering is None else self.mastering.brightest)

    @property
    def space(self) -> Colorspace:
        """What its numbers mean."""
        found = Colorspace.of_codes(self.primaries, PQ if self.curve == "PQ" else HLG, brightest=self.peak)
        assert found is not None
        return found

    @property
    def color(self) -> Color:
        """How it is written: in BT.2020, whatever its primaries were."""
        return Color(BT2020_CODE, BT2020_CODE, PQ if self.curve == "PQ" else HLG)

    def tone_mapped(self, numbers: Pixels) -> Pixels:
        """A frame as a standard picture."""
        pixels = np.empty(numbers.shape, np.uint8)
        for rows in _bands(numbers):
            pixels[rows] = self.space.to_srgb(numbers[rows], np.uint8)
        return pixels

    def split(self, numbers: Pixels, size: int = 0, axes: Axes = FLAT) -> tuple[Floats, Floats]:
        """A frame's standard picture ``(1, 3, H, W)`` in ``[0, 1]``, and its gain ``(H, W)``, 1 or more.

        Args:
            numbers: of the frame.
            size: shorter side of both in pixels; 0 for that of the frame.
            axes: where the frame wraps.
        """
        space = self.space
        picture, gain = np.empty((3, *numbers.shape[:2]), np.float32), np.empty(numbers.shape[:2], np.float32)
        for rows in _bands(numbers):
            light = space.light(numbers[rows])
            gain[rows] = gain_of(light, self.peak)
            picture[:, rows] = srgb_numbers(tone_mapped(light, self.peak)).transpose(2, 0, 1)
        resized = np.stack([_resized(plane, size, axes) for plane in picture])[None]
        return np.clip(resized, 0, 1), np.exp2(np.maximum(_resized(np.log2(gain), size, axes), 0))

    def joined(self, picture: Floats, gain: Floats) -> Deep:
        """Undo :meth:`split`, but for what BT.709 does not hold, in the primaries of BT.2020."""
        numbers = np.empty((*gain.shape, 3), np.uint16)
        for rows in _bands(gain):
            shown = np.clip(picture[0, :, rows].transpose(1, 2, 0), 0, 1)
            light = (srgb_light(shown) @ _TO_BT2020) * (WHITE * gain[rows, :, None])
            light = np.clip(light, 0, self.peak).astype(np.float32)
            coded = pq_numbers(light) if self.curve == "PQ" else hlg_numbers(light)
            numbers[rows] = np.rint(np.clip(coded, 0, 1) * 65535)
        return numbers

    def encoder_options(self, codec: str) -> dict[str, str]:
        """What tells an encoder of light and mastering, as far as it takes them; those of PQ, as HLG has no such."""
        parts: list[str] = []
        own = {"libx264": ("mastering-display", "cll"), "libx265": ("master-display", "max-cll"),
               "libsvtav1": ("mastering-display", "content-light")}.get(codec)  # fmt: skip
        if own is None or self.curve != "PQ":
            return {}
        if self.mastering is not None:
            parts.append(f"{own[0]}={_in_words(self.mastering, is_whole=codec != 'libsvtav1')}")
        if self.light is not None:
            parts.append(f"{own[1]}={self.light[0]},{self.light[1]}")
        return {f"{codec.removeprefix('lib')}-params": ":".join(parts)} if parts else {}


_TO_BT2020 = from_bt709(BT2020)


def _resized(plane: Floats, size: int, axes: Axes) -> Floats:
    height, width = plane.shape
    return np.asarray(resize_picture(Image.fromarray(plane), scaled((height, width), size), axes))


def _bands(pixels: npt.NDArray[Any]) -> list[slice]:
    return [slice(top, top + _BAND) for top in range(0, len(pixels), _BAND)]


def _mastering(data: bytes) -> Mastering | None:
    """Of FFmpeg's AVMasteringDisplayMetadata: ten fractions and two flags; None where one part is missing."""
    numbers = struct.unpack_from("=22i", data)
    if not (numbers[20] and numbers[21]) or not all(numbers[1:20:2]):
        return None
    values = [a / b for a, b in zip(numbers[0:20:2], numbers[1:20:2], strict=True)]
    return Mastering(tuple(values[:8]), values[9], values[8])


def _in_words(mastering: Mastering, *, is_whole: bool) -> str:
    """As encoders want it: whole numbers of 0.00002 and of 0.0001 cd/m², or the values."""
    red, green, blue, white = (mastering.primaries[k : k + 2] for k in (0, 2, 4, 6))
    points, light = {"G": green, "B": blue, "R": red, "WP": white}, (mastering.brightest, mastering.darkest)

    def pair(values: tuple[float, ...], steps: int) -> str:
        return ",".join(str(round(v * steps)) if is_whole else f"{v:.6g}" for v in values)

    words = [f"{name}({pair(point, 50_000)})" for name, point in points.items()]
    return "".join(words) + f"L({pair(light, 10_000)})"
