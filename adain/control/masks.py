"""Masks: where in a picture a style applies, from files to the cells of a feature map.

Spatial control of Huang & Belongie 2017 (section 7.3) and Gatys et al. 2017, "Controlling Perceptual
Factors in Neural Style Transfer", section 4: the *guidance channels* of both. A mask is a float32 tensor
``(1, 1, H, W)`` in ``[0, 1]``, 1 inside the region; several in a row are *regions* ``(R, 1, H, W)``. They serve the
photograph (where a style is put) and the artwork (where its statistics come from) alike. Nothing here knows a network.
"""

from __future__ import annotations

import math
import os
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .._utils.errors import ImageError, InputError
from ..image import DEFAULT_MAX_PIXELS
from ..image.io import read_stored
from ..image.modes import separate, to_unit
from ..image.source import input_name
from ..options import Channel as Channel
from ..options import Direction as Direction

MaskInput = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | npt.NDArray[Any] | Tensor

SIGMA_PER_RADIUS = 0.5
"""The Gaussian of :func:`feather`: 95 % of an edge's transition then lies within the radius on either side."""

_REACH = 3.0  # deviations at which the Gaussian is cut off
_FINE = 4.0  # deviations, in pixels, that a blurred mask needs to be drawn smoothly
_COARSEST = 32  # pixels a side that a mask keeps while it is blurred


def read_mask(
    source: MaskInput, *, channel: Channel = "luminance", max_pixels: int | None = DEFAULT_MAX_PIXELS
) -> Tensor:
    """One mask from a file, an image or a tensor.

    Files are turned upright by their EXIF orientation as pictures are, but no colour profile is applied: a stored
    255 is 1 and a stored 0 is 0. 16-bit and floating files keep their precision, colours are reduced to luma
    (ITU-R BT.601).

    Args:
        source: whatever :func:`~adain.read_image` takes, but as tensors floating or bool ones, ``(H, W)``,
            ``(1, H, W)`` or ``(1, 1, H, W)``.
        channel: ``"luminance"`` reads white as inside, and what is transparent as outside, as if the image lay on
            black; ``"alpha"`` reads what is opaque as inside, whatever its colour. Tensors have no channels.
        max_pixels: see :func:`adain.read_image`.

    Returns:
        ``(1, 1, H, W)`` in ``[0, 1]``: float32 for files, the type and the device of a floating tensor.

    Raises:
        InputError: if a tensor has another shape or type, values outside ``[0, 1]`` or NaN.
        ImageError: if ``channel`` is ``"alpha"`` and the image has no transparency, or as
            :func:`adain.read_image`.
        MissingFileError: if there is no such file.
    """
    if channel not in ("luminance", "alpha"):
        raise InputError(f'a mask is read from its "luminance" or its "alpha", not {channel!r}')
    if isinstance(source, Tensor):
        return _check_tensor(source)
    name = input_name(source) or "image"
    colors, alpha = separate(read_stored(source, max_pixels=max_pixels))
    if channel == "alpha":
        if alpha is None:
            raise ImageError(f'mask {name} has no transparency to be read: use channel="luminance"')
        return _unit(alpha)
    try:
        values = _unit(colors)
    except ValueError as error:
        raise ImageError(f"cannot read mask {name}: {error}; save it as an 8-bit grey PNG") from error
    return values if alpha is None else values * _unit(alpha)


