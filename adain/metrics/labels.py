"""What stylising does to labels: whether a label map is still what a segmentation finds, and where its boundaries are.

Edges of the photograph themselves are followed by :mod:`adain.image.drift`.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .._utils.arrays import moved
from .._utils.errors import InputError, MissingFileError
from ..control.labels import UNLABELLED, open_label_map
from ..image import DEFAULT_MAX_PIXELS, list_images
from ..image.drift import Drift
from ..image.resize import scaled
from .options import Fit

Labels: TypeAlias = "npt.NDArray[np.int64]"
"""The label of every pixel, ``(H, W)``."""

Segment: TypeAlias = Callable[[npt.NDArray[np.uint8]], Any]
"""A segmentation: from ``(H, W, 3)`` uint8 to the label of every pixel, ``(H, W)`` integers, of NumPy or torch."""

BOUNDARY_TOLERANCE = 0.0075
"""How far apart boundaries may lie, as a part of the picture's diagonal (Csurka et al. 2013)."""

WITHIN = 2.0
"""How far the edges of a boundary may move and be kept, in px."""


def mean_iou(found: Labels, wanted: Labels, ignored: Sequence[int] = (UNLABELLED,)) -> float:
    r"""Mean intersection over union of two label maps (Everingham et al. 2015, "The PASCAL VOC Challenge", sec. 4.2).

    .. math:: \frac{1}{|L|} \sum_{l \in L} \frac{|F_l \cap W_l|}{|F_l \cup W_l|}

    over the labels :math:`L` that either of them has, of one picture.

    Args:
        found: ``(H, W)`` labels, such as a segmentation's of the result.
        wanted: likewise, those of the photograph.
        ignored: labels of ``wanted`` whose pixels do not count, whatever is found there.

    Returns:
        In ``[0, 1]``; 1 for the same map, NaN where no pixel counts. Higher is better.

    Raises:
        InputError: if the shapes differ.
    """
    _check_alike(found, wanted)
    counts = ~np.isin(wanted, ignored)
    first, second = found[counts], wanted[counts]
    present = np.union1d(first, second)
    if not len(present):
        return math.nan
    first, second = np.searchsorted(present, first), np.searchsorted(present, second)
    both = np.bincount(first[first == second], minlength=len(present))
    either = np.bincount(first, minlength=len(present)) + np.bincount(second, minlength=len(present)) - both
    return float((both / either).mean())


def boundary_f(
    found: Labels, wanted: Labels, ignored: Sequence[int] = (UNLABELLED,), *, tolerance: float | None = None
) -> float:
    r"""Boundary F1 score of two label maps (Csurka et al. 2013, "What is a good evaluation measure for semantic
    segmentation?", section 3).

    .. math:: \operatorname{mean}_l \frac{2 P_l R_l}{P_l + R_l}

    over the labels of ``wanted`` that have a boundary there: :math:`P_l` is the share of the pixels of the found
    boundary that lie within ``tolerance`` of the wanted one, :math:`R_l` that of the wanted within it of the found. A
    boundary is made of the pixels of a label that have a pixel of another above, below or beside them.

    Args:
        found, wanted, ignored: see :func:`mean_iou`.
        tolerance: in px; 0.75 % of the diagonal by default.

    Returns:
        In ``[0, 1]``; 1 for the same map, NaN where ``wanted`` has no boundary. Higher is better.

    Raises:
        InputError: if the shapes differ.
    """
    _check_alike(found, wanted)
    reach = BOUNDARY_TOLERANCE * math.hypot(*wanted.shape) if tolerance is None else tolerance
    void = np.isin(wanted, ignored)
    found = np.where(void, wanted, found)
    scores = []
    for label in np.setdiff1d(np.unique(wanted), ignored):
        # Beside what does not count, no boundary is known.
        theirs, ours = (_boundary(labels == label, void) for labels in (found, wanted))
        if not ours.any():
            continue
        precision = float((theirs & _near(ours, reach)).sum() / max(theirs.sum(), 1))
        recall = float((ours & _near(theirs, reach)).sum() / ours.sum())
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return float(np.mean(scores)) if scores else math.nan


def boundary_recall(drift: Drift, labels: Labels, *, within: float = WITHIN) -> float:
    """The share of a label map's boundaries that a result keeps where they were, as far as the photograph shows them.

    Of the photograph's edges within ``within`` px of a boundary of the map, those that are found again in the result,
    moved by ``within`` px at most: relative to the photograph, whose own recall is 1. A result full of strokes, which
    has an edge near everything, gains nothing by them. A measure of this project's own.

    Args:
        drift: of many edges of the photograph, such as ``Edges.of(photograph, most=4000).drift(result)``.
        labels: ``(H, W)`` of the photograph.
        within: in px.

    Returns:
        In ``[0, 1]``; NaN where no edge lies near a boundary. Higher is better.
    """
    boundary = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        changes = np.diff(labels, axis=axis) != 0
        first, second = [(slice(None),) * axis + (part,) for part in (slice(None, -1), slice(1, None))]
        boundary[first] |= changes
        boundary[second] |= changes
    rows, columns = np.rint(drift.places).astype(int).T if drift.count else np.zeros((2, 0), int)
    near = _near(boundary, within)[rows.clip(0, labels.shape[0] - 1), columns.clip(0, labels.shape[1] - 1)]
    moved_by = np.abs(drift.moved[near])
    return float((moved_by <= within).mean()) if len(moved_by) else math.nan  # NaN is not within anything


