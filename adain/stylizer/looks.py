"""A look: what every photograph is turned into. The one answer to "which styles, and what is done with them"."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard, get_args

from .._utils.arrays import device_of
from .._utils.errors import InputError
from .._utils.resources import absolute
from ..control.style import Style, blend, is_style_file, stem_of
from ..image.levels import PLAIN, Levels
from ..image.source import input_name, input_path
from ..options import (
    ARRANGEMENTS,
    FACES,
    Declared,
    Direction,
    Options,
    TileSize,
    Wrap,
    normalize_weights,
    plural,
)
from .bounded import bounded
from .sheets import sheet_of

if TYPE_CHECKING:
    from torch import Tensor

    from ..control.color import ColorPreservation, ColorShare
    from ..control.edges import EdgeShare
    from ..control.faces import Faces
    from ..control.protect import Protection
    from ..control.regions import Canvas, Placement, Regions

Weights: TypeAlias = Sequence[float]
"""One for each style; they need not sum to 1."""


@dataclass(frozen=True, eq=False)
class Paint:
    """What one photograph is decoded with.

    Attributes:
        target: a style, or regions laid on the photograph.
        alpha: strength of the whole.
        colors: what is kept of the photograph's own, each with its share: one number, or one a pixel
            ``(1, 1, H, W)``.
        edges: strengths at which the photograph's edges are kept, each with its share.
        protect: a mask laid on the photograph, or what finds one, where the style is weaker; None for none.
        levels: of the picture.
        correct: rounds of :mod:`adain.stylizer.correct`.
    """

    target: Style | Placement
    alpha: float = 1.0
    colors: Sequence[ColorShare] = ()
    edges: Sequence[EdgeShare] = ()
    levels: Levels = PLAIN
    correct: int = 0
    protect: Protection | Faces | None = None

    def protected(self, content: Any) -> Paint:
        """The same with what is protected of a photograph worked into styles and edges."""
        if self.protect is None:
            return self
        protect = self.protect.on(content)
        target, edges = protect.target(self.target), protect.edges(self.edges)
        return dataclasses.replace(self, target=target, edges=edges, protect=None)


class Model(Protocol):
    """What can stylise: :class:`~adain.Stylizer`, or, without torch, :class:`~adain.NcnnStylizer` and others."""

    max_pixels: int | None

    def open(self, source: Any, *, size: int = ..., crop: bool = ..., wrap: Wrap = ...) -> Any:
        """A picture of the size asked for, checked; any thread may ask."""

    def encode_style(self, source: Any, *, size: int = ..., crop: bool = ...) -> Style:
        """The statistics of an artwork."""

    def encode_content(
        self,
        source: Any,
        *,
        size: int = ...,
        crop: bool = ...,
        wrap: Wrap = ...,
        tile: TileSize = ...,
        progress: Any = ...,
    ) -> Any:
        """A photograph, ready to be rendered in any number of styles."""

    def render(self, content: Any, paint: Paint) -> Any:
        """What it becomes."""

    def overlap(self, content: Any) -> float:
        """The share of an encoded photograph that is computed more than once, as its tiles overlap."""

    def identity(self) -> Any:
        """All that decides what it computes, to be fingerprinted."""


@dataclass(frozen=True, eq=False)
class Look:
    """One result for each photograph, as plain values that can be sent to another process.

    Attributes:
        styles: artworks, encoded or not, or regions, which hold their own masks.
        options: what is done with them; see :class:`~adain.Options`. Its sizes and tiles of the photograph are for
            whoever encodes that.
        name: of the style or styles, for file names; by default that of the artworks' files.
        background: the artwork for what masks leave; that of the options by default.

    Raises:
        InputError: on construction, if these contradict each other.
    """

    styles: Any
    options: Options = dataclasses.field(default_factory=Options)
    name: str = ""
    background: Any = None

    def __post_init__(self) -> None:
        options = self.options
        if self.background is None and options.has_background:
            object.__setattr__(self, "background", options.background)
        if is_regions(self.styles):
            known = (*ARRANGEMENTS, "style_masks", "background")
            own = [name for name in known if getattr(options, name) is not None]
            if own:
                names = " and ".join(f"{{{name}}}" for name in own)
                options.refuse(f"Regions hold their own masks and background: leave out {names}")
            parts: Sequence[Any] = [region.style for region in self.styles.regions]
        else:
            parts = listed(self.styles)
            if any(is_regions(part) or isinstance(part, Look) for part in parts):
                raise InputError("Regions and a Look say themselves how styles come together: give one alone")
            object.__setattr__(self, "styles", parts)
            options.check(len(parts))
            _check_gradient(options)
        if not self.name:
            object.__setattr__(self, "name", "+".join(style_name(style) or "style" for style in parts))

    def color(self, k: int) -> ColorPreservation | None:
        """Of the style at index k; one mode serves all, and a background without its own keeps what it has."""
        color: Any = self.options.color
        if isinstance(color, tuple):
            color = color[k] if k < len(color) else None
        if color is None:
            return None
        from ..control.color import as_color

        return as_color(color, self.options)

    def depends(self, k: int) -> bool:
        """Whether the style at index k is encoded anew for each photograph."""
        color = self.color(k)
        return color is not None and color.needs_content

    @property
    def recolours(self) -> bool:
        """Whether any style is encoded anew for each photograph."""
        count = len(self.styles.regions) if is_regions(self.styles) else len(self.styles)
        return any(self.depends(k) for k in range(count + (self.background is not None)))

    def encoded(self, model: Model) -> Look:
        """The same with every style encoded that does not depend on the photograph, and names of files made absolute.

        A style is then a few kB of statistics in place of a file that every process would have to read.

        Raises:
            MissingFileError, ImageError: if one cannot be read.
        """
        if is_regions(self.styles):
            regions = [dataclasses.replace(region, mask=absolute(region.mask)) for region in self.styles.regions]
            return dataclasses.replace(self, styles=dataclasses.replace(self.styles, regions=regions))
        if self.options.preview:  # which takes artworks at several sizes
            kept = [absolute(style) for style in self.styles]
            return dataclasses.replace(self, styles=kept, options=self.options.absolute())
        styles = [absolute(self._encode(model, None, k)) for k in range(len(self.styles))]
        options, background = self.options.absolute(), self.background
        if options.style_masks is not None:
            own = zip(styles, options.style_masks, strict=True)
            masks = [None if isinstance(style, Style) else mask for style, mask in own]
            options = options.change(style_masks=masks if any(mask is not None for mask in masks) else None)
        if background is not None and not self.depends(len(styles)):
            background = self._encode(model, None, len(styles))
        if not isinstance(options.background, str | os.PathLike | None):  # which goes along as what it is
            options = options.change(background=style_name(options.background) or "background")
        return dataclasses.replace(self, styles=styles, options=options, background=absolute(background))

    def on(self, device: Any) -> Look:
        """The same with its encoded styles on another device; those of arrays, which lie on none, stay."""

        def moved(style: Any) -> Any:
            return style.to(device) if isinstance(style, Style) and device_of(style.mean) is not None else style

        if is_regions(self.styles):
            regions = [dataclasses.replace(region, style=moved(region.style)) for region in self.styles.regions]
            styles: Any = dataclasses.replace(self.styles, regions=regions, background=moved(self.styles.background))
        else:
            styles = [moved(style) for style in self.styles]
        return dataclasses.replace(self, styles=styles, background=moved(self.background))

    def _encode(self, model: Any, content: Any, k: int, region: Tensor | None = None) -> Any:
        """The style at index k, or the background after the last; as it is if that takes a photograph and has none."""
        options, color = self.options, self.color(k)
        is_background = k == len(self.styles)
        style = self.background if is_background else self.styles[k]
        mask = None if is_background or options.style_masks is None else options.style_masks[k]
        if color is not None and region is not None and not bool(region.any()):
            color = None  # the masks leave nothing for the background
        depends = color is not None and color.needs_content
        if is_style_file(style):
            style = model.encode_style(style)
        if isinstance(style, Style):
            if mask is not None:
                raise InputError(f"style {k + 1} is encoded already: pass the artwork's picture with its style mask")
            return _check_encoded(style, color)
        if content is None and depends:
            return style
        how: dict[str, Any] = {"size": options.style_size, "crop": options.crop}
        if options.fine_style_size is not None:
            how["fine_size"] = options.fine_style_size
        if mask is not None:
            how |= {"mask": mask, "mask_channel": options.mask_channel}
        if depends:
            how |= {"color": color, "content": content, "content_mask": region}
        return model.encode_style(style, **how)

    def render(self, model: Model, content: Any, levels: Levels = PLAIN, notes: dict[str, Any] | None = None) -> Any:
        """The result for a photograph: what ``model.render`` gives, or a sheet of pictures, of 8 bits, for a grid.

        Args:
            model, content: what computes, and of its ``encode_content``.
            levels: of the picture.
            notes: takes what is to be said of it: see :func:`~adain.stylizer.bounded.bounded` and
                :class:`~adain.control.faces.Faces`.

        Raises:
            AdainError: if a style, a mask or the photograph cannot be used.
        """
        if self.options.grid is None and not self.options.preview:
            paint = dataclasses.replace(self.resolve(model, content, notes), levels=levels)
            if self.options.max_drift is None:
                return model.render(content, paint)
            return bounded(model, content, paint, self.options.max_drift, notes)
        return sheet_of(self, model, content, notes)

    def resolve(self, model: Model, content: Any, notes: dict[str, Any] | None = None) -> Paint:
        """What to decode a photograph with.

        Args:
            notes: see :meth:`render`.

        Raises:
            InputError: if a mask does not fit the photograph, or a style that is encoded already would have to be
                recoloured.
            MissingFileError, ImageError: if a style or a mask cannot be read.
        """
        if is_regions(self.styles):
            placed = self.styles.place(canvas_of(content), max_pixels=model.max_pixels)
            for k, style in enumerate(placed.styles):
                _check_encoded(style, self.color(k))
        elif self.options.arrangement in ("masks", "label_map", "gradient"):
            placed = self.place(model, content)
        else:
            return self.mixing(model, content, notes)(self.options.weights)
        return Paint(
            placed,
            self._alpha,
            self._shares(placed),
            self._edges,
            correct=self.options.correct,
            protect=self.protection(model, content, notes),
        )

    @property
    def _alpha(self) -> float:
        return float(self.options.alpha) if isinstance(self.options.alpha, (int, float)) else 1.0

    def protection(self, model: Model, content: Any, notes: dict[str, Any] | None) -> Protection | Faces | None:
        """What is protected of a photograph; a subclass may know it already.

        Args and errors: see :meth:`resolve`.
        """
        options = self.options
        if options.protect is None:
            return None
        canvas = canvas_of(content)
        if isinstance(options.protect, str) and options.protect == FACES:
            from ..control.faces import Faces

            return Faces(options.feather, notes)
        from ..control.protect import Protection

        how: dict[str, Any] = {"channel": options.mask_channel, "max_pixels": model.max_pixels}
        return Protection.lay(options.protect, canvas, options.feather, **how)

    @property
    def _edges(self) -> list[EdgeShare]:
        """What is kept of the photograph's edges."""
        return [(self.options.keep_edges, 1.0)] if self.options.keep_edges else []

    def mixing(self, model: Model, content: Any, notes: dict[str, Any] | None) -> Callable[[Weights | None], Paint]:
        """What gives, for the weights of the styles, what to decode a photograph with; None are equal ones.

        The styles are encoded once, now, and each has its colours to its share.

        Args and errors: see :meth:`resolve`.
        """
        encoded = [self._encode(model, content, k) for k in range(len(self.styles))]
        protect = self.protection(model, content, notes)

        def mixed(weights: Weights | None) -> Paint:
            portions = normalize_weights([1.0] * len(encoded) if weights is None else weights)
            target = encoded[0] if len(encoded) == 1 else blend(encoded, portions)
            colors = [(color, portion) for k, portion in enumerate(portions) if (color := self.color(k)) is not None]
            return Paint(target, self._alpha, colors, self._edges, correct=self.options.correct, protect=protect)

        return mixed

    def place(self, model: Any, content: Any) -> Placement:
        """The styles in their regions of a photograph; a subclass may know them already.

        Args and errors: see :meth:`resolve`.
        """
        from ..control.regions import guide_names, guides_of, place

        options, limit = self.options, model.max_pixels
        is_gradient = options.gradient is not None
        guides = guides_of(options, max_pixels=limit)
        laid = canvas_of(content).lay(guides, options.feather, channel=options.mask_channel, max_pixels=limit)
        # One style passing into another has the content's tones run on across the seam: one region's are the whole's.
        regions = [None if is_gradient else laid[k : k + 1] for k in range(len(guides))]
        styles = [self._encode(model, content, k, region) for k, region in enumerate(regions)]
        background = None
        if is_gradient:
            background = self._encode(model, content, 1)
        elif self.background is not None:
            from ..control.masks import uncovered

            background = self._encode(model, content, len(styles), uncovered(laid))
        alphas = self.alphas(len(styles) + 1)
        return place(
            laid,
            styles,
            alphas[:-1],
            guide_names(guides),
            background=background,
            background_alpha=alphas[-1],
            shared_content=is_gradient,
        )

    def alphas(self, count: int) -> list[float]:
        """The strengths of so many regions, the background after them all."""
        own = [float(a) for a in self.options.alpha] if isinstance(self.options.alpha, tuple) else []
        return (own + [1.0] * count)[:count]

    def _shares(self, placed: Placement) -> list[ColorShare]:
        from ..nn.instance_norm import shares

        if not isinstance(self.options.color, tuple):
            color = self.color(0)  # of the whole picture
            return [] if color is None else [(color, 1.0)]
        portions = shares(placed.masks)
        colors = [self.color(k) for k in range(len(portions))]
        return [(color, portions[k : k + 1]) for k, color in enumerate(colors) if color is not None]


