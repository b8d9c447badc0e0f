from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.control.masks import ramp
from adain.nn.adain import adaptive_instance_norm, regional_instance_norm
from adain.nn.statistics import channel_mean_std, regional_mean_std

Stats = list[tuple[torch.Tensor, torch.Tensor]]


def styles(count: int, channels: int, dtype: torch.dtype = torch.float32, batch: int = 1) -> Stats:
    return [channel_mean_std(torch.randn(batch, channels, 6, 6, dtype=dtype) * (r + 1) + r) for r in range(count)]


def regional(content: torch.Tensor, stats: Stats, masks: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    return regional_instance_norm(content, [m for m, _ in stats], [s for _, s in stats], masks, *args, **kwargs)


def reference(content: torch.Tensor, stats: Stats, masks: torch.Tensor, alphas: list[float]) -> torch.Tensor:
    """The equation of the docstring written out, region by region."""
    total = masks.sum(0, keepdim=True)
    out = (1 - total).clamp(min=0) * content
    for (mean_s, std_s), mask, alpha in zip(stats, masks, alphas, strict=True):
        mean_c, std_c = channel_mean_std(content, mask[None])
        stylized = std_s * (content - mean_c) / std_c + mean_s
        out = out + mask / total.clamp(min=1) * ((1 - alpha) * content + alpha * stylized)
    return out


@given(st.integers(1, 4), st.integers(1, 3), st.booleans(), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_agrees_with_the_equation(count: int, batch: int, channels_last: bool, seed: int) -> None:
    torch.manual_seed(seed)
    content = torch.randn(batch, 3, 5, 7, dtype=torch.float64) * 3 + 1
    if channels_last:
        content = content.contiguous(memory_format=torch.channels_last)
    masks = torch.rand(count, 1, 5, 7, dtype=torch.float64)
    stats, alphas = styles(count, 3, torch.float64), torch.rand(count).tolist()
    torch.testing.assert_close(regional(content, stats, masks, alphas), reference(content, stats, masks, alphas))


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_statistics_are_those_of_each_mask(count: int, batch: int, seed: int) -> None:
    torch.manual_seed(seed)
    features, masks = torch.randn(batch, 3, 6, 5) * 4 + 2, torch.rand(count, 1, 6, 5)
    mean, std = regional_mean_std(features, masks)
    assert mean.shape == std.shape == (count, batch, 3, 1, 1)
    for r in range(count):
        expected = channel_mean_std(features, masks[r : r + 1])
        torch.testing.assert_close((mean[r], std[r]), expected, atol=1e-5, rtol=1e-5)


def test_a_flat_region_beside_a_lively_one_keeps_its_digits() -> None:
    # The mean square less the squared mean, around the mean of the picture, is wrong in the first digit here.
    features = torch.randn(1, 4, 32, 32)
    features[..., :16] = 40 + 0.01 * torch.randn(1, 4, 32, 16)
    masks = torch.zeros(2, 1, 32, 32)
    masks[0, ..., :16], masks[1, ..., 16:] = 1, 1
    _, std = regional_mean_std(features, masks)
    _, expected = channel_mean_std(features[..., :16].double())
    torch.testing.assert_close(std[0].double(), expected, atol=0, rtol=1e-4)


@pytest.mark.parametrize("alpha", [1.0, 0.6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_mask_of_ones_is_plain_adain_bit_for_bit(alpha: float, dtype: torch.dtype) -> None:
    content, stats = (torch.randn(2, 5, 8, 9) * 3).to(dtype), styles(1, 5)
    expected = adaptive_instance_norm(content, *stats[0], alpha)
    assert torch.equal(regional(content, stats, torch.ones(1, 1, 8, 9), alpha), expected)
    known = channel_mean_std(content * 2)
    expected = adaptive_instance_norm(content, *stats[0], alpha, content_stats=known)
    got = regional(content, stats, torch.ones(1, 1, 8, 9), alpha, content_stats=known)
    assert torch.equal(got, expected)
    of_regions = (known[0][None], known[1][None])
    assert torch.equal(regional(content, stats, torch.ones(1, 1, 8, 9), alpha, content_stats=of_regions), expected)


def test_each_hard_region_takes_the_statistics_of_its_style() -> None:
    content, stats = torch.randn(1, 6, 20, 20) * 2 + 1, styles(2, 6)
    masks = torch.zeros(2, 1, 20, 20)
    masks[0, ..., :8], masks[1, ..., 8:] = 1, 1
    out = regional(content, stats, masks)
    for r, part in enumerate((out[..., :8], out[..., 8:])):
        torch.testing.assert_close(channel_mean_std(part), stats[r], atol=1e-3, rtol=1e-3)


def test_uncovered_cells_and_regions_of_alpha_zero_keep_the_content_bit_for_bit() -> None:
    content, stats = torch.randn(1, 6, 9, 9), styles(3, 6)
    masks = torch.zeros(3, 1, 9, 9)
    masks[0, ..., :3], masks[1, ..., 3:6], masks[2, ..., 3:4] = 1, 0.7, 0.9
    out = regional(content, stats, masks, [1.0, 0.0, 0.0])
    assert torch.equal(out[..., 3:], content[..., 3:])
    assert not torch.equal(out[..., :3], content[..., :3])
    assert regional(content, stats, masks, 0.0) is content


def test_half_a_mask_is_half_the_strength() -> None:
    content, stats = torch.randn(1, 4, 8, 8), styles(1, 4)
    out = regional(content, stats, torch.full((1, 1, 8, 8), 0.5))
    torch.testing.assert_close(out, adaptive_instance_norm(content, *stats[0], 0.5))


def test_overlapping_regions_share() -> None:
    content, stats = torch.randn(1, 4, 8, 8), styles(2, 4)
    out = regional(content, stats, torch.ones(2, 1, 8, 8))
    halves = [adaptive_instance_norm(content, *s) / 2 for s in stats]
    torch.testing.assert_close(out, halves[0] + halves[1], atol=1e-5, rtol=1e-5)


def test_a_ramp_blends_styles_over_the_same_content() -> None:
    content, stats = torch.randn(2, 4, 8, 9), styles(2, 4)
    left = ramp((8, 9))
    out = regional(content, stats, torch.cat([left, 1 - left]), content_stats=channel_mean_std(content))
    first, second = (adaptive_instance_norm(content, *s) for s in stats)
    torch.testing.assert_close(out, left * first + (1 - left) * second, atol=1e-5, rtol=1e-5)


def test_statistics_of_the_whole_serve_a_part() -> None:
    content, stats, masks = torch.randn(2, 4, 12, 12), styles(2, 4), torch.rand(2, 1, 12, 12)
    masks[1, ..., :5] = 0  # not seen in the part below
    whole = regional(content, stats, masks)
    known = regional_mean_std(content, masks)
    part = regional(content[..., :5], stats, masks[..., :5], content_stats=known)
    torch.testing.assert_close(part, whole[..., :5])


def test_styles_of_a_batch() -> None:
    content, stats, masks = torch.randn(2, 4, 6, 6), [*styles(1, 4, batch=2), *styles(1, 4)], torch.rand(2, 1, 6, 6)
    out = regional(content, stats, masks)
    for b in range(2):
        own = [(stats[0][0][b : b + 1], stats[0][1][b : b + 1]), stats[1]]
        torch.testing.assert_close(out[b : b + 1], regional(content[b : b + 1], own, masks), atol=1e-5, rtol=1e-5)


def test_memory_format_is_kept() -> None:
    content, stats, masks = torch.randn(1, 4, 6, 6), styles(2, 4), torch.rand(2, 1, 6, 6)
    last = content.contiguous(memory_format=torch.channels_last)
    out = regional(last, stats, masks)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert regional(content, stats, masks).is_contiguous()
    torch.testing.assert_close(out.contiguous(), regional(content, stats, masks), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_its_type_and_float32_statistics(dtype: torch.dtype) -> None:
    content = (torch.randn(1, 4, 64, 64) * 300 + 900).to(dtype)
    masks = torch.rand(2, 1, 64, 64).to(dtype)
    exact = regional_mean_std(content.float(), masks.float())
    torch.testing.assert_close(regional_mean_std(content, masks), exact)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(regional_mean_std(content, masks), exact)
        out = regional(content, styles(2, 4), masks)
    assert out.dtype == dtype
    assert bool(out.isfinite().all())


def test_gradients() -> None:
    content = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    masks = torch.rand(2, 1, 3, 4, dtype=torch.float64) * 0.8 + 0.1
    # Overlaps above 1 and gaps below it, none within reach of the numerical differences.
    masks[:, :, 0], masks[:, :, 1:] = 0.7, masks[:, :, 1:] * 0.4
    masks.requires_grad_()
    mean = torch.randn(2, 1, 2, 1, 1, dtype=torch.float64, requires_grad=True)
    std = (torch.rand(2, 1, 2, 1, 1, dtype=torch.float64) + 0.5).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda c, m, s, k: regional_instance_norm(c, m, s, k, [0.6, 1.0]), (content, mean, std, masks)
    )
    assert torch.autograd.gradcheck(regional_mean_std, (content, masks))


def test_alpha_map() -> None:
    content, stats = torch.randn(2, 4, 6, 9), styles(1, 4)
    strength = ramp((6, 9)).expand(2, 1, 6, 9)
    out = adaptive_instance_norm(content, *stats[0], strength)
    full = adaptive_instance_norm(content, *stats[0])
    torch.testing.assert_close(out, (1 - strength) * content + strength * full)
    assert torch.equal(out[..., 0], full[..., 0])
    assert torch.equal(out[..., -1], content[..., -1])
    for x in range(9):  # each column as with that one strength
        torch.testing.assert_close(out[..., x], adaptive_instance_norm(content, *stats[0], 1 - x / 8)[..., x])
    half = adaptive_instance_norm(content.half(), *stats[0], strength)
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), out, atol=0.02, rtol=0.01)


def test_gradient_of_an_alpha_map() -> None:
    content = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    strength = (torch.rand(1, 1, 3, 4, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    stats = styles(1, 2, torch.float64)[0]
    assert torch.autograd.gradcheck(lambda c, a: adaptive_instance_norm(c, *stats, a), (content, strength))


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        (torch.ones(1, 1, 4, 5), "must be"),
        (torch.ones(3, 1, 4, 4), "must be"),
        (torch.ones(4, 4), "must be"),
        (torch.full((1, 1, 4, 4), 1.5), "between 0"),
        (torch.full((1, 1, 4, 4), torch.nan), "between 0"),
    ],
)
def test_alpha_maps_that_do_not_fit(alpha: torch.Tensor, message: str) -> None:
    with pytest.raises(InputError, match=f"an alpha map must .*{message}|an alpha map {message}"):
        adaptive_instance_norm(torch.randn(2, 3, 4, 4), *styles(1, 3)[0], alpha)


def test_errors() -> None:
    content, stats, masks = torch.randn(1, 3, 4, 4), styles(2, 3), torch.rand(2, 1, 4, 4)
    with pytest.raises(InputError, match="2 regions need 2 styles, not 1"):
        regional(content, stats[:1], masks)
    with pytest.raises(InputError, match="2 regions need 2 alphas, or one for all, not 3"):
        regional(content, stats, masks, [1.0] * 3)
    with pytest.raises(InputError, match="alpha must be between"):
        regional(content, stats, masks, [1.0, 1.5])
    with pytest.raises(InputError, match="same encoder"):
        regional(content, [stats[0], styles(1, 5)[0]], masks)
    with pytest.raises(ValueError, match="masks must be"):
        regional(content, stats, torch.rand(2, 1, 4, 5), content_stats=stats[0])
    masks[1] = 0
    with pytest.raises(ValueError, match="mask 2 is empty"):
        regional(content, stats, masks)
    with pytest.raises(ValueError, match="masks must be"):
        regional_mean_std(content, torch.rand(2, 2, 4, 4))
    with pytest.raises(ValueError, match="features must be"):
        regional_mean_std(content[0], masks)
