"""What an optimisation tells whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from .._utils.errors import RefinementError as RefinementError


@dataclass(frozen=True, eq=False)
class Progress:
    """One step of an optimisation, as a callback sees it.

    Attributes:
        step: evaluations done, from 1.
        steps: evaluations planned.
        size: height and width being worked at.
        losses: every term by name, with its weight, before dynamic factors.
        total: what is minimised: the sum of the terms times their factors.
        factors: of dynamic weighting, by group; empty without it.
        seconds: since the start of the optimisation.
        peak_memory: of the process so far in MB (on a GPU, of what was allocated there).
    """

    step: int
    steps: int
    size: tuple[int, int]
    losses: Mapping[str, float]
    total: float
    factors: Mapping[str, float]
    seconds: float
    peak_memory: float
    _image: Callable[[], Tensor] = field(repr=False)

    @property
    def image(self) -> Tensor:
        """The picture that was judged, or the average so far, as ``(1, 3, H, W)`` in ``[0, 1]`` at :attr:`size`.

        Made anew whenever it is asked for. A progress that is kept holds on to the memory of one picture.
        """
        return self._image()


Callback = Callable[[Progress], object]
"""Called after every step; the optimisation ends, and gives what it has, when this returns something true.

This is also the way to end it by hand: a KeyboardInterrupt passes through and leaves no picture, so let a handler of
SIGINT set a flag that the callback returns, as the command line does.
"""
