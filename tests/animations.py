"""Small animations and files of several pages, and what is in them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from tests.conftest import noise_image


def pages(count: int, *, width: int = 40, height: int = 36) -> list[Image.Image]:
    """Pictures that differ in their light, each by 30 levels; at most seven."""
    base = np.asarray(noise_image(width, height)) // 8
    return [Image.fromarray((base + 30 * k + 8).astype(np.uint8)) for k in range(count)]


def write_pages(path: Path, pictures: Sequence[Image.Image], **options: Any) -> Path:
    """All of them in one file; GIF, APNG and WebP are lossless where they can be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lossless = {"lossless": True} if path.suffix == ".webp" else {}
    pictures[0].save(path, save_all=True, append_images=[*pictures[1:]], **{**lossless, **options})
    return path


def read_animation(path: Path) -> tuple[list[Image.Image], list[float], int | None]:
    """Frames as RGBA, how long each is shown in ms, and how often all are (0: for ever; None: the file is silent)."""
    with Image.open(path) as image:
        frames, delays = [], []
        for frame in ImageSequence.Iterator(image):
            frames.append(frame.convert("RGBA"))
            delays.append(float(frame.info.get("duration", 0)))
        return frames, delays, image.info.get("loop")


Part = tuple[int, int, Any, int, Any]
"""Of a frame made by hand: left, top, pixels, what becomes of it afterwards, and how it is laid on the others."""


def png_by_hand(parts: Sequence[Part], width: int, height: int) -> bytes:
    """An APNG of RGBA parts: disposal 0 (stays), 1 (cleared) or 2 (undone), blending 0 (replaces) or 1 (over)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    made = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    made += chunk(b"acTL", struct.pack(">II", len(parts), 0))
    number = 0
    for k, (x, y, pixels, disposal, blend) in enumerate(parts):
        sides = pixels.shape[1], pixels.shape[0]
        made += chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, *sides, x, y, 5, 100, disposal, blend))
        data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
        made += chunk(b"fdAT", struct.pack(">I", number + 1) + data) if k else chunk(b"IDAT", data)
        number += 2 if k else 1
    return made + chunk(b"IEND", b"")


def composed_png(parts: Sequence[Part], width: int, height: int) -> list[Any]:
    """What is seen of it, by the standard (section 11.3.6.2)."""
    canvas, seen = np.zeros((height, width, 4)), []
    for k, (x, y, pixels, disposal, blend) in enumerate(parts):
        before = canvas.copy()
        under = canvas[y : y + pixels.shape[0], x : x + pixels.shape[1]]
        if blend == 0:
            under[:] = pixels
        else:
            above, below = pixels[..., 3:] / 255, under[..., 3:] / 255
            both = above + below * (1 - above)
            mixed = pixels[..., :3] * above + under[..., :3] * below * (1 - above)
            under[:] = np.concatenate([mixed / np.maximum(both, 1e-9), both * 255], 2)
        seen.append(np.rint(canvas).astype(np.uint8))
        if disposal == 1 or (disposal == 2 and k == 0):
            under[:] = 0
        elif disposal == 2:
            canvas = before
    return seen


GIF_COLORS = np.array([[255, 255, 255], [255, 0, 0], [0, 0, 255], [0, 255, 0]], np.uint8)


def gif_by_hand(parts: Sequence[Part], width: int, height: int) -> bytes:
    """A GIF of parts of the four colours: disposal 0 to 3, and the number of the colour that is seen through."""
    made = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x81, 0, 0) + GIF_COLORS.tobytes()
    for x, y, pixels, disposal, through in parts:
        made += b"\x21\xf9\x04" + struct.pack("<BHBB", disposal << 2 | 1, 5, through, 0)
        made += b"," + struct.pack("<HHHHB", x, y, pixels.shape[1], pixels.shape[0], 0) + b"\x02"
        # Codes of three bits, begun anew (4) before they would need four, and the end (5).
        codes = [code for k, value in enumerate(pixels.ravel()) for code in ([4] if k % 2 == 0 else []) + [int(value)]]
        bits = "".join(f"{code:03b}" for code in reversed([*codes, 5]))
        data = int(bits, 2).to_bytes(len(bits) // 8 + 1, "little")
        for start in range(0, len(data), 255):
            block = data[start : start + 255]
            made += bytes([len(block)]) + block
        made += b"\0"
    return made + b";"


def composed_gif(parts: Sequence[Part], width: int, height: int) -> list[Any]:
    """What is seen of it, as browsers have it: what is cleared is transparent."""
    canvas, seen = np.zeros((height, width, 4), np.uint8), []
    for x, y, pixels, disposal, through in parts:
        before = canvas.copy()
        under = canvas[y : y + pixels.shape[0], x : x + pixels.shape[1]]
        drawn = pixels != through
        under[drawn, :3], under[drawn, 3] = GIF_COLORS[pixels[drawn]], 255
        seen.append(canvas.copy())
        if disposal == 2:
            under[:] = 0
        elif disposal == 3:
            canvas = before
    return seen