@dataclass(frozen=True)
class Segmentation:
    """Where label maps come from: files for photographs, and what a segmentation finds in any picture.

    Attributes:
        segment: finds them; None where there is only what files say.
        folder: with a map for each photograph, of its name and any ending; None for what ``segment`` finds in it.
        ignored: labels that do not count.
    """

    segment: Segment | None = None
    folder: Path | None = None
    ignored: tuple[int, ...] = (UNLABELLED,)

    @property
    def names(self) -> list[str]:
        """What measures can have, in the words of :attr:`~adain.metrics.Metric.networks`."""
        return ["labels"] * (self.folder is not None or self.segment is not None) + ["segment"] * (
            self.segment is not None
        )

    def find(self, pixels: npt.NDArray[np.uint8]) -> Labels:
        """What the segmentation finds in ``(H, W, 3)``; InputError, if that is no label map of it, or it fails."""
        assert self.segment is not None  # or the measure would not have been chosen
        try:
            found: Any = moved(self.segment(pixels.copy()), None)  # it may paint into what it is given
        except Exception as error:  # whatever a function of the user's does
            raise InputError(f"the segmentation failed: {_told(error)}") from error
        labels = np.asarray(found)
        if labels.shape != pixels.shape[:2] or labels.dtype.kind not in "iub":
            raise InputError(
                f"a segmentation gives the label of every pixel, integers of shape {pixels.shape[:2]}, not "
                f"{labels.dtype} of shape {labels.shape}"
            )
        return labels.astype(np.int64)

    def read(self, content: Path, size: int, fit: Fit, *, max_pixels: int | None = DEFAULT_MAX_PIXELS) -> Labels:
        """The map of a photograph as the square that the photograph is brought to.

        Raises:
            MissingFileError: if there is none.
            ImageError: if it is no label map.
        """
        assert self.folder is not None
        named = [path for path in list_images(self.folder) if path.stem == content.stem]
        if not named:
            raise MissingFileError(f"{self.folder} has no label map of {content.name}: name it {content.stem}.png")
        labels = np.asarray(open_label_map(named[0], max_pixels=max_pixels))
        return _as_square(labels, size, fit)


def load_segment(name: str) -> Segment:
    """The function that ``module:function`` or ``file.py:function`` names, from the current folder too.

    Raises:
        InputError: if there is none, or what is imported fails.
    """
    where, _, function = name.rpartition(":")
    if not where or not function:
        raise InputError(f"a segmentation is named as module:function or file.py:function, not {name}")
    try:
        if where.endswith(".py"):
            spec = importlib.util.spec_from_file_location(Path(where).stem, where)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules.setdefault(spec.name, module)  # dataclasses, among others, look for it there
            spec.loader.exec_module(module)
        else:
            sys.path.insert(0, str(Path.cwd()))
            try:
                module = importlib.import_module(where)
            finally:
                sys.path.pop(0)
        found: Any = getattr(module, function)
    except Exception as error:  # whatever a module of the user's does
        raise InputError(f"cannot import {name}: {_told(error)}") from error
    if not callable(found):
        raise InputError(f"{name} is no function, but of type {type(found).__name__}")
    return found  # type: ignore[no-any-return]


def _told(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _as_square(labels: Labels, size: int, fit: Fit) -> Labels:
    """By the label that lies in the middle of each pixel of the square."""
    picked = []
    shape = (size, size) if fit == "stretch" else scaled((labels.shape[0], labels.shape[1]), size)
    for own, wanted in zip(labels.shape, shape, strict=True):
        start = (wanted - size) // 2
        places = (np.arange(start, start + size) + 0.5) * own / wanted
        picked.append(places.astype(int).clip(0, own - 1))
    return labels[np.ix_(*picked)]


def _boundary(inside: npt.NDArray[np.bool_], void: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The pixels inside that have one outside above, below or beside them, which is not void."""
    outside = np.pad(~inside & ~void, 1)
    beside = outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:]
    boundary: npt.NDArray[np.bool_] = inside & beside
    return boundary


def _near(mask: npt.NDArray[np.bool_], reach: float) -> npt.NDArray[np.bool_]:
    """Which pixels have one of the mask within so many px."""
    height, width = mask.shape
    most = math.floor(reach)
    counts = np.pad(np.cumsum(mask, axis=1, dtype=np.int32), ((most, most), (1, 0)))
    near, columns = np.zeros_like(mask), np.arange(width)
    for dy in range(-most, most + 1):
        across = math.floor(math.sqrt(reach**2 - dy**2))
        rows = counts[most + dy : most + dy + height]
        near |= rows[:, (columns + across + 1).clip(max=width)] > rows[:, (columns - across).clip(min=0)]
    return near


def _check_alike(found: Labels, wanted: Labels) -> None:
    if found.shape != wanted.shape:
        raise InputError(f"label maps of shapes {found.shape} and {wanted.shape} cannot be compared")
