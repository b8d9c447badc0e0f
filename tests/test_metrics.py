from __future__ import annotations

import pytest
import torch

from adain import metrics
from adain.vgg import STYLE_LAYERS


def features(seed: int) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return {layer: torch.rand(2, 6, 8, 8, generator=g) * (seed + 1) for layer in STYLE_LAYERS}


def test_residual_is_one_for_the_content_and_zero_for_the_style() -> None:
    content, style = features(0), features(1)
    torch.testing.assert_close(metrics.style_residual(content, content, style), torch.ones(2))
    torch.testing.assert_close(metrics.style_residual(style, content, style), torch.zeros(2))


def test_residual_half_way_is_a_quarter() -> None:
    # Statistics half-way from content to style leave a quarter of the squared distance.
    content = features(0)
    shift = {k: content[k] - content[k].mean((2, 3), keepdim=True) for k in content}
    a = {k: v + 1.0 for k, v in shift.items()}
    b = {k: v + 3.0 for k, v in shift.items()}
    middle = {k: v + 2.0 for k, v in shift.items()}
    torch.testing.assert_close(metrics.style_residual(middle, a, b), torch.full((2,), 0.25))


def test_content_distance_ignores_the_statistics_a_style_replaces() -> None:
    content = features(0)
    recoloured = {k: v * 3.0 + 5.0 for k, v in content.items()}
    assert float(metrics.content_distance(recoloured, content)) < 1e-4
    unrelated = float(metrics.content_distance(features(7), content))
    assert unrelated == pytest.approx(2.0, abs=0.3)


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
