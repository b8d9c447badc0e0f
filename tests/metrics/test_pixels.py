from __future__ import annotations

import numpy as np
import pytest
import torch

from adain import metrics


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
