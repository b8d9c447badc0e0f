"""A look: what every photograph is turned into, as plain values that can be sent to another process."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..._utils.errors import InputError
from ...control.color import ColorInput, ColorPreservation, as_color
from ...control.masks import MaskInput
from ...control.regions import Regions, gradient
from ...control.style import Style
from ...defaults import DIRECTIONS
from ...image.source import input_name
from ...options import Direction
from ...stylizer.content import Content
from ...stylizer.looks import Controls, Request, grid_weights
from ...stylizer.stylizer import StyleInput

if TYPE_CHECKING:
    from ...stylizer.stylizer import Stylizer


@dataclass(frozen=True, eq=False)
class Look:
    """One result for each photograph.

    Attributes:
        styles: artworks, encoded or not, or regions; see :meth:`adain.Stylizer.stylize`.
        name: of the style or styles, for file names; by default that of the artworks' files.
        controls: the further arguments of :meth:`adain.Stylizer.stylize`; sizes and crop of the photograph are not
            among them.
        gradient: two styles, the first passing into the second: a direction or a mask; see :func:`adain.gradient`.
        grid: two to four styles, one picture of the blends between them, so many a row or a side.

    Raises:
        InputError: on construction, if these contradict each other.
    """

    styles: Sequence[StyleInput] | Regions
    name: str = ""
    controls: Controls = field(default_factory=Controls)
    gradient: Direction | MaskInput | None = None
    grid: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.styles, Regions):
            object.__setattr__(self, "styles", tuple(self.styles))
        if not self.name:
            parts = self.styles if not isinstance(self.styles, Regions) else [r.style for r in self.styles.regions]
            object.__setattr__(self, "name", "+".join(style_name(style) for style in parts) or "style")
        if self.gradient is None and self.grid is None:
            Request.of(self.styles, **self._request())
        elif isinstance(self.styles, Regions) or (self.gradient is not None and len(self.styles) != 2):
            raise InputError("a gradient passes from one style into another: give two")
        elif self.grid is not None:
            grid_weights(len(self.styles), self.grid)

    def encoded(self, stylizer: Stylizer) -> Look:
        """The same with every style encoded that does not depend on the photograph.

        A style is then a few kB of statistics in place of a file that every process would have to read. What remains
        a path is made an absolute one.

        Raises:
            MissingFileError, ImageError: if one cannot be read.
        """
        if isinstance(self.styles, Regions):
            return self
        styles = [absolute(self._encode(stylizer, None, k)) for k in range(len(self.styles))]
        own, background = self._style_masks(), self.controls.get("background")
        changed = Controls(**self.controls)
        if own is not None:
            masks = [None if isinstance(s, Style) else absolute(mask) for s, mask in zip(styles, own, strict=True)]
            changed["style_masks"] = masks if any(mask is not None for mask in masks) else None
        if background is not None and not isinstance(background, Style) and not _depends(self._color(len(styles))):
            background = stylizer.encode_style(background, **self._sizes())
        if background is not None:
            changed["background"] = absolute(background)
        if (where := self.controls.get("masks")) is not None:
            changed["masks"] = [absolute(mask) for mask in where]
        ramp: Any = (
            self.gradient if isinstance(self.gradient, str) and self.gradient in DIRECTIONS else absolute(self.gradient)
        )
        return dataclasses.replace(self, styles=styles, controls=changed, gradient=ramp)

    def on(self, device: str) -> Look:
        """The same with its encoded styles on another device."""
        changed = Controls(**self.controls)
        if isinstance(background := changed.get("background"), Style):
            changed["background"] = background.to(device)
        if isinstance(self.styles, Regions):
            regions = [dataclasses.replace(region, style=region.style.to(device)) for region in self.styles.regions]
            rest = None if self.styles.background is None else self.styles.background.to(device)
            moved = dataclasses.replace(self.styles, regions=regions, background=rest)
            return dataclasses.replace(self, styles=moved, controls=changed)
        styles = [style.to(device) if isinstance(style, Style) else style for style in self.styles]
        return dataclasses.replace(self, styles=styles, controls=changed)

    def render(self, stylizer: Stylizer, content: Content) -> Image.Image:
        """The result for a photograph.

        Raises:
            AdainError: as :meth:`adain.Stylizer.stylize`.
        """
        if self.gradient is None and self.grid is None:
            return _picture(stylizer.stylize(content, self.styles, **self.controls))
        assert not isinstance(self.styles, Regions)
        several = range(len(self.styles))
        styles: list[Any] = [self._encode(stylizer, content, k) for k in several]
        after: Any = [_after(self._color(k)) for k in several]
        alpha = self.controls.get("alpha", 1.0)
        if self.gradient is not None:
            regions = gradient(styles[0], styles[1], self.gradient)
            how: dict[str, Any] = {"feather": self.controls.get("feather", 0.0)}
            how["channel"] = self.controls.get("mask_channel", "luminance")
            return _picture(stylizer.stylize(content, dataclasses.replace(regions, **how), alpha=alpha, color=after))
        assert self.grid is not None
        rows = [
            [
                None if w is None else _picture(stylizer.stylize(content, styles, weights=w, alpha=alpha, color=after))
                for w in row
            ]
            for row in grid_weights(len(styles), self.grid)
        ]
        return grid(rows, cell=max(content.size))

    def _encode(self, stylizer: Stylizer, content: Content | None, k: int) -> StyleInput:
        """The style at index k, encoded; as it is where that takes a photograph and there is none."""
        assert not isinstance(self.styles, Regions)
        style, color, masks = self.styles[k], self._color(k), self._style_masks()
        if isinstance(style, Style) or (content is None and _depends(color)):
            return style
        return stylizer.encode_style(
            style,
            mask=None if masks is None else masks[k],
            mask_channel=self.controls.get("mask_channel", "luminance"),
            color=color,
            content=content if _depends(color) else None,
            **self._sizes(),
        )

    def _style_masks(self) -> Sequence[MaskInput | None] | None:
        return self.controls.get("style_masks")

    def _sizes(self) -> dict[str, Any]:
        """How artworks are encoded, as :meth:`adain.Stylizer.encode_style` calls it."""
        names = {"style_size": "size", "fine_style_size": "fine_size", "crop": "crop"}
        return {names[key]: value for key, value in self.controls.items() if key in names}

    def _color(self, k: int) -> ColorPreservation | None:
        """Of the style at index k; one mode serves all, and a background without its own has none."""
        color: Any = self.controls.get("color")
        if isinstance(color, Sequence) and not isinstance(color, str):
            color = color[k] if k < len(color) else None
        return as_color(color)

    def _request(self) -> dict[str, Any]:
        return {key: value for key, value in self.controls.items() if key != "content_size"}


def each(styles: Sequence[StyleInput | Look | Regions], **controls: Any) -> list[Look]:
    """The looks of several styles: with ``weights`` or ``masks`` all in one, else one for each.

    A :class:`Look` among them stays what it is; it has its own controls.

    Raises:
        InputError: if there is no style, or the arguments contradict each other.
    """
    if not styles:
        raise InputError("no style given: at least one is needed")
    if any(isinstance(style, Look) for style in styles) and controls:
        raise InputError(f"a Look has its own controls: leave out {', '.join(controls)}")
    if controls.get("weights") is not None or controls.get("masks") is not None:
        return [Look(styles, controls=controls)]  # type: ignore[arg-type]
    made = []
    for k, style in enumerate(styles):
        if isinstance(style, Look):
            made.append(style)
            continue
        own = dict(controls)
        for name in ("color", "style_masks"):
            value = own.get(name)
            if isinstance(value, Sequence) and not isinstance(value, str):
                if len(value) != len(styles):
                    raise InputError(f"{len(value)} values of {name} for {len(styles)} styles: give one for each")
                own[name] = [value[k]]
        made.append(Look(style if isinstance(style, Regions) else [style], controls=own))  # type: ignore[arg-type]
    return made


def absolute(source: Any) -> Any:
    """A path as an absolute one, for a process with another current folder; anything else as it is."""
    return os.path.abspath(source) if isinstance(source, (str, os.PathLike)) else source


def style_name(style: StyleInput) -> str:
    """What a style is called in the names of results: that of its file, without the ending."""
    name = style.name if isinstance(style, Style) else input_name(style)
    return name.rpartition(".")[0] or name


def _depends(color: ColorInput) -> bool:
    """Whether a style of that colour mode is encoded anew for each photograph."""
    chosen = as_color(color)
    return chosen is not None and chosen.needs_content


def _after(color: ColorPreservation | None) -> ColorPreservation | None:
    """What is left to do for the colours once the style is encoded."""
    return None if color is None or not color.changes_output else dataclasses.replace(color, match_luma=False)


def _picture(result: Any) -> Image.Image:
    assert isinstance(result, Image.Image)  # files give pictures, only tensors give tensors
    return result
