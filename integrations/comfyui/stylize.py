"""The node that paints."""

from __future__ import annotations

from typing import Any, get_args

from torch import Tensor

from adain import InputError
from adain.options import MIN_TILE, ColorMode, Options

from .advanced import OPTIONS
from .artworks import STYLE, Mix
from .model import MODEL
from .paint import Order, stylised
from .pictures import Batch, Masks
from .region import REGIONS, Part
from .widgets import Widget, link, widget

TILES = ("auto", "off", *(str(MIN_TILE << k) for k in range(2, 6)))
"""The sizes of tiles that are offered."""

_COLOR = (
    "Keep the photograph's colours: its light and dark alone are painted (luminance), or the artwork is recoloured "
    "first (linear, histogram)."
)


class AdainStylize:
    """Photographs in a style."""

    CATEGORY = "adain"
    DESCRIPTION = (
        "Photographs in a style, in styles by region, or both: then the style goes where no region is. Without it, "
        "the photograph stays there."
    )
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("image",)
    FUNCTION = "stylize"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Widget]]:
        return {
            "required": {
                "model": link(MODEL, "Of AdaIN Model."),
                "image": link("IMAGE", "The photograph, or a batch of them, such as the frames of a video."),
                "alpha": widget(Options, "alpha", help="Strength: 0 is the photograph, 1 the full style."),
                "color": ([*get_args(ColorMode)], {"default": "none", "tooltip": _COLOR}),
                "keep_edges": widget(Options, "keep_edges"),
                "correct": widget(Options, "correct"),
                "tile": ([*TILES], {"default": Options.tile, "tooltip": Options.declared()["tile"].help}),
            },
            "optional": {
                "style": link(STYLE, "Of AdaIN Encode Style, AdaIN Load Style or AdaIN Blend Styles."),
                "regions": link(REGIONS, "Of AdaIN Region."),
                "mask": link("MASK", "Stylise only there; one for all photographs, or one for each."),
                "protect": link("MASK", "Keep the photograph's structure there: a weaker style, and its edges."),
                "options": link(OPTIONS, "Of AdaIN Options."),
            },
        }

    def stylize(
        self,
        model: Any,
        image: Any,
        style: Mix | None = None,
        regions: tuple[Part, ...] = (),
        mask: Any = None,
        protect: Any = None,
        options: dict[str, Any] | None = None,
        **given: Any,
    ) -> tuple[Tensor]:
        if style is None and not regions:
            raise InputError("there is no style: connect one, or regions")
        masks, kept = Masks.maybe(mask, "mask"), Masks.maybe(protect, "protect")
        more = dict(options or {})
        if kept is not None and more.get("protect") is not None:
            raise InputError("protect is connected, and protect_faces of AdaIN Options is on: leave out one")
        chosen = Options(**more | given)
        chosen.check_color()
        return (stylised(Order(model, style, regions, masks, kept, chosen), Batch.of(image, "image")),)
