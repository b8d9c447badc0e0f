"""The distribution of styles: a Gaussian over their statistics, of low rank, to draw styles from that no artwork has.

Jackson et al. 2019, "Style Augmentation", fit one to the embeddings of the style predictor of Ghiasi et al. 2017; here
it is over what AdaIN itself takes, as ``[log(mean + f), log std]`` with a small f. Features come out of a ReLU, so that
means are at least 0 and most of them near it, and deviations above 0: so is what is drawn.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._utils.errors import InputError
from ..nn.statistics import EPS
from .bank_options import RANK
from .layout import ROWS

Values = npt.NDArray[Any]

FLOOR = EPS**0.5
"""Added to means before the logarithm: the deviation that a channel without any variance has."""

PARTS = ("mean", "factors", "diagonal", "low", "high")
"""Of a Gaussian, as a bank's file has them."""

_LEAST = 1e-8


@dataclass(frozen=True, eq=False)
class Gaussian:
    r"""``x = mean + spread · (z F + √d · e)``, cut to what the data hold, with z and e standard normal.

    Before it is cut its covariance is, for a spread of 1, ``FᵀF + diag(d)``.

    The rows of F are the eigenvectors of the covariance with the largest eigenvalues, each times the root of its own;
    d is what of each variance they leave, so that the variance of every component is that of the data. What is drawn
    is cut to the least and the largest that each component is in the data: a logarithm that is a little too large
    would be a deviation that no artwork has.

    Attributes:
        mean: ``(D,)`` with D = 2 C, see :func:`coordinates`.
        factors: ``(rank, D)``.
        diagonal: ``(D,)``, ≥ 0.
        low, high: ``(D,)``, of the data.
    """

    mean: Values
    factors: Values
    diagonal: Values
    low: Values
    high: Values

    @property
    def rank(self) -> int:
        return len(self.factors)

    @classmethod
    def fit(cls, chunks: Callable[[], Iterable[Values]], rank: int = RANK) -> Gaussian:
        """The Gaussian of rows that need not fit into memory; of lower rank if there are not more rows.

        Args:
            chunks: called twice, gives ``(n, D)`` rows each time.
            rank: at least 0.

        Raises:
            InputError: if there are fewer than two rows, or the rank is below 0.
        """
        if rank < 0:
            raise InputError(f"the rank of a Gaussian is at least 0, not {rank}")
        count, total, low, high = 0, np.zeros(0), np.array(np.inf), np.array(-np.inf)
        for rows in chunks():
            total = rows.sum(axis=0, dtype=np.float64) + (total if count else 0.0)
            low = np.minimum(low, rows.min(axis=0, initial=np.inf))
            high = np.maximum(high, rows.max(axis=0, initial=-np.inf))
            count += len(rows)
        if count < 2:
            raise InputError("a Gaussian is fitted to at least two styles")
        mean = total / count
        # Of fewer rows than components the products of rows have the same eigenvalues.
        if count < len(mean):
            centred = np.concatenate([rows - mean for rows in chunks()])
            values, vectors = np.linalg.eigh(centred @ centred.T / (count - 1))
            variance = (centred**2).sum(axis=0) / (count - 1)
            kept = _largest(values, min(rank, count - 1))
            factors = vectors[:, kept].T @ centred / np.sqrt(count - 1)
        else:
            covariance = np.zeros((len(mean), len(mean)))
            for rows in chunks():
                part = rows - mean
                covariance += part.T @ part
            covariance /= count - 1
            values, vectors = np.linalg.eigh(covariance)
            variance = np.diag(covariance)
            kept = _largest(values, rank)
            factors = (vectors[:, kept] * np.sqrt(values[kept])).T
        # An eigenvector has two signs, and libraries choose either.
        signs = np.sign(factors[np.arange(len(factors)), np.abs(factors).argmax(axis=1)]) if len(factors) else 1.0
        factors = factors * np.reshape(signs, (-1, 1))
        return cls(mean, factors, np.maximum(variance - (factors**2).sum(axis=0), 0.0), low, high)

    def sample(self, count: int, generator: np.random.Generator, spread: float = 1.0) -> Values:
        """``(count, D)`` float64: ``spread`` 0 is the mean, 1 as the data are, more is wilder."""
        drawn = generator.standard_normal((count, self.rank + len(self.mean)))
        shared, own = drawn[:, : self.rank], drawn[:, self.rank :]
        away = spread * (shared @ self.factors.astype(np.float64) + np.sqrt(self.diagonal) * own)
        cut: Values = np.clip(self.mean + away, self.low, self.high)
        return cut

    def mahalanobis(self, rows: Values) -> Values:
        """``(N,)`` squared Mahalanobis distances of ``(N, D)``: D on average for what the Gaussian itself draws."""
        centred = rows - self.mean
        scaled, whitened = centred / self._variances, centred @ (self.factors / self._variances).T
        inner = np.linalg.solve(self._capacitance, whitened.T).T
        distances: Values = (centred * scaled).sum(axis=1) - (whitened * inner).sum(axis=1)
        return distances

    def log_density(self, rows: Values) -> Values:
        """``(N,)`` logarithms of the density at ``(N, D)``."""
        logdet = np.log(self._variances).sum() + np.linalg.slogdet(self._capacitance)[1]
        density: Values = -0.5 * (self.mahalanobis(rows) + logdet + len(self.mean) * np.log(2 * np.pi))
        return density

    @functools.cached_property
    def _variances(self) -> Values:
        return np.maximum(self.diagonal.astype(np.float64), _LEAST)

    @functools.cached_property
    def _capacitance(self) -> Values:
        """Of Woodbury's identity, ``(rank, rank)``."""
        factors = self.factors.astype(np.float64)
        return np.eye(self.rank) + (factors / self._variances) @ factors.T


def _largest(values: Values, rank: int) -> Values:
    """The places of the largest eigenvalues above 0, the largest first."""
    order = np.argsort(values)[::-1][:rank]
    kept: Values = order[values[order] > 1e-12 * max(float(values.max()), 0.0)]
    return kept


def coordinates(mean: Values, std: Values) -> Values:
    """``(N, 2 C)`` float64: what the Gaussian is over, of statistics ``(N, C)``."""
    parts = [mean.astype(np.float64).clip(0.0) + FLOOR, std.astype(np.float64)]
    logarithms: Values = np.log(np.concatenate(parts, axis=1))
    return logarithms


def chunks(means: Any, stds: Any) -> Iterator[Values]:
    """The coordinates of ``(N, C)`` statistics, which need not fit into memory, a part at a time."""
    for start in range(0, len(means), ROWS):
        part = slice(start, start + ROWS)
        yield coordinates(means[part], stds[part])


def statistics(rows: Values) -> tuple[Values, Values]:
    """Means ≥ 0 and deviations > 0, ``(N, C)`` each, of :func:`coordinates`."""
    half = rows.shape[1] // 2
    values = np.exp(rows)
    return (values[:, :half] - FLOOR).clip(0.0), values[:, half:]
