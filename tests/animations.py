"""Small animations and files of several pages, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from tests.conftest import noise_image


def pages(count: int, *, width: int = 40, height: int = 36) -> list[Image.Image]:
    """Pictures that differ in their light, each by 40 levels."""
    base = np.asarray(noise_image(width, height)) // 8
    return [Image.fromarray((base + 40 * k + 8).astype(np.uint8)) for k in range(count)]


def write_pages(path: Path, pictures: Sequence[Image.Image], **options: Any) -> Path:
    """All of them in one file; GIF, APNG and WebP are lossless where they can be."""
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
