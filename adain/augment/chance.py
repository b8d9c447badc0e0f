"""What is drawn, from whatever generator a caller has."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .._utils.arrays import Device
from .._utils.errors import InputError

if TYPE_CHECKING:
    import torch

Generator: TypeAlias = "torch.Generator | np.random.Generator | int | None"
"""Where numbers come from: a generator, which moves on, or a seed; None is the global one of torch
(:func:`torch.manual_seed`), which in the workers of a ``DataLoader`` has a seed of its own each."""

_SEEDS = 1 << 62


def random(generator: Generator) -> np.random.Generator:
    """A generator of NumPy that draws alike wherever it runs.

    One of NumPy is taken as it is. One of torch gives a single number, and that is the seed: so the same draws come
    from it on any device.

    Raises:
        InputError: if it is none of those.
    """
    if isinstance(generator, np.random.Generator):
        return generator
    if isinstance(generator, (int, np.integer)) and not isinstance(generator, bool) and generator >= 0:
        return np.random.default_rng(int(generator))
    import torch

    if generator is None or isinstance(generator, torch.Generator):
        device: Device = "cpu" if generator is None else generator.device
        return np.random.default_rng(int(torch.randint(_SEEDS, (1,), generator=generator, device=device)))
    raise InputError(
        "a generator is torch's, NumPy's (numpy.random.default_rng), a seed of at least 0 or None, "
        f"not {type(generator).__name__}"
    )
