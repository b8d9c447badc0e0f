"""Numbers of more than 8 bits, to RGB and back."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest

from adain.video.deep import DeepReader, DeepWriter
from adain.video.frames import Color

RGB = (0.9, 0.35, 0.1)
SIZE = (64, 32)
BITS = {"yuv420p": 8, "yuv420p10le": 10, "yuv444p12le": 12, "yuv422p10le": 10}


def flat(pixel_format: str, rgb: tuple[float, float, float], kr: float, kb: float, is_full: bool) -> Any:
    """A frame of one colour, its levels by the formulas of H.273, section 8.3, and how far rounding may take them."""
    bits = BITS[pixel_format]
    r, g, b = rgb
    y = kr * r + (1 - kr - kb) * g + kb * b
    blue, red = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    top = 2**bits - 1
    if is_full:
        levels = [top * y, 2 ** (bits - 1) + top * blue, 2 ** (bits - 1) + top * red]
    else:
        levels = [2 ** (bits - 8) * x for x in (219 * y + 16, 224 * blue + 128, 224 * red + 128)]
    frame = av.VideoFrame(*SIZE, pixel_format)
    frame.color_range = 2 if is_full else 1
    for plane, level in zip(frame.planes, levels, strict=True):
        kind = np.uint8 if bits == 8 else np.uint16
        plane.update(np.full(plane.buffer_size // kind().itemsize, round(level), kind).tobytes())
    return frame


@pytest.mark.parametrize("pixel_format", BITS)
@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize(("matrix", "kr", "kb"), [(9, 0.2627, 0.0593), (1, 0.2126, 0.0722), (6, 0.299, 0.114)])
@pytest.mark.parametrize("rgb", [RGB, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)])
def test_frames_are_read_by_the_standard(
    pixel_format: str, is_full: bool, matrix: int, kr: float, kb: float, rgb: tuple[float, float, float]
) -> None:
    frame = flat(pixel_format, rgb, kr, kb, is_full)
    read = DeepReader(frame, SIZE, Color(matrix), "left")(frame)
    assert read.shape == (32, 64, 3)
    step = 1.2 / 2 ** BITS[pixel_format]  # of rounding the three levels
    assert read[5, 5] / 65535 == pytest.approx(rgb, abs=1e-4 if rgb != RGB else step)


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv444p12le", "gbrp10le", "gbrp12le"])
@pytest.mark.parametrize("rgb", [RGB, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)])
def test_there_and_back(pixel_format: str, rgb: tuple[float, float, float]) -> None:
    pixels = np.full((32, 64, 3), np.rint(np.array(rgb) * 65535), np.uint16)
    frame = DeepWriter(pixel_format, Color(9), "left")(pixels)
    assert frame.format.name == pixel_format
    frame.color_range = 1
    back = DeepReader(frame, SIZE, Color(9), "left")(frame)
    assert back[5, 5] / 65535 == pytest.approx(rgb, abs=1e-4 if rgb != RGB else 1.2e-3)


def test_white_is_stored_as_white() -> None:
    frame = DeepWriter("yuv420p10le", Color(9), "left")(np.full((32, 64, 3), 65535, np.uint16))
    assert [np.frombuffer(plane, np.uint16)[0] for plane in frame.planes] == [940, 512, 512]
