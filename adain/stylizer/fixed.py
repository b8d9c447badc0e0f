"""A stylizer whose style and strength are settled, as a layer of a pipeline: photographs in, pictures out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, cast

from torch import Tensor, nn

from ..control.style import Style, check_encoded
from ..options import check_alpha
from .special import painter
from .stylizer import Stylizer


class FixedStyle(nn.Module):
    """One style at one strength, to stand in ``nn.Sequential`` or to be exported as it is.

    >>> layer = FixedStyle(stylizer, stylizer.encode_style("great-wave"), alpha=0.8)
    >>> program = torch.export.export(layer, (torch.rand(1, 3, 256, 256),))

    Args:
        stylizer: its networks are shared, not copied, but for the decoder of a style that was specialised.
        style: encoded by it; of several, ``(B, C, 1, 1)``, each goes with one photograph of a batch.
        alpha: strength in ``[0, 1]``.

    Shape:
        as :meth:`Stylizer.forward`: ``(B, 3, H, W)`` → ``(B, 3, H, W)``.

    Raises:
        InputError: if the style is not encoded, or alpha is out of range.
    """

    mean: Tensor
    std: Tensor
    fine_std: Tensor | None

    def __init__(self, stylizer: Stylizer, style: Style, *, alpha: float = 1.0) -> None:
        super().__init__()
        check_encoded(style)
        style, self.alpha, self.name = style.to(stylizer.device), check_alpha(alpha), style.name
        # A specialised style has a decoder of its own.
        self.stylizer = cast(Stylizer, painter(stylizer, style, alpha))
        for part in ("mean", "std", "fine_std"):
            self.register_buffer(part, getattr(style, part))

    @property
    def style(self) -> Style:
        return Style(self.mean, self.std, self.name, self.fine_std)

    def forward(self, content: Tensor) -> Tensor:
        made: Tensor = self.stylizer(content, self.style, self.alpha)
        return made

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        known: dict[str, Any] = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for part, values in known.items():  # statistics keep their digits, whatever the networks compute in
            self._buffers[part] = None if values is None else values.to(self._buffers[part].device)  # type: ignore[union-attr]
        return self

    def extra_repr(self) -> str:
        return f"{self.name or 'unnamed'!r}, alpha={self.alpha:g}"
