"""Pictures whose sides meet: read beyond them, and resized without a seam."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import ImageError, InputError
from adain.image import open_source
from adain.image.box import Box
from adain.image.wrap import axes_of, extended, inner, part, picture_part, resize_picture, resize_values, whole_periods

from ..conftest import noise_image

SIDES = st.integers(1, 9)


@given(SIDES, SIDES, st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_what_lies_beyond_a_side_is_what_lies_at_the_other(
    height: int, width: int, top: int, left: int, rows: int, columns: int
) -> None:
    values = np.arange(6 * height * width, dtype=np.float32).reshape(2, 3, height, width)
    box = Box(top, left, top + rows, left + columns)
    down, across = np.arange(top, top + rows) % height, np.arange(left, left + columns) % width
    expected = values[:, :, down][..., across]
    np.testing.assert_array_equal(part(values, box), expected)
    np.testing.assert_array_equal(part(torch.from_numpy(values), box).numpy(), expected)
    levels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    np.testing.assert_array_equal(picture_part(Image.fromarray(levels), box), levels[down][:, across])


def test_what_lies_inside_is_no_copy() -> None:
    values = np.zeros((1, 3, 8, 9), np.float32)
    assert np.shares_memory(part(values, Box(1, 2, 8, 9)), values)
    assert extended(values, (0, 4)).shape == (1, 3, 8, 17)
    assert inner(extended(values, (3, 4)), (3, 4)).shape == values.shape


@pytest.mark.parametrize(("wrap", "axes"), [("none", (False, False)), ("x", (False, True)), ("y", (True, False))])
def test_axes(wrap: Any, axes: tuple[bool, bool]) -> None:
    assert axes_of(wrap) == axes
    assert axes_of("xy") == (True, True)


def test_sides_that_wrap_are_whole_periods() -> None:
    """The nearest multiple of 16, so that half of it is whole cells, too."""
    assert whole_periods((100, 101), (False, True)) == (100, 96)
    assert whole_periods((104, 2047), (True, True)) == (112, 2048)
    assert whole_periods((16, 17), (True, True)) == (16, 16)
    assert whole_periods((3, 7), (True, False)) == (16, 7)


def three_by_three(levels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.tile(levels, (3, 3, *(1,) * (levels.ndim - 2)))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("size", [(30, 48), (64, 40), (16, 16), (200, 91)])
def test_a_picture_is_resized_as_one_among_its_like(mode: str, size: tuple[int, int]) -> None:
    picture = noise_image(50, 34, 3, mode if mode != "RGBA" else "RGB")
    if mode == "RGBA":
        picture.putalpha(noise_image(50, 34, 4, "L"))
    height, width = size
    many = Image.fromarray(three_by_three(np.asarray(picture)))
    wanted = np.asarray(many.resize((3 * width, 3 * height), Image.Resampling.LANCZOS)).astype(int)
    found = np.asarray(resize_picture(picture, size, (True, True))).astype(int)
    assert np.abs(found - wanted[height : 2 * height, width : 2 * width]).max() <= 1
    # And where nothing wraps, as ever.
    flat = resize_picture(picture, size, (False, False))
    np.testing.assert_array_equal(flat, picture.resize((width, height), Image.Resampling.LANCZOS))
    assert np.abs(np.asarray(flat).astype(int) - found).max() > 2


@pytest.mark.parametrize("size", [(30, 48), (64, 40), (16, 16), (51, 35), (200, 91)])
@pytest.mark.parametrize("axes", [(False, True), (True, False), (True, True), (False, False)])
def test_values_of_either_kind_are_resized_alike(size: tuple[int, int], axes: tuple[bool, bool]) -> None:
    values = np.random.default_rng(1).random((2, 3, 50, 34), np.float32)
    array, tensor = resize_values(values, size, axes), resize_values(torch.from_numpy(values), size, axes)
    assert array.shape == tuple(tensor.shape) == (2, 3, *size)
    np.testing.assert_allclose(array, tensor.numpy(), atol=1e-6)
    # As Pillow resizes it, where it wraps among its like.
    for made, plane in zip(array.reshape(-1, *size), values.reshape(-1, 50, 34), strict=True):
        times = [3 if around else 1 for around in axes]
        many = Image.fromarray(np.ascontiguousarray(np.tile(plane, times)))
        wanted = many.resize((size[1] * times[1], size[0] * times[0]), Image.Resampling.LANCZOS)
        first = [side if around else 0 for side, around in zip(size, axes, strict=True)]
        own = np.asarray(wanted)[first[0] : first[0] + size[0], first[1] : first[1] + size[1]]
        np.testing.assert_allclose(made, own.clip(0, 1), atol=2e-6)
    shifts = [side // 2 if around else 0 for side, around in zip((50, 34), axes, strict=True)]
    if any(shifts) and not any(side % 2 for side in size):
        rolled = resize_values(np.roll(values, shifts, (2, 3)), size, axes)
        after = [side // 2 if around else 0 for side, around in zip(size, axes, strict=True)]
        np.testing.assert_allclose(rolled, np.roll(array, after, (2, 3)), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_tensors_of_any_precision(dtype: torch.dtype) -> None:
    values = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    found = resize_values(values.to(dtype), (20, 32), (False, True))
    torch.testing.assert_close(found.float(), resize_values(values, (20, 32), (False, True)), atol=1e-2, rtol=0)


def test_a_gradient_passes() -> None:
    values = torch.full((1, 3, 20, 30), 0.5, requires_grad=True)
    resize_values(values, (20, 32), (False, True)).sum().backward()
    assert values.grad is not None
    assert float(values.grad.min()) > 0.5


def test_opened() -> None:
    picture = noise_image(100, 60, 1)
    opened = open_source(picture, wrap="x")
    assert (opened.size, opened.wanted, opened.wrap) == ((60, 96), (60, 100), "x")
    assert open_source(picture, wrap="y").size == (64, 100)
    assert open_source(picture, size=48, wrap="x").wanted is None  # 48 x 80
    kept = open_source(noise_image(96, 60, 1), wrap="x")
    np.testing.assert_array_equal(kept.image, noise_image(96, 60, 1))
    assert (kept.wanted, open_source(kept, wrap="none")) == (None, kept)


def test_transparency_keeps_its_size_and_wraps() -> None:
    picture = noise_image(100, 60, 1)
    picture.putalpha(noise_image(100, 60, 2, "L"))
    opened = open_source(picture, wrap="x")
    assert opened.opacity is not None
    assert (opened.size, opened.opacity.size) == ((60, 96), (100, 60))
    np.testing.assert_array_equal(opened.opacity, picture.getchannel("A"))


def test_refusals() -> None:
    with pytest.raises(InputError, match="leave out crop or wrap"):
        open_source(noise_image(40, 30), crop=True, wrap="x")
    with pytest.raises(InputError, match="wrap cannot be 'yx'"):
        open_source(noise_image(40, 30), wrap="yx")  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="15x30 px: at least 16"):
        open_source(noise_image(15, 30), wrap="x", least=16)
