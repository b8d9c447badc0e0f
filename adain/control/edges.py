r"""Keeping the photograph's edges: the guided filter of He et al. 2013, on what its light leaves of a result.

With the photograph :math:`g` (three channels), its luma :math:`l` and a stylised picture :math:`y`, every window
:math:`w` of the photograph has the affine map of its colours that comes closest to :math:`y - l`,

.. math:: A_w = \operatorname{Cov}_w(y - l, g)\, (\operatorname{Cov}_w(g) + \varepsilon)^{-1}, \qquad
          b_w = \operatorname{mean}_w(y - l) - A_w \operatorname{mean}_w(g)

(He et al. 2013, "Guided Image Filtering", eq. 19 and 20). With the means :math:`\bar A, \bar b` of all windows about
a pixel, the picture of strength :math:`k` is

.. math:: y + \big(1 - (1 - k)^2\big)\, \big(l + \bar A g + \bar b - y\big), \qquad \text{windows of radius } 256\,k^2
          \text{ px}

Where what becomes of the window, luma and :math:`A_w` together, would have colours more than :data:`STRETCH` times as
far apart as in the photograph, it is scaled down to that, and :math:`b_w` follows. Otherwise a photograph's grain would
be seen in the colours of an artwork of more contrast.

So where the photograph is flat nothing of the strokes is left, but their mean colour and the photograph's own light;
where it has edges they are as sharp as there, and have the colours that the artwork gives both sides. Strokes go
first, as they are smaller than any window; with larger windows the colours become those of the surroundings.

As in the fast guided filter (He and Sun 2015) windows are made of whole cells: sums over a cell of 8 px come from every
pixel of it, all else is computed for cells, and :math:`\bar A, \bar b` pass from one to the next in straight lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from .._utils.arrays import AnyArray, Array, is_tensor, namespace
from .._utils.errors import InputError
from ..image.arrays import LUMA
from ..image.box import Box
from ..image.wrap import FLAT, Axes, axes_of, part
from ..nn.layers import STRIDE
from ..nn.statistics import as_type_of, at_least_float32
from ..options import Options, Wrap

RADIUS = 32.0
"""Radius in cells of the windows at full strength: 256 px."""

EPS = 1e-3
"""Variance of the photograph's colours, in [0, 1], below which an edge counts as texture: a deviation of 8 levels."""

STRETCH = 1.6
"""Times the distance of two colours of the photograph, above which that of what becomes of them is held back."""

EdgeShare: TypeAlias = "tuple[float, float | AnyArray]"
"""A strength, and how much of the picture it is for: one number, or one a pixel ``(1, 1, H, W)``."""

_BAND = 8  # rows of cells that are enlarged together: what the processor's caches hold
_STRIPE = 64  # cells that are averaged together, as all others but those around them weigh nothing


def keep_edges(output: Array, content: Array, strength: float = 1.0, *, wrap: Wrap = Options.wrap) -> Array:
    """A stylised picture with the edges of its photograph, by the module's equation.

    Args:
        output: ``(B, 3, H, W)`` in ``[0, 1]``, the stylised picture: a tensor, or an array.
        content: ``(B, 3, H, W)`` in ``[0, 1]``, the photograph, of the same kind; either batch may be 1.
        strength: in ``[0, 1]``; 0 returns ``output`` itself.
        wrap: which sides meet; those are whole cells of 8 px.

    Returns:
        ``(B, 3, H, W)`` in ``[0, 1]`` and in the dtype of ``output``; the arithmetic is float32 or better.
        Differentiable with respect to both.

    Raises:
        InputError: if the strength is out of range, or the pictures do not fit.
    """
    Options.declared()["keep_edges"].check(strength)
    return shared_edges(output, lambda: content, [(float(strength), 1.0)], wrap)


def shared_edges(
    output: Array, pixels: Callable[[], Array], shares: Sequence[EdgeShare], wrap: Wrap = Options.wrap
) -> Array:
    """:func:`keep_edges` of several strengths, each where and as far as its share says.

    Args:
        pixels: gives those of the photograph; asked only where they are needed.
        shares: sum to at most 1 everywhere.
    """
    shares = asked_for(shares)
    if not shares:
        return output
    content = pixels()
    check_fit(output, content)
    y, g = at_least_float32(output), at_least_float32(content)
    sums = cell_sums(y, g)
    maps = [
        rows_of_maps(sums, CellRows(0, sums.shape[2], sums.shape[2]), strength, axes_of(wrap)) for strength, _ in shares
    ]
    result: Array = as_type_of(output, repaint(y, g, maps, shares))
    return result


