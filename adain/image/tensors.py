"""Image tensors: checking, resizing and cropping ``(B, 3, H, W)`` batches, differentiably."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .._utils.errors import ImageError, InputError


def check_tensor(image: Tensor) -> Tensor:
    """``image``, if it is a floating ``(B, 3, H, W)`` batch.

    Raises:
        ImageError: if it is not; the message says how to make it one.
    """
    if image.ndim != 4 or image.shape[1] != 3:
        raise ImageError(f"image tensors must be (B, 3, H, W) in [0, 1], not {tuple(image.shape)}")
    if not image.is_floating_point():
        raise ImageError(f"image tensors must be floating point in [0, 1], not {image.dtype}: divide by 255")
    return image


def resize_shorter(image: Tensor, size: int) -> Tensor:
    """``(B, 3, H, W)`` with the shorter side scaled to ``size`` pixels, antialiased; 0 keeps it.

    Raises:
        InputError: if ``size`` is negative.
    """
    if size < 0:
        raise InputError(f"a size in pixels must be 0 (keep) or more, not {size}")
    height, width = image.shape[2:]
    short = min(height, width)
    if size in (0, short):
        return image
    shape = (max(1, round(height * size / short)), max(1, round(width * size / short)))
    return resize_to(image, shape)


def center_crop_square(image: Tensor) -> Tensor:
    """The central square of ``(B, 3, H, W)``."""
    height, width = image.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[..., top : top + side, left : left + side]


def resize_area(image: Tensor, size: tuple[int, int]) -> Tensor:
    """``(B, C, H, W)`` reduced to ``size`` (height, width), each pixel the mean of those it replaces."""
    return image if tuple(image.shape[2:]) == size else F.adaptive_avg_pool2d(image, size)


def resize_to(image: Tensor, size: tuple[int, int]) -> Tensor:
    """``(B, C, H, W)`` in ``[0, 1]`` scaled to ``size`` (height, width), antialiased."""
    if tuple(image.shape[2:]) == size:
        return image
    return F.interpolate(image, size, mode="bicubic", antialias=True, align_corners=False).clamp(0.0, 1.0)


def resize_to_cover(image: Tensor, size: tuple[int, int]) -> Tensor:
    """``(B, C, H, W)`` scaled until it covers ``size`` (height, width), antialiased, and cut at its centre."""
    height, width = image.shape[2:]
    scale = max(size[0] / height, size[1] / width)
    shape = (max(size[0], round(height * scale)), max(size[1], round(width * scale)))
    image = resize_to(image, shape)
    top, left = (shape[0] - size[0]) // 2, (shape[1] - size[1]) // 2
    return image[..., top : top + size[0], left : left + size[1]]
