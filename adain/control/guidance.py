"""Styles by region, as values: what goes where, laid on a photograph's features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .. import defaults
from .._utils.errors import InputError
from ..image import DEFAULT_MAX_PIXELS
from ..image.box import Box
from ..nn.adain import adaptive_instance_norm, check_alpha
from ..nn.bands import fine_change
from ..nn.regions import regional_instance_norm
from ..nn.statistics import RunningStatistics, channel_mean_std, regional_mean_std
from ..stylizer.content import Content
from .masks import MIN_AREA, MIN_PEAK, Channel, Direction, MaskInput, mask_name, uncovered
from .placement import Guide, Ramp, is_full, lay_cells, lay_masks
from .style import Style

Statistics = tuple[Tensor, Tensor]
"""Mean and deviation of channels."""


@dataclass(frozen=True, eq=False)
class Region:
    """A style in a part of the photograph.

    Attributes:
        style: what goes there.
        mask: where: anything :func:`adain.control.masks.read_mask` takes, of the photograph's shape and any size, or a
            :class:`~adain.control.placement.Ramp`.
        alpha: strength in ``[0, 1]``.
        name: what messages call the mask; its file name by default.

    Raises:
        InputError: on construction, if alpha is out of range.
    """

    style: Style
    mask: Guide
    alpha: float = defaults.ALPHA
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", check_alpha(self.alpha))


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
    feather: float = defaults.FEATHER
    shared_content: bool = False
    channel: Channel = "luminance"
    background_alpha: float = defaults.ALPHA

    def __post_init__(self) -> None:
        object.__setattr__(self, "regions", tuple(self.regions))
        object.__setattr__(self, "background_alpha", check_alpha(self.background_alpha))
        if not self.regions:
            raise InputError("Regions need at least one Region")

    def place(self, content: Content, *, max_pixels: int | None = DEFAULT_MAX_PIXELS) -> Placement:
        """These regions on a photograph.

        Raises:
            InputError: if a mask does not fit the photograph, is black, or vanishes at the scale of the features.
            MissingFileError, ImageError: see :func:`adain.control.masks.read_mask`.
        """
        names = guide_names([r.mask for r in self.regions], [r.name for r in self.regions])
        masks = lay_masks(
            [region.mask for region in self.regions],
            content.size,
            uncropped=content.uncropped,
            feather=self.feather,
            names=names,
            channel=self.channel,
            device=content.features.device,
            max_pixels=max_pixels,
        )
        return place(
            content,
            masks,
            [region.style for region in self.regions],
            [region.alpha for region in self.regions],
            background=self.background,
            background_alpha=self.background_alpha,
            shared_content=self.shared_content,
            names=names,
        )


@dataclass(frozen=True, eq=False)
class Placement:
    """Regions on one photograph, background included.

    Attributes:
        styles, alphas: one for each region.
        masks: ``(R, 1, H, W)`` in ``[0, 1]``, at the photograph's pixels.
        cells: ``(R, 1, H', W')``, at the cells of its features.
        shared_content: see :class:`Regions`.
    """

    styles: tuple[Style, ...]
    alphas: tuple[float, ...]
    masks: Tensor
    cells: Tensor
    shared_content: bool = False

    def to(self, device: torch.device | str) -> Placement:
        """The same on another device."""
        styles = tuple(style.to(device) for style in self.styles)
        return replace(self, styles=styles, masks=self.masks.to(device), cells=self.cells.to(device))

    def part(self, box: Box, device: torch.device | str) -> Placement:
        """The same for the cells of a box, on another device; its masks are left out, as it is for features alone."""
        rows, columns = box.slices
        part = replace(self, masks=self.masks[..., :0, :0], cells=self.cells[..., rows, columns])
        return part.to(device)


def guide_names(guides: Sequence[Guide], names: Sequence[str]) -> list[str]:
    """What messages call each mask: the name given, else the file's; empty for neither."""
    files = ["" if isinstance(guide, Ramp) else mask_name(guide) for guide in guides]
    return [name or file for name, file in zip(names, files, strict=True)]


