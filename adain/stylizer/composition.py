"""What `Stylizer.stylize` was asked for, checked, and then resolved for a photograph: styles, regions and colours."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from torch import Tensor

from .. import defaults
from .._utils.errors import InputError
from ..control.color import ColorPreservation
from ..control.guidance import Placement, Regions, guide_names, place
from ..control.masks import Channel, MaskInput, uncovered
from ..control.placement import Guide, lay_masks, shares
from ..control.style import Style, blend, normalize_weights
from ..image import ImageInput
from ..nn.adain import check_alpha
from .content import Content, Watch
from .halo import TileSize

if TYPE_CHECKING:
    from .stylizer import Stylizer

StyleInput: TypeAlias = "Style | ImageInput"
ColorInput = None | str | ColorPreservation
ColorShare = tuple[ColorPreservation, float | Tensor]
"""Colours to keep in the result, and how much of it they are for: one number, or one a pixel ``(1, 1, H, W)``."""


class Controls(TypedDict, total=False):
    """The keyword arguments of :meth:`adain.Stylizer.stylize`, where they are described."""

    alpha: float | Sequence[float]
    weights: Sequence[float] | None
    masks: Sequence[Guide] | None
    mask_channel: Channel
    style_masks: Sequence[MaskInput | None] | None
    feather: float
    background: StyleInput | None
    color: ColorInput | Sequence[ColorInput]
    content_size: int
    style_size: int
    fine_style_size: int | None
    crop: bool
    tile: TileSize
    watch: Watch | None


def as_color(color: ColorInput) -> ColorPreservation | None:
    """A mode's name as what it stands for; None where nothing is to be done.

    Raises:
        InputError: if there is no such mode.
    """
    if isinstance(color, str):
        color = ColorPreservation(color)
    return color if color is not None and (color.needs_content or color.changes_output) else None


def keep_colors(output: Tensor, content: Content, colors: Sequence[ColorShare]) -> Tensor:
    r"""A stylised picture with the photograph's colours, where and as far as each share asks for it.

    .. math:: y + \sum_k w_k\, (P_k(y) - y)

    with :math:`P_k` the colour preservation of share :math:`w_k`.

    Args:
        output: ``(B, 3, H, W)`` in ``[0, 1]``.
        content: the photograph.
        colors: see :data:`ColorShare`; the shares sum to at most 1 everywhere.

    Returns:
        ``(B, 3, H, W)`` in ``[0, 1]``; ``output`` itself where there is nothing to do.

    Raises:
        InputError: if ``content`` has no pixels.
    """
    groups: dict[ColorPreservation, float | Tensor] = {}
    for color, share in colors:
        if color.changes_output:
            key = dataclasses.replace(color, match_luma=False)  # which was for the style
            groups[key] = groups[key] + share if key in groups else share
    if not groups:
        return output
    results = []
    for color, share in groups.items():
        if isinstance(share, Tensor):
            results.append(color.apply_to_output(output, content.colors(), mask=share.clamp(max=1.0)))
        else:
            scaled = dataclasses.replace(color, strength=color.strength * min(share, 1.0))
            results.append(scaled.apply_to_output(output, content.colors()))
    if len(results) == 1:
        return results[0]
    total = output
    for result in results:
        total = total + (result - output)
    return total.clamp(0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Request:
    """Styles, and what to do with them; checked as far as it can be without a photograph.

    Attributes:
        styles: at least one, or the regions given as such.
        alpha: strength of the whole.
        alphas: strength of each region, and of the background if there is one more; empty for 1.
        weights, masks, style_masks, feather, mask_channel, background: see :meth:`adain.Stylizer.stylize`.
        colors: one for each style, and one more for the background; a single one serves all.
        style_size, fine_style_size, crop: how styles are encoded.
    """

    styles: tuple[StyleInput, ...] | Regions
    alpha: float
    alphas: tuple[float, ...]
    weights: tuple[float, ...] | None
    masks: tuple[Guide, ...] | None
    style_masks: tuple[MaskInput | None, ...] | None
    feather: float
    mask_channel: Channel
    background: StyleInput | None
    colors: tuple[ColorPreservation | None, ...]
    style_size: int
    fine_style_size: int | None
    crop: bool

    @classmethod
    def of(
        cls,
        style: StyleInput | Regions | Sequence[StyleInput],
        *,
        alpha: float | Sequence[float] = defaults.ALPHA,
        weights: Sequence[float] | None = None,
        masks: Sequence[Guide] | None = None,
        mask_channel: Channel = "luminance",
        style_masks: Sequence[MaskInput | None] | None = None,
        feather: float = defaults.FEATHER,
        background: StyleInput | None = None,
        color: ColorInput | Sequence[ColorInput] = None,
        style_size: int = defaults.STYLE_SIZE,
        fine_style_size: int | None = None,
        crop: bool = False,
    ) -> Request:
        """The request of such arguments; see :meth:`adain.Stylizer.stylize`.

        Raises:
            InputError: if they contradict each other.
        """
        styles = style if isinstance(style, Regions) else _listed(style)
        if isinstance(styles, Regions):
            if masks is not None or weights is not None or style_masks is not None or background is not None:
                raise InputError("Regions hold their own masks and background: leave those arguments out")
            count, has_background, regional = len(styles.regions), styles.background is not None, True
        else:
            count, has_background, regional = len(styles), background is not None, masks is not None
        _check_counts(count, weights, masks, style_masks, feather, has_background, regional)
        alphas = tuple(map(check_alpha, alpha)) if isinstance(alpha, Sequence) else None
        if alphas is not None and masks is None:
            raise InputError("several alphas need masks, one for each region: give one number")
        listed = color if isinstance(color, Sequence) and not isinstance(color, str) else None
        for given, noun, place_of in ((alphas, "alpha", "region"), (listed, "colour mode", "style")):
            if given is not None and len(given) not in _one_each(count, has_background):
                wrong = f"{_plural(len(given), noun)} for {_plural(count, place_of)}"
                raise InputError(f"{wrong}: give one for each, or one for all")
        return cls(
            styles=styles,
            alpha=defaults.ALPHA if isinstance(alpha, Sequence) else check_alpha(alpha),
            alphas=alphas or (),
            weights=None if weights is None else tuple(normalize_weights(weights)),
            masks=None if masks is None else tuple(masks),
            style_masks=None if style_masks is None else tuple(style_masks),
            feather=feather,
            mask_channel=mask_channel,
            background=background,
            colors=(as_color(color),) if listed is None else tuple(map(as_color, listed)),  # type: ignore[arg-type]
            style_size=style_size,
            fine_style_size=fine_style_size,
            crop=crop,
        )

    def resolve(self, stylizer: Stylizer, content: Content) -> tuple[Style | Placement, list[ColorShare]]:
        """What to decode a photograph with, and the colours to keep in the result.

        Raises:
            InputError: if a mask does not fit the photograph, or a style that is encoded already would have to be
                recoloured.
            MissingFileError, ImageError: if a style or a mask cannot be read.
        """
        if isinstance(self.styles, Regions):
            target = self.styles.place(content, max_pixels=stylizer.max_pixels)
            for k in range(len(target.styles)):
                _check_encoded(target.styles[k], self._color(k))
            return target, self._shares(target)
        if self.masks is None:
            encoded = [self._encode(stylizer, content, k) for k in range(len(self.styles))]
            if len(encoded) == 1:
                return encoded[0], self._shares(encoded[0])
            portions = self.weights or (1.0 / len(encoded),) * len(encoded)
            several = zip(map(self._color, range(len(encoded))), portions, strict=True)
            kept = [(color, portion) for color, portion in several if color is not None]
            return blend(encoded, portions), list(kept)
        names = guide_names(self.masks, [""] * len(self.masks))
        laid = lay_masks(
            self.masks,
            content.size,
            uncropped=content.uncropped,
            feather=self.feather,
            names=names,
            channel=self.mask_channel,
            device=content.features.device,
            max_pixels=stylizer.max_pixels,
        )
        target = place(
            content,
            laid,
            [self._encode(stylizer, content, k, laid[k : k + 1]) for k in range(len(self.styles))],
            self.alphas[: len(self.styles)] or (1.0,) * len(self.styles),
            background=self._background(stylizer, content, laid),
            background_alpha=self.alphas[-1] if len(self.alphas) > len(self.styles) else 1.0,
            names=names,
        )
        return target, self._shares(target)

    def _color(self, k: int) -> ColorPreservation | None:
        """Of the style at index k; a background without one of its own keeps what it has."""
        if len(self.colors) == 1:
            return self.colors[0]
        return self.colors[k] if k < len(self.colors) else None

    def _encode(self, stylizer: Stylizer, content: Content, k: int, region: Tensor | None = None) -> Style:
        assert not isinstance(self.styles, Regions)
        style, color = self.styles[k], self._color(k)
        mask = None if self.style_masks is None else self.style_masks[k]
        if isinstance(style, Style):
            if mask is not None:
                raise InputError(f"style {k + 1} is encoded already: pass the artwork's picture with its style mask")
            return _check_encoded(style, color)
        return stylizer.encode_style(
            style,
            size=self.style_size,
            fine_size=self.fine_style_size,
            crop=self.crop,
            mask=mask,
            mask_channel=self.mask_channel,
            color=color,
            content=content if color is not None and color.needs_content else None,
            content_mask=region,
        )

    def _background(self, stylizer: Stylizer, content: Content, laid: Tensor) -> Style | None:
        assert not isinstance(self.styles, Regions)
        if self.background is None:
            return None
        rest = uncovered(laid)
        color = self._color(len(self.styles)) if bool(rest.any()) else None
        if isinstance(self.background, Style):
            return _check_encoded(self.background, color)
        return stylizer.encode_style(
            self.background,
            size=self.style_size,
            fine_size=self.fine_style_size,
            crop=self.crop,
            color=color,
            content=content if color is not None and color.needs_content else None,
            content_mask=rest,
        )

    def _shares(self, target: Style | Placement) -> list[ColorShare]:
        if len(self.colors) == 1 or isinstance(target, Style):
            color = self._color(0)  # of the whole picture
            return [] if color is None else [(color, 1.0)]
        portions = shares(target.masks)
        colors = [self._color(k) for k in range(len(target.styles))]
        return [(color, portions[k : k + 1]) for k, color in enumerate(colors) if color is not None]


def _listed(style: StyleInput | Sequence[StyleInput]) -> tuple[StyleInput, ...]:
    if isinstance(style, Sequence) and not isinstance(style, (str, bytes)):
        return tuple(style)
    return (style,)


def _one_each(count: int, has_background: bool) -> tuple[int, ...]:
    """How many values a list of one for each style may have."""
    return (count, count + 1) if has_background else (count,)


def _check_counts(
    count: int,
    weights: Sequence[float] | None,
    masks: Sequence[Guide] | None,
    style_masks: Sequence[MaskInput | None] | None,
    feather: float,
    has_background: bool,
    regional: bool,
) -> None:
    if count == 0:
        raise InputError("no style given: at least one is needed")
    if masks is not None and len(masks) != count:
        raise InputError(f"{_plural(len(masks), 'mask')} for {_plural(count, 'style')}: give one mask for each style")
    if style_masks is not None and len(style_masks) != count:
        raise InputError(
            f"{_plural(len(style_masks), 'style mask')} for {_plural(count, 'style')}: "
            "give one for each style, or none to use all of it"
        )
    if weights is not None and masks is not None:
        raise InputError("weights blend styles over the whole picture: with masks give each region an alpha instead")
    if weights is not None and len(weights) != count:
        raise InputError(f"{_plural(count, 'style')} need as many weights, not {len(weights)}")
    if not regional and has_background:
        raise InputError("a background style needs masks that leave something for it")
    if not regional and feather:
        raise InputError("feathering needs masks to soften the edges of")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _check_encoded(style: Style, color: ColorPreservation | None) -> Style:
    if color is not None and color.needs_content:
        wanted = "luma matching" if color.mode == "luminance" else f"colour mode {color.mode!r}"
        raise InputError(f"{wanted} recolours the artwork: pass its picture, not a Style that is encoded already")
    return style
