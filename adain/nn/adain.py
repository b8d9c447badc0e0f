"""Adaptive instance normalisation (Huang & Belongie 2017, eq. 8 and 14), and the same with one style per region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from .._utils.errors import InputError
from ..options import check_alpha as check_alpha
from .statistics import at_least_float32, channel_mean_std, regional_mean_std

ContentStats = Literal["region"] | tuple[Tensor, Tensor]


def _check_alpha_map(alpha: Tensor, features: Tensor) -> Tensor:
    """``alpha``, if it gives every cell of ``features`` a strength in ``[0, 1]``."""
    batch, _, height, width = features.shape
    if alpha.ndim != 4 or alpha.shape[0] not in (1, batch) or alpha.shape[1:] != (1, height, width):
        raise InputError(
            f"an alpha map must be (1, 1, {height}, {width}) for features {tuple(features.shape)}, "
            f"not {tuple(alpha.shape)}"
        )
    low, high = (float(bound) for bound in alpha.detach().aminmax())
    if not (low >= 0.0 and high <= 1.0):
        raise InputError(f"an alpha map must lie between 0 (photograph) and 1 (full style), not [{low:g}, {high:g}]")
    return alpha


def adaptive_instance_norm(
    content: Tensor,
    style_mean: Tensor,
    style_std: Tensor,
    alpha: float | Tensor = 1.0,
    *,
    content_stats: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    r"""Give content features the channel statistics of a style.

    .. math:: \mathrm{AdaIN}(c, s) = \sigma_s \frac{c - \mu_c}{\sigma_c} + \mu_s, \qquad
              t = (1 - \alpha)\, c + \alpha\, \mathrm{AdaIN}(c, s)

    Args:
        content: ``(B, C, H, W)`` features.
        style_mean, style_std: ``(B, C, 1, 1)`` or ``(1, C, 1, 1)`` statistics of the style.
        alpha: strength in ``[0, 1]``; 0 returns ``content`` itself. A tensor ``(1, 1, H, W)`` or ``(B, 1, H, W)``
            gives each cell a strength of its own; where it is 0 the content stays bit for bit.
        content_stats: mean and deviation of the content, if known already (a tile of a larger
            image is normalised with the statistics of the whole).

    Returns:
        ``(B, C, H, W)`` in the dtype of ``content``; the arithmetic is float32 or better.

    Raises:
        InputError: if alpha is outside ``[0, 1]`` or of another shape, or the channel counts differ.
    """
    if isinstance(alpha, Tensor):
        c = at_least_float32(content)
        strength = _check_alpha_map(alpha, content).to(c)
        stylized = adaptive_instance_norm(c, style_mean, style_std, content_stats=content_stats)
        return torch.lerp(c, stylized, strength).to(content.dtype)
    if check_alpha(alpha) == 0.0:
        return content
    if style_mean.shape[1] != content.shape[1]:
        raise InputError(
            f"the style has {style_mean.shape[1]} channels and the content {content.shape[1]}: "
            "encode both with the same encoder"
        )
    if style_mean.shape[0] not in (1, content.shape[0]) and content.shape[0] != 1:
        raise InputError(f"{style_mean.shape[0]} styles do not fit {content.shape[0]} contents: give one, or as many")
    mean, std = channel_mean_std(content) if content_stats is None else content_stats
    # One multiply-add over the feature map; everything else is per channel.
    scale = style_std / std
    shift = style_mean - mean * scale
    if alpha != 1.0:
        scale = (1.0 - alpha) + alpha * scale
        shift = alpha * shift
    return torch.addcmul(shift, at_least_float32(content), scale).to(content.dtype)


class AdaIN(nn.Module):
    """:func:`adaptive_instance_norm` as a module that takes the style's features.

    Args:
        alpha: strength in ``[0, 1]``.

    Shape:
        content ``(B, C, H, W)``, style ``(B, C, H', W')`` or ``(1, C, H', W')`` → ``(B, C, H, W)``.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = check_alpha(alpha)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return adaptive_instance_norm(content, *channel_mean_std(style), self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:g}"


def regional_instance_norm(
    content: Tensor,
    style_means: Sequence[Tensor] | Tensor,
    style_stds: Sequence[Tensor] | Tensor,
    masks: Tensor,
    alphas: float | Sequence[float] = 1.0,
    *,
    content_stats: ContentStats = "region",
) -> Tensor:
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
        content: ``(B, C, H, W)`` features.
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
    if count == 1 and bool((masks == 1).all()):
        # Not merely near it: a mask that selects everything must not change the picture.
        whole = None
        if content_stats != "region":
            known_mean, known_std = (s.reshape(-1, *s.shape[-3:]) for s in content_stats)
            whole = (known_mean, known_std)
        return adaptive_instance_norm(content, means[0], stds[0], strengths[0], content_stats=whole)

    c = at_least_float32(content)
    mean, std = regional_mean_std(c, masks) if content_stats == "region" else content_stats
    alpha = torch.tensor(strengths, dtype=c.dtype, device=c.device).view(count, 1, 1, 1, 1)
    # As a change of the content, n (a c + b) added to c, so that no change leaves it exactly.
    ratio = stds.to(c) / std
    scale = alpha * (ratio - 1.0)
    shift = alpha * (means.to(c) - mean * ratio)
    weights = shares(masks.to(c))
    one = torch.ones_like(weights[:1])
    scales = spread(torch.cat([scale, torch.ones_like(scale[:1])]), torch.cat([weights, one]), c)
    return torch.addcmul(spread(shift, weights, c), c, scales).to(content.dtype)


def shares(regions: Tensor) -> Tensor:
    r""":math:`m_r / \max(1, \sum_q m_q)`: what each region ``(R, 1, H, W)`` has of a pixel or a cell."""
    return regions / regions.sum(dim=0, keepdim=True).clamp(min=1.0)


def spread(values: Tensor, weights: Tensor, like: Tensor) -> Tensor:
    """Σ over k of values ``(K, B, C, 1, 1)`` times weights ``(K, 1, H, W)``, ``(B, C, H, W)``, laid out as ``like``."""
    per_channel, per_cell = values.flatten(2).permute(1, 2, 0), weights.flatten(1)
    with torch.autocast(like.device.type, enabled=False):  # it would take the product in half precision
        if like.is_contiguous() or not like.is_contiguous(memory_format=torch.channels_last):
            spread = per_channel @ per_cell
        else:
            spread = (per_cell.mT @ per_channel.mT).mT
    return spread.reshape(like.shape)


def _stacked(given: Sequence[Tensor] | Tensor, count: int, content: Tensor) -> Tensor:
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
    return torch.stack([statistic.expand(batch, -1, -1, -1) for statistic in given])
