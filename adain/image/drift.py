r"""How far the edges of a photograph have moved in what became of it, in pixels.

Edges are where the colour gradient of Di Zenzo 1986 ("A note on the gradient of a multi-image"), of the picture under a
Gaussian, is greatest along its own direction (Canny 1986). Around each lies a patch, turned so that one side runs along
the edge; the same patch of the result is pushed across the edge, along its normal, to where the two agree best. What is
compared are gradients, so that lightness does not count; by the absolute normalised correlation

.. math:: \rho(t)^2 = \frac{\left(\sum_x G_x\, \nabla P_x \cdot \nabla R_{x + tn}\right)^2}
    {\sum_x G_x \lVert\nabla P_x\rVert^2 \; \sum_x G_x \lVert\nabla R_{x + tn}\rVert^2}

in a Gaussian window :math:`G`, of the photograph :math:`P` along the direction in colour in which it changes most
there, and of the result :math:`R` along that in which it agrees most, so that contrast, its sign and the choice of
colours do not count either. The edge has moved by the :math:`t` of the greatest :math:`\rho`, to a fraction of a pixel
by a parabola, and is *lost* where that does not exceed :data:`AGREEMENT`, which unrelated pictures seldom do. Those
that do nevertheless lie anywhere within the radius, by the median half of it away: chance makes drifts larger, not
smaller. A thin line whose sides change places, light for dark, looks moved by its width. A measure of this project's
own.

Along an edge nothing can be seen to move: what is measured is motion across it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .._utils.arrays import FloatArray
from .._utils.errors import InputError
from .box import Box

RADIUS = 8.0
"""How far an edge is looked for on either side, in pixels: a cell of the features."""

AGREEMENT = 0.7
"""The correlation below which an edge is lost."""

SCALE = 1.2
"""Deviation of the Gaussian under which pictures are differentiated, in pixels."""

STRONG = 0.25
"""Least gradient of an edge, as a part of the 99th percentile of those of the photograph's edges."""

FAINTEST = 0.01
"""Least gradient of an edge in any photograph, of a range of 1 and in 1/px: less is noise."""

MOST_EDGES = 600
"""Points of edges that are looked at where nothing is said; a picture's median needs no more."""

_STEP = 0.5  # of what is tried, in px
_ACROSS, _ALONG, _PACE = 3.0, 4, 2.0
_SPREAD = (1.8, 4.0)  # deviations of its window, across and along
_SIDE = 1024  # of the squares that large pictures are differentiated in
_HALO = math.ceil(4 * SCALE) + 1
_RIM = 3  # px along the border without edges
_FLAT = 1e-3  # what is no gradient, in 1/px: a quarter of a level of 255


