"""Synthetic motion with known flow: a still picture seen by a moving camera, with something moving in front of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from adain._utils.errors import InputError
from adain.image import inside, warp


@dataclass(frozen=True)
class Camera:
    """How the view moves from one frame to the next: pixels right and down, growth, and degrees clockwise."""

    pan: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    turn: float = 0.0


@dataclass(frozen=True, eq=False)
class KnownFrame:
    """A frame and the motion that led to it.

    Attributes:
        image: ``(1, 3, H, W)`` in ``[0, 1]``.
        flow: ``(1, 2, H, W)`` to the frame before, as in :mod:`adain.image.warp`; zero for the first.
        visible: ``(1, 1, H, W)``, 1 where what is seen was seen in the frame before.
    """

    image: Tensor
    flow: Tensor
    visible: Tensor


def moving_view(
    picture: Tensor,
    size: tuple[int, int],
    frames: int,
    camera: Camera,
    *,
    front: Tensor | None = None,
    front_pan: tuple[float, float] = (0.0, 0.0),
) -> Iterator[KnownFrame]:
    """What a camera sees that moves steadily over a picture, with the exact flow.

    Args:
        picture: ``(1, 3, H, W)`` in ``[0, 1]``, larger than the view; it is mirrored at its borders.
        size: height and width of the view in pixels, taken from the middle of the picture at first.
        frames: how many.
        camera: its motion.
        front: ``(1, 3, h, w)``, a second picture of which a disc stands before the first, filling it.
        front_pan: pixels the disc moves to the right and down from frame to frame; it starts at the centre.

    Raises:
        InputError: if a picture is no ``(1, 3, H, W)`` tensor.
    """
    for image in (picture,) if front is None else (picture, front):
        if image.ndim != 4 or image.shape[:2] != (1, 3):
            raise InputError("a camera looks at one picture at a time: pass (1, 3, H, W)")
    before: Tensor | None = None
    for k in range(frames):
        view = _view(camera, k, size, picture)
        image, disc = _sample(picture, _points(size, view)), torch.zeros(1, 1, *size)
        flow, visible = torch.zeros(1, 2, *size), torch.ones(1, 1, *size)
        if before is not None:
            step = torch.linalg.inv(_view(camera, k - 1, size, picture)) @ view
            flow = (_points(size, step) - _points(size, _shift(0, 0))).float()[None]
        if front is not None:
            right, down = ((size[axis] - front.shape[axis + 2]) / 2 + front_pan[1 - axis] * k for axis in (1, 0))
            points = _points(size, _shift(-right, -down))
            centre = points.new_tensor([(side - 1) / 2 for side in front.shape[:1:-1]])[:, None, None]
            radius = min(front.shape[2:]) / 2
            # A border of one pixel, so that the disc moves by parts of a pixel, too.
            disc = (radius - (points - centre).norm(dim=0)).clamp(0.0, 1.0).float()[None, None]
            image = torch.lerp(image, _sample(front, points), disc)
            moved = flow.new_tensor([-front_pan[0], -front_pan[1]])[:, None, None]
            flow = torch.where(disc > 0.5, moved, flow) if before is not None else flow
        if before is not None:
            # Exactly one of the two layers, now and before: the soft border belongs to neither.
            was = warp(before, flow)
            visible = ((disc - was).abs() < 0.01).float() * ((disc < 0.01) | (disc > 0.99)) * inside(flow)
        before = disc
        yield KnownFrame(image, flow, visible)


def _view(camera: Camera, k: int, size: tuple[int, int], picture: Tensor) -> Tensor:
    """3 x 3 float64 from pixels ``(x, y)`` of frame k to those of the picture."""
    (height, width), (right, down) = picture.shape[2:], camera.pan
    angle, scale = math.radians(camera.turn * k), camera.zoom**-k
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    turn = torch.tensor([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    middle = _shift((width - 1) / 2 + right * k, (height - 1) / 2 + down * k)
    return middle @ turn @ _shift(-(size[1] - 1) / 2, -(size[0] - 1) / 2)


def _shift(x: float, y: float) -> Tensor:
    return torch.tensor([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]], dtype=torch.float64)


def _points(size: tuple[int, int], matrix: Tensor) -> Tensor:
    """``(2, H, W)`` float64: where ``matrix`` sends each pixel of a frame."""
    y, x = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in size), indexing="ij")
    flat = matrix[:2, :2] @ torch.stack([x, y]).flatten(1) + matrix[:2, 2:]
    return flat.view(2, *size)


def _sample(picture: Tensor, points: Tensor) -> Tensor:
    height, width = picture.shape[2:]
    grid = torch.stack([2.0 * points[0] / (width - 1) - 1.0, 2.0 * points[1] / (height - 1) - 1.0], dim=-1)[None]
    found = F.grid_sample(picture.double(), grid, mode="bicubic", padding_mode="reflection", align_corners=True)
    return found.clamp(0.0, 1.0).to(picture.dtype)
