from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from adain import InputError
from adain.augment import RandomStyle, SeededDataset, TorchvisionRandomStyle
from tests.augment.made import Pictures, styles

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = ("seeded dataset", "seeded style")
COUNT = 6


def dataset(kind: str) -> Any:
    options: dict[str, Any] = {"p": 0.6, "alpha": (0.3, 1), "blend": (0, 1)}
    if kind == "seeded style":
        return SeededDataset(Pictures(COUNT), TorchvisionRandomStyle(styles(20), seed=2, **options))
    return SeededDataset(Pictures(COUNT, is_random=True), TorchvisionRandomStyle(styles(20), **options), seed=2)


def batches(data: Any, workers: int, context: str | None = None, *, epochs: int = 1, **more: Any) -> list[Tensor]:
    how = {} if context is None else {"multiprocessing_context": multiprocessing.get_context(context)}
    loader = DataLoader(data, batch_size=2, num_workers=workers, **how, **more)
    made = []
    for epoch in range(epochs):
        data.set_epoch(epoch)
        made += [images for images, _ in loader]
    return made


def check(kind: str, workers: int, context: str) -> None:
    wanted = batches(dataset(kind), 0, epochs=2)
    made = batches(dataset(kind), workers, context, epochs=2, persistent_workers=True)
    assert len(made) == len(wanted) == COUNT
    assert all(torch.equal(a, b) for a, b in zip(made, wanted, strict=True))
    assert not torch.equal(wanted[0], wanted[COUNT // 2])  # the second epoch


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers", [2, 4])
def test_forked_workers_make_the_same_batches_as_none(kind: str, workers: int) -> None:
    check(kind, workers, "fork")


@pytest.mark.slow
def test_spawned_workers_make_the_same_batches_as_none() -> None:
    check(KINDS[0], 2, "spawn")


def test_torchs_own_seeds_make_the_same_batches_for_as_many_workers() -> None:
    """Without a seed; another number of workers then makes others, as with all of torch's transforms."""
    data = Pictures(COUNT)
    made = []
    for workers in (2, 2, 1):
        augment = TorchvisionRandomStyle(styles(20), p=1)
        torch.manual_seed(3)
        pictures = SeededlessDataset(data, augment)
        made.append([images for images, _ in DataLoader(pictures, batch_size=2, num_workers=workers)])
    assert all(torch.equal(a, b) for a, b in zip(made[0], made[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(made[0], made[2], strict=True))


class SeededlessDataset(torch.utils.data.Dataset[Any]):
    def __init__(self, data: Any, transform: Any) -> None:
        self.data, self.transform = data, transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        return self.transform(self.data[index])


class Chance(torch.utils.data.Dataset[Any]):
    """Samples of every global generator."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[float, ...]:
        return float(torch.rand(())), float(np.random.rand()), random.random(), float(torch.randn(20).sum())


def test_every_global_generator_is_seeded_and_left_where_it_was() -> None:
    data = SeededDataset(Chance(), seed=4)
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    own = Chance()[0]
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    first, second = data[0], data[1]
    assert Chance()[0] == own
    assert data[0] == first != second
    assert data[-3] == first
    assert data[np.int64(0)] == first
    assert SeededDataset(Chance(), seed=5)[0] != first
    data.set_epoch(1)
    assert data[0] != first


def test_the_state_comes_back_after_an_error() -> None:
    data = SeededDataset(Chance(), lambda _: 1 / 0)
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError):
        data[0]
    assert torch.equal(torch.get_rng_state(), before)


def test_a_transform_with_epochs_hears_of_them() -> None:
    augment = RandomStyle(styles(2), seed=0)
    SeededDataset(Chance(), augment).set_epoch(3)
    assert int(augment._epoch) == 3


def test_a_stream_has_no_indices() -> None:
    class Stream(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            return iter([1])

    with pytest.raises(InputError, match="give the random style a seed"):
        SeededDataset(Stream())


def test_the_batch_behind_the_loader_is_as_good() -> None:
    data, augment = Pictures(COUNT), RandomStyle(styles(20), p=0.6)
    made = []
    for workers in (0, 2):
        torch.manual_seed(3)
        drawn = torch.Generator().manual_seed(1)
        loader = DataLoader(data, batch_size=2, num_workers=workers, generator=drawn)
        made.append([augment(images) for images, _ in loader])
    assert all(torch.equal(a, b) for a, b in zip(*made, strict=True))
