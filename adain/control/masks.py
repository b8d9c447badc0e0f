"""Masks: where in a picture a style applies, from files to the cells of a feature map.

Spatial control of Huang & Belongie 2017 (section 7.3) and Gatys et al. 2017, "Controlling Perceptual
Factors in Neural Style Transfer", section 4: the *guidance channels* of both. A mask is a float32 tensor or array
``(1, 1, H, W)`` in ``[0, 1]``, 1 inside the region; several in a row are *regions* ``(R, 1, H, W)``. They serve the
photograph (where a style is put) and the artwork (where its statistics come from) alike. Nothing here knows a network.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from .._utils.arrays import Array, Device, FloatArray, is_tensor, moved, namespace
from .._utils.errors import ImageError, InputError
from ..image import DEFAULT_MAX_PIXELS, ImageInput
from ..image.io import read_stored
from ..image.source import input_name
from ..image.wrap import FLAT, TRIANGLE, Axes, extended, inner, resize_values
from ..options import Channel as Channel
from ..options import Direction as Direction

if TYPE_CHECKING:
    from torch import Tensor

MaskInput: TypeAlias = ImageInput

SIGMA_PER_RADIUS = 0.5
"""The Gaussian of :func:`feather`: 95 % of an edge's transition then lies within the radius on either side."""

_REACH = 3.0  # deviations at which the Gaussian is cut off
_FINE = 4.0  # deviations, in pixels, that a blurred mask needs to be drawn smoothly
_COARSEST = 32  # pixels a side that a mask keeps while it is blurred
_BAND = 64  # rows of an array that are blurred together: what the processor's cache holds


def read_mask(
    source: MaskInput, *, channel: Channel = "luminance", max_pixels: int | None = DEFAULT_MAX_PIXELS
) -> Tensor:
    """One mask from a file, an image, an array or a tensor.

    Files are turned upright by their EXIF orientation as pictures are, but no colour profile is applied: a stored
    255 is 1 and a stored 0 is 0. 16-bit and floating files keep their precision, colours are reduced to luma
    (ITU-R BT.601).

    Args:
        source: whatever :func:`~adain.read_image` takes, but as tensors floating or bool ones, ``(H, W)``,
            ``(1, H, W)`` or ``(1, 1, H, W)``; and such arrays ``(1, 1, H, W)``, too.
        channel: ``"luminance"`` reads white as inside, and what is transparent as outside, as if the image lay on
            black; ``"alpha"`` reads what is opaque as inside, whatever its colour. Tensors have no channels.
        max_pixels: see :func:`adain.read_image`.

    Returns:
        ``(1, 1, H, W)`` in ``[0, 1]``: float32 on the CPU, or the type and the device of a floating tensor.

    Raises:
        InputError: if a tensor has another shape or type, values outside ``[0, 1]`` or NaN.
        ImageError: if ``channel`` is ``"alpha"`` and the image has no transparency, or as
            :func:`adain.read_image`.
        MissingFileError: if there is no such file.
    """
    mask = open_mask(source, channel=channel, max_pixels=max_pixels)
    tensor: Tensor = mask if is_tensor(mask) else moved(mask, "cpu")
    return tensor


def open_mask(source: MaskInput, *, channel: Channel = "luminance", max_pixels: int | None = DEFAULT_MAX_PIXELS) -> Any:
    """:func:`read_mask` without torch: an array of whatever is no tensor."""
    if channel not in ("luminance", "alpha"):
        raise InputError(f'a mask is read from its "luminance" or its "alpha", not {channel!r}')
    if is_tensor(source):
        return _checked(source, "a mask tensor")
    if isinstance(source, np.ndarray) and source.ndim == 4:
        array: FloatArray = _checked(source, "a mask array")
        return np.require(array, np.float32, ["C", "W"])  # as torch takes them
    name = input_name(source) or "image"
    stored = read_stored(source, max_pixels=max_pixels)
    if channel == "alpha":
        if stored.alpha is None:
            raise ImageError(f'mask {name} has no transparency to be read: use channel="luminance" (--mask-channel)')
        return np.ascontiguousarray(stored.alpha)[None, None]
    try:
        values = np.ascontiguousarray(stored.luma())[None, None]
    except ValueError as error:
        raise ImageError(f"cannot read mask {name}: {error}; save it as an 8-bit grey PNG") from error
    return values if stored.alpha is None else values * stored.alpha


