"""Looks: what one call makes of every photograph, a style, a blend, regions, a gradient or a grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adain import defaults
from adain._utils.errors import AdainError, InputError

if TYPE_CHECKING:
    from PIL import Image

    from adain.control.color import ColorPreservation
    from adain.control.style import Style
    from adain.stylizer.cache import StyleCache
    from adain.stylizer.content import Content
    from adain.stylizer.stylizer import Stylizer

    from .controls import Controls

Render = Callable[["Content"], "Image.Image"]


@dataclass(frozen=True)
class Look:
    """One result for each photograph.

    Attributes:
        name: of its style or styles, for file names.
        render: makes it.
    """

    name: str
    render: Render


@dataclass
class Artwork:
    """A style on disk, encoded once, or once for each photograph whose colours it takes; the former may be cached."""

    stylizer: Stylizer
    path: Path
    size: int
    fine_size: int | None
    crop: bool
    mask: str | None
    mask_channel: Any
    color: ColorPreservation | None
    cache: StyleCache | None = None
    known: Style | None = None
    failure: AdainError | None = None

    @property
    def depends(self) -> bool:
        """Whether it is encoded anew for each photograph."""
        return self.color is not None and self.color.needs_content

    @property
    def after(self) -> ColorPreservation | None:
        """What is left to do for its colours once it is encoded."""
        if self.color is None or not self.color.changes_output:
            return None
        return dataclasses.replace(self.color, match_luma=False)

    def encode(self, content: Content | None = None) -> Style:
        """Its statistics; one that cannot be read is not tried again."""
        if self.known is not None:
            return self.known
        if self.failure is not None:
            raise self.failure
        try:
            style = self._encode(content)
        except AdainError as error:
            self.failure = None if self.depends else error
            raise
        if not self.depends:
            self.known = style
        return style

    def _encode(self, content: Content | None) -> Style:
        how: dict[str, Any] = {
            "size": self.size,
            "fine_size": self.fine_size,
            "crop": self.crop,
            "mask": self.mask,
            "mask_channel": self.mask_channel,
        }
        if self.depends:
            return self.stylizer.encode_style(self.path, color=self.color, content=content, **how)
        return encode(self.stylizer, self.cache, self.path, **how)


def encode(stylizer: Stylizer, cache: StyleCache | None, path: Any, **how: Any) -> Style:
    """An artwork's style, out of the cache where there is one."""
    return stylizer.encode_style(path, **how) if cache is None else cache.get(stylizer, path, **how)


def looks(
    stylizer: Stylizer,
    paths: Sequence[Path],
    controls: Controls,
    *,
    alpha: float,
    weights: Sequence[float] | None,
    style_size: int,
    crop: bool,
    masks: Sequence[Any],
    cache: StyleCache | None = None,
) -> list[Look]:
    """What the options ask for.

    A style that has a look of its own is encoded when it is first used, as there may be as many as photographs;
    several in one look are encoded here, as far as that can be done without a photograph.

    Args:
        paths: the artworks.
        masks: of ``--mask`` or ``--label-map``; empty for neither.
        cache: where encoded styles are kept from call to call.

    Raises:
        InputError: if options contradict each other.
        AdainError: if a style of several in one look cannot be read.
    """
    colors = one_each(controls.colors(), len(paths), controls.background_style() is not None)
    style_masks = controls.style_mask_paths()
    check(paths, controls, alpha, weights, masks)
    arts = [
        Artwork(stylizer, path, style_size, controls.fine_style_size, crop, mask, controls.mask_channel, color, cache)
        for path, mask, color in zip(paths, style_masks or [None] * len(paths), colors, strict=False)
    ]
    name = "+".join(path.stem for path in paths)
    if not (masks or weights or controls.gradient or controls.style_grid):
        return [Look(art.path.stem, _alone(art, alpha)) for art in arts]
    for art in arts:
        if not art.depends:
            art.encode()
    if masks:
        return [Look(name, _regions(arts, colors, controls, alpha, masks, crop))]
    if controls.gradient is not None:
        return [Look(name, _gradient(arts, controls, alpha))]
    if controls.style_grid is not None:
        return [Look(name, _grid(arts, controls.style_grid, alpha))]
    assert weights is not None
    return [Look(name, _blend(arts, weights, alpha))]


def _picture(result: Any) -> Image.Image:
    from PIL import Image

    assert isinstance(result, Image.Image)  # files give pictures, only tensors give tensors
    return result


def _alone(art: Artwork, alpha: float) -> Render:
    def render(content: Content) -> Image.Image:
        return _picture(art.stylizer.stylize(content, art.encode(content), alpha=alpha, color=art.after))

    return render


