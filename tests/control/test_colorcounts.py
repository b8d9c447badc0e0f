"""Counted colours have the statistics of the picture they were counted in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from adain.control import colorcounts
from adain.control.color import match_luma
from adain.control.colorcounts import count_colors
from adain.control.recolor import match_histogram, match_linear, mean_covariance
from adain.image import to_tensor

from ..conftest import noise_image


@pytest.fixture(params=[False, True], ids=["all", "masked"])
def mask(request: pytest.FixtureRequest) -> torch.Tensor | None:
    return torch.rand(1, 1, 31, 40).square() if request.param else None


@pytest.mark.parametrize("band", [100, 1 << 22])
def test_statistics(mask: torch.Tensor | None, band: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colorcounts, "_BAND", band)
    picture = noise_image(40, 31, 3).quantize(50).convert("RGB")
    colors, weights = count_colors(picture, mask)
    kinds = len(picture.getcolors())
    assert colors.shape == (1, 3, 1, kinds)
    assert weights.shape == (1, 1, 1, kinds)
    assert float(weights.max()) == 1.0
    pixels, art = to_tensor(picture), torch.rand(1, 3, 20, 20)
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
