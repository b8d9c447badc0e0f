"""The loss of one batch, for style training and for the warm-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layer import adaptive_instance_norm
from ..losses import content_loss, feature_stats, style_loss
from ..statistics import at_least_float32
from ..vgg import CONTENT_LAYER, STYLE_LAYERS
from .config import TrainingConfig

Encode = Callable[..., Mapping[str, Tensor]]
"""VGG-19, or a compiled one: ``encode(images, layers)``."""

Decode = Callable[[Tensor], Tensor]
"""Features to images."""

Stats = Mapping[str, tuple[Tensor, Tensor]]
"""Mean and deviation by layer."""

PIXEL_WEIGHT = 20.0
"""Of the decoder's error in :func:`distil_objective`: brings both of its terms to about 1 at the start."""


class Losses(NamedTuple):
    """Float32 scalars; only ``total`` carries a gradient that anybody uses."""

    total: Tensor
    content: Tensor
    style: Tensor
    identity: Tensor


def style_objective(
    config: TrainingConfig, encode: Encode, decode: Decode, content: Tensor, style: Tensor, identity: Tensor
) -> Losses:
    r"""The loss of Huang & Belongie 2017, eq. 11 to 14, and a term for pairs that should not change.

    .. math:: L = w_c L_c + w_s L_s + w_i \operatorname{mean}_b\left[ m_b \lVert g(t_b) - c_b \rVert^2 \right]

    Args:
        config: the weights.
        encode, decode: the networks; only the decoder's parameters should require a gradient.
        content, style: ``(B, 3, H, W)`` in ``[0, 1]``.
        identity: ``(B, 1, 1, 1)``, 1 where ``style`` is ``content`` (:math:`m_b`), 0 elsewhere.
    """
    target, wanted = style_targets(encode, content, style)
    return judge(config, encode, decode(target), target, wanted, content, identity)


def fast_objective(
    config: TrainingConfig,
    encode: Encode,
    paint: Callable[[Tensor, Tensor], Tensor],
    teacher: Decode | None,
    content: Tensor,
    style: Tensor,
    identity: Tensor,
) -> Losses:
    r""":func:`style_objective` for a model with an encoder of its own: VGG-19 only judges.

    With a teacher :math:`T`, the base model's decoder, this is added to it:
    :math:`w_t \operatorname{mean} \lVert g - T(t) \rVert^2`.

    Args:
        config: the weights, and the size that VGG-19 sees.
        encode: VGG-19.
        paint: content and style to output.
        teacher: see above; None for none.
        content, style, identity: as for :func:`style_objective`.
    """
    output = paint(content, style)
    if config.loss_size and config.loss_size != content.shape[-1]:
        content, style, output = (shrink(images, config.loss_size) for images in (content, style, output))
    target, wanted = style_targets(encode, content, style)
    losses = judge(config, encode, output, target, wanted, content, identity)
    if teacher is None:
        return losses
    with torch.no_grad():
        shown = at_least_float32(teacher(target)).clamp(0.0, 1.0)
    return losses._replace(total=losses.total + config.teacher_weight * content_loss(output, shown))


def shrink(images: Tensor, size: int) -> Tensor:
    """``(B, 3, H, W)`` images reduced to squares of ``size``, bilinear and antialiased, in float32."""
    return F.interpolate(at_least_float32(images), size=(size, size), mode="bilinear", antialias=True)


def style_targets(encode: Encode, content: Tensor, style: Tensor) -> tuple[Tensor, Stats]:
    """What the output should have: features :math:`t` at relu4_1, and the style's statistics by layer."""
    with torch.no_grad():
        # Targets in float32: they are small, and bfloat16 would round them to three digits.
        features = at_least_float32(encode(content, (CONTENT_LAYER,))[CONTENT_LAYER])
        wanted = feature_stats(encode(style, STYLE_LAYERS))
        return adaptive_instance_norm(features, *wanted[CONTENT_LAYER]), wanted


def judge(
    config: TrainingConfig,
    encode: Encode,
    output: Tensor,
    target: Tensor,
    wanted: Stats,
    content: Tensor,
    identity: Tensor,
) -> Losses:
    """The losses of an output, given :func:`style_targets`."""
    found = encode(output, STYLE_LAYERS)
    l_content = content_loss(found[CONTENT_LAYER], target)
    l_style = style_loss(found, wanted)
    total = config.content_weight * l_content + config.style_weight * l_style
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