def _blend(arts: Sequence[Artwork], weights: Sequence[float], alpha: float) -> Render:
    def render(content: Content) -> Image.Image:
        styles = [art.encode(content) for art in arts]
        after = [art.after for art in arts]
        return _picture(arts[0].stylizer.stylize(content, styles, weights=weights, alpha=alpha, color=after))

    return render


def _gradient(arts: Sequence[Artwork], controls: Controls, alpha: float) -> Render:
    from adain.control.guidance import gradient

    direction: Any = controls.gradient

    def render(content: Content) -> Image.Image:
        left, right = (art.encode(content) for art in arts)
        channel: Any = controls.mask_channel
        regions = dataclasses.replace(gradient(left, right, direction), channel=channel, feather=controls.feather)
        after = [art.after for art in arts]
        return _picture(arts[0].stylizer.stylize(content, regions, alpha=alpha, color=after))

    return render


def _grid(arts: Sequence[Artwork], steps: int, alpha: float) -> Render:
    from adain.image import contact_sheet
    from adain.stylizer.grids import grid_weights

    weights = grid_weights(len(arts), steps)

    def render(content: Content) -> Image.Image:
        # Styles once for the whole grid, even those that depend on the photograph.
        styles, after = [art.encode(content) for art in arts], [art.after for art in arts]
        stylize = arts[0].stylizer.stylize
        rows = [
            [
                None if w is None else _picture(stylize(content, styles, weights=w, alpha=alpha, color=after))
                for w in row
            ]
            for row in weights
        ]
        return contact_sheet(rows, cell=max(content.size))

    return render


def _regions(
    arts: Sequence[Artwork],
    colors: Sequence[ColorPreservation | None],
    controls: Controls,
    alpha: float,
    masks: Sequence[Any],
    crop: bool,
) -> Render:
    background = controls.background_style()
    own = controls.region_alphas()
    stylizer = arts[0].stylizer
    channel: Any = controls.mask_channel
    # One mode is for the whole picture, uncovered parts included.
    color: Any = colors[0] if len(controls.modes()) < 2 else [*colors]
    rest: Any = background
    rest_color = colors[-1] if len(colors) > len(arts) else (color if len(controls.modes()) == 1 else None)
    if background is not None and not (rest_color is not None and rest_color.needs_content):
        first = arts[0]
        rest = encode(stylizer, first.cache, background, size=first.size, fine_size=first.fine_size, crop=crop)

    def render(content: Content) -> Image.Image:
        # A style that is recoloured takes the colours of its region, which is found on the photograph.
        styles: list[Any] = [art.path if art.depends else art.encode() for art in arts]
        parts = [art.mask if art.depends else None for art in arts]
        return _picture(
            stylizer.stylize(
                content,
                styles,
                masks=masks,
                mask_channel=channel,
                style_masks=parts,
                feather=controls.feather,
                background=rest,
                alpha=alpha if own is None else [alpha * a for a in own],
                color=color,
                style_size=arts[0].size,
                fine_style_size=arts[0].fine_size,
                crop=crop,
            )
        )

    return render


def one_each(colors: Sequence[ColorPreservation], count: int, has_background: bool) -> list[ColorPreservation | None]:
    """One for each style, and one more for the background if so many are given."""
    if len(colors) < 2:
        return [colors[0] if colors else None] * count
    if len(colors) == count or (has_background and len(colors) == count + 1):
        return [*colors]
    raise InputError(f"--preserve-color has {len(colors)} modes for {count} styles: give one for each, or one for all")


def check(
    paths: Sequence[Path], controls: Controls, alpha: float, weights: Sequence[float] | None, masks: Sequence[Any]
) -> None:
    """See to what the library would find out too late, and for every photograph again."""
    from adain.stylizer.composition import Request
    from adain.stylizer.grids import grid_weights

    own = controls.region_alphas()
    if controls.gradient is None:
        Request.of(
            list(paths),
            weights=weights,
            masks=[*masks] or None,
            style_masks=controls.style_mask_paths(),
            feather=controls.feather,
            background=controls.background_style(),
            alpha=alpha if own is None else [alpha * a for a in own],
        )
    elif controls.gradient not in defaults.DIRECTIONS and not Path(controls.gradient).exists():
        directions = ", ".join(defaults.DIRECTIONS)
        raise InputError(f"--gradient is one of {directions}, or a mask; there is no file {controls.gradient}")
    elif len(paths) != 2:
        raise InputError(f"--gradient passes from one style into another: give two, not {len(paths)}")
    elif controls.background is not None or own is not None:
        raise InputError("--background and --region-alpha go with --mask or --label-map, not with --gradient")
    if controls.style_grid is not None:
        grid_weights(len(paths), controls.style_grid)
