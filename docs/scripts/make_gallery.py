"""Render the site's pictures from the shipped samples: ``python docs/scripts/make_gallery.py [NAME ...]``.

A labelled sheet for each control, the README's strip and the model card's sheet, ``decoder``; all without names.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw

import adain
import adain.augment
from adain import ColorPreservation, Stylizer
from adain._utils.resources import sample_folder
from adain.image import center_crop_square, contact_sheet, list_images, read_image, resize_shorter, save_image
from adain.stylizer import grid_weights

SIZE = 320
CELL = 160
QUALITY = 76
DOCS = Path(__file__).parent.parent

WAVE, STREET, GALETTE, CIRCLES, PRAWN = (
    "hokusai_great_wave",
    "vangogh_village_street_auvers",
    "renoir_moulin_galette",
    "kandinsky_composition_viii",
    "hiroshige_mackerel_prawn",
)


def photo(name: str) -> Image.Image:
    """The central square of a sample photograph."""
    return center_crop_square(resize_shorter(read_image(sample_folder("content") / f"{name}.jpg"), SIZE))


def art(name: str) -> Image.Image:
    """A sample artwork."""
    return read_image(sample_folder("style") / f"{name}.jpg")


def ellipse(box: tuple[float, float, float, float]) -> Image.Image:
    """A white ellipse on black; the box in shares of the side."""
    mask = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(mask).ellipse([round(SIZE * share) for share in box], fill=255)
    return mask


def save(name: str, rows: list[list[Any]], columns: list[str] | None = None) -> None:
    sheet = contact_sheet(rows, column_labels=columns, cell=CELL)
    print(save_image(sheet, DOCS / f"gallery-{name}.jpg", quality=QUALITY))


def color(stylizer: Stylizer) -> None:
    """What each mode keeps of the photograph's colours."""
    rows = []
    for name, style in (("european-honey-bee", WAVE), ("cincinnati-bridge", CIRCLES)):
        picture = photo(name)
        content = stylizer.encode_content(picture)
        modes = ("none", "luminance", "linear", "histogram")
        made = [stylizer.stylize(content, art(style), color=ColorPreservation(mode)) for mode in modes]
        rows.append([picture, center_crop_square(art(style)), *made])
    save("color", rows, ["photograph", "artwork", "none", "luminance", "linear", "histogram"])


def regions(stylizer: Stylizer) -> None:
    """Two styles and a mask, and what becomes of the rest."""
    picture = photo("chelsea")
    content = stylizer.encode_content(picture)
    face, around = (stylizer.encode_style(art(name)) for name in (WAVE, GALETTE))
    mask = ellipse((-0.15, -0.1, 0.75, 0.95))
    made = [
        stylizer.stylize(content, [face], masks=[mask]),
        stylizer.stylize(content, [face], masks=[mask], background=around),
        stylizer.stylize(content, [face], masks=[mask], background=around, feather=48),
        stylizer.stylize(content, [face], masks=[mask], background=around, feather=24, color=[None, "luminance"]),
    ]
    names = ["photograph", "mask", "one style, rest kept", "a style for the rest", "feather 48 px"]
    save("regions", [[picture, mask, *made]], [*names, "colours kept in the rest"])


def blend(stylizer: Stylizer) -> None:
    """A grid between four styles, as ``--style-grid 3`` makes it, beside the artworks themselves."""
    content = stylizer.encode_content(photo("montStMichel"))
    corners = (WAVE, STREET, CIRCLES, PRAWN)
    styles = [stylizer.encode_style(art(name)) for name in corners]
    rows: list[list[Any]] = [
        [stylizer.stylize(content, styles, weights=weights) for weights in row if weights is not None]
        for row in grid_weights(4, 3)
    ]
    works = [center_crop_square(art(name)) for name in corners]
    first, *between, last = rows
    between = [[None, *row] for row in between]
    save("blend", [[works[0], *first, works[1]], *between, [works[2], *last, works[3]]])


def gradient(stylizer: Stylizer) -> None:
    """One style passing into another."""
    picture = photo("chelsea")
    content = stylizer.encode_content(picture)
    left, right = (stylizer.encode_style(art(name)) for name in (GALETTE, CIRCLES))
    directions = ("horizontal", "vertical", "diagonal", "radial")
    made = [stylizer.stylize(content, adain.gradient(left, right, direction)) for direction in directions]
    works = [center_crop_square(art(name)) for name in (GALETTE, CIRCLES)]
    save("gradient", [[*works, *made]], ["from", "to", *directions])


