"""Total variation: how much neighbouring pixels differ."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from kornia.filters import filter2d
from kornia.losses import total_variation as kornia_total_variation
from torch import Tensor

from ..errors import InputError
from ..statistics import at_least_float32
from .base import IMAGE, Features, Loss

Form = Literal["absolute", "squared"]


def total_variation(image: Tensor, guide: Tensor | None = None, *, form: Form = "absolute") -> Tensor:
    r"""Mean difference of neighbouring pixels (Rudin et al. 1992, anisotropic), absolute or squared.

    .. math:: \operatorname{mean} |I_{y+1,x} - I_{y,x}|^k + \operatorname{mean} |I_{y,x+1} - I_{y,x}|^k,
              \qquad k = 1 \text{ or } 2

    Means, not sums, so that the weight does not depend on the size. The squared form is the one of most
    optimisation scripts; the absolute one keeps edges.

    Args:
        image: ``(B, C, H, W)``, at least two pixels a side.
        guide: ``(B or 1, 1, H, W)`` weights of the pixels in ``[0, 1]``.
        form: ``"absolute"`` or ``"squared"``.

    Returns:
        A scalar ≥ 0: the mean over batch and channels.

    Raises:
        InputError: if the form is unknown.
    """
    if form not in get_args(Form):
        raise InputError(f"there is no total variation {form!r}: use {' or '.join(get_args(Form))}")
    x = at_least_float32(image)
    if form == "absolute" and guide is None:
        return kornia_total_variation(x, reduction="mean").mean()
    power = 1 if form == "absolute" else 2
    result = x.new_zeros(())
    for shape in ((1, 2, 1), (1, 1, 2)):
        step = filter2d(x, torch.tensor([-1.0, 1.0], dtype=x.dtype, device=x.device).view(shape), padding="valid")
        size = step.abs() if power == 1 else step.square()
        if guide is None:
            result = result + size.mean()
        else:
            # A difference counts as much as the lesser of the two pixels it lies between.
            g = guide.to(x)
            pair = torch.minimum(g[..., : step.shape[2], : step.shape[3]], g[..., -step.shape[2] :, -step.shape[3] :])
            area = pair.expand(x.shape[0], -1, -1, -1).sum().clamp_min(torch.finfo(x.dtype).tiny)
            result = result + (pair * size).sum() / (area * x.shape[1])
    return result


class TotalVariationLoss(Loss):
    """:func:`total_variation` of the picture itself.

    Args:
        weight: factor of the loss.
        guide: see :class:`Loss`.
        form: ``"absolute"`` or ``"squared"``.
    """

    def __init__(self, weight: float = 1.0, guide: Tensor | None = None, *, form: Form = "absolute") -> None:
        super().__init__(weight, (IMAGE,), guide)
        self.form: Form = form

    def measure(self, features: Features) -> Tensor:
        _, beta, image, guide = self._each_layer(features)[0]
        return beta * total_variation(image, guide, form=self.form)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, form={self.form}"
