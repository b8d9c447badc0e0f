from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from adain.image import center_crop_square, resize_shorter
from adain.image import strip_sizes as sizes
from adain.image.strips import Strips
from tests.conftest import noise_image
from tests.image.test_strips import Sliced


def levels(strips: Strips) -> np.ndarray:
    return np.concatenate([np.asarray(strip) for strip in strips.strips()]).astype(int)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@settings(max_examples=25, deadline=None)
@given(size=st.tuples(st.integers(16, 90), st.integers(16, 150)), shorter=st.integers(3, 200), rows=st.integers(1, 40))
def test_resized_as_the_whole(mode: str, size: tuple[int, int], shorter: int, rows: int) -> None:
    assume(shorter != min(size))
    picture = noise_image(*size, 3, mode)
    if mode == "RGBA":
        picture.paste((255, 0, 0, 0), (2, 2, 9, 9))
    expected = resize_shorter(picture, shorter)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizes, "STRIP_PIXELS", max(picture.width, expected.width) * 8)
        found = levels(sizes.Resized(Sliced(picture, rows), (expected.height, expected.width)))
    assert found.shape == np.asarray(expected).shape
    # What is hardly to be seen has any colour: that of its light counts. It was within one level before it was divided
    # by the alpha, which rounds each of the two by another half.
    seen = [
        values[..., :3] * values[..., 3:] / 255 if mode == "RGBA" else values
        for values in (found, np.array(expected, float))
    ]
    assert np.abs(seen[0] - seen[1]).max() <= (2 if mode == "RGBA" else 1)
    assert np.abs(found[..., 3:] - np.asarray(expected)[..., 3:]).max(initial=0) <= 1
    assert (found == np.asarray(expected)).mean() > 0.8


@pytest.mark.parametrize("size", [(40, 23), (23, 40), (30, 30), (31, 18)])
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_the_square_at_the_centre(size: tuple[int, int], rows: int) -> None:
    picture = noise_image(*size, 4)
    expected = center_crop_square(picture)
    assert isinstance(expected, Image.Image)
    assert np.array_equal(levels(sizes.CenterSquare(Sliced(picture, rows))), np.asarray(expected))
