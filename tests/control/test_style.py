from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.control.style import Style, blend, normalize_weights
from adain.nn.adain import adaptive_instance_norm


def styles(count: int) -> list[Style]:
    g = torch.Generator().manual_seed(0)
    shape = (1, 6, 1, 1)
    return [Style(torch.randn(shape, generator=g), torch.rand(shape, generator=g) + 0.1, f"s{k}") for k in range(count)]


def test_blend_equals_interpolated_features() -> None:
    """Equation 15: the decoder is fed Σ w_k AdaIN(c, s_k)."""
    a, b, c = styles(3)
    weights = [0.2, 0.5, 0.3]
    content = torch.randn(1, 6, 5, 5)
    features = [adaptive_instance_norm(content, s.mean, s.std) for s in (a, b, c)]
    expected = sum(w * f for w, f in zip(weights, features, strict=True))
    mixed = blend([a, b, c], weights)
    torch.testing.assert_close(adaptive_instance_norm(content, mixed.mean, mixed.std), expected)


def test_one_and_zero_is_the_first_style() -> None:
    a, b = styles(2)
    assert blend([a, b], [1, 0]) is a
    assert blend([a], [5]) is a


def test_only_ratios_count() -> None:
    a, b = styles(2)
    one, other = blend([a, b], [3, 1]), blend([a, b], [0.75, 0.25])
    assert torch.equal(one.mean, other.mean)
    assert torch.equal(one.std, other.std)


def test_equal_by_default() -> None:
    a, b = styles(2)
    torch.testing.assert_close(blend([a, b]).mean, (a.mean + b.mean) / 2)


def test_a_batch_and_a_single_style() -> None:
    a, b = styles(2)
    batch = Style(a.mean.repeat(3, 1, 1, 1), a.std.repeat(3, 1, 1, 1), "batch")
    assert blend([batch, b]).mean.shape == (3, 6, 1, 1)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6).filter(lambda w: sum(w) > 1e-3))
def test_weights_sum_to_one(weights: list[float]) -> None:
    shares = normalize_weights(weights)
    assert math.isclose(sum(shares), 1.0, rel_tol=1e-9)
    assert all(s >= 0 for s in shares)


@pytest.mark.parametrize("weights", [[0, 0], [-1, 2], [math.nan, 1], [math.inf, 1], []])
def test_bad_weights(weights: list[float]) -> None:
    with pytest.raises(InputError, match="style weights must be"):
        normalize_weights(weights)


def test_counts() -> None:
    with pytest.raises(InputError, match="2 styles need 2 weights, not 3"):
        blend(styles(2), [1, 1, 1])
    with pytest.raises(InputError, match="at least one"):
        blend([])


def test_readable() -> None:
    assert repr(styles(1)[0]) == "Style('s0', channels=6, device=cpu)"


def test_only_encoded_styles_blend() -> None:
    with pytest.raises(InputError, match=r"encoded Style is needed here, not str: Stylizer\.encode_style makes it"):
        blend(["wave.jpg"])  # type: ignore[list-item]