def _kind(pixels: Any) -> str | None:
    """Of what they are held in; None for what is no floats."""
    if is_tensor(pixels):
        return "tensor" if pixels.is_floating_point() else None
    return "array" if isinstance(pixels, np.ndarray) and pixels.dtype.kind == "f" else None


def asked_for(shares: Sequence[EdgeShare]) -> list[EdgeShare]:
    """The shares that change anything."""
    return [(strength, share) for strength, share in shares if strength > 0.0]


def check_fit(output: AnyArray, content: AnyArray) -> None:
    """InputError, if a photograph is not that of a result."""
    kinds = [_kind(each) for each in (output, content)]
    if None in kinds or kinds[0] != kinds[1]:
        raise InputError("photograph and result must both be tensors, or both arrays, of floats in [0, 1]")
    several = {output.shape[0], content.shape[0]} - {1}
    if output.ndim != 4 or output.shape[1:] != content.shape[1:] or output.shape[1] != 3 or len(several) > 1:
        raise InputError(
            f"the edges of {tuple(content.shape)} cannot be kept in {tuple(output.shape)}: "
            "photograph and result must be (B, 3, H, W) of one size"
        )


def radius_of(strength: float) -> float:
    """Radius in cells of the windows: small ones, which tell colours near each other apart, up to well over a half."""
    return RADIUS * strength**2


def reach(strength: float) -> int:
    """Cells beyond its own whose sums decide the map of a cell, each way: those of two windows."""
    return 2 * math.ceil(radius_of(strength))


def cell_sums(output: Array, content: Array) -> Array:
    """What the covariances of windows are made of, over each cell: ``(B, 22, ceil(H / 8), ceil(W / 8))``.

    The pixels; the sums of the photograph and of the result less the photograph's luma, by channel; and those of the
    products of each channel with those of the photograph.
    """
    y: Any = output
    g: Any = content
    xp = namespace(y)
    rest: Any = y - luma(g)
    whole = xp.ones_like(g[:1, 0])
    rows, columns = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]
    planes = [whole, *(g[:, k] for k in range(3)), *(rest[:, k] for k in range(3))]
    sums: list[Any] = [_cells(plane) for plane in planes]
    sums += [_cells(g[:, i] * g[:, j]) for i, j in zip(rows, columns, strict=True)]
    sums += [_cells(rest[:, i] * g[:, j]) for i in range(3) for j in range(3)]
    batch = max(y.shape[0], g.shape[0])
    shape = (batch, *sums[0].shape[1:])
    spread: list[Any] = [xp.broadcast_to(total, shape) for total in sums]
    result: Array = xp.stack(spread, 1)
    return result


class CellRows(NamedTuple):
    """CellRows of cells ``top`` to ``bottom`` of a picture of ``total``; sums of it are known from row ``first`` on."""

    top: int
    bottom: int
    total: int
    first: int = 0


def rows_of_maps(sums: Array, rows: CellRows, strength: float, axes: Axes = FLAT) -> Array:
    """The maps of some rows with one cell more around, ``(B, 12, bottom - top + 2, w + 2)``.

    Args:
        sums: of :func:`cell_sums`, of these rows and :func:`reach` and one more each way; of all where top and bottom
            meet.
        axes: which sides meet.
    """
    width, by = sums.shape[3], reach(strength) + 1
    top, bottom, left, right = rows.top - by, rows.bottom + by, 0, width
    if not axes[0]:
        top, bottom = max(top, 0), min(bottom, rows.total)
    if axes[1]:
        left, right = -by, width + by
    near = part(sums, Box(top - rows.first, left, bottom - rows.first, right))
    maps: Any = cell_maps(near, strength)
    # One more where there is one, and the last one again where there is none.
    above, below = min(rows.top - top, 1), min(bottom - rows.bottom, 1)
    aside = 1 if axes[1] else 0
    maps = maps[
        :,
        :,
        rows.top - above - top : rows.bottom + below - top,
        -left - aside : maps.shape[3] - (right - width) + aside,
    ]
    return _padded(maps, (1 - above, 1 - below), (1 - aside, 1 - aside), "edge")  # type: ignore[no-any-return]


