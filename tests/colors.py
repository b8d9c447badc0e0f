"""Pictures for the tests of colour."""

from __future__ import annotations

import torch
from torch import Tensor


def picture(seed: int, height: int = 12, width: int = 10, batch: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    """Colours of full range that are correlated between the channels, as a photograph's are."""
    g = torch.Generator().manual_seed(seed)
    grey = torch.rand(batch, 1, height, width, generator=g, dtype=torch.float64)
    own = torch.rand(batch, 3, height, width, generator=g, dtype=torch.float64)
    return (0.6 * grey + 0.4 * own).to(dtype)


def levels(seed: int, height: int, width: int) -> Tensor:
    """A picture as read from an 8-bit file."""
    return (picture(seed, height, width) * 255).round() / 255
