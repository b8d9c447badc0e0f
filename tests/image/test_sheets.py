from __future__ import annotations

import numpy as np
from PIL import Image

from adain.image.sheets import GAP, LABEL, PAPER, contact_sheet


def test_size_and_place_of_every_cell() -> None:
    colours = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), None]]
    rows = [[c and Image.new("RGB", (32, 32), c) for c in row] for row in colours]
    sheet = np.asarray(contact_sheet(rows, cell=32))
    pitch = 32 + GAP
    assert sheet.shape == (GAP + 2 * pitch, GAP + 2 * pitch, 3)
    for y, row in enumerate(colours):
        for x, colour in enumerate(row):
            at = sheet[GAP + y * pitch + 16, GAP + x * pitch + 16]
            assert tuple(at) == (colour or PAPER)


def test_labels_make_room_and_ink() -> None:
    rows = [[Image.new("RGB", (40, 20))]]
    plain, labelled = (
        contact_sheet(rows, cell=40),
        contact_sheet(rows, row_labels=["a very long name that cannot fit"], column_labels=["x"], cell=40),
    )
    assert labelled.height == plain.height + 2 * LABEL
    assert labelled.width == plain.width
    assert np.asarray(labelled)[GAP : GAP + LABEL].min() < 128
