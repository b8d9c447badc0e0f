"""A data set whose samples are random in a way that neither workers nor batches nor their order change."""

from __future__ import annotations

import contextlib
import hashlib
import operator
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset

from .._utils.errors import InputError
from .epochs import Epoch


class SeededDataset(Dataset[Any]):
    """Another data set, each of whose samples is made from a seed, the epoch and its own index.

    A ``DataLoader`` gives each of its workers a seed of its own, so that with another number of them the same
    ``torch.manual_seed`` makes other samples. Here, while a sample is made, torch's global generator, NumPy's and
    Python's stand where seed, epoch and index put them, and where they were afterwards: whatever is random in
    ``dataset`` and ``transform`` comes out alike with 0, 2 or 4 workers, forked or spawned, in any order.

    Args:
        dataset: with ``len`` and indices.
        transform: of a whole sample; None where the data set has its own.
        seed: of everything random in it.

    Raises:
        InputError: for a data set without indices.

    >>> dataset = SeededDataset(pictures, TorchvisionRandomStyle("paintings.safetensors"), seed=0)
    >>> for epoch in range(90):
    ...     dataset.set_epoch(epoch)
    ...     for batch in DataLoader(dataset, num_workers=4, shuffle=True): ...
    """

    def __init__(self, dataset: Any, transform: Callable[[Any], Any] | None = None, *, seed: int = 0) -> None:
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__"):
            raise InputError(
                "a data set without indices cannot be seeded by them: give the random style a seed, which then draws "
                "by the pixels of each sample"
            )
        self.dataset, self.transform, self.seed = dataset, transform, operator.index(seed)
        self._epoch = Epoch()

    def set_epoch(self, epoch: int) -> None:
        """Make other samples; to be called before each epoch, as that of a ``DistributedSampler``."""
        self._epoch.set(epoch)
        if (tell := getattr(self.transform, "set_epoch", None)) is not None:
            tell(epoch)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> Any:
        with _seeded(_key(self.seed, int(self._epoch), self._place(index))):
            sample = self.dataset[index]
            return sample if self.transform is None else self.transform(sample)

    def _place(self, index: Any) -> str:
        """What is the same for all ways to name a sample."""
        try:
            place = operator.index(index)
        except TypeError:
            return repr(index)
        return str(place + len(self) if place < 0 else place)


def _key(*parts: Any) -> int:
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(errors="surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little") >> 1


@contextlib.contextmanager
def _seeded(key: int) -> Iterator[None]:
    """The global generators of the CPU from a seed, and afterwards where they were."""
    kept = torch.get_rng_state(), np.random.get_state(), random.getstate()
    # Not torch.manual_seed, which would begin with CUDA in a worker.
    torch.default_generator.manual_seed(key)
    np.random.seed(key % 2**32)
    random.seed(key)
    try:
        yield
    finally:
        torch.set_rng_state(kept[0])
        np.random.set_state(kept[1])
        random.setstate(kept[2])
