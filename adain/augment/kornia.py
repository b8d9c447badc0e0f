"""Random styles as an augmentation of kornia."""

from __future__ import annotations

from typing import Any

import torch
from kornia.augmentation import IntensityAugmentationBase2D
from torch import Tensor

from .draws import StyleDraw
from .options import RandomStyleOptions
from .random_style import RandomStyle
from .sources import SHIPPED, BankInput


class KorniaRandomStyle(IntensityAugmentationBase2D):
    """:class:`RandomStyle` as one of kornia's intensity augmentations, alone or in its containers.

    Floats ``(B, C, H, W)`` of 1 or 3 channels; boxes, masks and keypoints pass through. ``augment(images,
    params=augment._params)`` does the same again. kornia draws from torch's generators alone, so there is no ``seed``:
    use :func:`torch.manual_seed`.

    Args:
        bank, options: see :class:`RandomStyle`, as for errors; ``p`` and ``same_on_batch`` are what kornia calls so.
        p_batch: share of the batches in which samples are stylised at all.
        keepdim: a single sample ``(C, H, W)`` comes back as one.
    """

    def __init__(
        self,
        bank: BankInput = SHIPPED,
        options: RandomStyleOptions | None = None,
        *,
        p_batch: float = 1.0,
        keepdim: bool = False,
        **changes: Any,
    ) -> None:
        style = RandomStyle(bank, options, **changes)
        asked = style.options
        if asked.seed is not None:
            asked.refuse("{seed} does not go with kornia, which draws from torch's generators: use torch.manual_seed")
        super().__init__(p=asked.p, p_batch=p_batch, same_on_batch=asked.same_on_batch, keepdim=keepdim)
        self.style = style

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Strength, styles and share of each sample; kornia itself draws which of them are stylised."""
        draw = self.style.draw_for(batch_shape[0])
        return {name: part for name, part in draw._asdict().items() if name != "applied"}

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any], transform: Tensor | None = None
    ) -> Tensor:
        """The batch with those of its samples stylised that kornia chose."""
        gate = params["batch_prob"].reshape(-1) > 0.5
        applied = torch.ones_like(gate) if self.p == 1.0 and self.p_batch == 1.0 else gate
        parts = (params[name].reshape(-1).cpu() for name in StyleDraw._fields if name != "applied")
        return self.style.apply(input, StyleDraw(applied.cpu(), *parts).spread_over(len(input)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.style.describe()}, p_batch={self.p_batch}, keepdim={self.keepdim})"
