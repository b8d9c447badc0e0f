"""The descent: one optimiser over one or several sizes of a picture, from coarse to fine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from .._utils.errors import RefinementError
from .._utils.memory import keeping_freed, peak_memory
from ..image.tensors import resize_to
from ..losses import PyramidLoss, make_balance
from .objective import groups
from .optimizers import carry_up, make_optimizer, seed_gradient
from .parametrisation import Whitening, bounded
from .pictures import MIN_SIZE, Pictures, check_size
from .recipe import Recipe
from .report import Callback, Progress

FINAL_LR = 0.02
"""Where the cosine schedule ends, as a share of the learning rate."""


def scales_of(size: tuple[int, int], recipe: Recipe) -> list[float]:
    """The scales of a coarse-to-fine course, ascending to 1.

    The first size is ``recipe.coarsest``, or the least that can still be judged at the smallest of
    ``recipe.scales``; the others are full size divided by powers of ``recipe.growth``.
    """
    check_size(size, "the picture")
    short = min(size)
    first = max(recipe.coarsest, MIN_SIZE / min(recipe.scales))
    if recipe.coarsest == 0 or first >= short:
        return [1.0]
    count = math.ceil(math.log(short / first, recipe.growth) - 1e-9)
    # Never more sizes than steps; the finest ones are those that matter.
    count = min(count, max(0, recipe.steps - 1))
    return [max(recipe.growth**-k, first / short) for k in range(count, 0, -1)] + [1.0]


def cosine_lr(recipe: Recipe, step: int) -> float:
    """The learning rate of a step (from 0) of the cosine schedule, over the whole course."""
    progress = step / max(1, recipe.steps)
    return recipe.learning_rate * (FINAL_LR + (1.0 - FINAL_LR) * 0.5 * (1.0 + math.cos(math.pi * progress)))


class Descent:
    """Minimises a recipe's losses over a picture.

    Args:
        make_objective: the losses for pictures of some size.
        pictures: at full size.
        callback: see :data:`~adain.refinement.report.Callback`.
    """

    def __init__(
        self,
        recipe: Recipe,
        make_objective: Callable[[Pictures], PyramidLoss],
        pictures: Pictures,
        callback: Callback | None = None,
    ) -> None:
        self.recipe = recipe
        self.make_objective = make_objective
        self.pictures = pictures
        self.callback = callback
        self.done = 0
        self.ended = False  # by the callback

    @keeping_freed()
    def run(self, start: Tensor) -> Tensor:
        """The optimised picture, in ``[0, 1]``.

        Without averaging and under fixed weights this is the best picture that was judged; otherwise the average,
        or the last.

        Args:
            start: ``(1, 3, H, W)``, of the size of the content.

        Raises:
            RefinementError: if the loss or its gradient is not finite.
        """
        self._begun = time.perf_counter()
        scales = scales_of(self.pictures.size, self.recipe)
        shares = [self.recipe.steps // len(scales)] * len(scales)
        shares[-1] += self.recipe.steps - sum(shares)
        start = start.detach().float()
        result, change, average_change = start.clamp(0.0, 1.0), None, None
        level: _Level | None = None
        for scale, steps in zip(scales, shares, strict=True):
            if self.ended or steps == 0:
                break
            pictures = self.pictures.at_scale(scale)
            # What coarser sizes changed is added to the start, so that its detail outlives them.
            lower = resize_to(start, pictures.size)
            # The smaller level is let go as soon as its state is taken over: it remembers many pictures.
            level = _Level(self, pictures, _moved(lower, change), _moved(lower, average_change), level)
            try:
                level.run(steps)
            except RefinementError as error:
                if scale != 1.0:
                    error.image = _moved(start, error.image - lower).clamp(0.0, 1.0)
                raise
            change, average_change = level.position - lower, level.average - lower
            result = level.result if scale == 1.0 else _moved(start, level.result - lower).clamp(0.0, 1.0)
        return result

    def report(self, level: _Level, losses: Mapping[str, float], total: float) -> None:
        """Tell the callback about a step that was just judged, and decide whether to go on."""
        self.done += 1
        shown = level.shown  # never changed in place, so a progress that is kept stays what it was
        progress = Progress(
            step=self.done,
            steps=self.recipe.steps,
            size=level.pictures.size,
            losses=losses,
            total=total,
            factors={} if self.recipe.weighting == "fixed" else dict(level.balance.factors),
            seconds=time.perf_counter() - self._begun,
            peak_memory=peak_memory(level.free.device),
            _image=lambda: shown.clamp(0.0, 1.0),
        )
        if self.callback is not None and self.callback(progress):
            self.ended = True


class _Spent(Exception):
    """Raised out of an optimiser's step when no evaluation is left for it."""


