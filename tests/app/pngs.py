"""PNG files of every kind, which Pillow reads and does not all write."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6

PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    samples: npt.NDArray[np.uint16],
    depth: int,
    kind: int,
    *,
    palette: bytes = b"",
    transparent: bytes = b"",
    is_interlaced: bool = False,
) -> bytes:
    """A file of samples ``(H, W, C)``, filtered by each filter in turn."""
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, is_interlaced)
    parts = [samples[top::down, left::across] for left, top, across, down in PASSES] if is_interlaced else [samples]
    data = b"".join(_rows(part, depth) for part in parts if part.size)
    extra = (chunk(b"PLTE", palette) if palette else b"") + (chunk(b"tRNS", transparent) if transparent else b"")
    middle = (
        chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(data)[:5])
        + chunk(b"IDAT", zlib.compress(data)[5:])
    )
    return b"\x89PNG\r\n\x1a\n" + middle + chunk(b"IEND", b"")


def _rows(samples: npt.NDArray[np.uint16], depth: int) -> bytes:
    before = max(1, samples.shape[2] * depth // 8)
    last = None
    rows = []
    for number, row in enumerate(samples.reshape(len(samples), -1)):
        bits = ((row[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
        own = np.packbits(bits.ravel()).astype(np.int64)
        above = np.zeros_like(own) if last is None else last
        left, corner = (np.concatenate([np.zeros(before, np.int64), each])[: len(own)] for each in (own, above))
        guess = left + above - corner
        away = np.abs(np.stack([guess - left, guess - above, guess - corner]))
        paeth = np.choose(np.argmin(away, axis=0), [left, above, corner])
        guesses = [0, left, above, (left + above) // 2, paeth]
        kind = number % len(guesses)
        rows.append(bytes([kind]) + ((own - guesses[kind]) % 256).astype(np.uint8).tobytes())
        last = own
    return b"".join(rows)
