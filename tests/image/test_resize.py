from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from adain import image as images
from adain._utils.errors import ImageError, InputError
from adain.image import center_crop_square, resize_shorter
from adain.image.resize import scaled, size_of
from tests.image.test_io import one_line, pixels, random_image


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 64))
@example(17, 16, 40)
@settings(max_examples=100, deadline=None)
def test_shorter_side_is_exact(width: int, height: int, size: int) -> None:
    result = images.resize_shorter(Image.new("RGB", (width, height)), size)
    assert min(result.size) == size
    assert abs(max(result.size) - max(width, height) * size / min(width, height)) <= 0.5
    assert (result.width > result.height) <= (width > height)
    assert size_of(images.resize_shorter(torch.zeros(1, 1, height, width), size)) == size_of(result)


def test_resize_shorter() -> None:
    image = random_image()
    assert images.resize_shorter(image, 0) is image
    assert images.resize_shorter(image, 5) is image
    checks = Image.fromarray((np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8))
    small = np.asarray(images.resize_shorter(checks, 8)).astype(int)
    assert np.abs(small - 127.5).max() <= 3  # anything that skips pixels gives 0 and 255
    with pytest.raises(InputError) as caught:
        images.resize_shorter(image, -1)
    one_line(caught, "-1")


@pytest.mark.parametrize("size", [(7, 4), (4, 7), (9, 3), (6, 5)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_center_crop_square(size: tuple[int, int], mode: str) -> None:
    image, side = random_image(mode, size), min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    expected = image.crop((left, top, left + side, top + side))
    result = images.center_crop_square(image)
    assert pixels(result) == pixels(expected)
    assert images.center_crop_square(result) is result


def test_constant_stays_constant() -> None:
    out = resize_shorter(torch.full((2, 3, 20, 30), 0.25), 10)
    assert out.shape == (2, 3, 10, 15)
    torch.testing.assert_close(out, torch.full_like(out, 0.25))


def test_kept_sizes_are_not_copied() -> None:
    x = torch.rand(1, 3, 20, 30)
    assert resize_shorter(x, 0) is x
    assert resize_shorter(x, 20) is x


def test_antialiased() -> None:
    # A one-pixel checkerboard reduced 4 times is grey, not an alias of itself.
    board = (torch.arange(64)[:, None] + torch.arange(64)).remainder(2).float()
    out = resize_shorter(board.expand(1, 3, 64, 64), 16)
    torch.testing.assert_close(out, torch.full_like(out, 0.5), atol=0.05, rtol=0)


def test_crop_is_central() -> None:
    x = torch.arange(24.0).reshape(1, 1, 4, 6).expand(1, 3, 4, 6)
    assert torch.equal(center_crop_square(x), x[..., 1:5])


def test_negative_size() -> None:
    with pytest.raises(InputError, match="0 \\(keep\\) or more"):
        resize_shorter(torch.rand(1, 3, 20, 20), -5)


def test_size_of_the_result_is_guarded() -> None:
    assert scaled((40, 20), 30) == (60, 30)
    assert scaled((20, 40), 30, max_pixels=1800) == (30, 60)
    assert scaled((40, 20), 10, max_pixels=100) == (20, 10)  # reduced: what was allowed to come in may
    assert scaled((40, 20), 0, max_pixels=100) == scaled((40, 20), 20, max_pixels=100) == (40, 20)
    with pytest.raises(ImageError) as caught:
        scaled((40, 20), 30, max_pixels=1799, name="photo.png")
    one_line(caught, "photo.png", "60 x 30 pixels", "1799", "content_size", "max_pixels", "--max-pixels")
