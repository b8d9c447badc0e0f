"""Render the README's strip and the model card's sheet from the samples: ``python docs/scripts/make_strip.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from adain import Stylizer
from adain._utils.resources import sample_folder
from adain.image import center_crop_square, contact_sheet, list_images, read_image, save_image

CONTENTS = ("montStMichel", "chelsea", "cincinnati-bridge")
STYLES = ("hokusai_great_wave", "vangogh_village_street_auvers", "renoir_moulin_galette", "kandinsky_composition_viii")
SIZE = 512
STRIP_CELL, SHEET_CELL = 256, 176
DOCS = Path(__file__).parent.parent


def sheet(stylizer: Stylizer, contents: Sequence[Path], styles: Sequence[Path], cell: int) -> Image.Image:
    """The centres of photographs in every style, made at :data:`SIZE` px and shown smaller."""
    encoded = [stylizer.encode_style(path) for path in styles]
    rows: list[list[Any]] = [[None, *(center_crop_square(read_image(p)) for p in styles)]]
    for path in contents:
        content = stylizer.encode_content(path, size=SIZE, crop=True)
        rows.append([center_crop_square(read_image(path)), *(stylizer.stylize(content, style) for style in encoded)])
    return contact_sheet(rows, cell=cell)


def main() -> None:
    stylizer = Stylizer.from_pretrained()
    contents = [sample_folder("content") / f"{name}.jpg" for name in CONTENTS]
    styles = [sample_folder("style") / f"{name}.jpg" for name in STYLES]
    print(save_image(sheet(stylizer, contents, styles, STRIP_CELL), DOCS / "strip.jpg", quality=85))
    contents, styles = (list_images(sample_folder(kind)) for kind in ("content", "style"))
    print(save_image(sheet(stylizer, contents, styles, SHEET_CELL), DOCS / "decoder.jpg", quality=70))


if __name__ == "__main__":
    main()
