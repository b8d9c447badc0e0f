"""The loss of one batch, for style training and for the warm-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import content_loss, feature_stats, style_loss, total_variation
from ..losses.covariance import covariance_loss, matrix_root, mean_covariance
from ..nn.adain import adaptive_instance_norm
from ..nn.statistics import at_least_float32
from ..nn.vgg import CONTENT_LAYER, STYLE_LAYERS
from .config import TrainingConfig
from .crops import PLAIN, Mix, Stats

Encode = Callable[..., Mapping[str, Tensor]]
"""VGG-19, or a compiled one: ``encode(images, layers)``."""

Decode = Callable[[Tensor], Tensor]
"""Features to images."""

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
    decode: Decode,
    content: Tensor,
    style: Tensor,
    identity: Tensor,
    mix: Mix = PLAIN,
) -> Losses:
    r"""The loss of Huang & Belongie 2017, eq. 11 to 14, and a term for pairs that should not change.

    .. math:: L = w_c L_c + w_s L_s + w_i \operatorname{mean}_b\left[ m_b \lVert g(t_b) - c_b \rVert^2 \right]

    and, where the config gives them a weight, total variation and a Wasserstein-2 distance of the style's channels.

    Args:
        config: the weights.
        encode, decode: the networks; only the decoder's parameters should require a gradient.
        content, style: ``(B, 3, H, W)`` in ``[0, 1]``.
        identity: ``(B, 1, 1, 1)``, 1 where ``style`` is ``content`` (:math:`m_b`), 0 elsewhere.
        mix: strengths and blends.
    """
    wanted = targets(config, encode, content, style, mix)
    return judge(config, encode, decode(wanted.features), wanted, content, identity)


def fast_objective(
    config: TrainingConfig,
    encode: Encode,
    paint: Callable[[Tensor, Tensor, Mix], Tensor],
    teacher: Decode | None,
    content: Tensor,
    style: Tensor,
    identity: Tensor,
    mix: Mix = PLAIN,
) -> Losses:
    r""":func:`style_objective` for a model with an encoder of its own: VGG-19 only judges.

    With a teacher :math:`T`, the base model's decoder, this is added to it:
    :math:`w_t \operatorname{mean} \lVert g - T(t) \rVert^2`.

    Args:
        config: the weights, and the size that VGG-19 sees.
        encode: VGG-19.
        paint: content and style to output.
        teacher: see above; None for none.
        content, style, identity, mix: as for :func:`style_objective`.
    """
    output = paint(content, style, mix)
    if config.loss_size and config.loss_size != content.shape[-1]:
        content, style, output = (shrink(images, config.loss_size) for images in (content, style, output))
    wanted = targets(config, encode, content, style, mix)
    losses = judge(config, encode, output, wanted, content, identity)
    if teacher is None:
        return losses
    with torch.no_grad():
        shown = at_least_float32(teacher(wanted.features)).clamp(0.0, 1.0)
    return losses._replace(total=losses.total + config.teacher_weight * content_loss(output, shown))


def shrink(images: Tensor, size: int) -> Tensor:
    """``(B, 3, H, W)`` images reduced to squares of ``size``, bilinear and antialiased, in float32."""
    return F.interpolate(at_least_float32(images), size=(size, size), mode="bilinear", antialias=True)


class Targets(NamedTuple):
    """What an output should have, all in float32: small as it is, bfloat16 would round it to three digits.

    Attributes:
        features: :math:`t`, at relu4_1.
        stats: the style's mean and deviation by layer.
        covariances: its mean and the root of its covariance at :data:`COVARIANCE_LAYERS`, where they have a weight.
    """

    features: Tensor
    stats: Stats
    covariances: Stats


@torch.no_grad()
def targets(config: TrainingConfig, encode: Encode, content: Tensor, style: Tensor, mix: Mix = PLAIN) -> Targets:
    """The targets of pairs; arguments as for :func:`style_objective`."""
    seen = encode(content, (CONTENT_LAYER,) if mix.alpha is None else STYLE_LAYERS)
    found = encode(style, STYLE_LAYERS)
    features = at_least_float32(seen[CONTENT_LAYER])
    stats = mix.blended(feature_stats(found))
    goal = adaptive_instance_norm(features, *stats[CONTENT_LAYER])
    if mix.alpha is not None:
        goal = torch.lerp(features, goal, mix.alpha)
        stats = mix.softened(feature_stats(seen), stats)
    covariances = {}
    if config.covariance_weight > 0:
        for layer in COVARIANCE_LAYERS:
            mean, covariance = mean_covariance(found[layer])
            covariances[layer] = (mean, matrix_root(covariance))
    return Targets(goal, stats, covariances)


def judge(
    config: TrainingConfig, encode: Encode, output: Tensor, wanted: Targets, content: Tensor, identity: Tensor
) -> Losses:
    """The losses of an output."""
    found = encode(output, STYLE_LAYERS)
    l_content = content_loss(found[CONTENT_LAYER], wanted.features)
    if config.style_form == "mean":
        l_style = style_loss(found, wanted.stats)
    else:
        layers = [(f.shape[1], style_loss({layer: f}, wanted.stats)) for layer, f in found.items()]
        l_style = torch.stack([channels * mean for channels, mean in layers]).sum()
    total = config.content_weight * l_content + config.style_weight * l_style
    for layer, (mean, root) in wanted.covariances.items():
        total = total + config.covariance_weight * covariance_loss(*mean_covariance(found[layer]), mean, root)
    if config.tv_weight > 0:
        total = total + config.tv_weight * total_variation(output, form="squared")
    l_identity = torch.zeros_like(total)
    if config.identity_share > 0:
        l_identity = content_loss(output * identity, content * identity)
        total = total + config.identity_weight * l_identity
    return Losses(total, l_content, l_style, l_identity)


def warmup_objective(encode: Encode, decode: Decode, content: Tensor) -> Losses:
    """Pixel error of the plain auto-encoder (alpha 0); reported as ``identity``.

    Args:
        content: ``(B, 3, H, W)`` in ``[0, 1]``, sides multiples of 8.
    """
    with torch.no_grad():
        features = encode(content, (CONTENT_LAYER,))[CONTENT_LAYER]
    error = content_loss(decode(features), content)
    zero = torch.zeros_like(error)
    return Losses(error, zero, zero, error)


def distil_objective(
    encode: Encode, learn: Callable[[Tensor], tuple[Mapping[str, Tensor], Tensor]], images: Tensor
) -> Losses:
    r"""The warm-up of a model with an encoder of its own.

    Its features, brought to VGG-19's channels by linear adaptors, are to be those of VGG-19; and its decoder is to give
    the images back (alpha 0):

    .. math:: L = \sum_l \frac{\lVert A_l f_l - F_l \rVert^2}{\operatorname{Var} F_l} + 20 \lVert g(f) - c \rVert^2

    in means over elements. Reported are the first sum as ``content`` and the pixel error as ``identity``.

    Args:
        encode: VGG-19.
        learn: images to the adapted features by layer, and the images decoded again.
        images: ``(B, 3, H, W)`` in ``[0, 1]``, sides multiples of 8.
    """
    adapted, decoded = learn(images)
    with torch.no_grad():
        wanted = {layer: at_least_float32(found) for layer, found in encode(images, tuple(adapted)).items()}
    terms = [content_loss(adapted[layer], wanted[layer]) / wanted[layer].var() for layer in adapted]
    distance = torch.stack(terms).sum()
    error = content_loss(decoded, images)
    return Losses(distance + PIXEL_WEIGHT * error, distance, torch.zeros_like(error), error)
