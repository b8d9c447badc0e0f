"""AdaIN of a style or of several by region, on features that come whole or in tiles."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from ..control.regions import Placement, is_full
from ..control.style import Style
from ..image.box import Box
from ..nn.adain import adaptive_instance_norm, regional_instance_norm
from ..nn.bands import fine_change
from ..nn.statistics import RunningStatistics, channel_mean_std, regional_mean_std
from ..options import check_alpha

Statistics = tuple[Tensor, Tensor]
"""Mean and deviation of channels."""


def content_statistics(features: Iterable[tuple[Box, Tensor]], target: Style | Placement) -> Statistics:
    """The statistics of the content that :func:`transfer` uses, of features that come in parts.

    Args:
        features: parts ``(B, C, h, w)`` of the content's features, each with its place among the cells.

    Returns:
        Mean and deviation, ``(B, C, 1, 1)`` or, with regions, ``(R, B, C, 1, 1)``; float32 on the CPU.
    """
    running = RunningStatistics()
    cells = None if isinstance(target, Style) or target.shared_content or _fills(target) else target.cells
    for box, part in features:
        running.add(part, None if cells is None else cells[(..., *box.slices)].to(part.device))
    return running.result()


def transfer(
    features: Tensor, target: Style | Placement, alpha: float = 1.0, *, content_stats: Statistics | None = None
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
    change = fine_change(features, [(s.std, s.fine_std) for s in styles], stats[1], alphas, target.cells)
    return (plain + change).to(features.dtype)


def has_fine_band(target: Style | Placement) -> bool:
    """Whether cells depend on those around them, ``bands.REACH_CELLS`` far."""
    return any(style.fine_std is not None for style in styles_of(target))


def styles_of(target: Style | Placement) -> tuple[Style, ...]:
    """The only style, or that of each region."""
    return (target,) if isinstance(target, Style) else target.styles


def style_statistics(target: Style | Placement) -> list[Tensor]:
    """All of the styles that a result depends on."""
    return [t for s in styles_of(target) for t in (s.mean, s.std, s.fine_std) if t is not None]


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
    return (plain + fine_change(features, [(style.std, style.fine_std)], stats[1], [alpha])).to(features.dtype)
