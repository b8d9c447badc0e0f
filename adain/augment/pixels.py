"""Samples of all kinds as what the networks take, and back: types, greys, normalised values, sizes, the tiniest too."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._utils.errors import ImageError
from ..image.tensors import luma, resize_to
from ..nn.layers import MIN_SIZE, STRIDE
from .options import RandomStyleOptions

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

SLACK = 0.5
"""How far floats may lie outside [0, 1], as resizing overshoots: what lies further was normalised, or never divided."""


def check_samples(images: Any) -> Tensor:
    """``(B, C, H, W)`` of what was given; a single sample as a batch of one.

    Raises:
        ImageError: for anything but a tensor ``(B, C, H, W)`` or ``(C, H, W)`` of 1 or 3 channels, uint8 or floating.
    """
    if not isinstance(images, Tensor):
        raise ImageError(
            f"samples are tensors (B, C, H, W) or (C, H, W), not {type(images).__name__}: pictures and labels together "
            "go through TorchvisionRandomStyle, KorniaRandomStyle or AlbumentationsRandomStyle"
        )
    shape = tuple(images.shape)
    if len(shape) not in (3, 4) or shape[-3] not in (1, 3) or 0 in shape[-2:]:
        raise ImageError(f"samples must be (B, C, H, W) or (C, H, W) with 1 or 3 channels, not {shape}")
    if images.dtype != torch.uint8 and images.dtype not in FLOATS:
        raise ImageError(f"samples must be uint8 or floating point, not {images.dtype}")
    if images.layout != torch.strided:
        raise ImageError(f"samples must be dense, not {images.layout}: call to_dense() first")
    return images if len(shape) == 4 else images[None]


def to_unit(images: Tensor, options: RandomStyleOptions) -> Tensor:
    """Samples ``(B, C, H, W)`` of either kind as float32 in ``[0, 1]``, what was normalised as it had been.

    Raises:
        ImageError: for values that are NaN, infinite or far outside.
    """
    if images.dtype == torch.uint8:
        return images.float().div_(255.0)
    unit = images.float()
    if options.mean is not None:
        mean, std = normalisation(images, options)
        unit = torch.addcmul(mean, unit, std)
    if unit.numel():
        low, high = torch.stack(unit.detach().aminmax()).tolist()
        if not (low >= -SLACK and high <= 1.0 + SLACK):
            raise ImageError(_outside(low, high, options))
        if low < 0.0 or high > 1.0:  # else it would stop the gradient of what lies on a bound
            unit = unit.clamp(0.0, 1.0)
    return unit


def _outside(low: float, high: float, options: RandomStyleOptions) -> str:
    text = f"samples must lie in [0, 1], not in [{low:.3g}, {high:.3g}]"
    if options.mean is not None:
        return f"{text} after mean and std are undone: give those they were normalised by"
    hint = "divide by 255, or give uint8" if low >= 0 else "what is normalised already needs mean= and std="
    return f"{text}: {hint}"


def from_unit(unit: Tensor, like: Tensor, options: RandomStyleOptions) -> Tensor:
    """Values in ``[0, 1]`` of the kind that the samples ``like`` have."""
    if like.dtype == torch.uint8:
        return unit.mul(255.0).round_().to(torch.uint8)
    if options.mean is not None:
        mean, std = normalisation(like, options)
        unit = (unit - mean) / std
    return unit.to(like.dtype)


def normalisation(images: Tensor, options: RandomStyleOptions) -> tuple[Tensor, Tensor]:
    """Mean and deviation that samples were normalised by, ``(1, 1 or C, 1, 1)`` float32.

    Raises:
        ImageError: if they are of another number of channels.
    """
    found = []
    for name in ("mean", "std"):
        values = torch.tensor(getattr(options, name), dtype=torch.float32, device=images.device).reshape(1, -1, 1, 1)
        if values.shape[1] not in (1, images.shape[1]):
            raise ImageError(f"{name} has {values.shape[1]} numbers for samples of {images.shape[1]} channel")
        found.append(values)
    return found[0], found[1]


def to_levels(images: Tensor, options: RandomStyleOptions) -> Tensor:
    """Samples in 256 levels, the same ones whatever kind they are of."""
    if images.dtype == torch.uint8:
        return images
    return to_unit(images.detach(), options).mul(255.0).round_().to(torch.uint8)


def to_color(unit: Tensor) -> Tensor:
    """Grey in three equal channels."""
    return unit.expand(-1, 3, -1, -1) if unit.shape[1] == 1 else unit


def to_channels(color: Tensor, count: int) -> Tensor:
    """The luma of colours where one channel is wanted."""
    return luma(color) if count == 1 else color


def resized(unit: Tensor, shorter: int) -> Tensor:
    """``(B, 3, H, W)`` with its shorter side so long; 0 leaves it."""
    height, width = unit.shape[2:]
    if shorter in (0, min(height, width)):
        return unit
    scale = shorter / min(height, width)
    return resize_to(unit, (max(1, round(height * scale)), max(1, round(width * scale))))


def completed(unit: Tensor) -> Tensor:
    """``(B, 3, H, W)`` continued below and to the right, by reflection, to whole cells and to what the networks need.

    A side that is shorter than what is missing is reflected to and fro; one of a single pixel is repeated.
    """
    for dim in (2, 3):
        side = unit.shape[dim]
        wanted = max(MIN_SIZE, side + -side % STRIDE)
        if wanted != side:
            unit = unit.index_select(dim, _to_and_fro(side, wanted, unit.device))
    return unit


def _to_and_fro(side: int, wanted: int, device: torch.device) -> Tensor:
    places = torch.arange(wanted, device=device)
    if side == 1:
        return torch.zeros_like(places)
    return side - 1 - (places % (2 * side - 2) - (side - 1)).abs()
