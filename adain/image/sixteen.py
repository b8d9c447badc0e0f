"""Files of 16 bits a colour, which Pillow does not write: PNG, and TIFF by tifffile."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import bands

Values = npt.NDArray[np.uint16]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB, _RGBA = 2, 6  # PNG, section 11.2.1: colour types
_PAETH = b"\4"  # section 9.2: filter types


def encode_png(values: Values, profile: bytes) -> bytes:
    """``(H, W, 3)`` or ``(H, W, 4)``, the last an alpha, as a PNG with an ICC profile (W3C, third edition, 2025)."""
    height, width, count = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _RGB if count == 3 else _RGBA, 0, 0, 0)
    packer, packed = zlib.compressobj(), []
    above = np.zeros((1, width * count * 2), np.uint8)
    for rows in bands(height, width):
        lines = values[rows].astype(">u2").view(np.uint8).reshape(-1, width * count * 2)
        filtered = _paeth(lines, np.vstack([above, lines[:-1]]), 2 * count)
        packed.append(packer.compress(b"".join(_PAETH + line.tobytes() for line in filtered)))
        above = lines[-1:]
    packed.append(packer.flush())
    return b"".join([
        _SIGNATURE, _chunk(b"IHDR", header), _chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile)),
        *(_chunk(b"IDAT", piece) for piece in packed if piece), _chunk(b"IEND", b""),
    ])  # fmt: skip


def _paeth(lines: npt.NDArray[np.uint8], above: npt.NDArray[np.uint8], step: int) -> npt.NDArray[np.uint8]:
    """Bytes less the nearest to left + above - corner of those three, each of the pixel that lies there."""
    left, corner = (np.pad(each[:, :-step], ((0, 0), (step, 0))) for each in (lines, above))
    a, b, c = (each.astype(np.int16) for each in (left, above, corner))
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    near = np.where((to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, above, corner))
    return lines - near


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def encode_tiff(values: Values, profile: bytes) -> bytes:
    """The same as a TIFF, deflated."""
    import tifffile

    more: dict[str, Any] = {"extrasamples": ["unassalpha"]} if values.shape[2] == 4 else {}
    file = io.BytesIO()
    tifffile.imwrite(
        file, values, photometric="rgb", compression="zlib", predictor=True, iccprofile=profile, metadata=None,
        software=False, **more,
    )  # fmt: skip
    return file.getvalue()
