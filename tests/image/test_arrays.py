from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adain._utils.errors import ImageError
from adain.image import read_image
from adain.image.arrays import to_image
from tests.image.test_io import one_line, pixels

LEVELS = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["uint8", "uint16", ">u2", "float16", "float32", "float64"])
@pytest.mark.parametrize("channels", [0, 3, 4])
def test_the_same_levels_from_every_type(kind: str, channels: int) -> None:
    levels = LEVELS[..., :channels] if channels else LEVELS[..., 0]
    if kind.startswith("f"):
        array = (levels / 255).astype(kind)
    else:
        array = levels.astype(kind) * (257 if "2" in kind or "16" in kind else 1)
    expected = levels if channels else np.repeat(levels[..., None], 3, axis=2)
    found = read_image(array)
    assert found.mode == ("RGBA" if channels == 4 else "RGB")
    assert pixels(found) == expected.tolist()
    assert pixels(read_image(array[:, ::-1])) == expected[:, ::-1].tolist()


def test_grey_keeps_its_numbers() -> None:
    deep = np.array([[0, 1, 40_000]], np.uint16)
    assert np.asarray(to_image(deep)).tolist() == deep.tolist()
    fine = np.array([[0.0, 0.123456, 1.0]])
    assert np.asarray(to_image(fine)).tolist() == fine.astype(np.float32).tolist()


def test_booleans_are_black_and_white() -> None:
    mask = LEVELS > 127
    assert pixels(read_image(mask[..., 0])) == (mask[..., :1].repeat(3, axis=2) * 255).tolist()
    assert pixels(read_image(mask[..., :3])) == (mask[..., :3] * 255).tolist()


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.full((4, 5, 3), 255.0), "not [255, 255]: divide by 255"),
        (np.full((4, 5), -0.5), "lie in [0, 1], not [-0.5, -0.5]"),
        (np.full((4, 5, 3), np.nan), "NaN"),
        (np.full((4, 5, 3), np.inf, np.float16), "infinite"),
        (np.zeros((4, 5, 3), np.int64), "not int64: use .astype"),
        (np.zeros((4, 5), complex), "not complex128"),
        (np.zeros((3, 4, 5)), "(3, 4, 5): use .transpose(1, 2, 0)"),
        (np.zeros((4, 5, 2)), "(H, W, 3)"),
        (np.zeros((4, 5, 3, 1)), "(H, W, 3)"),
        (np.zeros((0, 5, 3)), "(H, W, 3)"),
        (np.zeros(4), "(H, W, 3)"),
    ],
)
def test_what_is_no_picture_is_refused(array: Any, text: str) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(array)
    one_line(caught, text)
