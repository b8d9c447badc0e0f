"""Display matrices: turning and mirroring frames upright."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .media import Pixels


@dataclass(frozen=True)
class Orientation:
    """What makes a stored frame upright: exchange the axes, then mirror.

    Attributes:
        swap: exchange rows and columns.
        mirror: then left and right.
        flip: then top and bottom.
    """

    swap: bool = False
    mirror: bool = False
    flip: bool = False

    @classmethod
    def of_matrix(cls, matrix: bytes) -> Orientation:
        """Of FFmpeg's display matrix, nine 32-bit integers; angles between are taken to the nearest quarter turn.

        The matrix sends the stored point ``(p, q)`` to ``(a p + c q + x, b p + d q + y)``.
        """
        a, b, _, c, d = np.frombuffer(matrix[:20], np.int32).tolist()
        if abs(b) > abs(a):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    def apply(self, pixels: Pixels) -> Pixels:
        """The upright frame."""
        if self.swap:
            pixels = pixels.transpose(1, 0, 2)
        if self.mirror:
            pixels = pixels[:, ::-1]
        if self.flip:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)