def each(styles: Any, options: Options) -> list[Look]:
    """The looks of several styles: one for each, or one of all where the options say how they come together.

    A :class:`Look` among them stays what it is; it has its own options.

    Raises:
        InputError: if there is no style, or the options contradict each other.
    """
    several = listed(styles)
    if any(isinstance(style, Look) for style in several) and options.given():
        options.refuse(f"a Look has its own options: leave out {', '.join(f'{{{name}}}' for name in options.given())}")
    if len(several) != 1 and (options.arrangement or not several):
        return [Look(several, options)]
    made = []
    for k, style in enumerate(several):
        if isinstance(style, Look):
            made.append(style)
            continue
        own = {}
        for name, noun in (("color", "colour mode"), ("style_masks", "style mask")):
            value = getattr(options, name)
            if isinstance(value, tuple) and len(several) > 1:
                if len(value) != len(several):
                    counts = f"{plural(len(value), noun)} for {len(several)} styles"
                    options.refuse(f"{counts}: {{{name}}} takes one for each")
                own[name] = value[k] if name == "color" else [value[k]]
        made.append(Look(style, options.change(**own) if own else options))
    return made


def canvas_of(content: Any) -> Canvas:
    """What masks are laid on to fit an encoded photograph."""
    from ..control.regions import Canvas

    if getattr(content, "is_strips", False):
        raise InputError(
            "masks, label maps, gradients and protect do not go with a picture in strips: ask for a smaller "
            'content_size (--content-size), or where there is the memory for all of it strips="off" (--strips off) '
            "with max_pixels (--max-pixels)"
        )
    return Canvas(content.size, content.uncropped, device_of(content.features), content.wrap, content.wanted)


