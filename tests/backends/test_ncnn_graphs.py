"""The graphs against plain torch."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from adain.backends.ncnn_graphs import doubled_filters


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(2, 9), st.integers(2, 9), st.integers(0, 99))
def test_filters_before_a_doubling_are_those_behind_it(
    c_out: int, c_in: int, height: int, width: int, seed: int
) -> None:
    """Replicated before is reflected behind, at every side."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(1, c_in, height, width, generator=generator, dtype=torch.float64)
    weight = torch.randn(c_out, c_in, 3, 3, generator=generator, dtype=torch.float32)
    doubled = F.pad(F.interpolate(image, scale_factor=2, mode="nearest"), (1, 1, 1, 1), mode="reflect")
    expected = F.conv2d(doubled, weight.double())
    filters = torch.from_numpy(doubled_filters(weight.numpy()))
    assert filters.shape == (4 * c_out, c_in, 3, 3)
    found = F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), filters.double())
    torch.testing.assert_close(F.pixel_shuffle(found, 2), expected, rtol=1e-5, atol=1e-5)


def test_what_filters_are_before_a_doubling() -> None:
    """Each of the 2 x 2 looks at 2 x 2 places: the sums of 1, 2, 2 and 4 weights."""
    filters = doubled_filters(torch.ones(1, 1, 3, 3).numpy())
    assert filters[:, 0].tolist() == [
        [[1, 2, 0], [2, 4, 0], [0, 0, 0]],
        [[0, 2, 1], [0, 4, 2], [0, 0, 0]],
        [[0, 0, 0], [2, 4, 0], [1, 2, 0]],
        [[0, 0, 0], [0, 4, 2], [0, 2, 1]],
    ]
