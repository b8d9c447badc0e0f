"""The artworks of a call: read once, then recoloured and set into their regions beside each photograph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor

from .._utils.errors import InputError
from ..control.color import as_color
from ..control.masks import uncovered
from ..control.regions import Canvas
from ..control.style import is_encoded
from ..image import ImageInput
from ..image.source import input_name
from ..options import normalize_weights
from ..stylizer.base import BaseStylizer
from .options import RefineOptions
from .pictures import StylePicture, check_size


def finish(image: Tensor, content: Tensor, styles: Sequence[StylePicture]) -> Tensor:
    """The result with the photograph's colours, in the regions and to the share of the styles that ask for it."""
    if all(style.color == styles[0].color for style in styles):
        return image if styles[0].color is None else styles[0].color.apply_to_output(image, content)
    total = sum(style.share for style in styles)
    result = image
    for style in styles:
        if style.color is not None:
            mask = style.guide
            if mask is None:
                mask = image.new_full((1, 1, *image.shape[2:]), style.share / total)
            result = style.color.apply_to_output(result, content, mask=mask)
    return result


class Artworks:
    """The artworks of a call of :func:`adain.refine`, read once, and set beside each photograph."""

    def __init__(
        self, stylizer: BaseStylizer, style: ImageInput | Sequence[ImageInput], options: RefineOptions
    ) -> None:
        sources = list(style) if isinstance(style, (list, tuple)) else [cast(ImageInput, style)]
        count = len(sources)
        options.check(count)
        if any(map(is_encoded, (*sources, options.background))):
            raise InputError("refining needs the artwork itself, not its encoded statistics: give its path or picture")
        if options.has_background:
            sources.append(cast(ImageInput, options.background))
        shares = normalize_weights([1.0] * count if options.weights is None else options.weights)
        if options.masks is not None or options.label_map is not None or options.gradient is not None:
            shares = [share * count for share in shares]  # each has a region of its own
        self.shares = shares + [1.0] * (len(sources) - count)
        own = [*(options.style_masks or [None] * count), *[None] * (len(sources) - count)]
        self.pixels: list[Tensor] = []
        self.masks: list[Tensor | None] = []
        for source, mask in zip(sources, own, strict=True):
            opened = stylizer.open(source, size=options.style_size, crop=options.crop, is_artwork=True)
            check_size(opened.size, input_name(source) or "the artwork")
            pixels = opened.to_tensor(stylizer.tensor_device).detach().contiguous()
            self.pixels.append(pixels)
            canvas = Canvas(opened.size, opened.uncropped, pixels.device)
            how: dict[str, Any] = {"channel": options.mask_channel, "max_pixels": stylizer.max_pixels}
            self.masks.append(None if mask is None else canvas.lay([mask], **how))
        colors = options.color if isinstance(options.color, tuple) else (options.color,) * len(sources)
        self.colors = [as_color(color, options) for color in (*colors, *[None] * len(sources))][: len(sources)]

    def beside(self, photo: Tensor, index: int, regions: Tensor | None) -> tuple[StylePicture, ...]:
        """The artworks for one photograph, recoloured where that was asked for."""
        guides: list[Tensor | None] = [None] * len(self.pixels)
        if regions is not None:
            guides = [region[None] for region in regions]
            if len(guides) < len(self.pixels):
                guides.append(uncovered(regions))
        styles: list[StylePicture] = []
        known = zip(self.pixels, self.shares, guides, self.masks, self.colors, strict=True)
        for pixels, share, guide, mask, color in known:
            if styles and guide is not None and not bool((guide > 0).any()):
                continue  # the background, where masks cover everything: masks of their own are never empty
            one = pixels[index % pixels.shape[0] :][:1]
            if color is not None:
                one = color.apply_to_style(one, photo, style_mask=mask, content_mask=guide)
            styles.append(StylePicture(one, share, guide, mask, color))
        return tuple(styles)
