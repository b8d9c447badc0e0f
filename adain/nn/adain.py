"""The layer that gave the model its name: adaptive instance normalisation (Huang & Belongie 2017) as a module."""

from __future__ import annotations

from torch import Tensor, nn

from ..options import check_alpha as check_alpha
from .instance_norm import adaptive_instance_norm as adaptive_instance_norm
from .instance_norm import regional_instance_norm as regional_instance_norm
from .instance_norm import shares as shares
from .instance_norm import spread as spread
from .statistics import channel_mean_std


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
