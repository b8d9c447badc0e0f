"""The node that puts a style where a mask is; several in a row are several regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adain.options import Options

from .artworks import STYLE, Mix
from .pictures import Masks
from .widgets import Widget, link, widget

REGIONS = "ADAIN_REGIONS"


@dataclass(frozen=True, eq=False)
class Part:
    """A style, where it goes, and its strength there."""

    mix: Mix
    masks: Masks
    alpha: float


class AdainRegion:
    """A style in a part of the photograph."""

    CATEGORY = "adain"
    DESCRIPTION = "A style where a mask is. Connect one to the next for several; where they overlap, they share."
    RETURN_TYPES = (REGIONS,)
    RETURN_NAMES = ("regions",)
    FUNCTION = "add"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Widget]]:
        return {
            "required": {
                "style": link(STYLE, "What goes there."),
                "mask": link("MASK", "Where: one for all photographs of a batch, or one for each."),
                "alpha": widget(Options, "alpha", help="Strength there, 0 to 1, times that of AdaIN Stylize."),
            },
            "optional": {"regions": link(REGIONS, "The regions before this one.")},
        }

    def add(self, style: Mix, mask: Any, alpha: float, regions: tuple[Part, ...] = ()) -> tuple[tuple[Part, ...]]:
        name = f"the mask of region {len(regions) + 1}"
        return ((*regions, Part(style, Masks.of(mask, name), alpha)),)
