"""Styles by region, as values: what goes where, laid on a picture and followed down to its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, get_args

import numpy as np

from .._utils.arrays import AnyArray, Array, Device, is_tensor, moved, namespace
from .._utils.errors import InputError
from ..image import DEFAULT_MAX_PIXELS
from ..image.box import Box
from ..image.resize import center_crop_square
from ..image.source import input_name
from ..image.wrap import axes_of, part
from ..nn.layers import STRIDE
from ..options import Channel, Direction, Options, Wrap, check_alpha
from .labels import region_masks
from .masks import MaskInput, draw_ramp, open_mask, resize_mask, uncovered
from .masks import feather as soften
from .style import Style, check_encoded

ASPECT_TOLERANCE = 0.02
"""How far the aspect ratios of a mask and its picture may lie apart: cropping a few pixels off, and no more."""

BLACK = 1 / 255
"""A mask with nothing brighter is taken as black: what lossy compression leaves of it."""

MIN_AREA = 0.25
"""Least area of a region in feature cells; below it, its statistics describe hardly any cell."""

MIN_PEAK = 0.05
"""Least share of some one cell a region must fill."""

_FULL = 1.0 - 1e-5  # what resizing and blurring leave of a white mask, in the worst case of rounding


@dataclass(frozen=True)
class Ramp:
    """A mask that runs linearly from 1 to 0 over whatever picture it is laid on; see :func:`adain.control.ramp`.

    Raises:
        InputError: on construction, if there is no such direction.
    """

    direction: Direction = "horizontal"

    def __post_init__(self) -> None:
        draw_ramp((1, 1), self.direction, None)


Guide: TypeAlias = "MaskInput | Ramp"


@dataclass(frozen=True)
class Canvas:
    """What masks are laid on: a picture's measures.

    Attributes:
        size: height and width in pixels.
        uncropped: the same before the central square was cut out, which is what masks are painted on; None for no cut.
        device: where masks are wanted; None for arrays.
        wrap: which of the picture's sides meet.
        wanted: height and width that its result has, where those are others.
    """

    size: tuple[int, int]
    uncropped: tuple[int, int] | None = None
    device: Device = "cpu"
    wrap: Wrap = "none"
    wanted: tuple[int, int] | None = None

    def lay(
        self,
        guides: Sequence[Guide],
        feather: float = 0.0,
        names: Sequence[str] | None = None,
        *,
        channel: Channel = "luminance",
        max_pixels: int | None = DEFAULT_MAX_PIXELS,
    ) -> Any:
        """Masks at the size of the picture: each read, checked, resized and cropped as that was, and feathered.

        They may overlap and may leave parts uncovered.

        Args:
            guides: at least one mask, painted over the whole picture at any size.
            feather: radius of :func:`adain.control.feather` in pixels of the picture.
            names: of :func:`guide_names`, for messages.
            channel, max_pixels: see :func:`adain.control.read_mask`.

        Returns:
            ``(R, 1, H, W)`` float32 in ``[0, 1]``.

        Raises:
            InputError: if a mask has another aspect ratio than the picture, or is black everywhere.
            MissingFileError, ImageError: see :func:`adain.control.read_mask`.
        """
        axes, laid = axes_of(self.wrap), []
        for guide, name in zip(guides, names or guide_names(guides), strict=True):
            if isinstance(guide, Ramp):
                laid.append(draw_ramp(self.size, guide.direction, self.device))
                continue
            mask = self.fit(open_mask(guide, channel=channel, max_pixels=max_pixels), name)
            if not bool((mask > BLACK).any()):
                height, width = self.wanted or self.size
                raise InputError(
                    f"{name} is black everywhere at {width}x{height} px: paint white where its style should go"
                )
            laid.append(mask)
        regions = soften(namespace(laid[0]).concatenate(laid), feather, axes)
        # White stays white, so that a mask of the whole picture is no mask at all.
        regions[regions > _FULL] = 1.0
        return regions

    def fit(self, mask: Any, name: str) -> Any:
        """One mask ``(1, 1, H, W)`` at the size of the picture, resized and cropped as that was.

        Raises:
            InputError: if it has another aspect ratio than the picture; it calls the mask by that name.
        """
        whole = self.uncropped or self.size
        mask = moved(mask.float() if is_tensor(mask) else mask, self.device)
        check_aspect(name, (mask.shape[2], mask.shape[3]), self.wanted or whole)
        mask = resize_mask(mask, whole, axes_of(self.wrap))
        return mask if whole == self.size else center_crop_square(mask)


def guide_names(guides: Sequence[Guide], names: Sequence[str] | None = None) -> list[str]:
    """What messages call each mask, such as ``mask sky.png``: the name given, else the file's, else its number."""
    own = names or [""] * len(guides)
    named = [name or input_name(guide) for name, guide in zip(own, guides, strict=True)]
    return [f"mask {name or number}" for number, name in enumerate(named, start=1)]


