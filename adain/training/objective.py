"""The loss of one batch, for style training and for the warm-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..layer import adaptive_instance_norm
from ..losses import content_loss, feature_stats, style_loss
from ..statistics import at_least_float32
from ..vgg import CONTENT_LAYER, STYLE_LAYERS
from .config import TrainingConfig

Encode = Callable[..., Mapping[str, Tensor]]
"""The encoder, or a compiled one: ``encode(images, layers)``."""

Decode = Callable[[Tensor], Tensor]


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
    with torch.no_grad():
        # Targets in float32: they are small, and bfloat16 would round them to three digits.
        features = at_least_float32(encode(content, (CONTENT_LAYER,))[CONTENT_LAYER])
        wanted = feature_stats(encode(style, STYLE_LAYERS))
        target = adaptive_instance_norm(features, *wanted[CONTENT_LAYER])
    output = decode(target)
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
