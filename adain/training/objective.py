"""The loss of one batch, for style training and for the warm-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import Stats, content_loss, feature_stats, style_loss, total_variation
from ..losses.calm import calm_loss
from ..losses.grid import grid_loss
from ..losses.lattice import lattice_loss
from ..losses.moments import covariance_loss, matrix_root, mean_covariance
from ..nn.fold import fuse, layers_of
from ..nn.statistics import at_least_float32, channel_mean_std, normalize_channels
from ..nn.vgg import CONTENT_LAYER, STYLE_LAYERS
from .config import TrainingConfig
from .crops import PLAIN, Mix

Encode = Callable[..., Mapping[str, Tensor]]
"""VGG-19, or a compiled one: ``encode(images, layers)``."""

COVARIANCE_LAYERS = ("relu1_1", "relu2_1")
"""Where ``covariance_weight`` applies: deeper ones have more channels than a crop has cells to tell them from."""

PIXEL_WEIGHT = 20.0
"""Of the decoder's error in :func:`distil_objective`: brings both of its terms to about 1 at the start."""


class Losses(NamedTuple):
    """Float32 scalars; only ``total`` carries a gradient that anybody uses."""

    total: Tensor
    content: Tensor
    style: Tensor
    identity: Tensor


def style_objective(
    config: TrainingConfig,
    encode: Encode,
    paint: Callable[..., Tensor],
    teacher: Callable[[Tensor], Tensor] | None,
    content: Tensor,
    style: Tensor,
    identity: Tensor,
    mix: Mix = PLAIN,
    folded: str | None = None,
) -> Losses:
    """:func:`style_terms` and, where they have a weight, the energies of what repeats every 8 pixels."""
    return with_spectra(config, *style_terms(config, encode, paint, teacher, content, style, identity, mix, folded))


def with_spectra(config: TrainingConfig, losses: Losses, output: Tensor) -> Losses:
    """Losses with those of lattice and grid added: Fourier transforms, which compilers leave alone."""
    total = losses.total
    if config.lattice_weight > 0:
        total = total + config.lattice_weight * lattice_loss(output)
    if config.grid_weight > 0:
        total = total + config.grid_weight * grid_loss(output)
    return losses._replace(total=total)


def style_terms(
    config: TrainingConfig,
    encode: Encode,
    paint: Callable[..., Tensor],
    teacher: Callable[[Tensor], Tensor] | None,
    content: Tensor,
    style: Tensor,
    identity: Tensor,
    mix: Mix = PLAIN,
    folded: str | None = None,
) -> tuple[Losses, Tensor]:
    r"""The loss of Huang & Belongie 2017, eq. 11 to 14, and a term for pairs that should not change.

    .. math:: L = w_c L_c + w_s L_s + w_i \operatorname{mean}_b\left[ m_b \lVert g(t_b) - c_b \rVert^2 \right]

    and, where the config gives them a weight, the distance of output and photograph in features normalised by channel
    (after Park & Lee 2019, section 3.3), which counts a channel that the style leaves faint as much as any other; what
    the output adds where the photograph is flat; total variation; and a Wasserstein-2 distance of the style's channels.
    For the fast model, which has an encoder of its own, VGG-19 only judges, at ``loss_size``; with a teacher
    :math:`T`, the base model's decoder, :math:`w_t \operatorname{mean} \lVert g - T(t) \rVert^2` is added.

    Args:
        encode: VGG-19; it should require no gradient.
        paint: the decoder, of features; or of the fast model both ends, of contents, styles and their mix.
        teacher: see above; None for none.
        content, style: ``(B, 3, H, W)`` in ``[0, 1]``.
        identity: ``(B, 1, 1, 1)``, 1 where ``style`` is ``content`` (:math:`m_b`), 0 elsewhere.
        mix: strengths and blends.
        folded: the finer layer that the decoder, or the teacher, takes in beside relu4_1; None for none.

    Returns:
        The losses, and the output that they are of, unreduced.
    """
    output = paint(content, style, mix) if config.model == "fast" else None
    whole = output
    if output is not None and config.loss_size and config.loss_size != content.shape[-1]:
        content, style, output = (shrink(images, config.loss_size) for images in (content, style, output))
    wanted = targets(config, encode, content, style, mix, folded)
    output = paint(wanted.features) if output is None else output
    whole = output if whole is None else whole
    found = encode(output, STYLE_LAYERS)
    coarse = found[CONTENT_LAYER]
    l_content = content_loss(coarse, wanted.features[:, : coarse.shape[1]])
    if config.style_form == "mean":
        l_style = style_loss(found, wanted.stats)
    else:
        l_style = torch.stack([f.shape[1] * style_loss({k: f}, wanted.stats) for k, f in found.items()]).sum()
    total = config.content_weight * l_content + config.style_weight * l_style
    if wanted.structure is not None:
        total = total + config.structure_weight * content_loss(normalize_channels(coarse), wanted.structure)
    for layer, moments in wanted.covariances.items():
        total = total + config.covariance_weight * covariance_loss(*mean_covariance(found[layer]), *moments)
    if config.calm_weight > 0:
        total = total + config.calm_weight * calm_loss(output, content)
    if config.tv_weight > 0:
        total = total + config.tv_weight * total_variation(output, form="squared")
    l_identity = torch.zeros_like(total)
    if config.identity_share > 0:
        l_identity = content_loss(output * identity, content * identity)
        total = total + config.identity_weight * l_identity
    if teacher is not None:
        with torch.no_grad():
            shown = at_least_float32(teacher(wanted.features)).clamp(0.0, 1.0)
        total = total + config.teacher_weight * content_loss(output, shown)
    return Losses(total, l_content, l_style, l_identity), whole


