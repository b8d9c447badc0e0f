from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from adain import metrics
from adain._utils.errors import ImageError, InputError
from adain.metrics import histogram_distance, rgb_uv_histogram


def test_psnr_closed_form() -> None:
    image = torch.full((1, 3, 16, 16), 0.5)
    # A constant error of 0.1 is 20 dB.
    assert float(metrics.psnr(image + 0.1, image)) == pytest.approx(20.0, abs=1e-3)


def test_ssim_closed_form() -> None:
    image = torch.rand(1, 3, 32, 32)
    assert float(metrics.ssim(image, image)) == pytest.approx(1.0, abs=1e-5)
    # Constant images leave the luminance term alone: (2ab + C1) / (a² + b² + C1), C1 = 0.01².
    a, b = torch.full((1, 3, 32, 32), 0.2), torch.full((1, 3, 32, 32), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert float(metrics.ssim(a, b)) == pytest.approx(expected, abs=1e-4)


def test_ssim_at_one_window_recomputed() -> None:
    # The middle of an 11 px picture is the one place whose window the border does not reach.
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 11, 11))
    axis = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window = np.outer(axis, axis) / np.outer(axis, axis).sum()
    mx, my = (window * x).sum(), (window * y).sum()
    vx, vy = (window * x * x).sum() - mx**2, (window * y * y).sum() - my**2
    cov = (window * x * y).sum() - mx * my
    expected = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))

    from kornia.metrics import ssim

    tensors = [torch.from_numpy(v).float().expand(1, 3, 11, 11).contiguous() for v in (x, y)]
    found = ssim(*tensors, metrics.SSIM_WINDOW, max_val=1.0)
    assert float(found[0, 0, 5, 5]) == pytest.approx(expected, abs=1e-5)
    assert float(metrics.ssim(*tensors)) == pytest.approx(float(found.mean()))


def constant(red: float, green: float, blue: float, side: int = 6) -> torch.Tensor:
    return torch.tensor([red, green, blue]).reshape(1, 3, 1, 1).expand(1, 3, side, side).contiguous()


def plain(image: torch.Tensor) -> np.ndarray:  # type: ignore[type-arg]
    """The definition, pixel by pixel, in float64."""
    bins = np.linspace(-3, 3, 64)
    histogram = np.zeros((3, 64, 64))
    for pixel in image[0].double().flatten(1).T.numpy():
        light = math.sqrt((pixel**2).sum() + 1e-6)
        logs = np.log(pixel + 1e-6)
        for c, (u, v) in enumerate(((1, 2), (0, 2), (0, 1))):
            ku = 1 / (1 + (np.abs(logs[c] - logs[u] - bins) / 0.02) ** 2)
            kv = 1 / (1 + (np.abs(logs[c] - logs[v] - bins) / 0.02) ** 2)
            histogram[c] += light * np.outer(ku, kv)
    return histogram / histogram.sum()


def test_recomputed() -> None:
    image = torch.rand(1, 3, 5, 7)
    found = rgb_uv_histogram(image)
    assert found.shape == (1, 3, 64, 64)
    np.testing.assert_allclose(found[0].numpy(), plain(image), rtol=2e-3, atol=1e-8)


def test_a_batch_is_its_pictures_and_each_sums_to_one() -> None:
    images = torch.rand(3, 3, 9, 4)
    found = rgb_uv_histogram(images)
    torch.testing.assert_close(found.sum((1, 2, 3)), torch.ones(3))
    torch.testing.assert_close(found[1:2], rgb_uv_histogram(images[1:2]))


def test_constant_pictures() -> None:
    grey = rgb_uv_histogram(constant(0.5, 0.5, 0.5))
    # A picture of one colour weighs one pixel, so its size and its brightness do not count.
    torch.testing.assert_close(rgb_uv_histogram(constant(0.5, 0.5, 0.5, side=11)), grey)
    assert float(histogram_distance(rgb_uv_histogram(constant(0.25, 0.25, 0.25)), grey)) < 1e-3
    # Grey lies at u = v = 0, between the two middle bins of every plane.
    middle = grey[0, :, 31:33, 31:33]
    torch.testing.assert_close(middle, middle.mean().expand(3, 2, 2))
    assert float(grey.max()) == pytest.approx(float(middle.mean()))
    red, blue = rgb_uv_histogram(constant(0.9, 0.1, 0.1)), rgb_uv_histogram(constant(0.1, 0.1, 0.9))
    assert float(histogram_distance(red, blue)) > 0.8
    assert float(histogram_distance(red, red)) == 0.0
    assert float(histogram_distance(red, blue)) == pytest.approx(float(histogram_distance(blue, red)))


def test_large_pictures_are_sampled() -> None:
    image = torch.rand(1, 3, 10, 12).repeat_interleave(20, 2).repeat_interleave(20, 3)
    distance = histogram_distance(rgb_uv_histogram(image), rgb_uv_histogram(image[..., ::10, ::10]))
    assert float(distance) < 0.2


def test_distance_closed_forms() -> None:
    a, b = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    a[0, 0, 0, 0] = b[0, 1, 2, 3] = 1.0
    assert float(histogram_distance(a, b)) == pytest.approx(1.0)
    # Half in common: √(1 − Σ√(ab)) with Σ√(ab) = √½.
    assert float(histogram_distance(a, (a + b) / 2)) == pytest.approx(math.sqrt(1 - math.sqrt(0.5)))


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ImageError):
        rgb_uv_histogram(torch.rand(1, 1, 8, 8))
    with pytest.raises(InputError, match="cannot be compared"):
        histogram_distance(torch.rand(1, 3, 64, 64), torch.rand(2, 3, 64, 64))
