"""What is drawn for each sample: whether it is stylised, how strongly, and in which styles."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .options import RandomStyleOptions
from .sources import StyleSource

NUMBERS = 5
"""Drawn for each sample: choice, strength, two styles, share of the second."""


class StyleDraw(NamedTuple):
    """One row a sample, on the CPU.

    Attributes:
        applied: ``(N,)`` bool, whether it is stylised.
        alpha: ``(N,)`` float64, its strength in ``[0, 1]``.
        first, second: ``(N,)`` int64, its styles, by the numbers of a :class:`~adain.augment.sources.StyleSource`.
        share: ``(N,)`` float64, how much of the second it has.
    """

    applied: Tensor
    alpha: Tensor
    first: Tensor
    second: Tensor
    share: Tensor

    def spread_over(self, count: int) -> StyleDraw:
        """The same for so many samples, each row for as many of them that follow each other."""
        times = count // max(1, len(self.applied))
        return self if times == 1 else StyleDraw(*(part.repeat_interleave(times) for part in self))

    def plain(self) -> dict[str, Any]:
        """As plain numbers in lists, to be kept and replayed."""
        return {name: part.tolist() for name, part in self._asdict().items()}

    @classmethod
    def of_plain(cls, given: dict[str, Any]) -> StyleDraw:
        """The draw that :meth:`plain` wrote."""
        kinds = (torch.bool, torch.float64, torch.int64, torch.int64, torch.float64)
        parts = zip(cls._fields, kinds, strict=True)
        return cls(*(torch.tensor(given[name], dtype=kind, device="cpu") for name, kind in parts))


def draw_of(uniforms: Tensor, options: RandomStyleOptions, source: StyleSource) -> StyleDraw:
    """What numbers ``(N, 5)``, even in ``[0, 1)``, mean."""
    choice, strength, first, second, share = uniforms.double().unbind(1)
    (low, high), (least, most) = options.range_of("alpha"), options.range_of("blend")
    return StyleDraw(
        choice < options.p,
        low + (high - low) * strength,
        source.numbers(first),
        source.numbers(second),
        least + (most - least) * share,
    )


def uniforms_by_content(levels: Tensor, seed: int, epoch: int) -> Tensor:
    """Numbers ``(N, 5)`` that a seed, an epoch and the pixels of each sample decide, and nothing else.

    Args:
        levels: ``(N, C, H, W)`` uint8.
    """
    head = struct.pack("<qq", _as_int64(seed), epoch)
    return _uniforms([_key(head, sample) for sample in levels.cpu().contiguous()])


def _key(head: bytes, levels: Tensor) -> int:
    digest = hashlib.blake2b(head + repr(tuple(levels.shape)).encode(), digest_size=8)
    digest.update(levels.numpy().data)
    return int.from_bytes(digest.digest(), "little") >> 1


def _uniforms(keys: Sequence[int]) -> Tensor:
    rows = torch.empty(len(keys), NUMBERS, dtype=torch.float64, device="cpu")
    generator = torch.Generator()
    for row, key in zip(rows, keys, strict=True):
        row.uniform_(generator=generator.manual_seed(key))
    return rows


def _as_int64(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63
