"""Total variation: how much neighbouring pixels differ."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..nn.statistics import at_least_float32
from .base import IMAGE, Loss, check_choice

Form = Literal["absolute", "squared"]


def total_variation(image: Tensor, guide: Tensor | None = None, *, form: Form = "absolute") -> Tensor:
    r"""Mean difference of neighbouring pixels (Rudin et al. 1992, in the anisotropic form), absolute or squared.

    .. math:: \operatorname{mean} |I_{y+1,x} - I_{y,x}|^k + \operatorname{mean} |I_{y,x+1} - I_{y,x}|^k,
              \qquad k = 1 \text{ or } 2

    Means, not sums, so that the weight does not depend on the size. The squared form is the one of most
    optimisation scripts; the absolute one keeps edges.

    Args:
        image: ``(B, C, H, W)``, at least two pixels a side, any floating dtype.
        guide: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` weights of the pixels in ``[0, 1]``. A difference counts as much
            as the lesser of the two pixels it lies between, and the means are over what counts.

    Returns:
        A scalar ≥ 0 in float32 or better: the mean over batch and channels. A region without neighbours has none.

    Raises:
        InputError: if the form is unknown or the image is smaller.
    """
    check_choice(form, Form, "total variation")
    if min(image.shape[2:]) < 2:
        raise InputError(f"total variation needs two pixels a side, not {image.shape[3]}x{image.shape[2]}")
    x = at_least_float32(image)
    if form == "absolute" and guide is None:
        from kornia.losses import total_variation as kornia_total_variation  # here: training does without kornia

        return kornia_total_variation(x, reduction="mean").mean()
    result = x.new_zeros(())
    for axis in (2, 3):
        step = x.diff(dim=axis)
        size = step.abs() if form == "absolute" else step.square()
        if guide is None:
            result = result + size.mean()
            continue
        g = guide.to(x)
        length = g.shape[axis] - 1
        pair = torch.minimum(g.narrow(axis, 0, length), g.narrow(axis, 1, length))
        area = pair.sum(dim=(1, 2, 3)).clamp_min(torch.finfo(x.dtype).tiny)
        result = result + ((pair * size).sum(dim=(1, 2, 3)) / (area * x.shape[1])).mean()
    return result


class TotalVariationLoss(Loss):
    """:func:`total_variation` of the picture itself.

    Args:
        weight, guide: see :class:`Loss`.
        form: ``"absolute"`` or ``"squared"``.

    Raises:
        InputError: as :class:`Loss`; if the form is unknown.
    """

    def __init__(self, weight: float = 1.0, guide: Tensor | None = None, *, form: Form = "absolute") -> None:
        super().__init__(weight, (IMAGE,), guide)
        self.form = check_choice(form, Form, "total variation")

    def distance(self, features: Tensor, guide: Tensor | None, target: tuple[Tensor, ...]) -> Tensor:
        return total_variation(features, guide, form=self.form)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, form={self.form}"
