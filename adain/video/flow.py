"""The motion between two frames of a real video, by dense inverse search (Kroeger et al. 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .media import require_cv2

MIN_SIDE = 16
"""Below this, in pixels, frames are taken not to move: the method's patches do not fit."""


class FlowFinder:
    """Optical flow from a frame to the one before it, and back."""

    def __init__(self) -> None:
        cv2 = require_cv2()
        self._finder: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        # At the full size: what is steadied are strokes of few pixels, and half a pixel off they would blur.
        self._finder.setFinestScale(0)

    def both_ways(self, current: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Flow from ``current`` to ``previous``, and from there.

        Args:
            current, previous: ``(1, 3, H, W)`` in ``[0, 1]``.

        Returns:
            Two of ``(1, 2, H, W)`` in pixels, as in :mod:`adain.image.warp`, on the device of ``current``.
        """
        if min(current.shape[2:]) < MIN_SIDE:
            still = current.new_zeros(1, 2, *current.shape[2:])
            return still, still
        a, b = _grey(current), _grey(previous)
        return self._find(a, b).to(current.device), self._find(b, a).to(current.device)

    def _find(self, here: npt.NDArray[np.uint8], there: npt.NDArray[np.uint8]) -> Tensor:
        flow = self._finder.calc(here, there, None)
        return torch.from_numpy(np.ascontiguousarray(flow.transpose(2, 0, 1)))[None]


def _grey(image: Tensor) -> npt.NDArray[np.uint8]:
    weights = image.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    grey = (image[0] * weights).sum(0).mul(255.0).round_().clamp_(0.0, 255.0)
    levels: npt.NDArray[np.uint8] = grey.to(torch.uint8).cpu().numpy()
    return levels
