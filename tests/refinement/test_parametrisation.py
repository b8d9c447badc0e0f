from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain.refinement.parametrisation import Whitening, bounded

from .conftest import Optimise, plan


def test_values_and_gradients() -> None:
    image = torch.tensor([-0.1, 0.0, 0.0, 0.5, 0.5, 1.0, 1.0, 1.1], requires_grad=True)
    weights = torch.tensor([1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    out = bounded(image)
    assert torch.equal(out.detach(), image.detach().clamp(0, 1))
    out.backward(weights)
    # Descending moves against the gradient: from black up, from white down, and never out.
    assert image.grad is not None
    assert image.grad.tolist() == [0.0, 0.0, -1.0, 1.0, -1.0, 1.0, 0.0, 0.0]


def test_gradients_inside_are_those_of_finite_differences() -> None:
    image = (0.1 + 0.8 * torch.rand(6, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: bounded(x).square(), (image,))


def test_nan_is_not_hidden() -> None:
    image = torch.tensor([0.0, 0.5, 1.0, 2.0], requires_grad=True)
    bounded(image).backward(torch.full((4,), math.nan))
    assert image.grad is not None
    assert bool(image.grad.isnan().all())


def test_black_and_white_pixels_move(optimise: Optimise) -> None:
    start = torch.rand(1, 3, 40, 48).round()
    for optimizer in ("lbfgs", "adam", "sgd"):
        result, seen = optimise(plan(optimizer=optimizer), start)
        assert seen[-1].total < seen[0].total, optimizer
        assert float((result != start).float().mean()) > 0.2, optimizer


def test_power_0_is_the_picture_itself() -> None:
    image = torch.rand(1, 3, 9, 7)
    plain = Whitening(0.0, (9, 7))
    assert plain.picture(image) is image
    assert plain.free(image) is image


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.floats(0.1, 1.0))
def test_there_and_back(height: int, width: int, power: float) -> None:
    image = torch.rand(1, 3, height, width, dtype=torch.float64)
    whitening = Whitening(power, (height, width))
    torch.testing.assert_close(whitening.picture(whitening.free(image)), image, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_a_wave_is_scaled_by_its_frequency(power: float) -> None:
    columns = torch.arange(64, dtype=torch.float64)
    gains = []
    for cycles in (2, 8):
        wave = torch.cos(2 * math.pi * cycles * columns / 64).expand(1, 3, 32, 64)
        out = Whitening(power, (32, 64)).picture(wave)
        gains.append(float(out[0, 0, 0, 0]))
        torch.testing.assert_close(out, wave * gains[-1], rtol=1e-6, atol=1e-6)
    assert gains[0] / gains[1] == pytest.approx(4**power, rel=1e-5)


def test_a_move_keeps_about_its_size() -> None:
    noise = torch.randn(1, 3, 64, 48)
    assert float(Whitening(0.5, (64, 48)).picture(noise).square().mean().sqrt()) == pytest.approx(1.0, rel=0.1)


def test_the_gradient_is_the_adjoint() -> None:
    z = torch.rand(1, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    whitening = Whitening(0.7, (6, 5))
    assert torch.autograd.gradcheck(whitening.picture, (z,), eps=1e-4, atol=1e-5)
