"""The artworks of a call: read once, then recoloured and set into their regions beside each photograph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor

from .._utils.errors import InputError
from ..control.color import ColorPreservation
from ..control.masks import Channel, MaskInput, uncovered
from ..control.placement import Guide, lay_masks
from ..control.style import Style, normalize_weights
from ..image import ImageInput
from ..image.source import input_name
from ..stylizer.stylizer import Stylizer
from .pictures import StylePicture, check_size

ColorChoice = None | str | ColorPreservation
"""A mode, a full choice, or None for the colours of the artwork."""


class Colors:
    """Which styles keep the photograph's colours, and where."""

    def __init__(self, choices: Sequence[ColorPreservation | None], styles: Sequence[StylePicture]) -> None:
        self.choices, self.styles = choices, styles

    def finish(self, image: Tensor, content: Tensor) -> Tensor:
        """The result with the photograph's colours, in the regions and to the share of the styles that ask for it."""
        if not self.choices or all(choice == self.choices[0] for choice in self.choices):
            choice = self.choices[0] if self.choices else None
            return image if choice is None else choice.apply_to_output(image, content)
        total = sum(style.share for style in self.styles)
        result = image
        for choice, style in zip(self.choices, self.styles, strict=True):
            if choice is not None:
                mask = style.guide
                if mask is None:
                    mask = image.new_full((1, 1, *image.shape[2:]), style.share / total)
                result = choice.apply_to_output(result, content, mask=mask)
        return result


class Artworks:
    """The artworks of a call, read once, and made into :class:`StylePicture` beside each photograph.

    Arguments as those of :func:`adain.refine.refine`.

    Raises:
        InputError: if their numbers do not fit together, or a weight, a mask or a colour mode cannot be used.
        MissingFileError, ImageError: see :func:`adain.image.read_image`; also for artworks under 32 px a side.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        style: ImageInput | Sequence[ImageInput],
        weights: Sequence[float] | None,
        masks: Sequence[Guide] | None,
        style_masks: Sequence[MaskInput | None] | None,
        mask_channel: Channel,
        background: ImageInput | None,
        color: ColorChoice | Sequence[ColorChoice],
        size: int,
        crop: bool,
    ) -> None:
        sources = list(style) if isinstance(style, (list, tuple)) else [cast(ImageInput, style)]
        count = len(sources)
        if not sources:
            raise InputError("refining needs at least one style")
        if any(isinstance(source, Style) for source in sources):
            raise InputError("refining needs the artwork itself, not its encoded statistics: give its path or picture")
        if masks is not None and len(masks) != count:
            raise InputError(f"{count} styles need {count} masks, not {len(masks)}")
        if background is not None:
            if masks is None:
                raise InputError("a background style fills what masks leave uncovered: give masks, too")
            sources.append(background)
        shares = normalize_weights([1.0] * count if weights is None else weights)
        if len(shares) != count:
            raise InputError(f"{count} styles need {count} weights, not {len(shares)}")
        if masks is not None:
            shares = [share * count for share in shares] + [1.0] * (len(sources) - count)
        own = [None] * count if style_masks is None else list(style_masks)
        if len(own) != count:
            raise InputError(f"{count} styles need {count} style masks (None to skip one), not {len(own)}")
        own += [None] * (len(sources) - count)
        self.shares = shares
        self.pixels: list[Tensor] = []
        self.masks: list[Tensor | None] = []
        for source, mask in zip(sources, own, strict=True):
            pixels, uncropped = _read(stylizer, source, size, crop)
            self.pixels.append(pixels)
            self.masks.append(
                None
                if mask is None
                else lay_masks(
                    [mask],
                    (pixels.shape[2], pixels.shape[3]),
                    uncropped=uncropped,
                    channel=mask_channel,
                    device=pixels.device,
                    max_pixels=stylizer.max_pixels,
                )
            )
        self.colors = _color_choices(color, count, len(sources))

    def beside(self, photo: Tensor, index: int, regions: Tensor | None) -> tuple[tuple[StylePicture, ...], Colors]:
        """The artworks for one photograph, recoloured where that was asked for."""
        guides: list[Tensor | None] = [None] * len(self.pixels)
        if regions is not None:
            guides = [region[None] for region in regions]
            if len(guides) < len(self.pixels):
                guides.append(uncovered(regions))
        styles: list[StylePicture] = []
        colors: list[ColorPreservation | None] = []
        for pixels, share, guide, mask, color in zip(
            self.pixels, self.shares, guides, self.masks, self.colors, strict=True
        ):
            if styles and guide is not None and not bool((guide > 0).any()):
                continue  # the background, where masks cover everything: masks of their own are never empty
            one = pixels[index % pixels.shape[0] :][:1]
            if color is not None:
                one = color.apply_to_style(one, photo, style_mask=mask, content_mask=guide)
            styles.append(StylePicture(one, share, guide, mask))
            colors.append(color)
        return tuple(styles), Colors(colors, styles)


def _read(stylizer: Stylizer, source: ImageInput, size: int, crop: bool) -> tuple[Tensor, tuple[int, int] | None]:
    """The artwork's pixels, and its size before the crop."""
    opened = stylizer.open(source, size=size, crop=crop)
    check_size(opened.size, input_name(source) or "the artwork")
    return opened.to_tensor(stylizer.device).detach().contiguous(), opened.uncropped


def _color_choices(
    color: ColorChoice | Sequence[ColorChoice], count: int, total: int
) -> list[ColorPreservation | None]:
    given = list(color) if isinstance(color, (list, tuple)) else [cast(ColorChoice, color)] * total
    if len(given) not in (count, total):
        raise InputError(f"{count} styles need {count} colour choices, or one for all, not {len(given)}")
    given += [None] * (total - len(given))
    made = [ColorPreservation(mode=choice) if isinstance(choice, str) else choice for choice in given]
    return [None if choice is None or choice.mode == "none" else choice for choice in made]