class _Level:
    """One size of a descent."""

    def __init__(
        self, descent: Descent, pictures: Pictures, image: Tensor, average: Tensor, before: _Level | None
    ) -> None:
        self.descent, self.recipe, self.pictures = descent, descent.recipe, pictures
        self.objective = descent.make_objective(pictures)
        self.whitening = Whitening(self.recipe.whitening, (image.shape[2], image.shape[3]), image.device)
        # What is optimised: the picture, or its parameters.
        self.free = self.whitening.free(image).clone(memory_format=torch.contiguous_format).requires_grad_()
        self.average = average.detach().clone()
        self.optimizer = make_optimizer(self.recipe, self.free)
        self.result = average.detach().clamp(0.0, 1.0)
        self._lowest = math.inf
        self._best = image.detach()
        self._good = self.result
        self._left = 0
        self._judged: Tensor | None = None
        self._value: Tensor | None = None
        self._history: list[float] = []
        if before is None:
            self.balance = make_balance(self.recipe.weighting, groups(self.objective.names))
        else:
            # The same terms at another size: what the balance knows of their course holds on.
            self.balance = before.balance
            carry_up(before.optimizer, self.optimizer, before.free, self.free)
            self._set_lr(before.optimizer.param_groups[0]["lr"])
        # Made last: it begins with the rate it finds. No change of the rate is too small for it.
        self.plateau = ReduceLROnPlateau(self.optimizer, factor=0.5, patience=self.recipe.patience, eps=0.0)

    def run(self, steps: int) -> None:
        """So many evaluations, or fewer if the callback or the tolerance ends them."""
        self._left = steps
        stuck = False
        while self._left and not self.descent.ended and not self._settled():
            if self.recipe.schedule == "cosine":
                self._set_lr(cosine_lr(self.recipe, self.descent.done))
            before = self.free.detach().clone()
            is_first = self.recipe.first_move > 0.0 and not self.optimizer.state.get(self.free)
            if self.recipe.optimizer == "lbfgs" and is_first:
                # torch's first step is one in all values together, times the rate.
                self._set_lr(self.recipe.first_move * self.free.numel())
            try:
                self.optimizer.step(self._closure)  # type: ignore[arg-type]  # a tensor serves as the number it holds
            except _Spent:
                break
            if is_first:
                self._set_lr(self.recipe.learning_rate)
            self._advance()
            if not torch.equal(before, self.free):
                stuck = False
            elif stuck:
                break
            else:
                # L-BFGS found no way down along its direction, and would search it again: from the gradient alone.
                self.optimizer.state.clear()
                stuck = True
        if steps and self._keeps_best and not self._is_judged():
            # The last move of a plain optimiser. This is not a step: nothing is moved by it.
            with torch.no_grad():
                self._keep(float(self.balance.total(self.objective(self._bounded()))))

    @property
    def shown(self) -> Tensor:
        """What a callback sees: the average, or the picture that was judged last, not clipped."""
        if self.recipe.ema or self._judged is None:
            return self.average
        return self.whitening.picture(self._judged)

    @property
    def position(self) -> Tensor:
        """Where a larger size is to go on from: the best picture, or the last where losses cannot be compared."""
        return self._best if self._keeps_best else self._picture()

    def _closure(self) -> Tensor:
        """The loss and gradient here; what was judged last is not judged again."""
        if self._is_judged():
            assert self._value is not None
            return self._value
        if self._left == 0 or self.descent.ended:
            raise _Spent
        recipe = self.recipe
        self.optimizer.zero_grad()
        with torch.enable_grad():
            picture = self._bounded()
            terms = self.objective(picture)
            if recipe.weighting != "fixed" and self.descent.done % recipe.weighting_every == 0:
                self.balance.update(terms, picture)
            total = self.balance.total(terms)
        value = float(total.detach())
        scale = self.free.numel()
        if math.isfinite(value):
            # Losses are means over positions, so a pixel's gradient shrinks as the picture grows. Per pixel it is of
            # the order of the loss: what learning rates and the thresholds inside L-BFGS are made for.
            (scale * total).backward()  # type: ignore[no-untyped-call]
        gradient = self.free.grad
        if not math.isfinite(value) or gradient is None or not bool(gradient.isfinite().all()):
            step = self.descent.done + 1
            raise RefinementError(
                f"the loss is no longer a finite number at step {step}: use a lower lr, lower weights or fp32",
                step,
                self._good,
            )
        seed_gradient(self.optimizer, self.free)
        self._left -= 1
        self._judged = self.free.detach().clone()
        self._value = scale * total.detach()
        self._keep(value)
        self._history.append(value)
        self.descent.report(self, {name: float(term.detach()) for name, term in terms.items()}, value)
        return self._value

    def _is_judged(self) -> bool:
        return self._judged is not None and torch.equal(self._judged, self.free)

    def _bounded(self) -> Tensor:
        picture = self.whitening.picture(self.free)
        return bounded(picture) if self.recipe.bounds == "clamp" else picture

    def _picture(self) -> Tensor:
        """Where the optimiser is, as a picture that it does not change any more."""
        with torch.no_grad():
            return self.whitening.picture(self.free).clone()

    @property
    def _keeps_best(self) -> bool:
        return self.recipe.ema == 0 and self.recipe.weighting == "fixed"

    def _keep(self, value: float) -> None:
        """Remember the picture that was just judged, if it is to be the result or the last good one."""
        if not math.isfinite(value):
            return
        with torch.no_grad():
            if not self._keeps_best:
                self._good = self.average.clamp(0.0, 1.0)
            elif value < self._lowest:
                self._lowest = value
                self._best = self._picture()
                self.result = self._good = self._best.clamp(0.0, 1.0)

    @torch.no_grad()
    def _advance(self) -> None:
        """After a move: the average, the learning rate, and the result where that is not the best."""
        ema = self.recipe.ema
        if self.recipe.bounds == "clamp" and self.recipe.optimizer != "lbfgs":
            # Beyond the bounds there is no gradient to bring a pixel back. L-BFGS has to know its own steps.
            self.free.copy_(self.whitening.free(self._picture().clamp_(0.0, 1.0)))
        now = self._picture()
        if not bool(now.isfinite().all()):
            return  # the next step says so; the result and the average stay what they were
        # A young average follows quickly, so that it soon forgets the start.
        decay = min(ema, (self.descent.done + 1) / (self.descent.done + 10)) if ema else 0.0
        self.average = now.clone() if decay == 0.0 else torch.lerp(now, self.average, decay)
        if not self._keeps_best:
            self.result = self.average.clamp(0.0, 1.0)
        if self.recipe.schedule == "plateau":
            # The least, as a search along a direction may end with a worse trial than the one it goes back to.
            self.plateau.step(min(self._history))

    def _set_lr(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def _settled(self) -> bool:
        """Whether the last ``patience`` steps gained less than the tolerance."""
        recipe, history = self.recipe, self._history
        if recipe.tolerance == 0.0 or len(history) <= recipe.patience:
            return False
        before = min(history[: -recipe.patience])
        return min(history[-recipe.patience :]) > before - recipe.tolerance * abs(before)


def _moved(start: Tensor, change: Tensor | None) -> Tensor:
    """``start`` plus a change found at a smaller size."""
    if change is None:
        return start
    if change.shape[2:] != start.shape[2:]:
        change = F.interpolate(change, start.shape[2:], mode="bicubic", align_corners=False)
    return start + change
