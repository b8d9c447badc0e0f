"""Frames of more than 8 bits as RGB of 16, and back, by the matrices of Rec. ITU-T H.273, Table 4.

FFmpeg's scaler makes white of more than 8 bits too dark on the way to full-range RGB, by a part in 256, which is 3 % of
the light of PQ there. So it only brings chroma to the size of luma, and the rest is done here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .chroma import Scaler
from .frames import FULL_RANGE, Color, Deep, Pixels, require_av

_LUMA = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087)}
_BT2020 = (0.2627, 0.0593)
_BAND = 256  # rows that are in floating point together
_HIGHEST = np.float32(65535)


class DeepReader:
    """Makes RGB of frames such as one.

    Args:
        frame: one of them.
        size: width and height of all that comes out.
        color: says by which matrix.
        location: where chroma lies, as :func:`~adain.video.chroma.location_of` says.
    """

    def __init__(self, frame: Any, size: tuple[int, int], color: Color, location: str) -> None:
        self._is_rgb = frame.format.is_rgb
        self._kr, self._kb = _LUMA.get(color.matrix, _BT2020)
        bits = frame.format.components[0].bits
        is_full = int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
        black, white, swing = (0, (1 << bits) - 1, (1 << bits) - 1) if is_full else (16, 235, 224)
        unit = 1 << (16 - bits) if is_full else 256
        self._black, self._scale, self._middle = black * unit, 1 / (unit * (white - black)), 1 << 15
        self._swing = 1 / (unit * swing)
        kept = "full" if is_full else "limited"
        if self._is_rgb:
            self._scaler = Scaler("rgb48le", size)
        else:
            self._scaler = Scaler("yuv444p16le", size, in_chroma_loc=location, in_range=kept, out_range=kept)

    def __call__(self, frame: Any) -> Deep:
        """The frame's numbers."""
        pixels: Deep = self._scaler(frame).to_ndarray()
        if self._is_rgb:
            return pixels
        for top in range(0, len(pixels), _BAND):
            band = pixels[top : top + _BAND].astype(np.float32)
            luma = (band[..., 0] - self._black) * self._scale
            blue, red = ((band[..., k] - self._middle) * self._swing for k in (1, 2))
            rgb = _from_differences(luma, blue, red, self._kr, self._kb)
            pixels[top : top + _BAND] = np.rint(np.clip(rgb, 0, 1) * _HIGHEST)
        return pixels


class DeepWriter:
    """Undoes :class:`DeepReader`, in limited range, or as RGB where the pixel format is that."""

    def __init__(self, pixel_format: str, color: Color, location: str) -> None:
        self._av = require_av()
        self._is_rgb = self._av.VideoFormat(pixel_format).is_rgb
        self._kr, self._kb = _LUMA.get(color.matrix, _BT2020)
        if self._is_rgb:
            self._scaler = Scaler(pixel_format)
        else:
            self._scaler = Scaler(pixel_format, out_chroma_loc=location, in_range="limited", out_range="limited")

    def __call__(self, pixels: Pixels) -> Any:
        """The frame, in the pixel format."""
        if self._is_rgb:
            return self._scaler(self._av.VideoFrame.from_ndarray(pixels, format="rgb48le"))
        stored = np.empty_like(pixels)
        for top in range(0, len(pixels), _BAND):
            rgb = pixels[top : top + _BAND].astype(np.float32) / _HIGHEST
            luma = rgb @ np.array([self._kr, 1 - self._kr - self._kb, self._kb], np.float32)
            blue, red = (rgb[..., 2] - luma) / (2 - 2 * self._kb), (rgb[..., 0] - luma) / (2 - 2 * self._kr)
            levels = [16 + 219 * luma, 128 + 224 * blue, 128 + 224 * red]
            stored[top : top + _BAND] = np.rint(np.stack(levels, axis=-1) * 256)
        return self._scaler(self._av.VideoFrame.from_ndarray(stored, format="yuv444p16le"))


def _from_differences(luma: Any, blue: Any, red: Any, kr: float, kb: float) -> npt.NDArray[np.float32]:
    r, b = luma + (2 - 2 * kr) * red, luma + (2 - 2 * kb) * blue
    rgb: npt.NDArray[np.float32] = np.stack([r, (luma - kr * r - kb * b) / (1 - kr - kb), b], axis=-1)
    return rgb
