"""Pictures whose opposite sides meet, as those of a panorama or of a texture that repeats.

They are read beyond their sides as if they went on for ever, and resized so that no seam appears.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from .._utils.arrays import Array, is_tensor, namespace
from ..options import Wrap
from .box import Box
from .resize import cut

Axes = tuple[bool, bool]
"""Whether a picture goes on beyond its top and bottom, and beyond its left and right."""

FLAT: Axes = (False, False)

PERIOD = 16
"""A side that wraps is a multiple of so many pixels while it is painted: whole cells, and half of it, too."""

_SUPPORT = 3  # pixels, of the larger of both sizes, that Lanczos looks at each way; the other filters look at fewer


def axes_of(wrap: Wrap) -> Axes:
    """Which sides a choice of :attr:`adain.Options.wrap` joins."""
    return wrap in ("y", "xy"), wrap in ("x", "xy")


def whole_periods(size: tuple[int, int], axes: Axes) -> tuple[int, int]:
    """A height and a width with the wrapping ones at the nearest multiple of :data:`PERIOD`, at least one."""
    height, width = (
        max(1, (side + PERIOD // 2) // PERIOD) * PERIOD if around else side
        for side, around in zip(size, axes, strict=True)
    )
    return height, width


def part(values: Array, box: Box) -> Array:
    """The values of a box of ``(..., H, W)``, a tensor or an array, as if they went on for ever each way.

    One that lies inside is a view, as by indexing.
    """
    rows = _pieces(box.top, box.bottom, values.shape[-2])
    columns = _pieces(box.left, box.right, values.shape[-1])
    if len(rows) == len(columns) == 1:
        return values[..., rows[0], columns[0]]
    join = namespace(values).concatenate
    whole: Array = join([join([values[..., r, c] for c in columns], -1) for r in rows], -2)
    return whole


def picture_part(image: Image.Image, box: Box) -> Image.Image:
    """:func:`part` of a picture."""
    rows, columns = _pieces(box.top, box.bottom, image.height), _pieces(box.left, box.right, image.width)
    if len(rows) == len(columns) == 1:
        return cut(image, (columns[0].start, rows[0].start, columns[0].stop, rows[0].stop))
    whole = Image.new(image.mode, (box.right - box.left, box.bottom - box.top))
    top = 0
    for r in rows:
        left = 0
        for c in columns:
            whole.paste(cut(image, (c.start, r.start, c.stop, r.stop)), (left, top))
            left += c.stop - c.start
        top += r.stop - r.start
    return whole


def extended(values: Array, by: Sequence[int]) -> Array:
    """``(..., H, W)`` with so many rows and columns more at each end, from the opposite one."""
    return part(values, Box(-by[0], -by[1], values.shape[-2] + by[0], values.shape[-1] + by[1]))


def inner(values: Array, by: Sequence[int]) -> Array:
    """Undo :func:`extended`."""
    return values[..., by[0] : values.shape[-2] - by[0], by[1] : values.shape[-1] - by[1]]


def resize_picture(
    image: Image.Image, size: tuple[int, int], axes: Axes, resample: Image.Resampling = Image.Resampling.LANCZOS
) -> Image.Image:
    """A picture at another height and width; where it wraps, pixels at a side are mixed with those of the other."""
    height, width = size
    if (image.height, image.width) == size:
        return image
    down, across = (
        _margin(old, new) if around else 0
        for old, new, around in zip((image.height, image.width), size, axes, strict=True)
    )
    wide = picture_part(image, Box(-down, -across, image.height + down, image.width + across))
    # Pillow's filters look at what lies outside of the box, where there is something.
    return wide.resize((width, height), resample, (across, down, across + image.width, down + image.height))


def resize_values(
    values: Array, size: tuple[int, int], axes: Axes, resize: Callable[[Any, tuple[int, int]], Any] | None = None
) -> Array:
    """``(B, C, H, W)`` at another height and width, likewise.

    Args:
        values: a tensor or an array, in ``[0, 1]``.
        size: height and width.
        axes: where it wraps.
        resize: how that is done where nothing wraps; None for bicubic and antialiased, as pixels are.
    """
    resize = resize or _bicubic
    old = tuple(values.shape[-2:])
    if old == size:
        return values
    before, after = [0, 0], [0, 0]
    for k, around in enumerate(axes):
        if around:  # so many that they, too, become whole pixels
            step = old[k] // math.gcd(old[k], size[k])
            before[k] = step * -(-_margin(old[k], size[k]) // step)
            after[k] = before[k] * size[k] // old[k]

    def resized(some: Any) -> Any:
        return inner(resize(extended(some, before), (size[0] + 2 * after[0], size[1] + 2 * after[1])), after)

    if is_tensor(values):
        tensor: Array = resized(values)
        return tensor
    result: Any = np.empty((*values.shape[:2], *size), np.float32)
    for place in np.ndindex(*values.shape[:2]):  # one by one, as that takes less memory
        result[place] = resized(values[place][None, None])[0, 0]
    array: Array = result
    return array


def _bicubic(values: Any, size: tuple[int, int]) -> Any:
    if is_tensor(values):
        from .tensors import resize_to

        return resize_to(values, size)
    plane = Image.fromarray(np.ascontiguousarray(values[0, 0], np.float32))
    return np.asarray(plane.resize(size[::-1], Image.Resampling.BICUBIC)).clip(0.0, 1.0)[None, None]


def _margin(old: int, new: int) -> int:
    """Pixels beyond a side that a filter looks at when it is resized."""
    return math.ceil(_SUPPORT * max(1.0, old / new)) + 1


def _pieces(start: int, stop: int, side: int) -> list[slice]:
    """What lies from ``start`` to ``stop`` of something that repeats itself every ``side``."""
    found = []
    while start < stop:
        first = start % side
        last = min(side, first + stop - start)
        found.append(slice(first, last))
        start += last - first
    return found
