"""Writing banks: of encoded styles, or of the distribution alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .._utils.errors import InputError
from ..control.style import SUFFIX
from .gaussian import PARTS, Gaussian, chunks
from .layout import ROWS, Stored, Texts, write

Values = npt.NDArray[Any]

_LARGEST, _LEAST = float(np.finfo(np.float16).max), float(np.finfo(np.float16).smallest_normal)


@dataclass(frozen=True)
class Origin:
    """Whose statistics a bank has.

    Attributes:
        model: the name of the model.
        probe: ``(2, C)``, see :mod:`adain.augment.probe`.
        size: shorter side in pixels of the artworks.
        told: what people are to know of the bank: its licence, what it was made of and how.
    """

    model: str
    probe: Values
    size: int
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """Styles to be written.

    Attributes:
        means, stds: ``(N, C)`` in any type of floats, or what gives parts of such arrays when it is sliced.
        names, sources, licences, labels: ``N`` texts each; of labels empty ones for no class.
        stamps: ``(N,)`` uint64 of the files they were made of, see :mod:`adain.augment.build`; None for none.
    """

    means: Any
    stds: Any
    names: Sequence[str]
    sources: Sequence[str]
    licences: Sequence[str]
    labels: Sequence[str]
    stamps: Values | None = None

    @classmethod
    def none(cls, channels: int) -> Rows:
        return cls(np.empty((0, channels)), np.empty((0, channels)), [], [], [], [])

    def coordinates(self) -> Iterator[Values]:
        """What a Gaussian is fitted to, a part at a time."""
        return chunks(self.means, self.stds)


def save(path: str | os.PathLike[str], rows: Rows, origin: Origin, gaussian: Gaussian | None) -> None:
    """Write a bank's file, which appears complete or not at all.

    Statistics are stored in half precision, or in float32 where one is beyond what that can hold: of numbers above
    65,504 and deviations below 0.00006 it would keep nothing.

    Raises:
        InputError: if the name does not end in ``.safetensors``, or the file cannot be written.
    """
    if Path(path).suffix != SUFFIX:
        raise InputError(f"cannot write {path}: a bank's file must end in {SUFFIX}")
    tensors = {
        "mean": _stored(rows.means),
        "std": _stored(rows.stds, least=_LEAST),
        "probe": _stored(origin.probe),
        **Texts.stored("name", rows.names),
        **Texts.stored("source", rows.sources, coded=True),
        **Texts.stored("licence", rows.licences, coded=True),
        **Texts.stored("class", rows.labels, coded=True),
    }
    if rows.stamps is not None:
        tensors["stamp"] = Stored.of(np.asarray(rows.stamps, np.uint64))
    if gaussian is not None:
        for part in PARTS:
            tensors[f"gaussian.{part}"] = _stored(getattr(gaussian, part))
    told = {"model": origin.model, "style_size": str(origin.size), "origin": json.dumps(dict(origin.told))}
    write(path, tensors, told)


def _stored(values: Any, least: float = 0.0) -> Stored:
    """In float16, or in float32 where one is above what that holds, or below ``least``."""
    parts = [values[start : start + ROWS] for start in range(0, len(values), ROWS)]
    fits = all(np.abs(part).max() <= _LARGEST and part.min() >= (least or -_LARGEST) for part in parts if part.size)
    return Stored(values.shape, np.float16 if fits else np.float32, parts)
