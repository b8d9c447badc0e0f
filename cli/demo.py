"""``adain demo``: a first result from the shipped pictures, without an argument and without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adain._utils.protect import protect
from adain._utils.resources import samples
from adain.options import ModelOptions

from .options import SNAKE_CASE, options_of, take
from .reporting import bar

CONTENTS = ("mont-st-michel", "astronaut", "cincinnati-bridge")
STYLES = ("great-wave", "village-street-auvers", "composition-viii", "moulin-galette")
ALPHAS = (0.4, 0.7, 1.0)


@click.command(context_settings=SNAKE_CASE)
@click.option("-o", "--output", type=click.Path(path_type=Path), default="adain-demo", show_default=True,
              help="Folder to write to.")  # fmt: skip
@click.option("--cell", type=click.IntRange(32, 1024), default=256, show_default=True,
              help="Side of a picture on the contact sheet in px.")  # fmt: skip
@options_of(ModelOptions, without=("onnx", "style_cache", "precision"))
def demo(output: Path, cell: int, **model: Any) -> None:
    """Write a first picture and a contact sheet of the samples.

    The sheet shows photographs in several artworks, each at several strengths (alpha).
    """
    from adain.backends import open_model
    from adain.image import center_crop_square, check_output_path, contact_sheet, read_image, save_image

    picture_path, sheet_path = output / "stylized.jpg", output / "contact-sheet.jpg"
    protect([picture_path, sheet_path], [sample.path for sample in samples()])
    for written in (picture_path, sheet_path):
        check_output_path(written)
    path = {sample.name: sample.path for sample in samples()}
    stylizer = open_model(take(ModelOptions, model))
    click.echo(save_image(stylizer.stylize(path[CONTENTS[0]], path[STYLES[0]]), picture_path))

    styles = [stylizer.encode_style(path[name]) for name in STYLES]
    rows: list[list[Any]] = [[None, *(center_crop_square(read_image(path[name])) for name in STYLES)]]
    labels = ["styles"]
    with bar(len(CONTENTS) * len(ALPHAS) * len(STYLES), "image") as shown:
        for name in CONTENTS:
            photo = center_crop_square(read_image(path[name]))
            encoded = stylizer.encode_content(photo, size=cell)
            for alpha in ALPHAS:
                rows.append([photo, *(stylizer.stylize(encoded, style, alpha=alpha) for style in styles)])
                labels.append(f"{name}, alpha {alpha:g}")
                shown.update(len(STYLES))
    click.echo(save_image(contact_sheet(rows, row_labels=labels, cell=cell), sheet_path))