def shrink(images: Tensor, size: int) -> Tensor:
    """``(B, 3, H, W)`` images reduced to squares of ``size``, bilinear and antialiased, in float32."""
    return F.interpolate(at_least_float32(images), size=(size, size), mode="bilinear", antialias=True)


class Targets(NamedTuple):
    """What an output should have, all in float32: small as it is, bfloat16 would round it to three digits."""

    features: Tensor  # t, at relu4_1, and the folded layer with the style's statistics
    stats: Stats
    covariances: Stats  # means and roots of covariances at COVARIANCE_LAYERS, where they have a weight
    structure: Tensor | None  # relu4_1 of the content, normalised, where that has a weight


@torch.no_grad()
def targets(
    config: TrainingConfig,
    encode: Encode,
    content: Tensor,
    style: Tensor,
    mix: Mix = PLAIN,
    folded: str | None = None,
) -> Targets:
    """The targets of pairs; arguments as for :func:`style_objective`."""
    layers = tuple(dict.fromkeys((*STYLE_LAYERS, *layers_of(folded))))  # torch.compile of torch 2.11 takes no set
    if content.shape == style.shape:
        # One call for both: a device with many cores is not filled by either alone.
        both = encode(torch.cat([content, style]), layers)
        seen, found = ({layer: both[layer].chunk(2)[k] for layer in layers} for k in range(2))
    else:
        seen, found = dict(encode(content, layers)), dict(encode(style, layers))
    stats = mix.blended(feature_stats({layer: found[layer] for layer in STYLE_LAYERS}))
    whole = mix.blended({CONTENT_LAYER: channel_mean_std(fuse(found, folded))})
    goal = mix.transfer(at_least_float32(fuse(seen, folded)), *whole[CONTENT_LAYER])
    if mix.alpha is not None:
        stats = mix.softened(feature_stats({layer: seen[layer] for layer in STYLE_LAYERS}), stats)
    measured = {k: mean_covariance(found[k]) for k in COVARIANCE_LAYERS if config.covariance_weight > 0}
    covariances = {layer: (mean, matrix_root(square)) for layer, (mean, square) in measured.items()}
    structure = normalize_channels(seen[CONTENT_LAYER]) if config.structure_weight > 0 else None
    return Targets(goal, stats, covariances, structure)


def warmup_objective(
    encode: Encode, decode: Callable[[Tensor], Tensor], content: Tensor, folded: str | None = None
) -> Losses:
    """Pixel error of the plain auto-encoder (alpha 0), reported as ``identity``; sides are multiples of 8."""
    with torch.no_grad():
        features = fuse(encode(content, layers_of(folded)), folded)
    error = content_loss(decode(features), content)
    zero = torch.zeros_like(error)
    return Losses(error, zero, zero, error)


def distil_objective(
    encode: Encode, learn: Callable[[Tensor], tuple[Mapping[str, Tensor], Tensor]], images: Tensor
) -> Losses:
    r"""The warm-up of a model with an encoder of its own.

    Its features, brought to VGG-19's channels by linear adaptors, are to be those of VGG-19; and its decoder is to give
    the images back (alpha 0). ``learn`` makes both of them, the adapted features by layer and the images:

    .. math:: L = \sum_l \frac{\lVert A_l f_l - F_l \rVert^2}{\operatorname{Var} F_l} + 20 \lVert g(f) - c \rVert^2

    in means over elements. Reported are the first sum as ``content`` and the pixel error as ``identity``.
    """
    adapted, decoded = learn(images)
    with torch.no_grad():
        wanted = {layer: at_least_float32(found) for layer, found in encode(images, tuple(adapted)).items()}
    distance = torch.stack([content_loss(f, wanted[layer]) / wanted[layer].var() for layer, f in adapted.items()]).sum()
    error = content_loss(decoded, images)
    return Losses(distance + PIXEL_WEIGHT * error, distance, torch.zeros_like(error), error)
