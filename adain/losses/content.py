"""Content losses: distances between feature maps, position by position."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from .._utils.errors import InputError
from ..image.tensors import resize_to_cover
from ..nn.statistics import at_least_float32
from ..nn.vgg import CONTENT_LAYER
from .base import Features, Layers, Loss, check_choice, check_comparable

Form = Literal["mean", "half-sum"]


def content_loss(features: Tensor, target: Tensor, guide: Tensor | None = None, *, form: Form = "mean") -> Tensor:
    r"""Squared difference of two feature maps.

    .. math:: \text{mean: } \frac{\sum_{cp} g_p (F_{cp} - P_{cp})^2}{C \sum_p g_p},
              \qquad \text{half-sum: } \tfrac12 \sum_{cp} g_p (F_{cp} - P_{cp})^2

    The mean is the distance of Huang & Belongie 2017, eq. 12, squared and averaged as in training code, where the
    target is the AdaIN output itself; half the sum is that of Gatys et al. 2016, eq. 1, which grows with the
    picture. :math:`g_p = 1` without a guide.

    Args:
        features, target: ``(B, C, H, W)``, any floating dtype; either may have a batch of 1.
        guide: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` weights in ``[0, 1]`` at the same size, not 0 everywhere.
        form: ``"mean"`` or ``"half-sum"``, of each picture; averaged over the batch.

    Returns:
        A scalar ≥ 0 in float32 or better.

    Raises:
        InputError: if the shapes differ or the form is unknown.
    """
    check_choice(form, Form, "content loss")
    check_comparable(features, target, "features")
    batch = max(len(features), len(target))
    f, t = (at_least_float32(x).expand(batch, -1, -1, -1) for x in (features, target))
    if guide is None:
        mean = F.mse_loss(f, t)
        return mean if form == "mean" else 0.5 * f[0].numel() * mean
    g = guide.to(f)
    sums: Tensor = (g * (f - t).square()).sum(dim=(1, 2, 3))
    return 0.5 * sums.mean() if form == "half-sum" else (sums / (g.sum(dim=(1, 2, 3)) * f.shape[1])).mean()


class ContentLoss(Loss):
    """:func:`content_loss` against stored features, summed over the layers.

    Args:
        target: ``(B, C, H, W)`` features of one layer, or an encoder's output at ``layers``.
        weight, guide: see :class:`Loss`.
        layers: which layers to compare, as in :class:`Loss`; with features of one layer, its name.
        form: see :func:`content_loss`.

    Raises:
        InputError: as :class:`Loss`; if the form is unknown, or the target lacks a layer.
    """

    parts = ("target",)

    def __init__(
        self,
        target: Tensor | Features,
        weight: float = 1.0,
        layers: Layers = CONTENT_LAYER,
        guide: Tensor | None = None,
        *,
        form: Form = "mean",
    ) -> None:
        super().__init__(weight, layers, guide)
        self.form = check_choice(form, Form, "content loss")
        if isinstance(target, Tensor):
            if len(self.layers) != 1:
                raise InputError("features of one layer cannot be the target of several: give a mapping by layer")
            target = {next(iter(self.layers)): target}
        self.hold(target)

    def describe(self, features: Tensor, guide: Tensor | None) -> tuple[Tensor, ...]:
        return (features,)

    def distance(self, features: Tensor, guide: Tensor | None, target: tuple[Tensor, ...]) -> Tensor:
        return content_loss(features, target[0], guide, form=self.form)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.form == "mean" else f", form={self.form}")


class SecondaryContentLoss(ContentLoss):
    """:func:`content_loss` against the features of an intermediate stylised picture, such as the AdaIN pass.

    It holds the optimisation near a result whose strokes already lie well, while the style loss deepens them.
    """


def combined_image(content: Tensor, style: Tensor, share: float) -> Tensor:
    """A partial blend of content and style in pixels, the target of :class:`CombinedImageLoss`.

    Args:
        content: ``(B, 3, H, W)`` in ``[0, 1]``.
        style: ``(B or 1, 3, H', W')`` in ``[0, 1]``, of any size; scaled to cover the content and cut at its centre.
        share: of the style, in ``[0, 1]``.

    Returns:
        ``(B, 3, H, W)`` in ``[0, 1]``.

    Raises:
        InputError: if the share is outside its range.
    """
    if not 0.0 <= share <= 1.0:
        raise InputError(f"the style's share of the combined image must be from 0 to 1, not {share}")
    height, width = content.shape[2:]
    return content + share * (resize_to_cover(style, (height, width)) - content)


class CombinedImageLoss(ContentLoss):
    """:func:`content_loss` against the features of a :func:`combined_image`."""
