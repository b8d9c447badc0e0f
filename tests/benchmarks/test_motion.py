from __future__ import annotations

import itertools

import pytest
import torch

from adain._utils.errors import InputError
from adain.image import read_image, resize_shorter, to_tensor
from adain.metrics import warping_error
from benchmarks.motion import Camera, moving_view
from tests.conftest import sample


def photo(size: int, name: str) -> torch.Tensor:
    return resize_shorter(to_tensor(read_image(sample("content", name)).convert("RGB")), size)


@pytest.mark.parametrize(
    "camera",
    [Camera((3.0, -2.0)), Camera((1.3, 0.4)), Camera(zoom=1.02), Camera(turn=1.5), Camera((0.5, 0.5), 0.99, -1)],
)
def test_the_flow_is_that_of_the_frames(camera: Camera) -> None:
    # A photograph that holds no detail of a pixel's size, so that interpolation costs next to nothing.
    smooth = photo(200, "cincinnati-bridge")
    for _ in range(2):
        smooth = torch.nn.functional.avg_pool2d(smooth, 9, 1)
    frames = [*moving_view(smooth, (64, 80), 4, camera)]
    assert not frames[0].flow.any()
    for before, after in itertools.pairwise(frames):
        error = float(warping_error(after.image, before.image, after.flow, after.visible))
        still = float(warping_error(after.image, before.image, torch.zeros_like(after.flow)))
        assert error < 5e-6
        assert still > 10 * error


def test_a_pan_is_its_negative_as_flow() -> None:
    # The camera moves to the right: what is seen now lay further to the right before.
    frame = [*moving_view(photo(96, "chelsea"), (32, 32), 2, Camera((3.0, -1.0)))][1]
    assert torch.allclose(frame.flow[0, 0], torch.tensor(3.0), atol=1e-4)
    assert torch.allclose(frame.flow[0, 1], torch.tensor(-1.0), atol=1e-4)


def test_what_the_disc_uncovers_is_not_visible_before() -> None:
    front = torch.nn.functional.avg_pool2d(photo(48, "chelsea"), 5, 1)
    back = torch.nn.functional.avg_pool2d(photo(160, "cincinnati-bridge"), 9, 1)
    frames = [*moving_view(back, (64, 96), 3, Camera((1.0, 0.0)), front=front, front_pan=(-4.0, 0.0))]
    flow, visible = frames[2].flow[0], frames[2].visible[0, 0]
    assert flow[0, 32, 40] == 4.0  # on the disc, which moves to the left
    radius = (front.shape[2] - 1) / 2  # its soft border is half in
    assert (flow[0] == 4.0).float().mean() == pytest.approx(torch.pi * radius**2 / 64 / 96, rel=0.03)
    assert flow[0, 4, 40] == flow[0, 4, 4] == pytest.approx(1.0, abs=1e-4)
    assert 0.8 < float(visible.mean()) < 0.99
    error = float(warping_error(frames[2].image, frames[1].image, frames[2].flow, frames[2].visible))
    everywhere = float(warping_error(frames[2].image, frames[1].image, frames[2].flow))
    assert error < 1e-5
    assert everywhere > 20 * error


def test_one_picture_at_a_time() -> None:
    with pytest.raises(InputError, match="one picture at a time"):
        next(moving_view(torch.rand(2, 3, 32, 32), (16, 16), 2, Camera()))
