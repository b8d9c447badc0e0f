"""What can be said of an evaluation; free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..options import Declared, option

Fit = Literal["crop", "stretch"]
"""How pictures become squares: by their centre, or without keeping their aspect."""

Pairing = Literal["product", "zip"]
"""Every content in every style, or the first in the first and so on."""


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions(Declared):
    """How pictures are brought together and to one size."""

    pairing: Pairing = option(
        "product", "Every content in every style, or content k in style k.", flag="--pairs", choices=get_args(Pairing)
    )
    size: int = option(512, "Side in px of the squares that all pictures are brought to.", low=16)
    fit: Fit = option(
        "crop", "How they become squares: by their centre, or without keeping their aspect.", choices=get_args(Fit)
    )
