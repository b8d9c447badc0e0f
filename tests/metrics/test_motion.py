from __future__ import annotations

import pytest
import torch

from adain._utils.errors import InputError
from adain.metrics import warping_error
from tests.image.test_warp import shift


def test_error_is_zero_for_what_moves_along() -> None:
    still = torch.rand(1, 3, 12, 20)
    before, after = still[..., :16], still[..., 2:18]
    assert float(warping_error(after, before, shift(2, 0))) == pytest.approx(0.0, abs=1e-9)
    assert float(warping_error(after, before, shift(0, 0))) > 0.01


def test_error_is_the_mean_square_over_what_is_compared() -> None:
    before = torch.zeros(2, 3, 12, 16)
    after = before.clone()
    after[0, :, :, :4] = 0.5
    after[1] += 0.1
    assert warping_error(after, before, shift(0, 0)).tolist() == pytest.approx([0.25 / 4, 0.01])
    mask = torch.zeros(1, 1, 12, 16)
    mask[..., :4] = 1
    assert warping_error(after, before, shift(0, 0), mask).tolist() == pytest.approx([0.25, 0.01])


def test_what_does_not_fit() -> None:
    image = torch.rand(1, 3, 12, 16)
    with pytest.raises(InputError, match="one shape"):
        warping_error(image, image[..., :-1], shift(0, 0))
    with pytest.raises(InputError, match="mask"):
        warping_error(image, image, shift(0, 0), torch.ones(1, 3, 12, 16))
    with pytest.raises(InputError, match="no pixel"):
        warping_error(image, image, shift(99, 0))
