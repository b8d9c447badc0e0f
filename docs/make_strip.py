"""Render the picture strip of the README from the shipped samples: ``python docs/make_strip.py``."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from adain.images import center_crop_square, read_image, save_image
from adain.resources import sample_folder
from adain.sheets import grid
from adain.stylizer import Stylizer

CONTENTS = ("montStMichel", "chelsea", "cincinnati-bridge")
STYLES = (
    "hokusai_great_wave",
    "vangogh_village_street_auvers",
    "renoir_moulin_galette",
    "kandinsky_composition_viii",
)
CELL = 256


def main() -> None:
    stylizer = Stylizer.from_pretrained()
    arts = [sample_folder("style") / f"{name}.jpg" for name in STYLES]
    styles = [stylizer.encode_style(path) for path in arts]
    rows: list[list[Image.Image | None]] = [[None, *(center_crop_square(read_image(p)) for p in arts)]]
    for name in CONTENTS:
        path = sample_folder("content") / f"{name}.jpg"
        content = stylizer.encode_content(path, size=2 * CELL, crop=True)
        photo = center_crop_square(read_image(path))
        pictures: list[Image.Image | None] = [photo]
        for style in styles:
            picture = stylizer.stylize(content, style)
            assert isinstance(picture, Image.Image)
            pictures.append(picture)
        rows.append(pictures)
    print(save_image(grid(rows, cell=CELL), Path(__file__).parent / "strip.jpg", quality=85))


if __name__ == "__main__":
    main()
