from __future__ import annotations

import pytest
import torch

from adain._utils.errors import InputError
from adain.image.tensors import center_crop_square, resize_shorter


def test_constant_stays_constant() -> None:
    out = resize_shorter(torch.full((2, 3, 20, 30), 0.25), 10)
    assert out.shape == (2, 3, 10, 15)
    torch.testing.assert_close(out, torch.full_like(out, 0.25))


def test_kept_sizes_are_not_copied() -> None:
    x = torch.rand(1, 3, 20, 30)
    assert resize_shorter(x, 0) is x
    assert resize_shorter(x, 20) is x


def test_antialiased() -> None:
    # A one-pixel checkerboard reduced 4 times is grey, not an alias of itself.
    board = (torch.arange(64)[:, None] + torch.arange(64)).remainder(2).float()
    out = resize_shorter(board.expand(1, 3, 64, 64), 16)
    torch.testing.assert_close(out, torch.full_like(out, 0.5), atol=0.05, rtol=0)


def test_crop_is_central() -> None:
    x = torch.arange(24.0).reshape(1, 1, 4, 6).expand(1, 3, 4, 6)
    assert torch.equal(center_crop_square(x), x[..., 1:5])


def test_negative_size() -> None:
    with pytest.raises(InputError, match="0 \\(keep\\) or more"):
        resize_shorter(torch.rand(1, 3, 20, 20), -5)
