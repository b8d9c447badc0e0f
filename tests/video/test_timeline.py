from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain.video.timeline import weights_at


def test_weights() -> None:
    assert weights_at([1, 3], 0) == {0: 1.0}
    assert weights_at([1, 3], 1) == {0: 1.0}
    assert weights_at([1, 3], 1.5) == {0: 0.75, 1: 0.25}
    assert weights_at([1, 3], 3) == {1: 1.0}
    assert weights_at([0, 2, 2, 4], 2) == {2: 1.0}  # a jump


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6).map(sorted), st.floats(0, 120))
def test_weights_sum_to_one(times: list[float], time: float) -> None:
    shares = weights_at(times, time)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert all(0 <= share <= 1 for share in shares.values())
    assert max(shares) - min(shares) <= 1