def cell_maps(sums: Array, strength: float) -> Array:
    r""":math:`\bar A` row by row and :math:`\bar b`, of each cell: ``(B, 12, h, w)`` of sums ``(B, 22, h, w)``.

    What lies beyond is taken to be no part of the picture; cells further in than :func:`reach` do not depend on it.
    """
    xp, radius = namespace(sums), radius_of(strength)
    moments: Any = windows(sums, radius)
    moments = moments / moments[:, :1]
    mean, own = moments[:, 1:4], moments[:, 4:7]
    first, second, third = mean[:, 0], mean[:, 1], mean[:, 2]
    rr, rg, rb, gg, gb, bb = (moments[:, k] for k in range(7, 13))
    rr, rg, rb = rr - first * first + EPS, rg - first * second, rb - first * third
    gg, gb, bb = gg - second * second + EPS, gb - second * third, bb - third * third + EPS
    spread = xp.stack([rr, rg, rb, rg, gg, gb, rb, gb, bb], -1)
    joint = moments[:, 13:22] - xp.stack([own[:, i] * mean[:, j] for i in range(3) for j in range(3)], 1)
    batch, _, height, width = joint.shape
    joint = xp.moveaxis(joint, 1, -1).reshape(batch, height, width, 3, 3)
    # As the covariance of the photograph is symmetric, the rows of A solve it as columns do.
    matrix = xp.linalg.solve(spread.reshape(batch, height, width, 3, 3), joint.swapaxes(-1, -2))
    matrix = _held_back(matrix.swapaxes(-1, -2))
    matrix = xp.moveaxis(matrix.reshape(batch, height, width, 9), -1, 1)
    shift = [own[:, i] - sum(matrix[:, 3 * i + j] * mean[:, j] for j in range(3)) for i in range(3)]
    maps = xp.concatenate([matrix, xp.stack(shift, 1), xp.ones_like(matrix[:, :1])], 1)
    summed: Any = windows(maps, radius)
    result: Array = summed[:, :12] / summed[:, 12:]
    return result


def _held_back(matrix: Any) -> Any:
    """Matrices ``(..., 3, 3)`` of maps that stretch no colours more than :data:`STRETCH` times.

    The stretch is taken as Schatten's norm of order 32, which is the largest singular value or up to 3.5 % more: it
    needs no decomposition, and has a gradient everywhere.
    """
    luma_row = matrix.new_tensor(LUMA) if is_tensor(matrix) else np.asarray(LUMA, matrix.dtype)
    whole = matrix + luma_row
    # Divided first, as those that count are then powers of 1 to 9: with EPS no map stretches more than 14 times.
    power = whole @ whole.swapaxes(-1, -2) / STRETCH**2
    for _ in range(4):
        power = power @ power
    trace = namespace(matrix).einsum("...ii", power)[..., None, None]
    return whole * trace.clip(min=1.0) ** (-1 / 32) - luma_row


def windows(values: Array, radius: float) -> Array:
    """Sums of values ``(B, C, h, w)`` over squares of ``2 radius + 1`` a side, as far as there are values.

    Of a radius that is no whole number the outermost ones count in part.
    """
    for axis in (-1, -2):
        values = _along(values, radius, axis)
    return values


