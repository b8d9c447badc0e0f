"""How much of the content a picture keeps, by the features of VGG-19."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .._utils.errors import InputError
from ..losses import content_loss
from ..nn.adain import adaptive_instance_norm
from ..nn.statistics import at_least_float32, channel_mean_std, normalize_channels
from ..nn.vgg import CONTENT_LAYER, VGGEncoder

DISTANCE_LAYERS = VGGEncoder.style_layers
"""Where :func:`vgg_distance` compares pictures: relu1_1 … relu5_1."""


def content_distance(output: Mapping[str, Tensor], content: Mapping[str, Tensor]) -> Tensor:
    r"""Mean squared difference of the channel-normalised relu4_1 features of output and content.

    .. math:: \operatorname{mean}_{cp} \left(\frac{F_{cp} - \mu_c(F)}{\sigma_c(F)}
              - \frac{P_{cp} - \mu_c(P)}{\sigma_c(P)}\right)^2

    Blind to the channel statistics that a style replaces, so that it sees structure alone. A measure of this
    project's own.

    Returns:
        A float32 scalar ≥ 0, in about ``[0, 2]``: 0 for the content itself, 2 for unrelated images. Lower is better.
    """
    return content_loss(normalize_channels(output[CONTENT_LAYER]), normalize_channels(content[CONTENT_LAYER]))


def content_feature_loss(output: Mapping[str, Tensor], content: Mapping[str, Tensor]) -> Tensor:
    r"""Content loss against the content itself (Gatys et al. 2016, eq. 1, as a mean, at relu4_1).

    .. math:: \operatorname{mean}_{cp} (F_{cp} - P_{cp})^2

    of the normalised encoder, whose mean activation is 1.

    Returns:
        A float32 scalar ≥ 0; 0 for the content itself. Lower is better, but a style cannot be had at 0: part of the
        difference is the style's statistics. :func:`content_distance` leaves that part out.
    """
    return content_loss(output[CONTENT_LAYER], content[CONTENT_LAYER])


def content_target_loss(output: Mapping[str, Tensor], content: Mapping[str, Tensor], style: Tensor) -> Tensor:
    r"""Content loss against the AdaIN target (Huang & Belongie 2017, eq. 12, squared and averaged as in training).

    .. math:: \operatorname{mean}_{cp} (F_{cp} - t_{cp})^2, \qquad t = \mathrm{AdaIN}(f(c), f(s))

    at relu4_1 of the normalised encoder, with the style in full strength.

    Args:
        output, content: encoder features at :data:`~adain.nn.vgg.CONTENT_LAYER`.
        style: ``(1, 2, C, 1, 1)``, mean and deviation of the style there, stacked along the second axis.

    Returns:
        A float32 scalar ≥ 0; 0 for a picture whose features are the target's. Lower is better.
    """
    target = adaptive_instance_norm(content[CONTENT_LAYER], style[:, 0], style[:, 1])
    return content_loss(output[CONTENT_LAYER], target)


def target_statistics(style: Mapping[str, Tensor]) -> Tensor:
    """The argument ``style`` of :func:`content_target_loss`, from encoder features."""
    return torch.stack(channel_mean_std(style[CONTENT_LAYER]), dim=1)


def vgg_distance(output: Mapping[str, Tensor], content: Mapping[str, Tensor]) -> Tensor:
    r"""Multi-layer distance of VGG-19 features, each position's features scaled to unit length.

    .. math:: \frac1L \sum_l \operatorname{mean}_p \sum_c \left(
        \frac{F^l_{cp}}{\lVert F^l_p \rVert} - \frac{P^l_{cp}}{\lVert P^l_p \rVert}\right)^2

    over relu1_1 … relu5_1: the distance of Zhang et al. 2018 (LPIPS, eq. 1) with all weights 1, on this library's
    normalised VGG-19, and averaged over the layers rather than summed. Its figures are not those of LPIPS.

    Args:
        output, content: encoder features at :data:`DISTANCE_LAYERS`, of pictures of the same size.

    Returns:
        ``(B,)`` float32 in ``[0, 2]`` (features are ≥ 0); 0 for the content itself. Lower is better.

    Raises:
        InputError: if the pictures differ in size.
    """
    terms = []
    for layer in DISTANCE_LAYERS:
        f, p = (at_least_float32(features[layer]) for features in (output, content))
        if f.shape != p.shape:
            raise InputError(f"features {tuple(f.shape)} and {tuple(p.shape)} are of pictures of different sizes")
        terms.append((F.normalize(f, dim=1) - F.normalize(p, dim=1)).square().sum(dim=1).mean(dim=(1, 2)))
    return torch.stack(terms).mean(dim=0)
