"""Contact sheets: pictures in a labelled grid."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

GAP = 6
LABEL = 22
INK, PAPER = (40, 40, 40), (255, 255, 255)


def contact_sheet(
    rows: Sequence[Sequence[Image.Image | None]],
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    cell: int = 256,
) -> Image.Image:
    """Pictures in rows and columns on white, each scaled to fit a square cell, as one RGB picture.

    Args:
        rows: rows of pictures; None leaves a cell empty, shorter rows end early.
        row_labels: one line of text above each row's first picture.
        column_labels: one line of text above each column.
        cell: side of a cell in pixels.
    """
    columns = max(len(row) for row in rows)
    head = LABEL if column_labels else 0
    strip = LABEL if row_labels else 0
    pitch = cell + GAP
    size = (GAP + columns * pitch, GAP + head + len(rows) * (pitch + strip))
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for x, text in enumerate(column_labels or ()):
        draw.text((GAP + x * pitch, GAP), _fit(text, cell, font), INK, font)
    for y, row in enumerate(rows):
        top = GAP + head + y * (pitch + strip)
        if row_labels:
            draw.text((GAP, top), _fit(row_labels[y], size[0] - 2 * GAP, font), INK, font)
        for x, picture in enumerate(row):
            if picture is None:
                continue
            small = ImageOps.contain(picture.convert("RGB"), (cell, cell), Image.Resampling.LANCZOS)
            left = GAP + x * pitch + (cell - small.width) // 2
            sheet.paste(small, (left, top + strip + (cell - small.height) // 2))
    return sheet


def _fit(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """``text``, shortened with an ellipsis to ``width`` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
