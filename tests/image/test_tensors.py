from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from adain import image as images
from adain._utils.errors import ImageError
from adain.image.tensors import as_batch
from tests.image.test_io import one_line, pixels, random_image


def test_to_tensor() -> None:
    tensor = images.to_tensor(random_image())
    assert tensor.shape == (1, 3, 5, 7)
    assert tensor.dtype == torch.float32
    assert tensor[0, :, 4, 2].mul(255).round().tolist() == pixels(random_image())[4][2]
    with pytest.raises(ImageError) as caught:
        images.to_tensor(random_image("RGBA"))
    one_line(caught, "RGB", "read_image")


def test_to_pil_rounds_and_clamps() -> None:
    values = torch.tensor([-1.0, 0.49 / 255, 0.51 / 255, 254.51 / 255, 2.0])
    tensor = values.expand(3, 1, 5).clone().requires_grad_()
    expected = [[[v] * 3 for v in (0, 0, 1, 255, 255)]]
    assert pixels(images.to_pil(tensor)) == expected
    assert pixels(images.to_pil(tensor.double()[None])) == expected
    assert tensor[0, 0, 0] == -1


@pytest.mark.parametrize(
    "tensor",
    [
        torch.full((3, 2, 2), torch.nan),
        torch.full((3, 2, 2), -torch.inf),
        torch.zeros(2, 3, 4, 4),
        torch.zeros(4, 2, 2),
        torch.zeros(2, 2),
        torch.zeros(3, 0, 2),
        torch.zeros(3, 2, 2, dtype=torch.uint8),
    ],
)
def test_to_pil_refuses(tensor: torch.Tensor) -> None:
    with pytest.raises(ImageError) as caught:
        images.to_pil(tensor)
    one_line(caught, "expected")


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))
    | st.just(np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=2))
)
@settings(max_examples=50, deadline=None)
def test_round_trip_is_the_identity(array: Any) -> None:
    assert pixels(images.to_pil(images.to_tensor(Image.fromarray(array)))) == array.tolist()


def test_what_is_handed_in_becomes_a_batch() -> None:
    batch = torch.rand(2, 3, 5, 7, requires_grad=True)
    assert as_batch(batch) is batch
    assert torch.equal(as_batch(batch[0]), batch[:1])
    grey = torch.rand(1, 5, 7)
    assert torch.equal(as_batch(grey), grey.expand(1, 3, 5, 7))
    assert torch.equal(as_batch(grey.expand(4, 1, 5, 7)), grey.expand(4, 3, 5, 7))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_rounding_errors_are_let_through(dtype: torch.dtype) -> None:
    as_batch(torch.tensor([0.0, -1e-4, 1.0, 1.0005], dtype=dtype).expand(3, 2, 4))


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (torch.full((3, 2, 2), 255.0), "not [255, 255]: divide by 255"),
        (torch.full((1, 3, 2, 2), -0.01), "lie in [0, 1], not [-0.01, -0.01]"),
        (torch.full((1, 3, 2, 2), 1.01), "lie in [0, 1]"),
        (torch.full((1, 3, 2, 2), torch.nan), "NaN"),
        (torch.full((1, 3, 2, 2), torch.inf), "infinite"),
        (torch.zeros(3, 2, 2, dtype=torch.uint8), "divide by 255"),
        (torch.zeros(2, 2), "(B, 3, H, W) or (3, H, W)"),
        (torch.zeros(4, 2, 2), "(B, 3, H, W) or (3, H, W)"),
        (torch.zeros(2, 2, 3), "(B, 3, H, W) or (3, H, W)"),
        (torch.zeros(1, 3, 0, 2), "(B, 3, H, W) or (3, H, W)"),
    ],
)
def test_what_is_no_picture_is_refused(tensor: torch.Tensor, text: str) -> None:
    with pytest.raises(ImageError) as caught:
        as_batch(tensor)
    one_line(caught, text)
