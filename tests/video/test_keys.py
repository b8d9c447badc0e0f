from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.video.keys import Key, parse_key, spread_keys, weights_at


@pytest.mark.parametrize(
    ("text", "time", "style", "alpha", "percent"),
    [
        ("0:wave.jpg", 0, "wave.jpg", 1.0, False),
        ("3.5:a/b.png:0.8", 3.5, "a/b.png", 0.8, False),
        ("3.5s:b.png", 3.5, "b.png", 1.0, False),
        ("50%:b.png:0", 50, "b.png", 0.0, True),
        (r"2:C:\art\b.png", 2, r"C:\art\b.png", 1.0, False),
        (r"2:C:\art\b.png:.5", 2, r"C:\art\b.png", 0.5, False),
    ],
)
def test_syntax(text: str, time: float, style: str, alpha: float, percent: bool) -> None:
    key = parse_key(text)
    assert (key.time, key.style, key.alpha, key.percent) == (time, style, alpha, percent)


@pytest.mark.parametrize("text", ["wave.jpg", "0:", "soon:wave.jpg", ":wave.jpg", ""])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(InputError, match="a key is TIME:STYLE"):
        parse_key(text)


@pytest.mark.parametrize(("text", "words"), [("-1:a.png", "seconds, 0 or more"), ("101%:a.png", "% of the video"),
                                             ("nan:a.png", "seconds"), ("0:a.png:1.5", "alpha")])  # fmt: skip
def test_out_of_range(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_key(text)


def test_per_cent_needs_a_duration() -> None:
    assert Key(25, "a", percent=True).seconds(8.0) == 2.0
    assert Key(25, "a").seconds(None) == 25
    with pytest.raises(InputError, match="keys in seconds"):
        Key(25, "a", percent=True).seconds(None)


def test_spread() -> None:
    assert [key.time for key in spread_keys(["a", "b", "c"], 0.5)] == [0, 50, 100]
    with pytest.raises(InputError, match="at least two"):
        spread_keys(["a"])


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
