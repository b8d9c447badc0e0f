"""What the optimisers know, carried up to a larger picture."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from adain.refinement import optimizers
from adain.refinement.optimizers import carry_up, history_size, make_optimizer, seed_gradient
from adain.refinement.recipe import Recipe

from .conftest import plan


def larger(value: Tensor) -> Tensor:
    return F.interpolate(value, (48, 40), mode="bilinear", align_corners=False)


def objective(image: Tensor) -> Tensor:
    """Smooth, curved differently in each channel, and per pixel independent of the size."""
    wanted = torch.linspace(0, 1, image.shape[3]).expand_as(image)
    curve = torch.tensor([1.0, 3.0, 9.0]).view(1, 3, 1, 1)
    return (curve * (image - wanted).square()).mean() * image.numel() + 0.1 * image.pow(4).sum()


def value_of(image: Tensor) -> float:
    return float(objective(image).detach())


def trained(recipe: Recipe, steps: int = 4) -> tuple[torch.optim.Optimizer, Tensor]:
    """An optimiser after some steps at half the size."""
    image = torch.rand(1, 3, 24, 20).requires_grad_()
    optimizer = make_optimizer(recipe, image)
    for _ in range(steps):
        step(optimizer, image)
    return optimizer, image


def step(optimizer: torch.optim.Optimizer, image: Tensor) -> float:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = objective(image)
        loss.backward()
        seed_gradient(optimizer, image)
        return loss

    return float(torch.as_tensor(optimizer.step(closure)).detach())


def test_choices() -> None:
    image = torch.rand(1, 3, 8, 8).requires_grad_()
    lbfgs = make_optimizer(plan(history=7), image)
    assert isinstance(lbfgs, torch.optim.LBFGS)
    assert lbfgs.defaults["history_size"] == 7
    assert lbfgs.defaults["lr"] == 1.0
    adam = make_optimizer(plan(optimizer="adam", lr=0.3), image)
    assert isinstance(adam, torch.optim.Adam)
    assert adam.defaults["lr"] == 0.3
    sgd = make_optimizer(plan(optimizer="sgd", momentum=0.5), image)
    assert isinstance(sgd, torch.optim.SGD)
    assert sgd.defaults["momentum"] == 0.5


@pytest.mark.parametrize(
    ("recipe", "keys"),
    [
        (plan(optimizer="adam"), ("exp_avg", "exp_avg_sq")),
        (plan(optimizer="sgd", lr=1e-3), ("momentum_buffer",)),
    ],
)
def test_moments_go_up(recipe: Recipe, keys: tuple[str, ...]) -> None:
    old, before = trained(recipe)
    after = larger(before.detach()).requires_grad_()
    new = make_optimizer(recipe, after)
    carry_up(old, new, before, after)
    for key in keys:
        torch.testing.assert_close(new.state[after][key], larger(old.state[before][key]))
    if "exp_avg_sq" in keys:
        assert bool((new.state[after]["exp_avg_sq"] >= 0).all())
        assert float(new.state[after]["step"]) == 4
        new.state[after]["step"] += 1
        assert float(old.state[before]["step"]) == 4  # not the same counter
    first = step(new, after)
    assert value_of(after) < first


def test_history_goes_up() -> None:
    recipe = plan(history=10)
    old, before = trained(recipe, 5)
    after = larger(before.detach()).requires_grad_()
    new = make_optimizer(recipe, after)
    carry_up(old, new, before, after)
    state, small = new.state[after], old.state[before]
    assert 0 < len(state["old_stps"]) == len(state["old_dirs"]) == len(state["ro"]) <= len(small["old_stps"])
    for s, y, ro in zip(state["old_stps"], state["old_dirs"], state["ro"], strict=True):
        assert float(s.dot(y)) > 0
        assert float(ro) == pytest.approx(1 / float(s.dot(y)))
    torch.testing.assert_close(state["old_stps"][-1].view_as(after), larger(small["old_stps"][-1].view_as(before)))

    pairs = len(state["old_stps"])
    start = after.detach().clone()
    value = step(new, after)
    gradient = torch.autograd.grad(objective(probe := start.clone().requires_grad_()), probe)[0]
    move = after.detach() - start
    assert float((move * gradient).sum()) < 0  # downhill
    assert value_of(start + 0.1 * move) < value
    assert len(state["old_stps"]) == pairs  # a change of size gives no pair of its own
    # The curvature is of use: the direction is not that of the gradient, which the first step of all has.
    assert float(F.cosine_similarity(move.flatten(), -gradient.flatten(), dim=0)) < 0.999
    step(new, after)
    assert len(state["old_stps"]) == pairs + 1


def test_a_full_history_stays_full() -> None:
    recipe = plan(history=3)
    old, before = trained(recipe, 8)
    after = larger(before.detach()).requires_grad_()
    new = make_optimizer(recipe, after)
    carry_up(old, new, before, after)
    for _ in range(3):
        step(new, after)
    assert len(new.state[after]["old_stps"]) == 3


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "sgd"])
def test_nothing_known_nothing_carried(optimizer: str) -> None:
    recipe = plan(optimizer=optimizer, lr=0.01)
    old, before = trained(recipe, 0)
    after = larger(before.detach()).requires_grad_()
    new = make_optimizer(recipe, after)
    carry_up(old, new, before, after)
    first = step(new, after)
    assert value_of(after) < first


def test_one_evaluation_makes_no_pair() -> None:
    """The first step of L-BFGS has a direction, and no pair yet."""
    recipe = plan()
    image = torch.rand(1, 3, 24, 20).requires_grad_()
    old = make_optimizer(recipe, image)
    old.state[image].update(func_evals=1, n_iter=0)  # as a gradient of zero leaves it
    after = larger(image.detach()).requires_grad_()
    new = make_optimizer(recipe, after)
    carry_up(old, new, image, after)
    assert not new.state.get(after)
    seed_gradient(new, after)
    first = step(new, after)
    assert value_of(after) < first


def test_large_pictures_have_a_shorter_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a recipe asks for, the pairs of a 1024² picture stay within 1.5 GB."""
    side = torch.empty(1, 3, 1024, 1024, device="meta")
    assert history_size(plan(history=20), side) == 20
    assert history_size(plan(history=100), side) == 59
    recipe = plan(history=10)
    old, before = trained(recipe, 8)
    after = larger(before.detach()).requires_grad_()
    monkeypatch.setattr(optimizers, "HISTORY_BYTES", 3 * 2 * 4 * after.numel())
    new = make_optimizer(recipe, after)
    carry_up(old, new, before, after)
    for _ in range(3):
        step(new, after)
        assert len(new.state[after]["old_stps"]) <= 3
