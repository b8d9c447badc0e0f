"""Masks laid on a picture: of its shape, resized and cropped as it is, followed down to its features."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from adain._utils.errors import InputError
from adain.control.regions import Ramp, is_full, lay_cells, lay_masks
from adain.nn.adain import shares


def half(width: int = 8, height: int = 6) -> torch.Tensor:
    mask = torch.zeros(height, width)
    mask[:, : width // 2] = 1
    return mask


def test_masks_take_the_size_of_the_picture() -> None:
    laid = lay_masks([half(), 1 - half(), Ramp("vertical")], (30, 40))
    assert laid.shape == (3, 1, 30, 40)
    assert laid[0, 0, :, :15].min() == 1
    assert laid[2, 0, 0].min() == 1
    assert laid[2, 0, -1].max() == 0


def test_masks_are_cropped_as_the_picture_is() -> None:
    mask = torch.zeros(30, 60)
    mask[:, 15:30] = 1  # the left half of the central square
    laid = lay_masks([mask, Ramp("horizontal")], (30, 30), uncropped=(30, 60))
    assert torch.equal(laid[0, 0], half(30, 30))
    assert laid[1, 0, 0, 0] == 1  # a ramp runs over what is left
    assert laid[1, 0, 0, -1] == 0


@pytest.mark.parametrize("side", [(1, 1), (7, 11), (37, 58), (300, 471)])
@pytest.mark.parametrize("feather", [0.0, 3.0, 90.0])
def test_white_stays_white(side: tuple[int, int], feather: float) -> None:
    laid = lay_masks([torch.ones(side)], (45, 70), feather=feather)
    assert is_full(laid)
    assert is_full(lay_cells(laid, (6, 9)))


@pytest.mark.parametrize(("mask", "picture"), [((45, 70), (45, 70)), ((90, 140), (45, 70)), ((6, 10), (45, 70)),
                                               ((3000, 4000), (512, 683)), ((101, 100), (100, 100))])  # fmt: skip
def test_shapes_that_match(mask: tuple[int, int], picture: tuple[int, int]) -> None:
    lay_masks([torch.ones(mask)], picture)


@pytest.mark.parametrize(("mask", "picture"), [((70, 45), (45, 70)), ((50, 50), (45, 70)), ((103, 100), (100, 100))])
def test_a_mask_of_another_shape(tmp_path: Path, mask: tuple[int, int], picture: tuple[int, int]) -> None:
    path = tmp_path / "sky.png"
    Image.new("L", mask[::-1], 255).save(path)
    sizes = rf"mask sky.png is {mask[1]}x{mask[0]} px and the picture {picture[1]}x{picture[0]} px"
    with pytest.raises(InputError, match=sizes):
        lay_masks([path], picture)


def test_no_such_ramp() -> None:
    with pytest.raises(InputError, match="sideways"):
        Ramp("sideways")  # type: ignore[arg-type]


def test_shares_sum_to_at_most_one() -> None:
    masks = torch.tensor([1.0, 0.5, 0.25])[:, None, None, None]
    assert torch.allclose(shares(masks).sum(), torch.tensor(1.0))
    assert torch.equal(shares(masks[2:]), masks[2:])
