from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from adain import image as images
from adain._utils.errors import ImageError, InputError
from adain.control import recolor
from adain.control.color import match_luma
from adain.control.recolor import (
    METHODS,
    STYLE_FLOOR,
    count_colors,
    match_histogram,
    match_linear,
    mean_covariance,
    transport_matrix,
)

from ..colors import levels, picture
from ..conftest import noise_image, sample

SEEDS = st.integers(0, 2**31)


def stats(image: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the pixels of one image, by numpy."""
    pixels = image[0].flatten(1).double().numpy()
    return pixels.mean(axis=1), np.cov(pixels, bias=True)


# Linear


def test_mean_and_covariance_agree_with_numpy() -> None:
    image = picture(1, 20, 30)
    mean, covariance = mean_covariance(image)
    expected = stats(image)
    np.testing.assert_allclose(mean[0], expected[0], atol=1e-6)
    np.testing.assert_allclose(covariance[0], expected[1], atol=1e-7)


def test_weighted_covariance_agrees_with_numpy() -> None:
    image, mask = picture(1), torch.rand(1, 1, 12, 10)
    mean, covariance = mean_covariance(image, mask)
    weights, pixels = mask.flatten().double().numpy(), image[0].flatten(1).double().numpy()
    np.testing.assert_allclose(mean[0], np.average(pixels, axis=1, weights=weights), atol=1e-6)
    np.testing.assert_allclose(covariance[0], np.cov(pixels, aweights=weights, ddof=0), atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_recoloured_style_has_the_statistics_of_the_content(method: str, seed: int) -> None:
    style, content = picture(seed, 20, 20), picture(seed + 1, 15, 31)
    mean, covariance = stats(match_linear(style, content, method=method))
    expected = stats(content)
    np.testing.assert_allclose(mean, expected[0], atol=1e-5)
    np.testing.assert_allclose(covariance, expected[1], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_shipped_pictures_match(method: str) -> None:
    paths = sample("style", "hokusai_great_wave"), sample("content", "chelsea")
    style, content = (images.to_tensor(images.resize_shorter(images.read_image(p), 128)) for p in paths)
    mean, covariance = stats(match_linear(style, content, method=method))
    np.testing.assert_allclose(mean, stats(content)[0], atol=1e-5)
    np.testing.assert_allclose(covariance, stats(content)[1], atol=1e-5)


def test_matrices_have_their_closed_forms() -> None:
    style, content = (mean_covariance(picture(k, dtype=torch.float64))[1] for k in (1, 2))
    cholesky, symmetric, monge = (
        transport_matrix(style, content, m)[0] for m in ("cholesky", "symmetric", "monge-kantorovich")
    )
    torch.testing.assert_close(cholesky, torch.linalg.cholesky(content[0]) @ torch.linalg.cholesky(style[0]).inverse())
    # The symmetric roots S and C satisfy A S = C, and the Monge-Kantorovich matrix is the only symmetric positive one.
    s, c = (torch.linalg.eigh(x[0]) for x in (style, content))
    roots = [vectors @ values.sqrt().diag() @ vectors.T for values, vectors in (s, c)]
    torch.testing.assert_close(symmetric @ roots[0], roots[1])
    torch.testing.assert_close(monge, monge.T)
    assert float(torch.linalg.eigvalsh(monge).min()) > 0
    torch.testing.assert_close(monge @ style[0] @ monge, content[0])


def test_monge_kantorovich_moves_colours_least() -> None:
    style, content = picture(1), picture(2)
    moved = {m: float((match_linear(style, content, method=m) - style).square().mean()) for m in METHODS}
    assert min(moved, key=lambda m: moved[m]) == "monge-kantorovich"


@pytest.mark.parametrize("method", METHODS)
def test_linear_match_of_an_image_with_itself(method: str) -> None:
    torch.testing.assert_close(match_linear(picture(1), picture(1), method=method), picture(1), atol=1e-5, rtol=0)


def degenerate() -> dict[str, Tensor]:
    grey = picture(5)[:, :1].expand(-1, 3, -1, -1)
    noise = 0.3 / 255 * torch.randn(1, 3, 12, 10)
    return {
        "picture": picture(6),
        "grey": grey,
        "noisy grey": grey + noise,
        "one colour": torch.tensor([0.8, 0.2, 0.1]).view(1, 3, 1, 1).expand(-1, -1, 5, 5),
        "black": torch.zeros(1, 3, 4, 4),
        "two pixels": torch.tensor([[0.1, 0.9], [0.2, 0.3], [0.5, 0.4]]).view(1, 3, 1, 2),
        "one pixel": torch.full((1, 3, 1, 1), 0.5),
        "noise": 0.5 + noise,
    }


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("style", degenerate())
@pytest.mark.parametrize("content", degenerate())
def test_degenerate_pictures_never_vary_more_than_the_content(style: str, content: str, method: str) -> None:
    s, c = degenerate()[style].clone().requires_grad_(), degenerate()[content].clone().requires_grad_()
    matched = match_linear(s, c, method=method)
    mean, covariance = stats(matched.detach())
    expected = stats(c.detach())
    np.testing.assert_allclose(mean, expected[0], atol=1e-4)
    assert np.linalg.eigvalsh(expected[1] - covariance).min() > -1e-5
    matched.square().sum().backward()
    for image in (s, c):
        assert image.grad is not None
        assert bool(image.grad.isfinite().all())


def test_noise_of_a_grey_style_stays_dim() -> None:
    style, content = degenerate()["noisy grey"], picture(6)
    matched = match_linear(style, content)
    spread = (matched - matched.mean(dim=1, keepdim=True)).std()
    assert float(spread) < 0.5 * float((content - content.mean(dim=1, keepdim=True)).std())
    assert math.sqrt(STYLE_FLOOR) == pytest.approx(2 / 255)


@pytest.mark.parametrize("method", METHODS)
def test_linear_gradient(method: str) -> None:
    style, content = (picture(k, 3, 4, dtype=torch.float64).requires_grad_() for k in (1, 2))
    weights = torch.rand(1, 1, 3, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda s, c: match_linear(s, c, method=method, strength=0.8, style_mask=weights), (style, content)
    )


def test_linear_gradient_at_equal_eigenvalues() -> None:
    # The eight corners of a cube: all eigenvalues equal, where the gradient of eigh itself is NaN.
    corners = torch.cartesian_prod(*[torch.tensor([0.2, 0.7], dtype=torch.float64)] * 3).T.reshape(1, 3, 2, 4)
    other = picture(1, 3, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(match_linear, (corners.clone().requires_grad_(), other))
    assert torch.autograd.gradcheck(match_linear, (other, corners.clone().requires_grad_()))


def test_linear_strength_and_clamp() -> None:
    style, content = picture(1), picture(2) * 2 - 0.5
    full = match_linear(style, content)
    assert match_linear(style, content, strength=0) is style
    torch.testing.assert_close(match_linear(style, content, strength=0.25), 0.75 * style + 0.25 * full)
    assert torch.equal(match_linear(style, content, clamp=True), full.clamp(0, 1))
    assert float(full.max()) > 1


# Histogram


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_histogram_takes_the_sorted_values_of_the_content(seed: int) -> None:
    style, content = picture(seed, 9, 8), picture(seed + 1, 9, 8)
    matched = match_histogram(style, content)
    torch.testing.assert_close(matched.flatten(2).sort().values, content.flatten(2).sort().values, atol=1e-6, rtol=0)
    assert torch.equal(matched.flatten(2).argsort(), style.flatten(2).argsort())


def test_histogram_of_another_size_agrees_with_numpy() -> None:
    style, content = picture(1, 9, 8), picture(2, 17, 13)
    matched = match_histogram(style, content)
    for s, c, got in zip(style[0], content[0], matched[0], strict=True):
        ranks = (s.flatten().argsort().argsort().numpy() + 0.5) / s.numel()
        # The quantile definition in which the k-th of n values stands at (k - 1/2) / n.
        expected = np.quantile(c.double().numpy(), ranks, method="hazen")
        np.testing.assert_allclose(got.flatten(), expected, atol=1e-6)


def test_histogram_of_levels_agrees_with_sorting() -> None:
    style, content = levels(1, 40, 30), levels(2, 25, 60)
    # Shifted by less than a level, so that none of the values is a level any more.
    shift = 0.3 / 255
    sorted_route = match_histogram(style * 0.99 + shift, content * 0.99 + shift)
    torch.testing.assert_close(match_histogram(style, content) * 0.99 + shift, sorted_route, atol=1e-6, rtol=0)


@pytest.mark.parametrize("make", [picture, levels])
def test_histogram_match_of_an_image_with_itself_is_exact(make: Callable[..., Tensor]) -> None:
    image = make(1, 30, 20)
    torch.testing.assert_close(match_histogram(image, image), image, atol=1e-7, rtol=0)


def test_values_near_levels_are_not_taken_for_levels() -> None:
    image = levels(1, 30, 20) * 0.9 + 0.2 / 255
    near = (image * 255).round() / 255 + 0.2 / 255
    assert torch.equal(match_histogram(near, near), near)


def test_histogram_of_few_colours() -> None:
    content = picture(1)
    flat = match_histogram(degenerate()["one colour"], content)
    torch.testing.assert_close(flat[0, :, 0, 0], content.flatten(2).quantile(0.5, dim=2)[0])
    assert float(flat.flatten(2).std(dim=2).max()) == 0.0
    back = match_histogram(content, degenerate()["one colour"])
    torch.testing.assert_close(back, degenerate()["one colour"][..., :1, :1].expand_as(back), atol=1e-6, rtol=0)
    # Two pixels stand at a quarter and three quarters.
    two = match_histogram(degenerate()["two pixels"], content)[0, 0, 0]
    quarters = np.quantile(content[0, 0].numpy(), [0.25, 0.75], method="hazen")
    np.testing.assert_allclose(two, quarters, atol=1e-6)


def test_histogram_strength_and_gradient() -> None:
    style, content = picture(1).requires_grad_(), picture(2)
    full = match_histogram(style, content)
    assert match_histogram(style, content, strength=0) is style
    part = match_histogram(style, content, strength=0.25)
    torch.testing.assert_close(part, 0.75 * style + 0.25 * full)
    part.sum().backward()
    assert style.grad is not None
    torch.testing.assert_close(style.grad, torch.full_like(style, 0.75))


# Both


@pytest.mark.parametrize("match", [match_linear, match_histogram])
@pytest.mark.parametrize("make", [picture, levels])
def test_masks_of_the_style_and_the_content(match: Callable[..., Tensor], make: Callable[..., Tensor]) -> None:
    style, content = make(1, 12, 10), make(2, 8, 14)
    ones = torch.ones(1, 1, 12, 10), torch.ones(1, 1, 8, 14)
    torch.testing.assert_close(
        match(style, content, style_mask=ones[0], content_mask=ones[1]), match(style, content), atol=1e-5, rtol=0
    )
    left, top = torch.zeros_like(ones[0]), torch.zeros_like(ones[1])
    left[..., :4], top[:, :, :5] = 0.7, 0.7
    masked = match(style, content, style_mask=left, content_mask=top)
    assert masked.shape == style.shape
    torch.testing.assert_close(masked[..., :4], match(style[..., :4], content[:, :, :5]), atol=1e-5, rtol=0)


@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_soft_masks_of_the_histogram_are_weights(seed: int) -> None:
    # Whole-number weights are what repeating the pixels that often gives.
    style, content = levels(seed, 6, 6), picture(seed + 1, 5, 5)
    counts = torch.randint(1, 4, (25,), generator=torch.Generator().manual_seed(seed))
    repeated = content.flatten(2).repeat_interleave(counts, dim=2).unsqueeze(2)
    weighted = match_histogram(style, content, content_mask=counts.view(1, 1, 5, 5) / 3)
    torch.testing.assert_close(weighted, match_histogram(style, repeated), atol=1e-5, rtol=0)


@pytest.mark.parametrize("match", [match_linear, match_histogram, match_luma])
@pytest.mark.parametrize(("styles", "contents"), [(2, 2), (1, 3), (3, 1)])
def test_batches_match_one_by_one(match: Callable[..., Tensor], styles: int, contents: int) -> None:
    style, content = picture(1, 5, 6, styles), picture(2, 7, 4, contents)
    style_mask, content_mask = torch.rand(styles, 1, 5, 6), torch.rand(1, 1, 7, 4)
    got = match(style, content, style_mask=style_mask, content_mask=content_mask)
    assert len(got) == max(styles, contents)
    for k in range(len(got)):
        i, j = min(k, styles - 1), min(k, contents - 1)
        expected = match(
            style[i : i + 1], content[j : j + 1], style_mask=style_mask[i : i + 1], content_mask=content_mask
        )
        torch.testing.assert_close(got[k : k + 1], expected)


@pytest.mark.parametrize("match", [match_linear, match_histogram, match_luma])
def test_errors_of_matching(match: Callable[..., Tensor]) -> None:
    style, content = picture(1, batch=2), picture(2)
    with pytest.raises(InputError, match="above 0 somewhere"):
        match(style, content, content_mask=torch.zeros(1, 1, 12, 10))
    with pytest.raises(InputError, match="above 0 somewhere"):
        match(style, content, style_mask=torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 12, 10))
    with pytest.raises(InputError, match=r"mask must be \(2, 1, 12, 10\)"):
        match(style, content, style_mask=torch.ones(1, 1, 6, 5))
    with pytest.raises(InputError, match="batches of 2 and 3"):
        match(style, picture(2, batch=3))
    with pytest.raises(ImageError, match="must be"):
        match(style[0], content)
    with pytest.raises(InputError, match="strength must be between 0"):
        match(style, content, strength=1.5)


def test_errors_of_the_linear_match() -> None:
    with pytest.raises(InputError, match=r"unknown colour method 'mk': choose one of monge-kantorovich, cholesky"):
        match_linear(picture(1), picture(2), method="mk")
    with pytest.raises(InputError, match="NaN or infinite"):
        match_linear(picture(1) / 0, picture(2))


# Counted colours have the statistics of the picture they were counted in.


@pytest.fixture(params=[False, True], ids=["all", "masked"])
def mask(request: pytest.FixtureRequest) -> torch.Tensor | None:
    return torch.rand(1, 1, 31, 40).square() if request.param else None


@pytest.mark.parametrize("band", [100, 1 << 22])
def test_statistics(mask: torch.Tensor | None, band: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recolor, "_BAND", band)
    picture = noise_image(40, 31, 3).quantize(50).convert("RGB")
    colors, weights = count_colors(picture, mask)
    kinds = len(picture.getcolors())
    assert colors.shape == (1, 3, 1, kinds)
    assert weights.shape == (1, 1, 1, kinds)
    assert float(weights.max()) == 1.0
    pixels, art = images.to_tensor(picture), torch.rand(1, 3, 20, 20)
    for found, wanted in zip(mean_covariance(colors, weights), mean_covariance(pixels, mask), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    for match in (match_linear, match_histogram, match_luma):
        found = match(art, colors, content_mask=weights)
        torch.testing.assert_close(found, match(art, pixels, content_mask=mask), rtol=1e-4, atol=1e-5)


def test_every_pixel_counts() -> None:
    levels = np.zeros((2, 3, 3), np.uint8)
    levels[0, 0] = (255, 1, 2)
    levels[1, 2] = (255, 1, 2)
    colors, weights = count_colors(Image.fromarray(levels))
    assert (colors * 255).round()[0, :, 0].T.tolist() == [[0, 0, 0], [255, 1, 2]]
    assert weights.flatten().tolist() == [1.0, 0.5]


def test_black_masks() -> None:
    _, weights = count_colors(noise_image(16, 16), torch.zeros(1, 1, 16, 16))
    assert float(weights.sum()) == 0.0
