"""What is added to flat places: plain NumPy, closed forms and properties."""

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
from adain.losses import calm_loss, unrest
from adain.losses.calm import FLAT, FLAT_SIZE
from tests.conftest import sample


def checks(amplitude: float, height: int = 64, width: int = 48) -> Tensor:
    """A chequerboard of 1 px about grey, whose deviation in every square is its amplitude."""
    board = (torch.arange(height)[:, None] + torch.arange(width)) % 2 * 2.0 - 1.0
    return (0.5 + amplitude * board).expand(1, 3, height, width)


def noise(seed: int, amplitude: float, height: int = 64, width: int = 48) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + amplitude * (torch.rand(2, 3, height, width, generator=generator) - 0.5)


def in_numpy(image: Tensor, content: Tensor) -> tuple[float, float]:
    """Loss and unrest of the first of a batch, one square after the other."""
    weights, added = [], []
    half = FLAT_SIZE // 2
    for top in range(0, image.shape[2] - FLAT_SIZE + 1, half):
        for left in range(0, image.shape[3] - FLAT_SIZE + 1, half):
            found, own = (
                p[0, :, top : top + FLAT_SIZE, left : left + FLAT_SIZE].double().numpy().var(axis=(1, 2)).mean()
                for p in (image, content)
            )
            weights.append(np.exp(-own / FLAT**2))
            added.append(max(0.0, found - own))
    lost = np.mean(np.multiply(weights, added))
    return float(lost), float(np.sqrt(np.dot(weights, added) / np.sum(weights)))


@pytest.mark.parametrize("size", [(64, 48), (16, 16), (61, 35)])
@pytest.mark.parametrize("liveliness", [0.0, 0.05, 0.2])
def test_they_are_their_formulas(size: tuple[int, int], liveliness: float) -> None:
    image, content = noise(0, 0.5, *size)[:1], noise(1, liveliness, *size)[:1]
    lost, deviation = in_numpy(image, content)
    assert float(calm_loss(image, content)) == pytest.approx(lost, rel=1e-4, abs=1e-9)
    assert float(unrest(image, content)) == pytest.approx(deviation, rel=1e-4)


def test_what_is_added_to_a_flat_photograph_is_its_deviation() -> None:
    flat = torch.full((1, 3, 64, 48), 0.3)
    for amplitude in (0.0, 0.01, 0.1, 0.5):
        assert float(unrest(checks(amplitude), flat)) == pytest.approx(amplitude, abs=1e-4)
        assert float(calm_loss(checks(amplitude), flat)) == pytest.approx(amplitude**2, abs=1e-6)


def test_of_pictures_of_their_own_each() -> None:
    image, content = noise(0, 0.5), noise(1, 0.05)
    apart = torch.cat([unrest(image[k : k + 1], content[k : k + 1]) for k in range(2)])
    torch.testing.assert_close(unrest(image, content), apart)
    one, other = (calm_loss(image[k : k + 1], content[k : k + 1]) for k in range(2))
    torch.testing.assert_close(calm_loss(image, content), (one + other) / 2)


def test_only_flat_places_count() -> None:
    """What is added beside a flat half is free, but for the squares across the border."""
    content = torch.cat([torch.full((1, 3, 64, 64), 0.5), checks(0.4, 64, 64)], dim=3)
    beside, there = content.clone(), content.clone()
    beside[..., 80:] += noise(0, 0.2, 64, 48)[:1] - 0.5
    there[..., :48] += noise(0, 0.2, 64, 48)[:1] - 0.5
    assert float(calm_loss(beside, content)) < 1e-6 < 1e-4 < float(calm_loss(there, content))
    assert float(unrest(beside, content)) < 1e-3 < 0.04 < float(unrest(there, content))


def test_where_nothing_is_flat_the_flattest_counts() -> None:
    """Even where every weight is too small for a float."""
    content = checks(0.5)
    assert float(unrest(content, content)) == 0
    livelier = torch.cat([content[..., :24] * 2 - 0.5, content[..., 24:]], dim=3)
    assert 0 <= float(unrest(livelier, content)) < 0.9
    assert float(calm_loss(livelier, content)) == 0


@given(seed=st.integers(0, 999), own=st.floats(0, 0.3), added=st.floats(0, 0.7))
@settings(max_examples=25)
def test_bounds(seed: int, own: float, added: float) -> None:
    content = noise(seed, own)
    image = (content + noise(seed + 1, added) - 0.5).clamp(0, 1)
    assert 0 <= float(calm_loss(image, content)) <= 0.25
    found = unrest(image, content)
    assert found.shape == (2,)
    assert found.dtype == torch.float32
    assert bool(((found >= 0) & (found <= 0.5)).all())
    assert float(calm_loss(content, content)) == 0
    assert float(unrest(content, content).max()) == 0
    calmer = 0.5 + 0.5 * (content - 0.5)
    assert float(unrest(calmer, content).max()) <= 1e-4


def test_the_gradient_calms() -> None:
    """Of the image alone; a step along it leaves less, and none is NaN where nothing is to be done."""
    content = noise(1, 0.02).requires_grad_()
    image = noise(0, 0.3).requires_grad_()
    lost = calm_loss(image, content)
    lost.backward()  # type: ignore[no-untyped-call]
    assert content.grad is None or not content.grad.any()
    assert image.grad is not None
    with torch.no_grad():
        assert float(calm_loss(image - 100 * image.grad, content)) < float(lost)
    still = content.detach().clone().requires_grad_()
    calm_loss(still, content).backward()  # type: ignore[no-untyped-call]
    assert still.grad is not None
    assert not still.grad.any()


def test_precision() -> None:
    image, content = noise(0, 0.3), noise(1, 0.02)
    exact = calm_loss(image, content)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(calm_loss(image, content), exact, rtol=1e-6, atol=0)
    assert calm_loss(image.bfloat16(), content.bfloat16()).dtype == torch.float32


def test_a_real_sky() -> None:
    """Noise of 10 levels shows in it, and blurring it adds nothing."""
    photo = to_tensor(Image.open(sample("content", "montStMichel")).convert("RGB"))[..., :256, :]
    generator = torch.Generator().manual_seed(0)
    noisy = photo + 10 / 255 * torch.randn(photo.shape, generator=generator)
    assert float(unrest(noisy, photo)) == pytest.approx(10 / 255, rel=0.1)
    blurred = torch.nn.functional.avg_pool2d(photo, 5, 1, 2, count_include_pad=False)
    assert float(unrest(blurred, photo)) < 0.005


@pytest.mark.parametrize("shapes", [((1, 3, 15, 32), (1, 3, 15, 32)), ((1, 3, 32, 32), (1, 3, 32, 40))])
def test_what_cannot_be_measured(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    for measure in (calm_loss, unrest):
        with pytest.raises(InputError, match="of one shape, 16 px and more a side, not"):
            measure(*(torch.zeros(shape) for shape in shapes))
