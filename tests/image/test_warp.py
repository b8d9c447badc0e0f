from __future__ import annotations

import pytest
import torch

from adain._utils.errors import InputError
from adain.image.warp import inside, trusted, warp


def shift(dx: float, dy: float, height: int = 12, width: int = 16) -> torch.Tensor:
    flow = torch.empty(1, 2, height, width)
    flow[:, 0], flow[:, 1] = dx, dy
    return flow


def test_warp_takes_the_pixel_the_flow_points_to() -> None:
    image = torch.rand(2, 3, 12, 16)
    moved = warp(image, shift(3, -2))
    assert torch.allclose(moved[..., 2:, :13], image[..., :-2, 3:], atol=1e-5)
    assert torch.allclose(warp(image, shift(0, 0), "bicubic"), image, atol=1e-5)


def test_warp_between_pixels_is_exact_on_a_ramp() -> None:
    ramp = torch.arange(16.0).expand(1, 1, 12, 16)
    assert torch.allclose(warp(ramp, shift(0.25, 0))[..., :15], ramp[..., :15] + 0.25, atol=1e-5)


def test_warp_beyond_the_border_repeats_it() -> None:
    image = torch.rand(1, 3, 12, 16)
    assert torch.allclose(warp(image, shift(40, 0)), image[..., -1:].expand_as(image), atol=1e-5)
    assert not inside(shift(40, 0)).any()
    assert int(inside(shift(-1, 0)).sum()) == 12 * 15


def test_gradients() -> None:
    image = torch.rand(1, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    flow = (torch.rand(1, 2, 4, 5, dtype=torch.float64) * 0.4 + 0.2).requires_grad_()
    assert torch.autograd.gradcheck(warp, (image, flow), raise_exception=True)


def test_trusted_leaves_out_disocclusions_and_edges() -> None:
    # A patch of 6 px moves 3 px to the right over a still ground.
    flow, there = torch.zeros(1, 2, 24, 32), torch.zeros(1, 2, 24, 32)
    flow[:, 0, 8:16, 13:19] = -3
    there[:, 0, 8:16, 10:16] = 3
    good = trusted(flow, there)[0, 0]
    assert good[10:14, 15:17].all()  # inside the patch
    assert not good[10:14, 10:12].any()  # what it uncovered
    assert not good[10:14, 18].any()  # its edge
    assert good[:6].all()


def test_what_does_not_fit() -> None:
    with pytest.raises(InputError, match=r"must be \(B, 2, H, W\)"):
        warp(torch.rand(1, 3, 12, 16), torch.zeros(1, 2, 12, 15))
