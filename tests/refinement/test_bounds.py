from __future__ import annotations

import math

import torch

from adain.refinement.bounds import bounded

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
