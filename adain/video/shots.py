"""Finding cuts: where one shot ends and the next begins."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..image.arrays import LUMA
from .frames import Pixels

SIDE = 32  # cells of the small picture a frame is compared by, across and down
BINS = 8  # of the histogram, in each of three colours
STRUCTURE = 0.5  # below this correlation with the frame before, the frame shows something else, or the same elsewhere
COLORS = 0.35  # above this distance of the histograms, its colours are others, which those of a pan hardly are
MEMORY = 4  # frames back that are looked at: what was there a moment ago is no new shot, only a flash over

Floats = npt.NDArray[np.float32]


Signature = tuple[Floats, Floats]
"""What a frame is told by: its structure and its colours."""


def signature(pixels: Pixels) -> Signature | None:
    """What a frame ``(H, W, 3)`` is told by; None of one that is flat."""
    small = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255.0
    grey = small @ np.array(LUMA, np.float32)
    deviation = float(grey.std())
    if deviation < 0.01:
        return None
    structure: Floats = ((grey - grey.mean()) / deviation).astype(np.float32)
    return structure, _histogram((small - grey.mean()) / deviation)


class CutDetector:
    """Says of each frame whether it begins a new shot.

    Two signs must come together, and neither is moved by what moves the other. The correlation of small grey pictures
    falls at a cut, and also in fast motion, but not in a flash or a fade, as it does not see brightness and contrast.
    The distance of colour histograms, after brightness and contrast are made equal, rises at a cut, but hardly in
    motion, as it does not see places. A frame that is flat, as black between two shots is, has no structure: it
    is no cut itself, and the picture after it is compared with those before.
    """

    def __init__(self) -> None:
        self._memory: list[Signature] = []

    def is_cut(self, frame: Signature | None) -> bool:
        """Whether a frame of that :func:`signature` begins a new shot; the first frame does not."""
        if frame is None:
            return False
        structure, colors = frame
        cut = bool(self._memory) and all(
            float((other * structure).mean()) < STRUCTURE and 0.5 * float(np.abs(colors - tints).sum()) > COLORS
            for other, tints in self._memory
        )
        self._memory = [*([] if cut else self._memory[1 - MEMORY :]), frame]
        return cut

    def state(self) -> dict[str, Any]:
        """What it remembers."""
        return {"memory": [list(pair) for pair in self._memory]}

    def restore(self, state: dict[str, Any]) -> None:
        """Undo :meth:`state`."""
        self._memory = [(structure, colors) for structure, colors in state["memory"]]


def _histogram(values: Floats) -> Floats:
    """Shares of colours ``(H, W, 3)``, in deviations of the brightness from its mean; sums to 1.

    Each colour is shared between neighbouring bins, so that a small change of light moves none as a whole.
    """
    place = np.clip((values + 2.0) / 4.0 * (BINS - 1), 0.0, BINS - 1.001).reshape(-1, 3)
    low = place.astype(np.int64)
    part = place - low
    counts = np.zeros(BINS**3, np.float64)
    for bits in map(np.array, itertools.product((0, 1), repeat=3)):
        weight = np.where(bits, part, 1.0 - part).prod(axis=1)
        index = ((low + bits) * np.array([BINS * BINS, BINS, 1])).sum(axis=1)
        counts += np.bincount(index, weight, minlength=BINS**3)
    shares: Floats = (counts / counts.sum()).astype(np.float32)
    return shares
