r"""A change of a decoder's weights that belongs to a style: of low rank, so that it is small and can be blended.

Each filter :math:`W` of the decoder becomes

.. math:: W + \sum_k w_k \, U_k D_k

(Hu et al. 2021, "LoRA", eq. 3), with :math:`U` of ``(out, rank)`` and :math:`D` of ``(rank, in · height · width)``;
biases are added to as they are. One term is what was trained for one artwork, several are a blend.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._utils.arrays import FloatArray
from .._utils.errors import InputError, WeightsError

Factors = Mapping[str, FloatArray]
"""Float16 or float32 arrays: ``conv4_1.up`` ``(out, rank)``, ``conv4_1.down`` ``(rank, in, height, width)`` and
``conv4_1.bias`` ``(out,)``, for each convolution that changes."""

PARTS = ("up", "down", "bias")

CUSTOM = "custom"
"""What a model of the user's own files is called."""


@dataclass(frozen=True, eq=False)
class Change:
    """What is added to a decoder's weights.

    Attributes:
        model: name of the model it belongs to, for people.
        weights: SHA-256 of that model's weights (:func:`adain.nn.states.weights_digest`): of no use to any other.
        terms: factors, and how much of them.
    """

    model: str
    weights: str
    terms: tuple[tuple[float, Factors], ...]

    @functools.cached_property
    def key(self) -> tuple[Any, ...]:
        """The same for changes that make the same decoder of the same one."""
        return (self.weights, *((share, _digest(factors)) for share, factors in self.terms))

    @property
    def rank(self) -> int:
        """The largest rank of a filter's change."""
        ranks: dict[str, int] = {}
        for _, factors in self.terms:
            for name in convolutions(factors):
                ranks[name] = ranks.get(name, 0) + factors[f"{name}.up"].shape[1]
        return max(ranks.values(), default=0)

    def scaled(self, by: float) -> Change | None:
        """So much of it; None for nothing."""
        if by == 1.0:
            return self
        terms = tuple((share * by, factors) for share, factors in self.terms if share * by)
        return dataclasses.replace(self, terms=terms) if terms else None

    def applied(self, state: Mapping[str, FloatArray], name: str = "") -> dict[str, FloatArray]:
        """The weights of a decoder with this change, in float32.

        Args:
            state: ``conv4_1.weight`` and ``conv4_1.bias`` and so on, float32.
            name: of the style, for messages.

        Raises:
            WeightsError: if the change is of filters of other shapes.
        """
        changed = dict(state)
        for share, factors in self.terms:
            for layer in convolutions(factors):
                up, down, bias = (factors[f"{layer}.{part}"].astype(np.float32) for part in PARTS)
                weight = changed.get(f"{layer}.weight")
                if weight is None or weight.shape != (up.shape[0], *down.shape[1:]):
                    raise WeightsError(f"{name or 'the style'} changes filters of other shapes than this decoder has")
                product = (up @ down.reshape(len(down), -1)).reshape(weight.shape)
                changed[f"{layer}.weight"] = weight + np.float32(share) * product
                changed[f"{layer}.bias"] = changed[f"{layer}.bias"] + np.float32(share) * bias
        return changed

    def tensors(self) -> dict[str, FloatArray]:
        """What a file holds of it, by name: ``change.0.conv4_1.up``; shares go beside it, see :attr:`shares`."""
        return {
            f"change.{number}.{name}": np.ascontiguousarray(value)
            for number, (_, factors) in enumerate(self.terms)
            for name, value in factors.items()
        }

    @property
    def shares(self) -> list[float]:
        """How much of each term."""
        return [share for share, _ in self.terms]

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, FloatArray], shares: list[float], model: str, weights: str) -> Change:
        """Undo :meth:`tensors`.

        Raises:
            ValueError: if they are not whole.
        """
        terms: list[tuple[float, dict[str, FloatArray]]] = [(float(share), {}) for share in shares]
        for name, value in tensors.items():
            _, number, *rest = name.split(".")
            terms[int(number)][1][".".join(rest)] = value
        change = cls(model, weights, tuple(terms))
        if not terms or not all(_is_whole(factors) for _, factors in terms) or not np.isfinite(shares).all():
            raise ValueError("its change of a decoder is not whole")
        return change

    def __repr__(self) -> str:
        return f"Change(model={self.model!r}, weights={self.weights[:12]}, rank={self.rank}, terms={len(self.terms)})"


def convolutions(factors: Factors) -> Iterator[str]:
    """The names of the convolutions that change."""
    return (name.removesuffix(".up") for name in factors if name.endswith(".up"))


def mixed(shares: list[float], changes: list[Change | None]) -> Change | None:
    """The change of a blend: that of each style to its share; None if none has one.

    Raises:
        InputError: if they belong to different weights.
    """
    parts = [part for share, change in zip(shares, changes, strict=True) if change and (part := change.scaled(share))]
    if not parts:
        return None
    if len({part.weights for part in parts}) > 1:
        models = " and ".join(f"{part.model} ({part.weights[:12]})" for part in parts)
        raise InputError(f"styles specialised for different weights cannot be blended: {models}")
    return dataclasses.replace(parts[0], terms=tuple(term for part in parts for term in part.terms))


def _digest(factors: Factors) -> str:
    digest = hashlib.sha256()
    for name in sorted(factors):
        values = np.ascontiguousarray(factors[name])
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(values.data)
    return digest.hexdigest()


def _is_whole(factors: Factors) -> bool:
    """Whether every convolution has its three parts, of one rank and finite."""
    names = [*convolutions(factors)]
    if not names or {f"{name}.{part}" for name in names for part in PARTS} != set(factors):
        return False
    for name in names:
        up, down, bias = (factors[f"{name}.{part}"] for part in PARTS)
        if up.ndim != 2 or down.ndim != 4 or bias.shape != up.shape[:1] or up.shape[1] != down.shape[0]:
            return False
        if not all(part.dtype.kind == "f" and np.isfinite(part).all() for part in (up, down, bias)):
            return False
    return True