def resize_mask(mask: Array, size: tuple[int, int], axes: Axes = FLAT) -> Array:
    """Masks ``(R, 1, H, W)``, of either kind, at another size: averaged when shrunk, bilinear when enlarged.

    Linear and with weights that sum to 1, so regions that cover the picture still do afterwards; the aspect may
    change. A mask of that size already is returned itself. ``axes`` says where it wraps.

    Raises:
        InputError: if a side is below 1.
    """
    if tuple(mask.shape[2:]) == _check_size(size):
        return mask
    resized: Array = _resized(mask, size) if axes == FLAT else resize_values(mask, size, axes, TRIANGLE)
    return resized


def _resized(masks: Any, size: tuple[int, int]) -> Any:
    # The triangle filter of antialiasing widens with the step when shrinking and is plain bilinear when enlarging.
    if is_tensor(masks):
        import torch.nn.functional as F

        return F.interpolate(masks, size, mode="bilinear", antialias=True, align_corners=False).clamp(0.0, 1.0)
    resized = np.empty((*masks.shape[:2], *size), np.float32)
    planes = np.ascontiguousarray(masks, np.float32).reshape(-1, *masks.shape[2:])
    for plane, target in zip(planes, resized.reshape(-1, *size), strict=True):
        target[:] = Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR)
    return np.clip(resized, 0.0, 1.0, out=resized)


def feather(mask: Array, radius: float, axes: Axes = FLAT) -> Array:
    """Masks with soft edges: a Gaussian of deviation :data:`SIGMA_PER_RADIUS` · ``radius``, reflected at the borders.

    Linear, so regions that cover the picture still do afterwards. A large radius is blurred at a reduced size: 4
    pixels to a deviation are enough to draw it, and make its cost that of a small one. Beyond the size of the
    picture, the Gaussian is cut off there.

    Args:
        mask: ``(R, 1, H, W)`` in ``[0, 1]``.
        radius: in pixels, ≥ 0; 0 returns ``mask`` itself.
        axes: where it wraps: there the Gaussian goes on from the opposite border.

    Raises:
        InputError: if the radius is negative or not a finite number.
    """
    if not math.isfinite(radius) or radius < 0:
        raise InputError(f"a feather radius in pixels must be 0 (hard edges) or more, not {radius}")
    if radius == 0:
        return mask
    height, width = mask.shape[2:]
    sigma = radius * SIGMA_PER_RADIUS
    small = (_reduced(height, sigma, axes[0]), _reduced(width, sigma, axes[1]))
    sigmas, reaches, margins = [], [], []
    for side, whole, around in zip(small, (height, width), axes, strict=True):
        own = sigma * side / whole
        own = min(own, side) if around else own  # beyond that all is alike
        reach = math.ceil(_REACH * own)
        sigmas.append(own)
        # Reflection reaches no further than the opposite border.
        reaches.append(reach if around else min(reach, side - 1))
        margins.append(reach if around else 0)
    blurred: Any = extended(resize_mask(mask, small, axes), margins)
    if is_tensor(blurred):
        from kornia.filters import gaussian_blur2d  # here: it takes a while to import

        kernel = (2 * reaches[0] + 1, 2 * reaches[1] + 1)
        blurred = gaussian_blur2d(blurred, kernel, (sigmas[0], sigmas[1]), border_type="reflect")
    else:
        blurred = _gaussian_blur(blurred, *(_kernel(*how) for how in zip(reaches, sigmas, strict=True)))
    soft: Array = resize_mask(inner(blurred, margins).clip(0.0, 1.0), (height, width), axes)
    return soft


def uncovered(regions: Array) -> Array:
    r"""What no region covers, :math:`1 - \min(1, \sum_r m_r)`: ``(R, 1, H, W)`` gives ``(1, 1, H, W)``."""
    covered: Any = regions
    rest: Array = (1.0 - covered.sum(axis=0, keepdims=True)).clip(min=0.0)
    return rest


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
    drawn: Tensor = draw_ramp(size, direction, "cpu")
    return drawn


