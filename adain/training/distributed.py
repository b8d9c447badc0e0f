"""Several processes training one decoder: what they share, and how they agree to stop.

``torchrun --nproc-per-node N -m adain train …`` starts one process for each GPU. Gradients are averaged by
``DistributedDataParallel``; the first process alone writes files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .._utils.errors import TrainingError

PATIENCE = timedelta(hours=2)
"""How long processes wait for each other: the first one may be decoding a large data set."""


@dataclass(frozen=True)
class Ranks:
    """The place of this process among the others."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Ranks:
        """What torchrun set, or a single process; TrainingError if the variables are there but are no numbers."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        if "RANK" not in environment or "WORLD_SIZE" not in environment:
            return cls()
        try:
            return cls(*(int(environment.get(name, "0")) for name in names))
        except ValueError:
            found = ", ".join(f"{name}={environment.get(name)}" for name in names)
            raise TrainingError(f"these are not what torchrun sets: {found}; unset them") from None


@dataclass(frozen=True)
class Team:
    """The processes of a run; with one process everything here is free.

    Decisions travel over gloo, on the CPU, so that agreeing does not make a GPU wait.
    """

    ranks: Ranks
    control: Any = None

    @classmethod
    @contextmanager
    def assemble(cls, ranks: Ranks, device: torch.device) -> Iterator[Team]:
        """Join the other processes; leave them at the end."""
        if ranks.world_size == 1:
            yield cls(ranks)
            return
        backend = "nccl" if device.type == "cuda" else "gloo"
        joined_here = not dist.is_initialized()
        if joined_here:
            dist.init_process_group(backend, timeout=PATIENCE)
        try:
            yield cls(ranks, dist.new_group(backend="gloo", timeout=PATIENCE))
        finally:
            if joined_here:
                dist.destroy_process_group()

    def agree(self, code: int) -> int:
        """The largest code any process has, once all are here."""
        return int(self.largest(code))

    def largest(self, value: float) -> float:
        """The largest of such numbers, of which every process has one."""
        if self.control is None:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(shared, op=dist.ReduceOp.MAX, group=self.control)
        return float(shared)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over the processes, on the CPU."""
        shared = values.detach().cpu()
        if self.control is not None:
            dist.all_reduce(shared, op=dist.ReduceOp.SUM, group=self.control)
            shared = shared / self.ranks.world_size
        return shared

    def wrap(self, module: nn.Module, device: torch.device, *, partly: bool = False) -> nn.Module:
        """The module with its gradients averaged over the processes; ``partly`` if a call may leave some out."""
        if self.control is None:
            return module
        ids = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(
            module, device_ids=ids, gradient_as_bucket_view=True, find_unused_parameters=partly
        )
