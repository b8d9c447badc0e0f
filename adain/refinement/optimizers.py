"""The optimisers, and carrying what they have learned up to a larger picture."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .recipe import Recipe

HISTORY_BYTES = 1_500_000_000
"""What the pairs that L-BFGS remembers may take: of large pictures it remembers fewer, 59 at 1024² and 14 at 2048²."""


def history_size(recipe: Recipe, image: Tensor) -> int:
    """Pairs L-BFGS remembers of one picture: the recipe's, as far as :data:`HISTORY_BYTES` go, and 1 at least."""
    return min(recipe.history, max(1, HISTORY_BYTES // (2 * image.numel() * image.element_size())))


def make_optimizer(recipe: Recipe, image: Tensor) -> torch.optim.Optimizer:
    """The recipe's optimiser of one picture.

    L-BFGS searches along its direction until the strong Wolfe conditions hold, as scipy's does: without that, its first
    steps from the photograph, where the content loss and its gradient are zero, overshoot by orders of magnitude. As a
    rule the first length it tries is taken, and costs one evaluation.
    """
    lr = recipe.learning_rate
    if recipe.optimizer == "lbfgs":
        return torch.optim.LBFGS(
            [image],
            lr=lr,
            max_iter=1,
            max_eval=20,  # of one search; the strong Wolfe conditions are met after one or two
            history_size=history_size(recipe, image),
            tolerance_grad=0.0,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )
    if recipe.optimizer == "adam":
        return torch.optim.Adam([image], lr=lr)
    return torch.optim.SGD([image], lr=lr, momentum=recipe.momentum)


def carry_up(old: torch.optim.Optimizer, new: torch.optim.Optimizer, before: Tensor, after: Tensor) -> None:
    """Give ``new``, which optimises ``after``, the state of ``old``, which optimised the smaller ``before``.

    Moments and momentum are interpolated, and so are the pairs of steps and gradient differences of L-BFGS: the
    gradient per pixel does not depend on the size. The new optimiser has to be told the gradient at its own first
    picture: :func:`seed_gradient`.
    """
    state = old.state[before]
    if not state:
        return

    def larger(value: Tensor) -> Tensor:
        return F.interpolate(value.view_as(before), after.shape[2:], mode="bilinear", align_corners=False)

    target: dict[str, Any] = new.state[after]
    if isinstance(new, torch.optim.LBFGS):
        # More than the new one holds it would not forget, either.
        room = new.param_groups[0]["history_size"]
        steps = [larger(s).flatten() for s in state.get("old_stps", ())[-room:]]
        turns = [larger(y).flatten() for y in state.get("old_dirs", ())[-room:]]
        kept = [(s, y) for s, y in zip(steps, turns, strict=True) if float(s.dot(y)) > 1e-20]
        if not kept:
            return
        s, y = kept[-1]
        target.update(
            func_evals=0,
            n_iter=1,
            d=torch.zeros_like(s),
            t=1.0,
            old_stps=[s for s, _ in kept],
            old_dirs=[y for _, y in kept],
            ro=[1.0 / s.dot(y) for s, y in kept],
            H_diag=s.dot(y) / y.dot(y),
            prev_flat_grad=None,
            prev_loss=0.0,
        )
        return
    for key, value in state.items():
        if key == "step":
            target[key] = value.clone()
        elif isinstance(value, Tensor):
            target[key] = larger(value)


def seed_gradient(optimizer: torch.optim.Optimizer, image: Tensor) -> None:
    """Tell an L-BFGS with carried history the gradient ``image.grad`` that its first step starts from."""
    state = optimizer.state.get(image)
    if isinstance(optimizer, torch.optim.LBFGS) and state and state.get("prev_flat_grad", 0) is None:
        assert image.grad is not None
        # Equal gradients before and after give no pair, which a change of size would make a meaningless one.
        state["prev_flat_grad"] = image.grad.flatten().clone()