def resize_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Masks ``(R, 1, H, W)`` at another size ``(H', W')``: averaged when shrunk, bilinear when enlarged.

    Linear and with weights that sum to 1, so regions that cover the picture still do afterwards; the aspect may
    change. A mask of that size already is returned itself.

    Raises:
        InputError: if a side is below 1.
    """
    if tuple(mask.shape[2:]) == _check_size(size):
        return mask
    # The triangle filter of antialiasing widens with the step when shrinking and is plain bilinear when enlarging.
    resized = F.interpolate(mask, size, mode="bilinear", antialias=True, align_corners=False)
    return resized.clamp(0.0, 1.0)


def feather(mask: Tensor, radius: float) -> Tensor:
    """Masks with soft edges: a Gaussian of deviation :data:`SIGMA_PER_RADIUS` · ``radius``, reflected at the borders.

    Linear, so regions that cover the picture still do afterwards. A large radius is blurred at a reduced size: 4
    pixels to a deviation are enough to draw it, and make its cost that of a small one. Beyond the size of the
    picture, the Gaussian is cut off there.

    Args:
        mask: ``(R, 1, H, W)`` in ``[0, 1]``.
        radius: in pixels, ≥ 0; 0 returns ``mask`` itself.

    Raises:
        InputError: if the radius is negative or not a finite number.
    """
    if not math.isfinite(radius) or radius < 0:
        raise InputError(f"a feather radius in pixels must be 0 (hard edges) or more, not {radius}")
    if radius == 0:
        return mask
    from kornia.filters import gaussian_blur2d  # here: it takes a while to import

    height, width = mask.shape[2:]
    sigma = radius * SIGMA_PER_RADIUS
    small = (_reduced(height, sigma), _reduced(width, sigma))
    sigmas = (sigma * small[0] / height, sigma * small[1] / width)
    # Reflection reaches no further than the opposite border.
    kernel = [2 * min(math.ceil(_REACH * s), side - 1) + 1 for s, side in zip(sigmas, small, strict=True)]
    blurred = gaussian_blur2d(resize_mask(mask, small), (kernel[0], kernel[1]), sigmas, border_type="reflect")
    return resize_mask(blurred.clamp(0.0, 1.0), (height, width))


def uncovered(regions: Tensor) -> Tensor:
    r"""What no region covers, :math:`1 - \min(1, \sum_r m_r)`: ``(R, 1, H, W)`` gives ``(1, 1, H, W)``."""
    return (1.0 - regions.sum(dim=0, keepdim=True)).clamp(min=0.0)


def ramp(size: tuple[int, int], direction: Direction = "horizontal") -> Tensor:
    """A mask that runs linearly from 1 to 0; with it and ``1 - ramp`` as regions one style passes into another.

    Args:
        size: height and width in pixels.
        direction: ``"horizontal"`` from left to right, ``"vertical"`` from top to bottom, ``"diagonal"`` from the top
            left to the bottom right corner, ``"radial"`` from the centre to the corners.

    Returns:
        ``(1, 1, H, W)`` float32, exactly 1 and 0 in the outermost pixels; where a side has one pixel only, 1.

    Raises:
        InputError: if there is no such direction, or a side is below 1.
    """
    height, width = _check_size(size)
    down = torch.linspace(1.0, 0.0, height)[:, None]
    across = torch.linspace(1.0, 0.0, width)[None, :]
    if direction == "horizontal":
        plane = across.expand(height, width)
    elif direction == "vertical":
        plane = down.expand(height, width)
    elif direction == "diagonal":
        plane = (down + across) / 2
    elif direction == "radial":
        y = torch.arange(height) - (height - 1) / 2
        x = torch.arange(width) - (width - 1) / 2
        distance = torch.hypot(y[:, None], x[None, :])
        plane = 1.0 - distance / distance.max().clamp(min=0.5)
    else:
        raise InputError(f'a ramp is "horizontal", "vertical", "diagonal" or "radial", not {direction!r}')
    return plane.clone()[None, None]


def _check_size(size: tuple[int, int]) -> tuple[int, int]:
    if min(size) < 1:
        raise InputError(f"a mask needs at least 1 px a side, not {size[1]}x{size[0]}")
    return size


def _reduced(side: int, sigma: float) -> int:
    """Pixels to which a side is reduced for a Gaussian of that deviation."""
    return max(min(side, _COARSEST), math.ceil(side * min(1.0, _FINE / sigma)))


def _unit(image: Image.Image) -> Tensor:
    """The samples of an image without transparency as ``(1, 1, H, W)`` in ``[0, 1]``."""
    if image.mode == "F" or image.mode.startswith("I"):
        values = to_unit(np.asarray(image))
    else:
        image = image if image.mode in ("L", "RGB") else image.convert("RGB")
        values = np.asarray(image.convert("L"), np.float32) / np.float32(255)
    return torch.from_numpy(np.ascontiguousarray(values))[None, None]


def _check_tensor(mask: Tensor) -> Tensor:
    mask = as_plane(mask, "a mask tensor")
    if mask.dtype == torch.bool:
        mask = mask.float()
    if not mask.is_floating_point():
        raise InputError(f"a mask tensor must be bool or floating point in [0, 1], not {mask.dtype}: divide by 255")
    low, high = (float(bound) for bound in mask.detach().aminmax())
    if math.isnan(low) or math.isnan(high):
        raise InputError("a mask tensor holds NaN: replace it, as by nan_to_num(), with values in [0, 1]")
    if low < 0.0 or high > 1.0:
        raise InputError(f"a mask tensor must lie in [0, 1], not [{low:g}, {high:g}]: divide by its maximum or clamp")
    return mask[None, None]


def as_plane(tensor: Tensor, what: str) -> Tensor:
    """``(H, W)`` of a tensor with or without dimensions of 1 before these."""
    shape = tuple(tensor.shape)
    if len(shape) not in (2, 3, 4) or 0 in shape or any(side != 1 for side in shape[:-2]):
        raise InputError(f"{what} must be (H, W), (1, H, W) or (1, 1, H, W), not {shape}")
    return tensor.reshape(shape[-2:])