def repaint(output: Array, content: Array, maps: Sequence[Array], shares: Sequence[EdgeShare]) -> Array:
    """The picture of strength k, of the maps of cells with those around them, ``(B, 12, h + 2, w + 2)`` for each share.

    Args:
        output, content: ``(B, 3, H, W)``, whose first pixels are the first ones of a cell.
        shares: cut to the same pixels.
    """
    bands: list[Any] = []
    cells, height = -(-output.shape[2] // STRIDE), output.shape[2]
    for top in range(0, cells, _BAND):
        last = min(top + _BAND, cells)
        rows = slice(top * STRIDE, min(last * STRIDE, height))
        y: Any = output[:, :, rows]
        g: Any = content[:, :, rows]
        light, change = luma(g), 0.0
        for known, (strength, share) in zip(maps, shares, strict=True):
            a = _enlarged(known[:, :, top : last + 2], (y.shape[2], y.shape[3]))
            filtered = [
                light[:, 0]
                + a[:, 3 * i] * g[:, 0]
                + a[:, 3 * i + 1] * g[:, 1]
                + a[:, 3 * i + 2] * g[:, 2]
                + a[:, 9 + i]
                for i in range(3)
            ]
            own = share if isinstance(share, float | int) else share[..., rows, :]
            change = change + (1.0 - (1.0 - strength) ** 2) * own * (namespace(y).stack(filtered, 1).clip(0.0, 1.0) - y)
        bands.append((y + change).clip(0.0, 1.0))
    joined: Array = bands[0] if len(bands) == 1 else namespace(output).concatenate(bands, 2)
    return joined


def luma(pixels: Array) -> Array:
    """``(B, 1, H, W)`` of ``(B, 3, H, W)``; BT.601."""
    p: Any = pixels
    return p[:, :1] * float(LUMA[0]) + p[:, 1:2] * float(LUMA[1]) + p[:, 2:] * float(LUMA[2])  # type: ignore[no-any-return]


def _cells(planes: Any) -> Any:
    """``(B, H, W)`` summed over each cell: ``(B, ceil(H / 8), ceil(W / 8))``."""
    batch, height, width = planes.shape
    below, right = -height % STRIDE, -width % STRIDE
    if below or right:
        planes = _padded(planes, (0, below), (0, right), "constant")
    rows = planes.reshape(batch, -1, STRIDE, width + right).sum(2)
    return rows.reshape(batch, rows.shape[1], -1, STRIDE).sum(3)


def _padded(values: Any, down: tuple[int, int], across: tuple[int, int], mode: str) -> Any:
    if not any((*down, *across)):
        return values
    if not is_tensor(values):
        return np.pad(values, [(0, 0)] * (values.ndim - 2) + [down, across], mode=mode)  # type: ignore[call-overload]
    from torch.nn.functional import pad

    return pad(values, (*across, *down), mode={"constant": "constant", "edge": "replicate"}[mode])


def _along(values: Any, radius: float, axis: int) -> Any:
    """Sums along an axis, in stripes, by one matrix each."""
    side, by = values.shape[axis], math.ceil(radius)
    turned = values if axis == -1 else values.swapaxes(-1, -2)
    stripes = []
    for first, near in _stripes(side, by):
        places = np.arange(first, min(first + _STRIPE, side))
        weights = np.clip(radius + 1.0 - np.abs(np.arange(near.start, near.stop)[:, None] - places), 0.0, 1.0)
        matrix = values.new_tensor(weights.tolist()) if is_tensor(values) else weights.astype(values.dtype)
        stripes.append(turned[..., near] @ matrix)
    joined = stripes[0] if len(stripes) == 1 else namespace(values).concatenate(stripes, -1)
    return joined if axis == -1 else joined.swapaxes(-1, -2)


def _stripes(side: int, by: int) -> Iterator[tuple[int, slice]]:
    for first in range(0, side, _STRIPE):
        yield first, slice(max(first - by, 0), min(first + _STRIPE + by, side))


def _enlarged(maps: Any, size: tuple[int, int]) -> Any:
    """``(B, C, h + 2, w + 2)`` at the pixels of the h × w cells inside, bilinear, cut to that size."""
    rows, columns = slice(STRIDE, STRIDE + size[0]), slice(STRIDE, STRIDE + size[1])
    if is_tensor(maps):
        from torch.nn.functional import interpolate

        return interpolate(maps, scale_factor=STRIDE, mode="bilinear", align_corners=False)[..., rows, columns]
    height, width = maps.shape[2:]
    large = np.empty((*maps.shape[:2], height * STRIDE, width * STRIDE), np.float32)
    for place in np.ndindex(*maps.shape[:2]):
        plane = Image.fromarray(np.ascontiguousarray(maps[place], np.float32))
        large[place] = plane.resize((width * STRIDE, height * STRIDE), Image.Resampling.BILINEAR)
    return large[..., rows, columns]
