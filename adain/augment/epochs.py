"""The number of an epoch, in memory that processes share: workers that live on from one to the next hear of it."""

from __future__ import annotations

import torch


class Epoch:
    """Set in one process, read in all that have come from it, or were given it by a ``DataLoader``."""

    def __init__(self) -> None:
        self._value = torch.zeros((), dtype=torch.int64, device="cpu").share_memory_()  # type: ignore[no-untyped-call]

    def set(self, epoch: int) -> None:
        self._value.fill_(epoch)

    def __int__(self) -> int:
        return int(self._value)