def lay_cells(regions: Array, names: Sequence[str]) -> Array:
    """Masks ``(R, 1, H, W)`` at the scale of relu4_1, ``(R, 1, H', W')``: the share of each cell's pixels inside.

    Cells are those of ceil-mode pooling: the last one of a row or column may be partial, and its share is that of the
    pixels it has.

    Raises:
        InputError: if a region vanishes there: if all its cells together make less than :data:`MIN_AREA` of one, or if
            no cell is filled to :data:`MIN_PEAK`. The message names it.
    """
    cells: Array = cell_means(regions)
    flat: Any = cells.reshape(len(cells), -1)
    areas, peaks = flat.sum(axis=1).tolist(), namespace(flat).amax(flat, axis=1).tolist()
    for name, area, peak in zip(names, areas, peaks, strict=True):
        if not (area >= MIN_AREA and peak >= MIN_PEAK):
            raise InputError(
                f"{name} vanishes in the features: it fills {area:.2g} of {flat.shape[1]} cells, at most {peak:.0%} "
                "of any one; enlarge its white area or the picture"
            )
    return cells


def cell_means(regions: Any) -> Any:
    """The mean of each square of :data:`STRIDE` pixels a side, of what there is of the last ones."""
    if is_tensor(regions):
        import torch.nn.functional as F

        return F.avg_pool2d(regions, STRIDE, ceil_mode=True, count_include_pad=False)
    starts = [np.arange(0, side, STRIDE) for side in regions.shape[2:]]
    sums = np.add.reduceat(np.add.reduceat(regions, starts[0], axis=2), starts[1], axis=3)
    height, width = (np.diff(first, append=side) for first, side in zip(starts, regions.shape[2:], strict=True))
    return sums / np.multiply.outer(height, width).astype(sums.dtype)


def is_full(mask: AnyArray) -> bool:
    """Whether a mask selects everything."""
    return bool((mask == 1.0).all())


@dataclass(frozen=True, eq=False)
class Region:
    """A style in a part of the photograph.

    Attributes:
        style: what goes there.
        mask: where: anything :func:`adain.control.masks.read_mask` takes, of the photograph's shape and any size, or a
            :class:`Ramp`.
        alpha: strength in ``[0, 1]``.
        name: what messages call the mask; its file name by default.

    Raises:
        InputError: on construction, if alpha is out of range.
    """

    style: Style
    mask: Guide
    alpha: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", check_alpha(self.alpha))
        check_encoded(self.style)


@dataclass(frozen=True, eq=False)
class Regions:
    """Several styles, each in its region; stands wherever a :class:`~adain.Style` does.

    Where regions overlap they share; what they leave uncovered keeps the photograph's features.

    Attributes:
        regions: at least one.
        background: a style for what they leave uncovered.
        feather: radius in pixels of the result over which edges are softened; see :func:`adain.control.masks.feather`.
        shared_content: normalise with the statistics of the whole photograph rather than of each region: for masks that
            blend styles over the same content, whose tones must run on across them.
        channel: whether masks are read from their ``"luminance"`` or their ``"alpha"``.
        background_alpha: strength of the background in ``[0, 1]``.

    Raises:
        InputError: on construction, if there is no region or ``background_alpha`` is out of range.
    """

    regions: Sequence[Region]
    background: Style | None = None
    feather: float = Options.feather
    shared_content: bool = False
    channel: Channel = "luminance"
    background_alpha: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "regions", tuple(self.regions))
        object.__setattr__(self, "background_alpha", check_alpha(self.background_alpha))
        if not self.regions or not all(isinstance(region, Region) for region in self.regions):
            raise InputError("Regions need at least one Region(style, mask), and nothing else")
        if self.background is not None:
            check_encoded(self.background)

    def place(self, canvas: Canvas, *, max_pixels: int | None = DEFAULT_MAX_PIXELS) -> Placement:
        """These regions on a photograph.

        Raises:
            InputError: if a mask does not fit the photograph, is black, or vanishes at the scale of the features.
            MissingFileError, ImageError: see :func:`adain.control.read_mask`.
        """
        guides = [region.mask for region in self.regions]
        names = guide_names(guides, [region.name for region in self.regions])
        return place(
            canvas.lay(guides, self.feather, names, channel=self.channel, max_pixels=max_pixels),
            [region.style for region in self.regions],
            [region.alpha for region in self.regions],
            names,
            background=self.background,
            background_alpha=self.background_alpha,
            shared_content=self.shared_content,
        )


