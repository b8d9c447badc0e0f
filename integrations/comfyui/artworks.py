"""What the links of styles carry: artworks, encoded, with the pictures they came from, and blends of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from adain import InputError, Style, blend
from adain.options import normalize_weights

STYLE = "ADAIN_STYLE"


@dataclass(frozen=True, eq=False)
class Artwork:
    """An artwork as it was encoded.

    Attributes:
        style: its statistics.
        picture: ``(3, H, W)``, to be encoded again where the colours of a photograph are to go into it; None for a
            style of a file.
        how: what it was encoded with: ``size``, ``crop``, ``fine_size``, and a ``mask`` if it has one.
    """

    style: Style
    picture: Tensor | None
    how: dict[str, Any]

    @classmethod
    def encode(cls, model: Any, picture: Tensor, **how: Any) -> Artwork:
        return cls(model.encode_style(picture, **how), picture, how)

    def recoloured(self, model: Any, **color: Any) -> Style:
        """It with the colours of a photograph: ``color``, ``content`` and ``content_mask`` of ``encode_style``."""
        if self.picture is None:
            raise InputError(
                f"the style {self.style.name or 'of the file'} is statistics alone: to recolour the artwork, encode "
                "its picture with AdaIN Encode Style, or keep the colours with color luminance"
            )
        style: Style = model.encode_style(self.picture, **self.how, **color)
        return style


@dataclass(frozen=True, eq=False)
class Mix:
    """One artwork, or several in one: each with a weight, which need not sum to 1."""

    parts: tuple[tuple[Artwork, float], ...]

    @classmethod
    def even(cls, artworks: list[Artwork]) -> Mix:
        return cls(tuple((artwork, 1.0) for artwork in artworks))

    @classmethod
    def weighted(cls, mixes: list[tuple[Mix, float]]) -> Mix:
        """A blend of blends. Each has the whole of its weight, of however many artworks it is.

        Raises:
            InputError: if a weight is negative or no number, as what is connected may be, or all are 0.
        """
        parts = []
        for (mix, _), weight in zip(mixes, normalize_weights([weight for _, weight in mixes]), strict=True):
            whole = sum(own for _, own in mix.parts)
            parts += [(artwork, weight * own / whole) for artwork, own in mix.parts]
        return cls(tuple((artwork, weight) for artwork, weight in parts if weight > 0))

    def style(self, model: Any, color: Any = None, content: Any = None, content_mask: Tensor | None = None) -> Style:
        """The statistics of all, as they are, or recoloured after a photograph.

        Raises:
            InputError: if they are of another model than the one that is to paint.
        """
        for artwork, _ in self.parts:
            if artwork.style.channels != model.channels:
                raise InputError("the style was encoded by another model than the one that paints: connect one to both")
        if color is None:
            styles = [artwork.style for artwork, _ in self.parts]
        else:
            how = {"color": color, "content": content, "content_mask": content_mask}
            styles = [artwork.recoloured(model, **how) for artwork, _ in self.parts]
        return styles[0] if len(styles) == 1 else blend(styles, [weight for _, weight in self.parts])