def scale(stylizer: Stylizer) -> None:
    """Sizes of the artwork, and two of them at once."""
    rows = []
    for name, style in (("chelsea", CIRCLES), ("machuPicchu", WAVE)):
        picture = photo(name)
        content = stylizer.encode_content(picture)
        made = [stylizer.stylize(content, art(style), style_size=size) for size in (1024, 512, 192)]
        both = [
            stylizer.stylize(content, art(style), style_size=coarse, fine_style_size=fine)
            for coarse, fine in ((1024, 192), (192, 1024))
        ]
        rows.append([picture, *made, *both])
    sizes = ["1024 px", "512 px", "192 px"]
    save("scale", rows, ["photograph", *sizes, "coarse 1024, fine 192", "coarse 192, fine 1024"])


def edges(stylizer: Stylizer) -> None:
    """Strengths at which edges are kept."""
    rows = []
    for name, style in (("montStMichel", WAVE), ("machuPicchu", STREET), ("astronaut", CIRCLES)):
        picture, work = photo(name), art(style)
        content = stylizer.encode_content(picture)
        made = [stylizer.stylize(content, work, keep_edges=strength) for strength in (0.0, 0.25, 0.5, 1.0)]
        rows.append([picture, *made])
    save("edges", rows, ["photograph", "0", "0.25", "0.5", "1"])


def protect(stylizer: Stylizer) -> None:
    """A face protected."""
    rows = []
    for name, style, mask in (("astronaut", STREET, "faces"), ("chelsea", WAVE, ellipse((0.05, 0.0, 1.0, 0.95)))):
        picture, work = photo(name), art(style)
        content = stylizer.encode_content(picture)
        made = [stylizer.stylize(content, work, protect=each) for each in (None, mask)]
        rows.append([picture, center_crop_square(work), *made])
    save("protect", rows, ["photograph", "artwork", "plain", "face protected"])


def correct(stylizer: Stylizer) -> None:
    """No round of correction, one and two."""
    rows = []
    for name, style in (("cincinnati-bridge", STREET), ("machuPicchu", WAVE)):
        picture, work = photo(name), art(style)
        content = stylizer.encode_content(picture)
        made = [stylizer.stylize(content, work, correct=rounds) for rounds in (0, 1, 2)]
        rows.append([picture, center_crop_square(work), *made])
    save("correct", rows, ["photograph", "artwork", "plain", "correct 1", "correct 2"])


def table(stylizer: Stylizer, contents: Sequence[Path], styles: Sequence[Path], cell: int) -> Image.Image:
    """The centres of photographs in every style, made at 512 px and shown smaller."""
    encoded = [stylizer.encode_style(path) for path in styles]
    rows: list[list[Any]] = [[None, *(center_crop_square(read_image(p)) for p in styles)]]
    for path in contents:
        content = stylizer.encode_content(path, size=512, crop=True)
        rows.append([center_crop_square(read_image(path)), *(stylizer.stylize(content, style) for style in encoded)])
    return contact_sheet(rows, cell=cell)


def strip(stylizer: Stylizer) -> None:
    """Some samples, for the README."""
    contents = [sample_folder("content") / f"{name}.jpg" for name in ("montStMichel", "chelsea", "cincinnati-bridge")]
    styles = [sample_folder("style") / f"{name}.jpg" for name in (WAVE, STREET, GALETTE, CIRCLES)]
    print(save_image(table(stylizer, contents, styles, 256), DOCS / "strip.jpg", quality=85))


def decoder(stylizer: Stylizer) -> None:
    """All samples, for the model card."""
    contents, styles = (list_images(sample_folder(kind)) for kind in ("content", "style"))
    print(save_image(table(stylizer, contents, styles, 176), DOCS / "decoder.jpg", quality=70))


def augment(stylizer: Stylizer) -> None:
    """Samples at random: each in a style, a blend and a strength of its own."""
    pictures = [photo(name).resize((224, 224)) for name in ("chelsea", "machuPicchu")]
    styles = [art(name) for name in (WAVE, STREET, GALETTE, CIRCLES, PRAWN)]
    made = adain.augment.TorchvisionRandomStyle(styles, p=1, alpha=(0.5, 1), blend=(0, 0.5))
    torch.manual_seed(12)
    save("augment", [[picture, *(made(picture) for _ in range(4))] for picture in pictures])


def spread(stylizer: Stylizer) -> None:
    """Styles that no artwork has, the same ones at three spreads."""
    bank = adain.augment.StyleBank.shipped("vgg19")
    content = stylizer.encode_content(photo("chelsea"), size=CELL)
    rows = []
    for width in (0.5, 1.0, 1.5):
        drawn = bank.random_style(6, 11, width)
        styles = [adain.Style(drawn.mean[k : k + 1], drawn.std[k : k + 1]) for k in range(6)]
        rows.append([stylizer.stylize(content, style) for style in styles])
    save("spread", rows)


def main(names: Sequence[str]) -> None:
    stylizer = Stylizer.from_pretrained()
    for sheet in (color, edges, protect, regions, blend, gradient, scale, correct, augment, spread, strip, decoder):
        if not names or sheet.__name__ in names:
            sheet(stylizer)


if __name__ == "__main__":
    main(sys.argv[1:])
