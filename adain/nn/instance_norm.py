"""Adaptive instance normalisation (Huang & Belongie 2017, eq. 8 and 14), and the same with one style per region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .._utils.arrays import Array, is_tensor, namespace
from .._utils.errors import InputError
from ..options import check_alpha
from .statistics import as_type_of, at_least_float32, channel_mean_std, pieces, regional_mean_std

SMALL_PRODUCT = 2**18
"""As many multiplications BLAS leaves to one thread; several would wait busily while the next network runs."""


def adaptive_instance_norm(
    content: Array,
    style_mean: Array,
    style_std: Array,
    alpha: float | Array = 1.0,
    *,
    content_stats: tuple[Array, Array] | None = None,
) -> Array:
    r"""Give content features the channel statistics of a style.

    .. math:: \mathrm{AdaIN}(c, s) = \sigma_s \frac{c - \mu_c}{\sigma_c} + \mu_s, \qquad
              t = (1 - \alpha)\, c + \alpha\, \mathrm{AdaIN}(c, s)

    Args:
        content: ``(B, C, H, W)`` features: a tensor or an array, and what comes with them of the same kind.
        style_mean, style_std: ``(B, C, 1, 1)`` or ``(1, C, 1, 1)`` statistics of the style.
        alpha: strength in ``[0, 1]``; 0 returns ``content`` itself. A tensor ``(1, 1, H, W)`` or ``(B, 1, H, W)``
            gives each cell a strength of its own, ``(B, 1, 1, 1)`` each image; where it is 0 the content stays bit for
            bit.
        content_stats: mean and deviation of the content, if known already (a tile of a larger
            image is normalised with the statistics of the whole).

    Returns:
        ``(B, C, H, W)`` in the dtype of ``content``; the arithmetic is float32 or better.

    Raises:
        InputError: if alpha is outside ``[0, 1]`` or of another shape, or the channel counts differ.
    """
    c: Any = at_least_float32(content)
    strength: Any = alpha
    result: Array
    is_map = is_tensor(strength) or isinstance(strength, np.ndarray)
    if is_map and tuple(strength.shape[1:]) != (1, 1, 1):
        strength = as_type_of(c, _check_alpha_map(strength, content))
        stylized = adaptive_instance_norm(c, style_mean, style_std, content_stats=content_stats)
        result = as_type_of(content, _lerp(c, stylized, strength))
        return result
    if not is_map and check_alpha(strength) == 0.0:
        return content
    scale, shift = scale_and_shift(content, style_mean, style_std, strength, content_stats=content_stats)
    result = as_type_of(content, _multiply_add(c, scale, shift))
    return result


def scale_and_shift(
    content: Array,
    style_mean: Array,
    style_std: Array,
    alpha: float | Array = 1.0,
    *,
    content_stats: tuple[Array, Array] | None = None,
) -> tuple[Any, Any]:
    """What :func:`adaptive_instance_norm` multiplies each channel by and adds to it, ``(B, C, 1, 1)`` each.

    Arguments and errors are its own; alpha is one number, or one for each image, ``(B or 1, 1, 1, 1)``.
    """
    if style_mean.shape[1] != content.shape[1]:
        raise InputError(
            f"the style has {style_mean.shape[1]} channels and the content {content.shape[1]}: "
            "encode both with the same encoder"
        )
    if style_mean.shape[0] not in (1, content.shape[0]) and content.shape[0] != 1:
        raise InputError(f"{style_mean.shape[0]} styles do not fit {content.shape[0]} contents: give one, or as many")
    mean, std = channel_mean_std(content) if content_stats is None else content_stats
    # One multiply-add over the feature map; everything else is per channel.
    scale: Any = style_std / std
    shift: Any = style_mean - mean * scale
    is_map = is_tensor(alpha) or isinstance(alpha, np.ndarray)
    strength: Any = alpha
    strength = as_type_of(scale, _check_alpha_map(strength, content, (1, 1))) if is_map else check_alpha(strength)
    if is_map or strength != 1.0:
        scale = (1.0 - strength) + strength * scale
        shift = strength * shift
    return scale, shift


def regional_instance_norm(
    content: Array,
    style_means: Sequence[Array] | Array,
    style_stds: Sequence[Array] | Array,
    masks: Array,
    alphas: float | Sequence[float] = 1.0,
    *,
    content_stats: Literal["region"] | tuple[Array, Array] = "region",
) -> Array:
    r"""Give the content features inside each region the channel statistics of that region's style (section 7.3).

    .. math:: t = \sum_r n_r \big[(1 - \alpha_r)\, c + \alpha_r\, \mathrm{AdaIN}_r(c)\big]
                  + \Big(1 - \sum_r n_r\Big) c, \qquad
              n_r = \frac{m_r}{\max(1, \sum_q m_q)}

    with :math:`\mathrm{AdaIN}_r(c) = \sigma_{s_r} (c - \mu_r) / \sigma_r + \mu_{s_r}` (Huang & Belongie 2017, eq. 8),
    and :math:`\mu_r, \sigma_r` the content's statistics inside region r. Where regions overlap they share the cell;
    what they leave uncovered keeps the content's features bit for bit.

    All of this is one scale and one shift per channel and region, spread over the cells by a matrix product: no
    region is normalised on a feature map of its own. One mask of ones is :func:`adaptive_instance_norm` itself.

    Args:
        content: ``(B, C, H, W)`` features: a tensor or an array, and what comes with them of the same kind.
        style_means, style_stds: for each region, ``(B, C, 1, 1)`` or ``(1, C, 1, 1)`` statistics of its style.
        masks: ``(R, 1, H, W)`` in ``[0, 1]``, as :func:`adain.control.regions.lay_cells` makes them.
        alphas: strength in ``[0, 1]``, one for all regions or one for each.
        content_stats: ``"region"``, or the mean and deviation to use instead: ``(B, C, 1, 1)`` for all regions, as
            :func:`~adain.nn.channel_mean_std` gives them, where masks *blend* styles over the same content and its
            tones must run on across them; or ``(R, B, C, 1, 1)``, one for each, as
            :func:`~adain.nn.statistics.regional_mean_std` gives them for the image of which ``content`` is a part.

    Returns:
        ``(B, C, H, W)`` in the dtype of ``content``; the arithmetic is float32 or better.

    Raises:
        InputError: if the counts of masks, styles and alphas differ, an alpha is outside ``[0, 1]``, or the channel
            counts differ.
        ValueError: if masks do not fit the features or one is empty.
    """
    count = masks.shape[0]
    strengths = [check_alpha(a) for a in (alphas if isinstance(alphas, Sequence) else [alphas] * count)]
    if len(strengths) != count:
        raise InputError(f"{count} regions need {count} alphas, or one for all, not {len(strengths)}")
    means, stds = (_stacked(s, count, content) for s in (style_means, style_stds))
    if masks.shape[1:] != (1, *content.shape[2:]):
        height, width = content.shape[2:]
        raise ValueError(f"masks must be (R, 1, {height}, {width}) for these features, not {tuple(masks.shape)}")
    if not any(strengths):
        return content
    result: Array
    if count == 1 and bool((masks == 1).all()):
        # Not merely near it: a mask that selects everything must not change the picture.
        whole = None
        if content_stats != "region":
            known_mean, known_std = (s.reshape(-1, *s.shape[-3:]) for s in content_stats)
            whole = (known_mean, known_std)
        result = adaptive_instance_norm(content, means[0], stds[0], strengths[0], content_stats=whole)
        return result

    c: Any = at_least_float32(content)
    xp = namespace(c)
    mean, std = regional_mean_std(c, masks) if content_stats == "region" else content_stats
    alpha = (c.new_tensor(strengths) if is_tensor(c) else np.array(strengths, c.dtype)).reshape(count, 1, 1, 1, 1)
    # As a change of the content, n (a c + b) added to c, so that no change leaves it exactly.
    ratio = as_type_of(c, stds) / std
    scale = alpha * (ratio - 1.0)
    shift = alpha * (as_type_of(c, means) - mean * ratio)
    weights = shares(as_type_of(c, masks))
    one = xp.ones_like(weights[:1])
    scales = spread(xp.concatenate([scale, xp.ones_like(scale[:1])]), xp.concatenate([weights, one]), c)
    result = as_type_of(content, _multiply_add(c, scales, spread(shift, weights, c)))
    return result


def shares(regions: Array) -> Array:
    r""":math:`m_r / \max(1, \sum_q m_q)`: what each region ``(R, 1, H, W)`` has of a pixel or a cell."""
    r: Any = regions
    portions: Array = r / r.sum(axis=0, keepdims=True).clip(min=1.0)
    return portions


def spread(values: Array, weights: Array, like: Array) -> Array:
    """Σ over k of values ``(K, B, C, 1, 1)`` times weights ``(K, 1, H, W)``, ``(B, C, H, W)``, laid out as ``like``."""
    per_channel: Any = values[..., 0, 0]
    per_cell: Any = weights.reshape(len(weights), -1)
    product: Array = (_product_of_tensors if is_tensor(like) else _product_of_arrays)(per_channel, per_cell, like)
    return product


def _product_of_tensors(values: Any, weights: Any, like: Any) -> Any:
    """``(K, B, C)`` times ``(K, N)`` in the shape of ``like``."""
    torch = namespace(like)
    per_channel = values.permute(1, 2, 0)
    with torch.autocast(like.device.type, enabled=False):  # it would take the product in half precision
        if like.is_contiguous() or not like.is_contiguous(memory_format=torch.channels_last):
            spread = per_channel @ weights
        else:
            spread = (weights.mT @ per_channel.mT).mT
    return spread.reshape(like.shape)


def _product_of_arrays(values: Any, weights: Any, like: Any) -> Any:
    """:func:`_product_of_tensors` of arrays."""
    per_channel = np.ascontiguousarray(values.transpose(1, 2, 0))
    batch, channels, count = per_channel.shape
    result = np.empty((batch, channels, weights.shape[1]), like.dtype)
    for image, some in pieces((batch, channels, *like.shape[2:]), SMALL_PRODUCT // count):
        np.matmul(per_channel[image, some], weights, out=result[image, some])
    return result.reshape(like.shape)


def _multiply_add(x: Any, scale: Any, shift: Any) -> Any:
    """``x * scale + shift``; an array of scales as large as ``x`` is no longer needed then."""
    if is_tensor(x):
        return namespace(x).addcmul(shift, x, scale)
    result = np.multiply(x, scale, out=scale if scale.shape == x.shape else None)
    result += shift
    return result


def _lerp(start: Any, end: Any, weight: Any) -> Any:
    """From one to the other, exactly each at its end."""
    if is_tensor(start):
        return namespace(start).lerp(start, end, weight)
    return start * (1.0 - weight) + end * weight


def _check_alpha_map(alpha: Any, features: Any, size: tuple[int, int] | None = None) -> Any:
    """``alpha``, if it gives every cell of ``features``, or with a ``size`` of 1 × 1 each image, a strength in [0, 1].

    While a network is traced for ``torch.compile`` or ``torch.export``, numbers are not known and not looked at.
    """
    batch, (height, width) = features.shape[0], size or features.shape[2:]
    if alpha.ndim != 4 or alpha.shape[0] not in (1, batch) or alpha.shape[1:] != (1, height, width):
        raise InputError(
            f"an alpha map must be (1, 1, {height}, {width}) for features {tuple(features.shape)}, "
            f"not {tuple(alpha.shape)}"
        )
    if is_tensor(alpha) and namespace(alpha).compiler.is_compiling():
        return alpha
    bounds = alpha.detach().aminmax() if is_tensor(alpha) else (alpha.min(), alpha.max())
    low, high = (float(bound) for bound in bounds)
    if not (low >= 0.0 and high <= 1.0):
        raise InputError(f"an alpha map must lie between 0 (photograph) and 1 (full style), not [{low:g}, {high:g}]")
    return alpha


def _stacked(given: Any, count: int, content: Any) -> Any:
    """One statistic of all styles as ``(R, B or 1, C, 1, 1)``."""
    if len(given) != count:
        raise InputError(f"{count} regions need {count} styles, not {len(given)}")
    for statistic in given:
        if statistic.shape[1] != content.shape[1]:
            raise InputError(
                f"a style has {statistic.shape[1]} channels and the content {content.shape[1]}: "
                "encode all with the same encoder"
            )
    batch = max(statistic.shape[0] for statistic in given)
    xp = namespace(given[0])
    return xp.stack([xp.broadcast_to(statistic, (batch, *statistic.shape[1:])) for statistic in given])
