from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain.image import hdr


def test_pq_is_that_of_the_standard() -> None:
    # BT.2408-7, Table 1 and section 2.1: 203 cd/m² is 58 % of PQ; 100 is 51 %, 1000 is 75 %, 10000 is all.
    light = np.array([0.0, 100, 203, 1000, 10_000])
    assert hdr.pq_numbers(light) == pytest.approx([0, 0.5081, 0.5807, 0.7518, 1], abs=1e-4)
    assert hdr.pq_light(hdr.pq_numbers(light)) == pytest.approx(light, rel=1e-9, abs=1e-9)


def test_hlg_is_that_of_the_standard() -> None:
    # 75 % of HLG is 203 cd/m² (BT.2408), all of it 1000; half of it is a twelfth of the scene's light.
    numbers = np.array([[0.75] * 3, [1.0] * 3, [0.5] * 3, [0.0] * 3])
    assert hdr.hlg_light(numbers)[:, 0] == pytest.approx([203, 1000, 1000 * 12**-1.2, 0], rel=1e-3)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_hlg_there_and_back(numbers: list[float]) -> None:
    assert hdr.hlg_numbers(hdr.hlg_light(np.array(numbers))) == pytest.approx(numbers, abs=2e-4)


@pytest.mark.parametrize("peak", [203, 250, 1000, 4000, 10_000])
def test_the_screen_keeps_the_dark_and_never_falls(peak: float) -> None:
    light = np.geomspace(0.001, peak, 500)
    shown = hdr.screen_light(light, peak)
    assert (np.diff(shown) > 0).all()
    assert shown[-1] == pytest.approx(hdr.WHITE)
    assert (shown <= light * (1 + 1e-6)).all()
    assert shown[light < 20] == pytest.approx(light[light < 20])


def test_the_knee_is_that_of_the_report() -> None:
    """At the knee the spline joins with the slope of 1, so that no edge is seen there."""
    top = float(hdr.pq_numbers(1000.0))
    knee = float(hdr.pq_light((1.5 * float(hdr.pq_numbers(203.0)) / top - 0.5) * top))
    below, above = hdr.screen_light(np.array([knee * 0.999, knee * 1.001]), 1000)
    assert below == pytest.approx(knee * 0.999)
    assert above == pytest.approx(knee * 1.001, rel=1e-4)


def test_peak() -> None:
    assert hdr.peak_of("PQ") == hdr.USUAL_PEAK
    assert hdr.peak_of("PQ", 600, 1000) == 600
    assert hdr.peak_of("PQ", 0, 1000) == 1000
    assert hdr.peak_of("PQ", 65_535) == 10_000
    assert hdr.peak_of("PQ", 90) == 203
    assert hdr.peak_of("HLG", 600) == 1000


def test_hues_stay_beyond_the_peak_too() -> None:
    light = np.array([[4000.0, 2000, 1000], [40, 20, 10]])
    for row in hdr.tone_mapped(light, 1000):
        assert row / row.max() == pytest.approx([1, 0.5, 0.25])
