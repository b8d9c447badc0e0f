"""Adaptive instance normalisation: one function and one module (Huang & Belongie 2017, eq. 8 and 14)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._utils.errors import InputError
from ..strengths import check_alpha as check_alpha
from .statistics import at_least_float32, channel_mean_std


def check_alpha_map(alpha: Tensor, features: Tensor) -> Tensor:
    """``alpha``, if it gives every cell of ``features`` a strength in ``[0, 1]``.

    Args:
        alpha: ``(1, 1, H, W)`` or ``(B, 1, H, W)``.
        features: ``(B, C, H, W)``.

    Raises:
        InputError: if shapes or values do not fit.
    """
    batch, _, height, width = features.shape
    if alpha.ndim != 4 or alpha.shape[0] not in (1, batch) or alpha.shape[1:] != (1, height, width):
        raise InputError(
            f"an alpha map must be (1, 1, {height}, {width}) for features {tuple(features.shape)}, "
            f"not {tuple(alpha.shape)}"
        )
    low, high = (float(bound) for bound in alpha.detach().aminmax())
    if not (low >= 0.0 and high <= 1.0):
        raise InputError(f"an alpha map must lie between 0 (photograph) and 1 (full style), not [{low:g}, {high:g}]")
    return alpha


def adaptive_instance_norm(
    content: Tensor,
    style_mean: Tensor,
    style_std: Tensor,
    alpha: float | Tensor = 1.0,
    *,
    content_stats: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    r"""Give content features the channel statistics of a style.

    .. math:: \mathrm{AdaIN}(c, s) = \sigma_s \frac{c - \mu_c}{\sigma_c} + \mu_s, \qquad
              t = (1 - \alpha)\, c + \alpha\, \mathrm{AdaIN}(c, s)

    Args:
        content: ``(B, C, H, W)`` features.
        style_mean, style_std: ``(B, C, 1, 1)`` or ``(1, C, 1, 1)`` statistics of the style.
        alpha: strength in ``[0, 1]``; 0 returns ``content`` itself. A tensor ``(1, 1, H, W)`` or ``(B, 1, H, W)``
            gives each cell a strength of its own; where it is 0 the content stays bit for bit.
        content_stats: mean and deviation of the content, if known already (a tile of a larger
            image is normalised with the statistics of the whole).

    Returns:
        ``(B, C, H, W)`` in the dtype of ``content``; the arithmetic is float32 or better.

    Raises:
        InputError: if alpha is outside ``[0, 1]`` or of another shape, or the channel counts differ.
    """
    if isinstance(alpha, Tensor):
        c = at_least_float32(content)
        strength = check_alpha_map(alpha, content).to(c)
        stylized = adaptive_instance_norm(c, style_mean, style_std, content_stats=content_stats)
        return torch.lerp(c, stylized, strength).to(content.dtype)
    if check_alpha(alpha) == 0.0:
        return content
    if style_mean.shape[1] != content.shape[1]:
        raise InputError(
            f"the style has {style_mean.shape[1]} channels and the content {content.shape[1]}: "
            "encode both with the same encoder"
        )
    mean, std = channel_mean_std(content) if content_stats is None else content_stats
    # One multiply-add over the feature map; everything else is per channel.
    scale = style_std / std
    shift = style_mean - mean * scale
    if alpha != 1.0:
        scale = (1.0 - alpha) + alpha * scale
        shift = alpha * shift
    return torch.addcmul(shift, at_least_float32(content), scale).to(content.dtype)


class AdaIN(nn.Module):
    """:func:`adaptive_instance_norm` as a module that takes the style's features.

    Args:
        alpha: strength in ``[0, 1]``.

    Shape:
        content ``(B, C, H, W)``, style ``(B, C, H', W')`` or ``(1, C, H', W')`` → ``(B, C, H, W)``.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = check_alpha(alpha)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return adaptive_instance_norm(content, *channel_mean_std(style), self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:g}"