def is_regions(styles: Any) -> TypeGuard[Regions]:
    """Whether styles are :class:`~adain.Regions`, without importing what those need."""
    return hasattr(styles, "regions") and hasattr(styles, "place")


def listed(styles: Any) -> tuple[Any, ...]:
    """One style or several as several."""
    return tuple(styles) if isinstance(styles, (list, tuple)) else (styles,)


def files_of(*things: Any) -> Iterator[str]:
    """The files that artworks, masks, regions, looks and options come from, as far as these know their names."""
    for thing in things:
        if isinstance(thing, Look):
            yield from files_of(thing.styles, thing.options, thing.background)
        elif isinstance(thing, Declared):
            named = [(getattr(thing, each.name), each) for each in thing.declared().values() if each.is_file]
            yield from files_of(*(v for v, each in named if not (isinstance(v, str) and v in each.choices)))
        elif is_regions(thing):
            yield from files_of(*(region.mask for region in thing.regions))
        elif isinstance(thing, (list, tuple)):
            yield from files_of(*thing)
        elif name := input_path(thing):
            yield name


def style_name(style: Any) -> str:
    """What a style is called in the names of results: that of its file, without the ending."""
    name: str = style.name if isinstance(style, Style) else input_name(style)
    return (stem_of(name) if is_style_file(name) else name.rpartition(".")[0]) or name


def _check_gradient(options: Options) -> None:
    gradient = options.gradient
    if isinstance(gradient, str) and gradient not in get_args(Direction) and not Path(gradient).exists():
        directions = ", ".join(get_args(Direction))
        options.refuse(f"{{gradient}} is one of {directions}, or a mask; there is no file {gradient}")


def _check_encoded(style: Style, color: ColorPreservation | None) -> Style:
    if color is not None and color.needs_content:
        wanted = "luma matching" if color.mode == "luminance" else f"colour mode {color.mode!r}"
        raise InputError(f"{wanted} recolours the artwork: pass its picture, not a Style that is encoded already")
    return style
