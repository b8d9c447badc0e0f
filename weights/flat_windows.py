"""Cut windows of enlarged photographs of which much is flat, to train a decoder on skies, walls and water.

    python weights/flat_windows.py content-0.tar content-1.tar -o flat/
    adain train --content-dir content-0.tar --content-dir content-1.tar --content-dir flat/ --calm-weight 2000 …

Training pictures are small, and a sky in them is a few cells of features wide. Enlarged, it is as smooth and as wide as
in a photograph of 500 to 1,000 px. Of every photograph the best of six windows is kept, if between 35 and 90 % of it is
flat; the same photographs give the same windows.
"""

from __future__ import annotations

import argparse
import io
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from adain.image import list_images

SIDE = 320
"""Of a window in pixels."""

ENLARGED = (460.8, 1036.8)
"""Least and greatest shorter side in pixels of a photograph that a window is of: of 288 px, 1.6 to 3.6 times."""

WANTED = (0.35, 0.6, 0.9)
"""Least, best and greatest share of the cells that are flat."""

CELL, SLOPE = 16, 1.2
"""Pixels a side; mean gradient in levels of 255 a pixel, below which a cell is flat."""

WINDOWS, UPPER = 6, 0.4
"""How many are looked at in a photograph, half of them in this share of its height: that is where skies are."""


def photographs(sources: list[Path]) -> Iterator[Image.Image]:
    """Of folders and tars, in RGB."""
    for source in sources:
        if source.is_dir():
            yield from (Image.open(path).convert("RGB") for path in list_images(source))
            continue
        with tarfile.open(source) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name.lower().endswith((".jpg", ".jpeg", ".png")) else None
                if file is not None:
                    yield Image.open(io.BytesIO(file.read())).convert("RGB")


def flat_share(window: Image.Image) -> float:
    """Share of a window's cells that are flat."""
    slope = np.hypot(*np.gradient(np.asarray(window.convert("L"), np.float32)))
    cells = slope.reshape(SIDE // CELL, CELL, SIDE // CELL, CELL).mean(axis=(1, 3))
    return float((cells < SLOPE).mean())


def flattest(photo: Image.Image, rng: random.Random) -> Image.Image | None:
    """The window of a photograph whose share is nearest to the wanted one, if any is near enough."""
    least, best, most = WANTED
    side = SIDE * min(photo.size) / rng.uniform(*ENLARGED)
    found: list[tuple[float, Image.Image]] = []
    for _ in range(WINDOWS):
        left, top = rng.uniform(0, photo.width - side), rng.uniform(0, photo.height - side)
        if rng.random() < 0.5:
            top *= UPPER
        box = (left, top, left + side, top + side)
        window = photo.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)
        found.append((flat_share(window), window))
    share, window = min(found, key=lambda pair: abs(pair[0] - best))
    return window if least <= share <= most else None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="+", help="folders or tars of photographs")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the windows")
    args = parser.parse_args()
    missing = [str(source) for source in args.sources if not source.exists()]
    if missing:
        parser.error(f"not found: {', '.join(missing)}")
    args.output.mkdir(parents=True, exist_ok=True)
    rng, kept, seen = random.Random(7), 0, 0
    for photo in tqdm(photographs(args.sources), disable=None, unit="photo"):
        seen += 1
        window = flattest(photo, rng)
        if window is not None:
            window.save(args.output / f"flat-{kept:04d}.png")
            kept += 1
    print(f"{args.output}: {kept} windows of {seen} photographs")


if __name__ == "__main__":
    main()
