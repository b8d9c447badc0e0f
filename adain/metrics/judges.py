"""What of the user's judges pictures beside what ships: networks, and a segmentation with its label maps."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .labels import Segmentation
from .networks import LPIPS, ArtInception


@dataclass(frozen=True)
class Judges:
    """What measures need that does not ship.

    Attributes:
        lpips, inception: networks, from files of their authors.
        segmentation: where label maps come from.
    """

    lpips: LPIPS | None = None
    inception: ArtInception | None = None
    segmentation: Segmentation = Segmentation()

    @property
    def names(self) -> list[str]:
        """What there is, in the words of :attr:`~adain.metrics.Metric.networks`."""
        networks = [name for name, given in (("lpips", self.lpips), ("artfid", self.inception)) if given is not None]
        return [*networks, *self.segmentation.names]

    def to(self, device: torch.device) -> Judges:
        """The same on a device."""
        lpips, inception = (None if each is None else each.to(device) for each in (self.lpips, self.inception))
        return Judges(lpips, inception, self.segmentation)  # type: ignore[arg-type]