def draw_ramp(size: tuple[int, int], direction: Direction, device: Device) -> Any:
    """:func:`ramp` on a device; on None an array, without torch."""
    height, width = _check_size(size)
    xp: Any = np
    if device is not None:
        import torch as xp
    down = xp.linspace(1.0, 0.0, height, dtype=xp.float32)[:, None]
    across = xp.linspace(1.0, 0.0, width, dtype=xp.float32)[None, :]
    if direction == "horizontal":
        plane = across * xp.ones_like(down)
    elif direction == "vertical":
        plane = down * xp.ones_like(across)
    elif direction == "diagonal":
        plane = (down + across) / 2
    elif direction == "radial":
        y = xp.arange(height, dtype=xp.float32) - (height - 1) / 2
        x = xp.arange(width, dtype=xp.float32) - (width - 1) / 2
        distance = xp.hypot(y[:, None], x[None, :])
        plane = 1.0 - distance / max(float(distance.max()), 0.5)
    else:
        raise InputError(f'a ramp is "horizontal", "vertical", "diagonal" or "radial", not {direction!r}')
    return moved(plane[None, None], device)


def _kernel(reach: int, sigma: float) -> FloatArray:
    """The weights of a Gaussian on so many pixels to either side; they sum to 1."""
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel: FloatArray = (weights / weights.sum()).astype(np.float32)
    return kernel


def _gaussian_blur(planes: FloatArray, down: FloatArray, across: FloatArray) -> FloatArray:
    """Arrays ``(R, 1, H, W)``, each pixel the mean of those around it, by these weights and reflected at the borders.

    In bands, that what one weight after the other passes over stays in the processor's cache.
    """
    reach = len(down) // 2, len(across) // 2
    padded = np.pad(planes, [(0, 0), (0, 0), (reach[0],) * 2, (reach[1],) * 2], mode="reflect")
    blurred = np.empty_like(planes)
    for plane, target in zip(padded[:, 0], blurred[:, 0], strict=True):
        for top in range(0, len(target), _BAND):
            rows = target[top : top + _BAND]
            band = plane[top : top + len(rows) + 2 * reach[0]]
            rows[:] = _weighted(_weighted(band, down).T, across).T
    return blurred


def _weighted(rows: FloatArray, weights: FloatArray) -> FloatArray:
    """The mean of every so many successive rows, by these weights."""
    count = len(rows) - len(weights) + 1
    total: FloatArray = rows[:count] * weights[0]
    term = np.empty_like(total)
    for k in range(1, len(weights)):
        total += np.multiply(rows[k : k + count], weights[k], out=term)
    return total


def _check_size(size: tuple[int, int]) -> tuple[int, int]:
    if min(size) < 1:
        raise InputError(f"a mask needs at least 1 px a side, not {size[1]}x{size[0]}")
    return size


def _reduced(side: int, sigma: float, around: bool) -> int:
    """Pixels to which a side is reduced for a Gaussian of that deviation; two halves of one that wraps are alike."""
    reduced = max(min(side, _COARSEST), math.ceil(side * min(1.0, _FINE / sigma)))
    return min(side, reduced + reduced % 2) if around else reduced


def _checked(mask: Any, what: str) -> Any:
    """``(1, 1, H, W)`` of a tensor or an array; InputError if it is no mask."""
    mask = as_plane(mask, what)
    if is_tensor(mask):
        mask = mask.float() if mask.dtype == namespace(mask).bool else mask
        is_floating = mask.is_floating_point()
    else:
        mask = mask.astype(np.float32) if mask.dtype == np.bool_ else mask
        is_floating = mask.dtype.kind == "f"
    if not is_floating:
        raise InputError(f"{what} must be bool or floating point in [0, 1], not {mask.dtype}: divide by 255")
    bounds = mask.detach().aminmax() if is_tensor(mask) else (mask.min(), mask.max())
    low, high = (float(bound) for bound in bounds)
    if math.isnan(low) or math.isnan(high):
        raise InputError(f"{what} holds NaN: replace it, as by nan_to_num(), with values in [0, 1]")
    if low < 0.0 or high > 1.0:
        raise InputError(f"{what} must lie in [0, 1], not [{low:g}, {high:g}]: divide by its maximum or clamp")
    return mask[None, None]


def as_plane(values: Any, what: str) -> Any:
    """``(H, W)`` of a tensor or an array with or without dimensions of 1 before these."""
    shape = tuple(values.shape)
    if len(shape) not in (2, 3, 4) or 0 in shape or any(side != 1 for side in shape[:-2]):
        raise InputError(f"{what} must be (H, W), (1, H, W) or (1, 1, H, W), not {shape}")
    return values.reshape(shape[-2:])
