"""Masks laid on a picture: of its shape, resized and cropped as it is, followed down to its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..image import DEFAULT_MAX_PIXELS, center_crop_square
from ..nn.vgg import STRIDE
from . import masks
from .masks import Channel, Direction, MaskInput

ASPECT_TOLERANCE = 0.02
"""How far the aspect ratios of a mask and its picture may lie apart: cropping a few pixels off, and no more."""

_FULL = 1.0 - 1e-5  # what resizing and blurring leave of a white mask, in the worst case of rounding


@dataclass(frozen=True)
class Ramp:
    """A mask that runs linearly from 1 to 0 over whatever picture it is laid on; see :func:`adain.control.masks.ramp`.

    Raises:
        InputError: on construction, if there is no such direction.
    """

    direction: Direction = "horizontal"

    def __post_init__(self) -> None:
        masks.ramp((1, 1), self.direction)


Guide = MaskInput | Ramp


def lay_masks(
    guides: Sequence[Guide],
    size: tuple[int, int],
    *,
    uncropped: tuple[int, int] | None = None,
    feather: float = 0.0,
    names: Sequence[str] | None = None,
    channel: Channel = "luminance",
    device: torch.device | str = "cpu",
    max_pixels: int | None = DEFAULT_MAX_PIXELS,
) -> Tensor:
    """Masks at the size of a picture: each read, checked, resized and cropped as the picture was, and feathered.

    Args:
        guides: at least one mask, painted over the whole picture at any size.
        size: height and width of the picture in pixels.
        uncropped: the same before its central square was cut out, if it was.
        feather: radius of :func:`adain.control.masks.feather` in pixels of the picture.
        names: one for each mask, for messages; by default the file names, or ``mask 1``, ``mask 2``, …
        channel, max_pixels: see :func:`adain.control.masks.read_mask`.
        device: where they are wanted.

    Returns:
        ``(R, 1, H, W)`` float32 in ``[0, 1]``.

    Raises:
        InputError: if a mask has another aspect ratio than the picture, is black everywhere, or cannot be used;
            see :func:`adain.control.masks.prepare_regions`.
        MissingFileError, ImageError: see :func:`adain.control.masks.read_mask`.
    """
    whole = uncropped or size
    given = ["" if isinstance(g, Ramp) else masks.mask_name(g) for g in guides] if names is None else [*names]
    labels = masks.region_names(len(guides), given)
    laid: list[MaskInput] = []
    for guide, label in zip(guides, labels, strict=True):
        if isinstance(guide, Ramp):
            laid.append(masks.ramp(size, guide.direction).to(device))
            continue
        mask = masks.read_mask(guide, channel=channel, max_pixels=max_pixels).to(device, torch.float32)
        _check_aspect(label, (mask.shape[2], mask.shape[3]), whole)
        mask = masks.resize_mask(mask, whole)
        laid.append(mask if whole == size else center_crop_square(mask))
    regions = masks.prepare_regions(laid, size, feather=feather, names=given)
    # White stays white, so that a mask of the whole picture is no mask at all.
    return regions.masked_fill_(regions > _FULL, 1.0)


def lay_cells(regions: Tensor, cells: tuple[int, int], names: Sequence[str] | None = None) -> Tensor:
    """Masks ``(R, 1, H, W)`` at the scale of relu4_1, ``(R, 1, *cells)``.

    Raises:
        InputError: if a region vanishes there.
    """
    return masks.check_cells(masks.to_cells(regions, cells, STRIDE), names)


def is_full(mask: Tensor) -> bool:
    """Whether a mask selects everything."""
    return bool((mask == 1.0).all())


def shares(regions: Tensor) -> Tensor:
    r""":math:`m_r / \max(1, \sum_q m_q)`: what each region ``(R, 1, H, W)`` has of a pixel or a cell."""
    return regions / regions.sum(dim=0, keepdim=True).clamp(min=1.0)


def _check_aspect(label: str, mask: tuple[int, int], picture: tuple[int, int]) -> None:
    (height, width), (tall, wide) = mask, picture
    skew = abs(width * tall / (height * wide) - 1.0)
    # A side of the mask, or of the picture, may have been rounded to the pixel when one was made from the other.
    across, down = abs(width - wide * height / tall), abs(height - tall * width / wide)
    rounding = min(across, down, across * tall / height, down * wide / width)
    if skew > ASPECT_TOLERANCE and rounding >= 1.0:
        raise InputError(
            f"{label} is {width}x{height} px and the picture {wide}x{tall} px: their shapes differ, "
            "paint the mask over the whole picture"
        )