@dataclass(frozen=True, eq=False)
class Drift:
    """How far each edge has moved.

    Attributes:
        places: ``(N, 2)`` row and column of points on the photograph's edges, in px.
        normals: ``(N, 2)`` unit vectors across them, likewise.
        moved: ``(N,)`` px along the normal; NaN for an edge that is lost.
    """

    places: FloatArray
    normals: FloatArray
    moved: FloatArray

    @property
    def count(self) -> int:
        """Of the photograph's edges that were looked for."""
        return len(self.moved)

    @cached_property
    def _found(self) -> npt.NDArray[np.bool_]:
        return np.isfinite(self.moved)

    @property
    def lost(self) -> float:
        """The share of edges that are not found again, in ``[0, 1]``; 0 of a photograph without any. Lower is better.

        Of pictures that have nothing to do with the photograph four fifths are lost, and more. A measure of this
        project's own.
        """
        return 0.0 if not self.count else 1.0 - float(self._found.mean())

    def percentile(self, share: float) -> float:
        """How far that many per cent of the edges that are found have moved at most: ≥ 0, in px. Lower is better.

        0 of a photograph without edges, infinite where all are lost.
        """
        if not self.count:
            return 0.0
        found = np.abs(self.moved[self._found])
        return float(np.percentile(found, share)) if len(found) else math.inf

    @property
    def half(self) -> float:
        """How far half of *all* edges have moved at most, those that are lost counted as infinitely far.

        ≥ 0, in px; 0 of a photograph without edges. Lower is better.
        """
        far = np.sort(np.where(self._found, np.abs(self.moved), np.inf))
        return float(far[(self.count - 1) // 2]) if self.count else 0.0

    @property
    def median(self) -> float:
        """How far half of the edges that are found have moved at most: ≥ 0, in px. Lower is better.

        A measure of this project's own; :mod:`adain.image.drift` says how edges are found again.
        """
        return self.percentile(50)

    @property
    def high(self) -> float:
        """How far nine tenths of the edges that are found have moved at most: ≥ 0, in px. Lower is better.

        A measure of this project's own, and the first to notice what was found by chance.
        """
        return self.percentile(90)

    @cached_property
    def offset(self) -> tuple[float, float]:
        """By how much the whole has moved, down and to the right in px.

        The vector whose parts along the normals are nearest to what the edges have moved by, in the sum of absolute
        differences (by iteratively reweighted least squares); NaN where too few edges are found, or all run one way.
        """
        normals, moved = self.normals[self._found].astype(float), self.moved[self._found].astype(float)
        if len(moved) < 8:
            return math.nan, math.nan
        weights, vector = np.ones(len(moved)), np.zeros(2)
        for _ in range(20):
            weighted = normals * weights[:, None]
            system = weighted.T @ normals
            if np.linalg.cond(system) > 1e4:
                return math.nan, math.nan
            vector = np.linalg.solve(system, weighted.T @ moved)
            weights = 1.0 / np.maximum(np.abs(moved - normals @ vector), 0.02)
        return float(vector[0]), float(vector[1])

    def sides(self, box: Box, band: float = 4.0) -> tuple[float, float, float, float]:
        """By how much the sides of a box have moved: top and bottom downwards, left and right to the right, in px.

        Each by the median over the edges within ``band`` px of it that run along it, to 30°; NaN for a side that has
        fewer than three.

        Args:
            box: ``(top, left, bottom, right)`` in px.
            band: half the width of what belongs to a side, in px.
        """
        found = self._found
        rows, columns = self.places[found].T
        (down, right), moved = self.normals[found].T, self.moved[found]
        inside_rows = (rows >= box.top - band) & (rows <= box.bottom + band)
        inside_columns = (columns >= box.left - band) & (columns <= box.right + band)
        shifts = []
        for at, position, normal, within in (
            (box.top, rows, down, inside_columns),
            (box.left, columns, right, inside_rows),
            (box.bottom, rows, down, inside_columns),
            (box.right, columns, right, inside_rows),
        ):
            # A box ends before the pixel of its last side, whose centre is half a pixel further.
            near = (np.abs(position - (at - 0.5)) <= band) & within & (np.abs(normal) > math.cos(math.radians(30)))
            shifts.append(float(np.median(moved[near] * normal[near])) if near.sum() >= 3 else math.nan)
        top, left, bottom, end = shifts
        return top, left, bottom, end


@dataclass(frozen=True, eq=False)
class Edges:
    """The edges of a photograph, to be looked for in any number of results.

    Attributes:
        places, normals: see :class:`Drift`.
        patches: ``(N, along, across, 2)`` gradients around each, along its own direction in colour.
        size: height and width of the photograph in px.
    """

    places: FloatArray
    normals: FloatArray
    patches: FloatArray
    size: tuple[int, int]

    @classmethod
    def of(cls, photograph: npt.NDArray[Any], *, most: int = MOST_EDGES) -> Edges:
        """The edges of an array ``(H, W, 3)`` or ``(H, W)``: uint8, uint16, or floats in ``[0, 1]``.

        Args:
            photograph: it.
            most: points to look at; of more, as many evenly in the order of reading.
        """
        size, found = photograph.shape[:2], []
        for inner, fields in _fields(photograph):
            points = _points(fields)
            points[:, :2] += (inner.top - _HALO, inner.left - _HALO)
            found.append(points[_within(points, inner)])
        points = np.concatenate(found)
        # What goes on beyond the border is not known.
        points = points[_within(points, Box(_RIM, _RIM, size[0] - _RIM, size[1] - _RIM))]
        if len(points):
            points = points[points[:, 4] >= max(FAINTEST, STRONG * float(np.percentile(points[:, 4], 99)))]
        points = points[np.lexsort((points[:, 1], points[:, 0]))]
        if len(points) > most:
            points = points[np.linspace(0, len(points) - 1, most).round().astype(int)]
        places, normals = points[:, :2], points[:, 2:4]
        patches = np.empty((len(points), *_window().shape, 2), np.float32)
        for chosen, fields, corner in _near(photograph, places, _ACROSS):
            strip = _strip(fields, places[chosen] - corner, normals[chosen], _ACROSS)
            spread = np.einsum("nvuck,nvudk,vu->ncd", strip, strip, _window(), optimize=True)
            change = np.linalg.eigh(spread)[1][:, :, -1]  # the direction in colour in which there is most change
            patches[chosen] = np.einsum("nvuck,nc->nvuk", strip, change)
        return cls(places, normals, patches, size)

    def drift(self, result: npt.NDArray[Any], radius: float = RADIUS) -> Drift:
        """How far they have moved in a result.

        Args:
            result: an array as above, of the photograph's height and width.
            radius: how far they are looked for on either side, in px.

        Raises:
            InputError: if the sizes differ.
        """
        if result.shape[:2] != self.size:
            (height, width), (h, w) = self.size, result.shape[:2]
            raise InputError(f"edges of a photograph of {width}x{height} px cannot be looked for in {w}x{h} px")
        moved = np.full(len(self.places), np.nan, np.float32)
        for chosen, fields, corner in _near(result, self.places, radius + _ACROSS):
            strip = _strip(fields, self.places[chosen] - corner, self.normals[chosen], radius + _ACROSS)
            moved[chosen] = _best(_agreement(self.patches[chosen], strip))
        return Drift(self.places, self.normals, moved)


def edge_drift(photograph: npt.NDArray[Any], result: npt.NDArray[Any], *, radius: float = RADIUS) -> Drift:
    """How far the edges of a photograph have moved in a result of its size; see :class:`Edges`, :class:`Drift`."""
    return Edges.of(photograph).drift(result, radius)


def _unit(part: npt.NDArray[Any]) -> FloatArray:
    """``(H, W, C)`` float32 in ``[0, 1]``."""
    values = part[..., None] if part.ndim == 2 else part[..., :3]
    top = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    return values.astype(np.float32) / np.float32(top)


def _gradients(pixels: FloatArray) -> FloatArray:
    """``(H, W, C, 2)``: the change of each channel downwards and to the right, under the Gaussian."""
    reach = math.ceil(4 * SCALE)
    at = np.arange(-reach, reach + 1, dtype=np.float64)
    bell = np.exp(-0.5 * (at / SCALE) ** 2)
    bell /= bell.sum()
    slope = at * bell / (at * at * bell).sum()  # 1 on a ramp of 1

    def along(values: FloatArray, taps: npt.NDArray[np.float64], axis: int) -> FloatArray:
        count = values.shape[axis]
        # Beyond its border a picture goes on as it ends.
        wide = np.pad(values, [(reach, reach) if k == axis else (0, 0) for k in range(3)], mode="edge")
        total = np.zeros_like(values)
        for k, tap in enumerate(taps):
            total += np.float32(tap) * (wide[k : k + count] if axis == 0 else wide[:, k : k + count])
        return total

    smooth = [along(pixels, bell, axis) for axis in (1, 0)]
    return np.stack([along(smooth[0], slope, 0), along(smooth[1], slope, 1)], axis=-1)


def _fields(picture: npt.NDArray[Any]) -> Iterator[tuple[Box, FloatArray]]:
    """Squares of a picture with their gradients, ``_HALO`` px wider on each side, 0 beyond the border."""
    height, width = picture.shape[:2]
    for top in range(0, height, _SIDE):
        for left in range(0, width, _SIDE):
            inner = Box(top, left, min(top + _SIDE, height), min(left + _SIDE, width))
            yield inner, _field(picture, inner, _HALO)


def _field(picture: npt.NDArray[Any], inner: Box, margin: int) -> FloatArray:
    """The gradients of a box and ``margin`` px around it, 0 beyond the border."""
    size = picture.shape[:2]
    kept, read = inner.grown(margin, size), inner.grown(margin + _HALO, size)
    gradients = _gradients(_unit(picture[read.slices]))[kept.within(read).slices]
    missing = [
        (margin - (inner.top - kept.top), margin - (kept.bottom - inner.bottom)),
        (margin - (inner.left - kept.left), margin - (kept.right - inner.right)),
    ]
    return np.pad(gradients, [*missing, (0, 0), (0, 0)])


def _points(gradients: FloatArray) -> FloatArray:
    """Points of edges, each row and column, normal, and gradient: ``(N, 5)``."""
    down, right = gradients[..., 0], gradients[..., 1]
    yy, xx, xy = ((a * b).sum(axis=-1) for a, b in ((down, down), (right, right), (down, right)))
    half, mean = np.hypot((yy - xx) / 2, xy), (yy + xx) / 2
    strength = np.sqrt(mean + half)
    angle = np.arctan2(2 * xy, yy - xx) / 2  # of the normal, from downwards
    inner = strength[1:-1, 1:-1]
    rows, columns = np.nonzero(inner >= FAINTEST)
    rows, columns = rows + 1, columns + 1
    normals = np.stack([np.cos(angle[rows, columns]), np.sin(angle[rows, columns])], axis=1)
    at = np.stack([rows, columns], axis=1).astype(np.float32)
    before, here, after = (_sampled(strength[..., None], at + k * normals)[:, 0] for k in (-1, 0, 1))
    peak = (here > before) & (here >= after)
    at, normals, before, here, after = (values[peak] for values in (at, normals, before, here, after))
    # To a fraction of a pixel, so that what is symmetric about an edge is so in its patch.
    aside = (before - after) / np.minimum(before - 2 * here + after, -1e-12) / 2
    return np.concatenate([at + aside[:, None] * normals, normals, here[:, None]], axis=1).astype(np.float32)


def _near(
    picture: npt.NDArray[Any], places: FloatArray, across: float
) -> Iterator[tuple[npt.NDArray[np.intp], FloatArray, FloatArray]]:
    """The numbers of the points of each square, the gradients around it, and where the corner of these lies."""
    height, width = picture.shape[:2]
    margin = math.ceil(math.hypot(across, _ALONG * _PACE)) + 2
    for top in range(0, height, _SIDE):
        for left in range(0, width, _SIDE):
            inner = Box(top, left, min(top + _SIDE, height), min(left + _SIDE, width))
            numbers = np.flatnonzero(_within(places, inner))
            if len(numbers):
                corner = np.array([inner.top - margin, inner.left - margin], np.float32)
                yield numbers, _field(picture, inner, margin), corner


def _within(places: FloatArray, box: Box) -> npt.NDArray[np.bool_]:
    """Which places are nearest to a pixel of a box."""
    row, column = np.rint(places[:, 0]), np.rint(places[:, 1])
    within: npt.NDArray[np.bool_] = (row >= box.top) & (row < box.bottom) & (column >= box.left) & (column < box.right)
    return within


def _strip(gradients: FloatArray, places: FloatArray, normals: FloatArray, across: float) -> FloatArray:
    """Gradients ``(N, along, across, C, 2)`` around points, on a lattice turned to their normals."""
    u = np.arange(-round(across / _STEP), round(across / _STEP) + 1, dtype=np.float32) * np.float32(_STEP)
    v = np.arange(-_ALONG, _ALONG + 1, dtype=np.float32) * np.float32(_PACE)
    tangents = np.stack([-normals[:, 1], normals[:, 0]], axis=1)
    at = places[:, None, None] + u[:, None] * normals[:, None, None] + v[:, None, None] * tangents[:, None, None]
    return _sampled(gradients, at)


def _sampled(field: FloatArray, at: FloatArray) -> FloatArray:
    """The values of a field at places ``(..., 2)`` that lie within it, between its own linearly."""
    corner = np.floor(at).astype(np.int32)
    corner = np.clip(corner, 0, np.array(field.shape[:2], np.int32) - 2)
    part = (at - corner).astype(np.float32)
    flat, width = field.reshape(-1, *field.shape[2:]), field.shape[1]
    first = corner[..., 0] * width + corner[..., 1]
    more = (None,) * (field.ndim - 2)
    y, x = part[(..., 0, *more)], part[(..., 1, *more)]
    above = flat[first] * (1 - x) + flat[first + 1] * x
    below = flat[first + width] * (1 - x) + flat[first + width + 1] * x
    sampled: FloatArray = above * (1 - y) + below * y
    return sampled


def _window() -> FloatArray:
    """The weights of a patch, ``(along, across)``, of sum 1."""
    u = np.arange(-round(_ACROSS / _STEP), round(_ACROSS / _STEP) + 1) * _STEP
    v = np.arange(-_ALONG, _ALONG + 1) * _PACE
    window = np.exp(-0.5 * ((v[:, None] / _SPREAD[1]) ** 2 + (u / _SPREAD[0]) ** 2))
    weights: FloatArray = (window / window.sum()).astype(np.float32)
    return weights


def _agreement(patches: FloatArray, strips: FloatArray) -> FloatArray:
    """The squared correlation of each patch with its strip at every step across it: ``(N, steps)``."""
    window = _window()
    width = window.shape[1]
    steps = strips.shape[2] - width + 1
    weighted = patches * window[..., None]
    own = (weighted * patches).sum(axis=(1, 2, 3))
    found = np.zeros((len(patches), steps), np.float32)
    for k in range(steps):
        part = strips[:, :, k : k + width]
        product = np.einsum("nvuck,nvuk->nc", part, weighted, optimize=True)
        square = np.square(product).sum(axis=1)
        # The result along its own direction in colour: that in which it agrees most.
        product /= np.sqrt(np.maximum(square, 1e-30))[:, None]
        along = np.einsum("nvuck,nc->nvuk", part, product, optimize=True)
        around = np.einsum("nvuk,vu->n", np.square(along), window, optimize=True)
        found[:, k] = square / (own * np.maximum(around, _FLAT**2))
    return found


def _best(agreement: FloatArray) -> FloatArray:
    """Where the correlation is greatest, in px from the middle; NaN where it is too small or at an end."""
    count, steps = agreement.shape
    number, best = np.arange(count), agreement.argmax(axis=1)
    is_lost = (agreement[number, best] < AGREEMENT**2) | (best == 0) | (best == steps - 1)
    inner = best.clip(1, steps - 2)
    before, here, after = (agreement[number, inner + k] for k in (-1, 0, 1))
    bend = np.minimum(before - 2 * here + after, -1e-12)
    exact = inner + (before - after) / bend / 2 - (steps - 1) / 2
    moved: FloatArray = np.where(is_lost, np.nan, exact * _STEP).astype(np.float32)
    return moved


def drift_of_boxes(drift: Drift, boxes: Sequence[tuple[int, int, int, int]], band: float = 4.0) -> FloatArray:
    """By how much the sides of boxes have moved: ``(N, 4)`` px, top and bottom downwards, left and right to the right.

    Args:
        drift: of many edges, such as ``Edges.of(photograph, most=4000).drift(result)``.
        boxes: ``(top, left, bottom, right)`` each, in px.
        band: see :meth:`Drift.sides`, which says what NaN means.
    """
    return np.array([drift.sides(Box(*box), band) for box in boxes], np.float32).reshape(-1, 4)
