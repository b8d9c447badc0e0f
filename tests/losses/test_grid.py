"""What the quarters of a picture have in common every 8 pixels: plain NumPy, closed forms and properties."""

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
from adain.losses import grid_loss, lattice_loss
from adain.losses.grid import BLOCK
from adain.nn.layers import GRID_SIZE
from tests.conftest import sample

ROUNDED = (3 / 8 * BLOCK) ** 2 / 12 / 255**2
"""Mean power in a block of what rounding to 8 bits leaves: its variance by the sum of the window's squares."""

PLACES = [(i, j) for i in range(5) for j in range(8) if i or j]


def noise(seed: int = 0, height: int = 128, width: int = 128, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.4 + 0.1 * torch.rand(batch, 3, height, width, generator=generator)


def wave(amplitude: float, down: int, across: int, height: int = 128, width: int = 128, phase: float = 0.4) -> Tensor:
    """One harmonic of 8 px, so many periods in a cell each way."""
    turns = (down * torch.arange(height)[:, None] + across * torch.arange(width)) / 8
    return (amplitude * torch.cos(2 * torch.pi * turns + phase)).expand(1, 3, height, width)


def in_numpy(image: Tensor) -> float:
    """Of one picture, one block and one harmonic after the other."""
    height, width = (side // 16 * 8 for side in image.shape[2:])
    pixels = image[0, :, : 2 * height, : 2 * width].double().numpy()
    luma = 0.299 * pixels[0] + 0.587 * pixels[1] + 0.114 * pixels[2]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(BLOCK) / BLOCK)
    quarters = []
    for y in (0, height):
        for x in (0, width):
            quarter = luma[y : y + height, x : x + width]
            quarters.append([
                np.fft.fft2((block - block.mean()) * np.outer(window, window))
                for top in range(0, height - BLOCK + 1, BLOCK // 2)
                for left in range(0, width - BLOCK + 1, BLOCK // 2)
                for block in [quarter[top : top + BLOCK, left : left + BLOCK]]
            ])  # fmt: skip
    found = []
    for row, column in PLACES:
        sums, weights, number = [], [], 0
        for blocks in quarters:
            sums.append(0j)
            weights.append(0.0)
            for spectrum in blocks:
                around = [
                    abs(spectrum[(8 * row + down) % BLOCK, (8 * column + across) % BLOCK]) ** 2
                    for down in range(-3, 4)
                    for across in range(-3, 4)
                    if max(abs(down), abs(across)) > 1
                    and (row or abs(down) <= 1)
                    and (column or abs(across) <= 1)
                ]  # fmt: skip
                weight = 1 / (np.mean(around) + ROUNDED)
                sums[-1] += weight * spectrum[8 * row, 8 * column]
                weights[-1] += weight
                number += 1
        pairs = [(q, r) for q in range(4) for r in range(4) if q != r]
        common = sum((sums[q] * np.conj(sums[r])).real for q, r in pairs)
        most = sum(weights[q] * weights[r] for q, r in pairs)
        found.append(sum(weights) / number * common / most)
    return float(np.mean(found))


@pytest.mark.parametrize("size", [(128, 128), (203, 170)])
def test_it_is_its_formula(size: tuple[int, int]) -> None:
    image = noise(0, *size) + wave(0.02, 1, 0, *size) + wave(0.01, 2, 3, *size)
    image[..., : size[0] // 3, :] *= 0.2  # a quiet part, which counts for more
    assert float(grid_loss(image)) == pytest.approx(in_numpy(image), rel=1e-3)


@pytest.mark.parametrize(("down", "across"), [(0, 1), (1, 0), (1, 3), (4, 4), (0, 4), (3, 7)])
def test_a_wave_alone_is_measured_against_rounding(down: int, across: int) -> None:
    """A wave's power is a quarter of its amplitude's square by that of the window's sum; a real one's is its own."""
    amplitude = 1 / 255
    counted = sum((down - i) % 8 == 0 and (across - j) % 8 == 0 for i, j in PLACES)
    counted += sum((down + i) % 8 == 0 and (across + j) % 8 == 0 for i, j in PLACES)
    share = 1.0 if (down % 4, across % 4) != (0, 0) else 2 * float(np.cos(0.4)) ** 2
    expected = counted * share * (amplitude / 2 * BLOCK**2 / 4) ** 2 / ROUNDED / len(PLACES)
    assert float(grid_loss(wave(amplitude, down, across))) == pytest.approx(expected, rel=1e-3)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), height=st.integers(128, 200), width=st.integers(128, 200))
def test_texture_has_none(seed: int, height: int, width: int) -> None:
    """Give or take: what is left by chance falls with the number of blocks."""
    assert abs(float(grid_loss(noise(seed, height, width, batch=4)))) < 0.15


def test_texture_has_none_on_average() -> None:
    found = torch.stack([grid_loss(noise(seed, 256, 256, batch=8)) for seed in range(8)])
    assert abs(float(found.mean())) < 4 * float(found.std()) / 8**0.5
    assert float(found.abs().max()) < 0.02


@pytest.mark.parametrize("period", [5, 7, 11])
def test_other_periods_are_texture(period: int) -> None:
    striped = noise(0, 384, 384)
    striped[..., ::period] += 0.05
    assert abs(float(grid_loss(striped))) < 0.1
    gridded = noise(0, 384, 384)
    gridded[..., ::8] += 0.05
    assert float(grid_loss(gridded)) > 1


def test_a_grid_is_found_that_a_crops_spectrum_hides() -> None:
    """A fifth of a level in noise of seven levels, which stands out in nothing but the whole of a large picture."""
    generator = torch.Generator().manual_seed(0)
    rough = 0.5 + 7 / 255 * torch.randn(1, 1, 1024, 1024, generator=generator).expand(1, 3, -1, -1)
    grid = wave(0.3 / 255, 1, 1, 1024, 1024)
    bare, found = float(grid_loss(rough)), float(grid_loss(rough + grid))
    assert found - bare > 3 * abs(bare)


def test_what_changes_its_sign_is_none() -> None:
    """Texture that happens to have the period, of another phase in every quarter."""
    grid = wave(0.02, 0, 1)
    turned = grid.clone()
    turned[..., :64, 64:] *= -1
    turned[..., 64:, :64] *= -1
    assert float(grid_loss(noise() + grid)) > 0.5
    assert float(grid_loss(noise() + turned)) < 0


def test_flat_pictures_and_slopes_have_none() -> None:
    assert float(grid_loss(torch.full((2, 3, 128, 160), 0.3))) == pytest.approx(0.0, abs=1e-6)
    slope = torch.linspace(0, 0.8, 128).view(1, 1, 1, -1).expand(1, 3, 128, 128)
    assert abs(float(grid_loss(slope))) < 0.05


def test_a_photograph_has_none_and_its_grid_is_found() -> None:
    with Image.open(sample("content", "chelsea")) as file:
        photo = to_tensor(file.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS))
    assert abs(float(grid_loss(photo))) < 0.02
    cell = 4 / 255 * torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    assert float(grid_loss(photo + cell.repeat(1, 1, 32, 32))) > 0.1


def test_a_batch_is_the_mean_of_its_pictures() -> None:
    images = noise(3, 160, 136, batch=3)
    images[1, ..., ::8] += 0.02
    apart = torch.stack([grid_loss(image[None]) for image in images])
    torch.testing.assert_close(grid_loss(images), apart.mean(), rtol=1e-4, atol=1e-5)


def test_what_does_not_fill_a_cell_is_cut() -> None:
    image = noise(0, 144, 160)
    larger = torch.nn.functional.pad(image, (0, 15, 0, 9), value=1.0)
    torch.testing.assert_close(grid_loss(larger), grid_loss(image))


def test_its_gradient_takes_the_grid_and_leaves_the_texture() -> None:
    image = noise(0, 128, 128, batch=2)
    deviation = float(image.std())
    image = image + wave(0.02, 0, 1) + wave(0.02, 2, 0)
    before = float(grid_loss(image))
    optimizer = torch.optim.Adam([image.requires_grad_(True)], lr=1e-3)
    for _ in range(25):
        optimizer.zero_grad()
        grid_loss(image).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    image.requires_grad_(False)
    assert float(grid_loss(image)) < 0.2 * before
    assert float(image.std()) > 0.9 * deviation


def test_a_flat_picture_has_a_finite_gradient() -> None:
    flat = torch.full((1, 3, 128, 128), 0.3, requires_grad=True)
    grid_loss(flat).backward()  # type: ignore[no-untyped-call]
    assert flat.grad is not None
    assert bool(flat.grad.isfinite().all())


def test_precision() -> None:
    image = noise() + wave(0.02, 0, 1)
    exact = grid_loss(image)
    assert exact.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(grid_loss(image), exact, rtol=1e-6, atol=0)
    assert grid_loss(image.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("size", [(127, 200), (200, 127)])
def test_small_pictures_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"of {GRID_SIZE} px and more a side, not {size[1]}x{size[0]}"):
        grid_loss(torch.rand(1, 3, *size))


def test_a_check_before_training_does_no_harm() -> None:
    image = torch.rand(1, 3, 136, 144, requires_grad=True)
    with torch.inference_mode():
        seen = [grid_loss(image), lattice_loss(image)]
    learnt = [grid_loss(image), lattice_loss(image)]
    torch.testing.assert_close(torch.stack(learnt).detach(), torch.stack(seen))
    torch.stack(learnt).sum().backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