@dataclass(frozen=True, eq=False)
class Placement:
    """Regions on one photograph, background included.

    Attributes:
        styles, alphas: one for each region.
        masks: ``(R, 1, H, W)`` in ``[0, 1]``, at the photograph's pixels; a tensor or an array, as its features are.
        cells: likewise ``(R, 1, H', W')``, at the cells of its features.
        shared_content: see :class:`Regions`.
        kept: ``(1, 1, H', W')`` in ``[0, 1]``, how much of the photograph's features each cell keeps, whatever the
            regions say; None for none. See :mod:`adain.control.protect`.
    """

    styles: tuple[Style, ...]
    alphas: tuple[float, ...]
    masks: Any
    cells: Any
    shared_content: bool = False
    kept: Any = None

    def to(self, device: Device) -> Placement:
        """The same on another device; on None, of arrays."""
        styles = tuple(style.to(device) for style in self.styles)
        kept = None if self.kept is None else moved(self.kept, device)
        return replace(self, styles=styles, masks=moved(self.masks, device), cells=moved(self.cells, device), kept=kept)

    def part(self, box: Box, device: Device) -> Placement:
        """The same for the cells of a box, on another device; its masks are left out, as it is for features alone.

        Beyond the sides of the photograph are its cells again, see :func:`adain.image.wrap.part`.
        """
        kept = None if self.kept is None else part(self.kept, box)
        return replace(self, masks=self.masks[..., :0, :0], cells=part(self.cells, box), kept=kept).to(device)


def place(
    masks: Any,
    styles: Sequence[Style],
    alphas: Sequence[float],
    names: Sequence[str],
    *,
    background: Style | None = None,
    background_alpha: float = 1.0,
    shared_content: bool = False,
) -> Placement:
    """Masks of :meth:`Canvas.lay` with their styles, followed down to the photograph's features.

    A region must not vanish there. A background may that nothing is left for: a mask may well cover the picture.
    """
    cells = lay_cells(masks, names)
    if background is not None:
        rest = uncovered(cells)
        if float(rest.sum()) >= MIN_AREA and float(rest.max()) >= MIN_PEAK:
            join = namespace(masks).concatenate
            masks, cells = join([masks, uncovered(masks)]), join([cells, rest])
            styles, alphas = [*styles, background], [*alphas, background_alpha]
    return Placement(tuple(styles), tuple(alphas), masks, cells, shared_content)


def gradient(left: Style, right: Style, direction: Direction | MaskInput | Ramp = "horizontal") -> Regions:
    """One style passing into another across the photograph.

    Args:
        left: the style where the mask is 1: at the left, the top, the top left corner or the centre.
        right: the style where it is 0.
        direction: ``"horizontal"``, ``"vertical"``, ``"diagonal"``, ``"radial"`` (see
            :func:`adain.control.masks.ramp`), or a mask of your own.
    """
    return Regions([Region(left, as_guide(direction))], background=right, shared_content=True)


def guides_of(options: Options, *, max_pixels: int | None = DEFAULT_MAX_PIXELS) -> list[Guide]:
    """Where styles go: masks, the labels of a map, or the mask of a gradient, whose rest the second style fills.

    Empty where the options put all styles everywhere.
    """
    if options.label_map is not None:
        return [*region_masks(options, max_pixels=max_pixels)]
    if options.gradient is not None:
        return [as_guide(options.gradient)]
    return [*(options.masks or ())]


def as_guide(direction: Direction | MaskInput | Ramp) -> Guide:
    """A direction as the mask that runs that way; a mask as it is."""
    named = isinstance(direction, str) and direction in get_args(Direction)
    return Ramp(direction) if named else direction  # type: ignore[arg-type]


def check_aspect(name: str, mask: tuple[int, int], picture: tuple[int, int]) -> None:
    """InputError, if a mask of that name, height and width is not of the shape of a picture, at whatever size."""
    (height, width), (tall, wide) = mask, picture
    skew = abs(width * tall / (height * wide) - 1.0)
    # A side of the mask, or of the picture, may have been rounded to the pixel when one was made from the other.
    across, down = abs(width - wide * height / tall), abs(height - tall * width / wide)
    rounding = min(across, down, across * tall / height, down * wide / width)
    if skew > ASPECT_TOLERANCE and rounding >= 1.0:
        raise InputError(
            f"{name} is {width}x{height} px and the picture {wide}x{tall} px: their shapes differ, "
            "paint the mask over the whole picture"
        )
