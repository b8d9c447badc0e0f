"""Pictures whose opposite sides meet, as those of a panorama or of a texture that repeats.

They are read beyond their sides as if they went on for ever, and resized so that no seam appears.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.arrays import Array, device_of, is_tensor, moved, namespace
from ..options import Options, Wrap
from .box import Box
from .resize import cut
from .stored import StoredPicture
from .strips import Photograph

Axes = tuple[bool, bool]
"""Whether a picture goes on beyond its top and bottom, and beyond its left and right."""

FLAT: Axes = (False, False)

PERIOD = 16
"""A side that wraps is a multiple of so many pixels while it is painted: whole cells, and half of it, too."""

Weights: TypeAlias = npt.NDArray[np.float64]

_SUPPORT = 3  # pixels, of the larger of both sizes, that Lanczos looks at each way; the other filters look at fewer


def axes_of(wrap: Wrap) -> Axes:
    """Which sides a choice of :attr:`adain.Options.wrap` joins; InputError, if it is none."""
    Options.declared()["wrap"].check(wrap)
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


def picture_part(image: Image.Image | Photograph | StoredPicture, box: Box) -> Image.Image:
    """:func:`part` of a picture."""
    rows, columns = _pieces(box.top, box.bottom, image.height), _pieces(box.left, box.right, image.width)
    if len(rows) == len(columns) == 1:
        return cut(image, (columns[0].start, rows[0].start, columns[0].stop, rows[0].stop))
    mode = image.mode if isinstance(image, Image.Image) else "RGB"
    whole = Image.new(mode, (box.right - box.left, box.bottom - box.top))
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


def resize_picture(image: Image.Image, size: tuple[int, int], axes: Axes) -> Image.Image:
    """A picture at another height and width, by Lanczos: around the sides where it wraps."""
    height, width = size
    if (image.height, image.width) == size:
        return image
    down, across = (
        _margin(old, new) if around else 0
        for old, new, around in zip((image.height, image.width), size, axes, strict=True)
    )
    wide = picture_part(image, Box(-down, -across, image.height + down, image.width + across))
    # Pillow's filters look at what lies outside of the box, where there is something.
    return wide.resize(
        (width, height), Image.Resampling.LANCZOS, (across, down, across + image.width, down + image.height)
    )


class Filter(NamedTuple):
    """What pixels are averaged by: its reach in those of the coarser picture, and its weight at a distance."""

    reach: int
    weight: Callable[[Weights], Weights]


LANCZOS = Filter(3, lambda x: np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0))
TRIANGLE = Filter(1, lambda x: np.maximum(1.0 - np.abs(x), 0.0))


def resize_values(values: Array, size: tuple[int, int], axes: Axes, by: Filter = LANCZOS) -> Array:
    """``(B, C, H, W)`` in ``[0, 1]``, a tensor or an array, at another height and width, likewise.

    As Pillow does it with pictures: the same filters, wider where a picture becomes smaller. Differentiable.
    """
    old = tuple(values.shape[-2:])
    if old == size:
        return values
    taps = [None if a == b else _taps(a, b, around, by) for a, b, around in zip(old, size, axes, strict=True)]

    def resized(some: Any) -> Any:
        for axis in (1, 0):
            if (tap := taps[axis]) is not None:
                some = _averaged(some, axis - 2, *tap)
        return some.clip(0.0, 1.0)

    device = device_of(values)
    if is_tensor(values) and (values.requires_grad or values.device.type != "cpu" or values.dtype.itemsize < 4):
        tensor: Array = resized(values)
        return tensor
    given: Any = moved(values, None)
    result = np.empty((*given.shape[:2], *size), given.dtype)
    for place in np.ndindex(*given.shape[:2]):  # one by one, as that takes less memory
        result[place] = resized(given[place])
    made: Array = moved(result, device)
    return made


def _taps(old: int, new: int, around: bool, by: Filter) -> tuple[npt.NDArray[np.int64], Weights]:
    """For each pixel of a side, which of the old ones it is made of, and what they weigh: ``(K, new)`` each."""
    step = old / new
    stretch = max(1.0, step)
    centres = (np.arange(new) + 0.5) * step
    places = (
        np.floor(centres - by.reach * stretch).astype(np.int64)
        + np.arange(math.ceil(2 * by.reach * stretch) + 2)[:, None]
    )
    weights = by.weight((places + 0.5 - centres) / stretch)
    if not around:
        weights[(places < 0) | (places >= old)] = 0.0
    return places % old, weights / weights.sum(axis=0)


def _averaged(values: Any, axis: int, places: npt.NDArray[np.int64], weights: Weights) -> Any:
    device, total = device_of(values), None
    for place, weight in zip(places, weights, strict=True):
        if weight.any():
            index, factor = moved(place, device), moved(weight.astype(np.float32), device)
            some = values.index_select(axis, index) if is_tensor(values) else np.take(values, index, axis)
            some = some * (factor if axis == -1 else factor[:, None])
            total = some if total is None else total + some
    return total


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
