"""Dynamic weighting: content and style rebalanced as they fall."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..nn.statistics import at_least_float32

LIMIT = 100.0
"""Factors stay within 1/LIMIT … LIMIT: a loss that starts near zero, as content does near the photograph itself, would
otherwise take a huge one."""

SMOOTHING = 0.5
"""Share of the factors before that an update keeps, on a logarithmic scale, so that they do not oscillate."""


class Balance:
    """Factors of groups of losses; this one leaves them at 1.

    Args:
        groups: group of each loss by its name, such as ``{"gram": "style", "content": "content"}``. A name stands
            for the loss at every scale of a :class:`~adain.losses.PyramidLoss` (``gram@0.5``). Losses in no group
            keep the factor 1.
    """

    def __init__(self, groups: Mapping[str, str]) -> None:
        self.groups = dict(groups)
        self.factors: dict[str, float] = dict.fromkeys(sorted(set(groups.values())), 1.0)

    def factor(self, name: str) -> float:
        """The factor of a loss."""
        group = self._group(name)
        return 1.0 if group is None else self.factors[group]

    def update(self, terms: Mapping[str, Tensor], image: Tensor) -> None:
        """Set the factors anew, from scalars without their factors and the image they were computed from.

        The image has a gradient, and the graph of the terms is kept.
        """

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The losses times their factors, summed: the scalar to descend on."""
        return torch.stack([self.factor(name) * value for name, value in terms.items()]).sum()

    def _group(self, name: str) -> str | None:
        return self.groups.get(name, self.groups.get(name.partition("@")[0]))

    def _sums(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        sums: dict[str, Tensor] = {}
        for name, value in terms.items():
            group = self._group(name)
            if group is not None:
                sums[group] = sums[group] + value if group in sums else value
        return sums

    def _set(self, wanted: Mapping[str, float]) -> None:
        """Factors of geometric mean 1 in the wanted proportion, smoothed and limited.

        A group that wants nothing that can be had, as one without a gradient, keeps its factor and has no say.
        """
        logs = {group: math.log(value) for group, value in wanted.items() if 0.0 < value < math.inf}
        centre = sum(logs.values()) / max(1, len(logs))
        bound = math.log(LIMIT)
        for group, value in logs.items():
            before = math.log(self.factors[group])
            now = SMOOTHING * before + (1.0 - SMOOTHING) * max(-bound, min(bound, value - centre))
            self.factors[group] = math.exp(now)


class GradientNorm(Balance):
    r"""Every group pulls at the picture equally hard: its factor is the inverse of its gradient's norm.

    .. math:: \lambda_k \propto 1 / \lVert \nabla_x L_k \rVert_2

    (The balance that GradNorm, Chen et al. 2018, learns, solved for directly; with equal task rates.)
    Two groups whose gradients differ more than :data:`LIMIT` squared times are not brought level. Costs one extra
    backward pass per group at each update.
    """

    def update(self, terms: Mapping[str, Tensor], image: Tensor) -> None:
        norms = {}
        for group, value in self._sums(terms).items():
            if value.requires_grad:
                (gradient,) = torch.autograd.grad(value, image, retain_graph=True, allow_unused=True)
                norms[group] = 0.0 if gradient is None else float(at_least_float32(gradient).norm())
        self._set({group: 1.0 / norm if norm > 0.0 else math.inf for group, norm in norms.items()})


class LossRatio(Balance):
    r"""A group that has fallen less gets more weight: its factor is what is left of its largest value so far.

    .. math:: \lambda_k \propto L_k(t) / \max_{s \le t} L_k(s)

    (In the manner of dynamic weight averaging, Liu et al. 2019, with the whole course in place of one step.)
    """

    def __init__(self, groups: Mapping[str, str]) -> None:
        super().__init__(groups)
        self.largest: dict[str, float] = {}

    def update(self, terms: Mapping[str, Tensor], image: Tensor) -> None:
        ratios = {}
        for group, value in self._sums(terms).items():
            now = float(value.detach())
            if math.isfinite(now):
                self.largest[group] = max(now, self.largest.get(group, 0.0))
                ratios[group] = now / self.largest[group] if self.largest[group] > 0.0 else 1.0
        self._set(ratios)


BALANCES: dict[str, type[Balance]] = {"fixed": Balance, "gradient-norm": GradientNorm, "loss-ratio": LossRatio}


def make_balance(name: str, groups: Mapping[str, str]) -> Balance:
    """The balance of that name (:data:`BALANCES`) for these groups; InputError if there is none."""
    if name not in BALANCES:
        raise InputError(f"there is no weighting {name!r}: use {', '.join(BALANCES)}")
    return BALANCES[name](groups)
