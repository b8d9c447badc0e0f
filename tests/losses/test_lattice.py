"""Energy at periods of 2, 4 and 8 pixels: plain numpy, closed forms and properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from adain._utils.errors import InputError
from adain.image import to_tensor
from adain.losses import lattice, lattice_loss
from adain.losses.lattice import PERIODS
from adain.nn.layers import LATTICE_SIZE
from tests.conftest import sample


def noise(height: int = 96, width: int = 72, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.4 + 0.1 * torch.rand(1, 3, height, width, generator=generator)


def in_numpy(image: Tensor) -> float:
    """The definition, one frequency after the other."""
    height, width = (side // 8 * 8 for side in image.shape[2:])
    pixels = image[0, :, :height, :width].double().numpy()
    luma = 0.299 * pixels[0] + 0.587 * pixels[1] + 0.114 * pixels[2]
    windows = [0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / side) for side in (height, width)]
    power = np.abs(np.fft.fft2((luma - luma.mean()) * np.outer(*windows))) ** 2
    found = []
    for period in PERIODS:
        ratios = []
        for row, column in {(1, 0), (0, 1), (1, 1), (1, -1)}:
            i, j = row * height // period, column * width // period
            if (row, column) == (1, -1) and period == 2:
                continue  # the same frequency as (1, 1)
            near, ring = [], []
            for down in range(-6, 7):
                for across in range(-6, 7):
                    value = power[(i + down) % height, (j + across) % width]
                    if abs(down) <= 1 and abs(across) <= 1:
                        near.append(value)
                    elif (row or abs(down) <= 1) and (column or abs(across) <= 1):
                        ring.append(value)
            # torch takes the lower of two medians.
            ratios.append(max(near) / sorted(ring)[(len(ring) - 1) // 2])
        found.append(np.mean(ratios))
    return float(np.mean(found))


@pytest.mark.parametrize("size", [(64, 64), (96, 72), (101, 93)])
def test_lattice_is_its_formula(size: tuple[int, int]) -> None:
    image = noise(*size)
    image[..., ::8, ::4] += 0.05
    assert float(lattice(image)) == pytest.approx(in_numpy(image), rel=1e-3)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("axis", ["rows", "columns", "both"])
def test_what_repeats_is_found(period: int, axis: str) -> None:
    image = noise()
    grid = image.clone()
    if axis == "rows":
        grid[..., ::period, :] += 0.05
    elif axis == "columns":
        grid[..., ::period] += 0.05
    else:
        grid[..., ::period, ::period] += 0.1
    assert float(lattice(image)) < 6
    assert float(lattice(grid)) > 4 * float(lattice(image))
    assert float(lattice_loss(grid)) > 1.5 * float(lattice_loss(image))


@pytest.mark.parametrize("period", [3, 5, 7, 11])
def test_other_periods_are_texture(period: int) -> None:
    image = noise(400, 400)
    striped = image.clone()
    striped[..., ::period] += 0.05
    assert float(lattice(striped)) < 2 * float(lattice(image))


def test_a_horizon_is_no_lattice() -> None:
    image = noise()
    image[..., 40:, :] += 0.4
    image[..., 30:] -= 0.2
    assert float(lattice(image)) < 6
    assert float(lattice_loss(image)) < 0.3


def test_photographs_have_next_to_none_and_their_enlargement_by_cells_has() -> None:
    with Image.open(sample("content", "chelsea")) as file:
        photo = to_tensor(file.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS))
    assert float(lattice(photo)) < 8
    blocks = photo + 0.05 * torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1)).repeat(1, 1, 32, 32)
    assert float(lattice(blocks)) > 3 * float(lattice(photo))


def test_a_flat_picture_has_none() -> None:
    flat = torch.full((2, 3, 64, 80), 0.3)
    assert lattice(flat).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert float(lattice_loss(flat)) == 0.0


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 3.0), st.floats(-0.5, 0.5))
def test_brightness_and_contrast_change_nothing(seed: int, contrast: float, brightness: float) -> None:
    image = noise(64, 64, seed)
    image[..., ::8] += 0.02
    changed = image * contrast + brightness
    torch.testing.assert_close(lattice(changed), lattice(image), rtol=0.02, atol=0.02)
    torch.testing.assert_close(lattice_loss(changed), lattice_loss(image), rtol=0.02, atol=0.02)


def test_each_picture_counts_alone() -> None:
    images = torch.cat([noise(seed=1), noise(seed=2)])
    images[1, ..., ::8] += 0.05
    torch.testing.assert_close(lattice(images), torch.cat([lattice(images[:1]), lattice(images[1:])]))


def test_its_gradient_takes_the_lattice_away() -> None:
    """A grid of one strength and one phase, and what a few steps down leave of it."""
    image = noise(64, 64)
    image[..., ::8, ::8] += 0.1
    before = float(lattice(image)), float(lattice_loss(image))
    optimizer = torch.optim.Adam([image.requires_grad_(True)], lr=2e-3)
    for _ in range(60):
        optimizer.zero_grad()
        lattice_loss(image).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    image.requires_grad_(False)
    assert float(lattice(image)) < 0.6 * before[0]
    assert float(lattice_loss(image)) < 0.6 * before[1]


def test_small_pictures_are_refused() -> None:
    for call in (lattice, lattice_loss):
        with pytest.raises(InputError, match=f"of {LATTICE_SIZE} px and more a side, not 63x70"):
            call(torch.rand(1, 3, 70, 63))
