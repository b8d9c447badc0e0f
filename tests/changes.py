"""Changes of a decoder for tests."""

from __future__ import annotations

import numpy as np

from adain import Stylizer
from adain.control.change import Change


def random_change(stylizer: Stylizer, seed: int, rank: int = 3) -> Change:
    """A change of a decoder that shows."""
    rng, factors = np.random.default_rng(seed), {}
    for name, (out, c_in, height, width) in stylizer.decoder.network.decoder_shapes.items():
        most = min(rank, out)
        factors[f"{name}.up"] = (0.1 * rng.standard_normal((out, most))).astype(np.float16)
        factors[f"{name}.down"] = (0.05 * rng.standard_normal((most, c_in, height, width))).astype(np.float16)
        factors[f"{name}.bias"] = (0.01 * rng.standard_normal(out)).astype(np.float16)
    return Change("fast", stylizer.weights, ((1.0, factors),))
