"""The node for options that few workflows need."""

from __future__ import annotations

from typing import Any

from adain.options import FACES, Options

from .widgets import Widget, widget

OPTIONS = "ADAIN_OPTIONS"


class AdainOptions:
    """More options of AdaIN Stylize."""

    CATEGORY = "adain"
    DESCRIPTION = "More options of AdaIN Stylize; each default is what happens without this node."
    RETURN_TYPES = (OPTIONS,)
    RETURN_NAMES = ("options",)
    FUNCTION = "collect"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Widget]]:
        drift = f"{Options.declared()['max_drift'].help} 0 for no such bound."
        faces = "Keep faces, which are found: a weaker style there, and the photograph's edges."
        return {
            "required": {
                "feather": widget(Options, "feather", step=1.0),
                "max_drift": widget(Options, "max_drift", help=drift, step=0.1),
                "wrap": widget(Options, "wrap"),
                "color_strength": widget(Options, "color_strength"),
                "color_space": widget(Options, "color_space"),
                "color_method": widget(Options, "color_method"),
                "match_luma": widget(Options, "match_luma"),
                "protect_faces": ("BOOLEAN", {"default": False, "tooltip": faces}),
            }
        }

    def collect(self, max_drift: float, protect_faces: bool, **options: Any) -> tuple[dict[str, Any]]:
        options |= {"max_drift": max_drift or None, "protect": FACES if protect_faces else None}
        Options(**options)  # what is out of range is said here
        return (options,)
