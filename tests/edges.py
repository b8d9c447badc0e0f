"""Pictures whose edges lie where they are put, to any fraction of a pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float64]

SIDE = 128


def waves(seed: int, down: float = 0.0, right: float = 0.0, side: int = SIDE) -> Pixels:
    """A picture of sines of any direction, shifted exactly by any fraction of a pixel."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side].astype(float)
    y, x = y - down, x - right
    channels = []
    for _ in range(3):
        total = np.zeros_like(y)
        for _ in range(24):
            frequency, angle, phase = rng.uniform(0.02, 0.08), rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
            total += np.sin(2 * np.pi * frequency * (np.cos(angle) * y + np.sin(angle) * x) + phase)
        channels.append(0.5 + 0.5 * np.tanh(total / 2))
    return np.stack(channels, axis=-1)


def step(at: float, side: int = 96, width: float = 1.0) -> Pixels:
    """Dark left of a column, light right of it, with a soft edge between."""
    x = np.broadcast_to(np.arange(side, dtype=float), (side, side))
    return 0.2 + 0.6 / (1 + np.exp(-(x - at) / width))