def place(
    content: Content,
    masks: Tensor,
    styles: Sequence[Style],
    alphas: Sequence[float],
    *,
    background: Style | None = None,
    background_alpha: float = defaults.ALPHA,
    shared_content: bool = False,
    names: Sequence[str] | None = None,
) -> Placement:
    """Masks of :func:`~adain.control.placement.lay_masks` with their styles, followed down to the photograph's
    features.

    A background that nothing is left for is no error: a mask may well cover the picture.

    Raises:
        InputError: if a region vanishes at the scale of the features.
    """
    shape = content.features.shape
    size = (shape[2], shape[3])
    cells = lay_cells(masks, size, names)
    if background is not None:
        rest = uncovered(masks)
        rest_cells = uncovered(cells)
        if float(rest_cells.sum()) >= MIN_AREA and float(rest_cells.amax()) >= MIN_PEAK:
            masks, cells = torch.cat([masks, rest]), torch.cat([cells, rest_cells])
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
    named = isinstance(direction, str) and direction in defaults.DIRECTIONS
    mask = Ramp(direction) if named else direction  # type: ignore[arg-type]
    return Regions([Region(left, mask)], background=right, shared_content=True)


def content_statistics(features: Iterable[tuple[Box, Tensor]], target: Style | Placement) -> Statistics:
    """The statistics of the content that :func:`transfer` uses, of features that come in parts.

    Args:
        features: parts ``(B, C, h, w)`` of the content's features, each with its place among the cells.
        target: a style, or regions laid on that content.

    Returns:
        Mean and deviation, ``(B, C, 1, 1)`` or, with regions, ``(R, B, C, 1, 1)``; float32 on the CPU.
    """
    running = RunningStatistics()
    plain = isinstance(target, Style) or target.shared_content or _fills(target)
    for box, part in features:
        if isinstance(target, Style) or plain:
            running.add(part)
        else:
            rows, columns = box.slices
            running.add(part, target.cells[..., rows, columns].to(part.device))
    return running.result()


def transfer(
    features: Tensor,
    target: Style | Placement,
    alpha: float = defaults.ALPHA,
    *,
    content_stats: Statistics | None = None,
) -> Tensor:
    """AdaIN of a style or of several by region, with the two bands of those that have them.

    Args:
        features: ``(B, C, H, W)`` of the content.
        target: a style, or regions laid on that content.
        alpha: strength in ``[0, 1]``; times that of each region.
        content_stats: of :func:`content_statistics`, where ``features`` and ``target`` are a part of the content's.

    Returns:
        ``(B, C, H, W)`` in the dtype of ``features``.

    Raises:
        InputError: if alpha is out of range or the channel counts differ.
    """
    check_alpha(alpha)
    if isinstance(target, Style):
        return _everywhere(features, target, alpha, content_stats)
    if _fills(target):
        return _everywhere(features, target.styles[0], alpha * target.alphas[0], content_stats)
    styles, alphas = target.styles, [alpha * own for own in target.alphas]
    means, stds = [style.mean for style in styles], [style.std for style in styles]
    has_fine = has_fine_band(target)
    if content_stats is not None:
        stats = content_stats
    elif target.shared_content:
        stats = channel_mean_std(features)
    elif has_fine:
        stats = regional_mean_std(features, target.cells)
    else:
        return regional_instance_norm(features, means, stds, target.cells, alphas)
    plain = regional_instance_norm(features, means, stds, target.cells, alphas, content_stats=stats)
    if not has_fine:
        return plain
    return (plain + fine_change(features, styles, stats[1], alphas, target.cells)).to(features.dtype)


def has_fine_band(target: Style | Placement) -> bool:
    """Whether cells depend on those around them, ``bands.REACH_CELLS`` far."""
    styles = (target,) if isinstance(target, Style) else target.styles
    return any(style.fine_std is not None for style in styles)


def _fills(target: Placement) -> bool:
    """Whether one style is everywhere after all."""
    return len(target.styles) == 1 and is_full(target.cells)


def _everywhere(features: Tensor, style: Style, alpha: float, known: Statistics | None) -> Tensor:
    # A part of a picture may lie within its only region, whose statistics are then those of one in a list.
    stats = None if known is None else (known[0].flatten(end_dim=-4), known[1].flatten(end_dim=-4))
    if style.fine_std is None or alpha == 0.0:
        return adaptive_instance_norm(features, style.mean, style.std, alpha, content_stats=stats)
    stats = stats or channel_mean_std(features)
    plain = adaptive_instance_norm(features, style.mean, style.std, alpha, content_stats=stats)
    return (plain + fine_change(features, [style], stats[1], [alpha])).to(features.dtype)
