"""The nodes that make styles: of pictures, of a file, and of several styles."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar

from adain import Style
from adain.options import Options

from . import host
from .artworks import STYLE, Artwork, Mix
from .model import MODEL
from .pictures import Batch, Masks
from .widgets import Widget, link, widget

host.offer_folder()

MOST = 4
"""Styles that one node blends; those of several nodes can be blended again."""


class AdainEncodeStyle:
    """The style of one artwork, or of each of a batch."""

    CATEGORY = "adain"
    DESCRIPTION = "The style of an artwork, encoded once for any number of photographs."
    RETURN_TYPES = (STYLE, STYLE)
    RETURN_NAMES = ("style", "styles")
    OUTPUT_TOOLTIPS = (
        "One style: of a batch, the even blend of all.",
        "A list of them: what follows runs once for each artwork of the batch.",
    )
    OUTPUT_IS_LIST = (False, True)
    FUNCTION = "encode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Widget]]:
        fine = "Fine texture from the artwork at this size in px, coarse structure from style_size; 0 for none."
        return {
            "required": {
                "model": link(MODEL, "Of AdaIN Model; the same paints."),
                "image": link("IMAGE", "The artwork, or a batch of them."),
                "style_size": widget(Options, "style_size"),
                "fine_style_size": widget(Options, "fine_style_size", help=fine),
                "crop": widget(Options, "crop", help="Use the central square of the artwork."),
            },
            "optional": {
                "mask": link("MASK", "The part of the artwork to take the style from; one for all, or one for each."),
            },
        }

    def encode(
        self, model: Any, image: Any, style_size: int, fine_style_size: int, crop: bool, mask: Any = None
    ) -> tuple[Mix, list[Mix]]:
        artworks, masks = Batch.of(image, "image"), Masks.maybe(mask, "mask")
        if masks is not None:
            masks.check(len(artworks), "artwork")
        how: dict[str, Any] = {"size": style_size, "crop": crop, "fine_size": fine_style_size or None}
        encoded = []
        for k in range(len(artworks)):
            host.stop_if_asked()
            own = how if masks is None else how | {"mask": masks.at(k)}
            encoded.append(Artwork.encode(model, artworks.colors(k), **own))
        return Mix.even(encoded), [Mix.even([artwork]) for artwork in encoded]


class AdainLoadStyle:
    """A style that was saved, also one that was specialised."""

    CATEGORY = "adain"
    DESCRIPTION = f"A saved style: a .safetensors file in ComfyUI's folder models/{host.STYLES}."
    RETURN_TYPES = (STYLE,)
    RETURN_NAMES = ("style",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Widget]]:
        return {
            "required": {
                "model": link(MODEL, "Of AdaIN Model; the one it was made by."),
                "file": (host.saved_styles(), {"tooltip": "Of Style.save, or of adain specialise."}),
            }
        }

    @classmethod
    def IS_CHANGED(cls, file: str, **_: Any) -> str:
        """Another text once the file is another."""
        return hashlib.sha256(Path(host.saved_style(file)).read_bytes()).hexdigest()

    def load(self, model: Any, file: str) -> tuple[Mix]:
        style = Style.load(host.saved_style(file), model.device)
        return (Mix.even([Artwork(style, None, {})]),)


class AdainBlend:
    """Two to four styles in one."""

    CATEGORY = "adain"
    DESCRIPTION = "A style between two to four; the weights are scaled to sum 1."
    RETURN_TYPES = (STYLE,)
    RETURN_NAMES = ("style",)
    FUNCTION = "blend"

    _WEIGHT: ClassVar[dict[str, Any]] = {"min": 0.0, "max": 1.0, "step": 0.01, "tooltip": "Its share of the blend."}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Widget]]:
        given: dict[str, dict[str, Widget]] = {"required": {}, "optional": {}}
        for k in range(1, MOST + 1):
            place = given["required" if k <= 2 else "optional"]
            place[f"style_{k}"] = link(STYLE, "Of any of the nodes that give a style.")
            place[f"weight_{k}"] = ("FLOAT", {"default": 0.5, **cls._WEIGHT})
        return given

    def blend(self, **given: Any) -> tuple[Mix]:
        styles = [(given.get(f"style_{k}"), given.get(f"weight_{k}", 0.5)) for k in range(1, MOST + 1)]
        return (Mix.weighted([(mix, weight) for mix, weight in styles if mix is not None]),)
