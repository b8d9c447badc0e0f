"""AdaIN of a style or of several by region, on features that come whole or in tiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from .._utils.arrays import Array, device_of, moved
from ..control.regions import Placement, is_full
from ..control.style import Style
from ..image.box import Box
from ..nn.bands import fine_change
from ..nn.instance_norm import adaptive_instance_norm, regional_instance_norm, scale_and_shift
from ..nn.statistics import RunningStatistics, as_type_of, at_least_float32, channel_mean_std, regional_mean_std
from ..options import check_alpha


def content_statistics(features: Iterable[tuple[Box, Array]], target: Style | Placement) -> tuple[Array, Array]:
    """The statistics of the content that :func:`transfer` uses, of features that come in parts.

    Args:
        features: parts ``(B, C, h, w)`` of the content's features, each with its place among the cells.

    Returns:
        Mean and deviation, ``(B, C, 1, 1)`` or, with regions, ``(R, B, C, 1, 1)``; float32, arrays if the features
        are, else tensors on the CPU.
    """
    running = RunningStatistics()
    cells = None if isinstance(target, Style) or is_plain(target) else target.cells
    for box, part in features:
        rows, columns = box.slices
        running.add(part, None if cells is None else moved(cells[..., rows, columns], device_of(part)))
    return running.result()


def transfer(
    features: Array,
    target: Style | Placement,
    alpha: Any = 1.0,
    *,
    content_stats: tuple[Array, Array] | None = None,
) -> Array:
    """AdaIN of a style or of several by region, with the two bands of those that have them.

    Args:
        features: ``(B, C, H, W)`` of the content: a tensor, or an array with a ``target`` of arrays.
        target: a style, or regions laid on that content.
        alpha: strength in ``[0, 1]``; times that of each region. Of a style, also one for each image,
            ``(B or 1, 1, 1, 1)``.
        content_stats: of :func:`content_statistics`, where ``features`` and ``target`` are a part of the content's.

    Returns:
        ``(B, C, H, W)`` in the dtype of ``features``.

    Raises:
        InputError: if alpha is out of range or the channel counts differ.
    """
    if isinstance(target, Style):
        return _everywhere(features, target, alpha, content_stats)
    alpha = check_alpha(alpha)
    if target.kept is not None:
        changed: Any = transfer(features, replace(target, kept=None), alpha, content_stats=content_stats)
        return as_type_of(features, changed + target.kept * (features - changed))  # type: ignore[no-any-return]
    if fills(target):
        return _everywhere(features, target.styles[0], alpha * target.alphas[0], content_stats)
    styles, alphas = target.styles, [alpha * own for own in target.alphas]
    means, stds = [style.mean for style in styles], [style.std for style in styles]
    has_fine = has_fine_band(target)
    stats: Any
    result: Array
    if content_stats is not None:
        stats = content_stats
    elif target.shared_content:
        stats = channel_mean_std(features)
    elif has_fine:
        stats = regional_mean_std(features, target.cells)
    else:
        stats = "region"
    result = regional_instance_norm(features, means, stds, target.cells, alphas, content_stats=stats)
    if has_fine:
        change = fine_change(features, [(s.std, s.fine_std) for s in styles], stats[1], alphas, target.cells)
        result = as_type_of(features, result + change)
    return result


def plain_change(features: Array, target: Style | Placement, alpha: float) -> tuple[Array, Array] | None:
    """Scale and shift by channel, ``(B, C, 1, 1)``, that :func:`transfer` amounts to.

    None where it is no such change, or makes several of one content. Who computes with copies of parts of the features
    can apply it to those, and needs no second feature map.
    """
    check_alpha(alpha)
    if (
        has_fine_band(target)
        or getattr(target, "kept", None) is not None
        or not (isinstance(target, Style) or fills(target))
    ):
        return None
    style, strength = (target, alpha) if isinstance(target, Style) else (target.styles[0], alpha * target.alphas[0])
    if strength == 0.0:
        return None
    change = scale_and_shift(at_least_float32(features), style.mean, style.std, strength)
    return None if len(change[0]) > len(features) else change


def has_fine_band(target: Style | Placement) -> bool:
    """Whether cells depend on those around them, ``bands.REACH_CELLS`` far."""
    return any(style.fine_std is not None for style in styles_of(target))


def styles_of(target: Style | Placement) -> tuple[Style, ...]:
    """The only style, or that of each region."""
    return (target,) if isinstance(target, Style) else target.styles


def style_statistics(target: Style | Placement) -> list[Any]:
    """All of the styles that a result depends on."""
    return [t for s in styles_of(target) for t in (s.mean, s.std, s.fine_std) if t is not None]


def is_plain(target: Style | Placement) -> bool:
    """Whether the content's statistics are those of all of it, and not of each region."""
    return isinstance(target, Style) or target.shared_content or fills(target)


def fills(target: Placement) -> bool:
    """Whether one style is everywhere after all."""
    return len(target.styles) == 1 and is_full(target.cells)


def _everywhere(features: Array, style: Style, alpha: Any, known: tuple[Array, Array] | None) -> Array:
    stats: Any = known
    if known is not None:
        # A part of a picture may lie within its only region, whose statistics are then those of one in a list.
        stats = tuple(s.reshape(-1, *s.shape[-3:]) for s in known)
    has_fine = style.fine_std is not None and (not isinstance(alpha, float | int) or alpha != 0.0)
    if has_fine and stats is None:
        stats = channel_mean_std(features)
    result: Array = adaptive_instance_norm(features, style.mean, style.std, alpha, content_stats=stats)
    if has_fine:
        change = fine_change(features, [(style.std, style.fine_std)], stats[1], [alpha])
        result = as_type_of(features, result + change)
    return result
