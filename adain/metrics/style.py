"""How near a picture is to a style: statistics and Gram matrices of VGG-19."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..losses import Stats, feature_stats, gram_loss, gram_matrix, mean_std_distance
from ..nn.vgg import STYLE_LAYERS, VGGEncoder

GRAM_LAYERS = VGGEncoder.style_layers
"""Where Gram matrices are compared: relu1_1 … relu5_1 (Gatys et al. 2016, section 2.2)."""


def style_stats(features: Mapping[str, Tensor]) -> Stats:
    """Mean and deviation of every channel at :data:`~adain.nn.vgg.STYLE_LAYERS`: what a style distance needs."""
    return feature_stats({layer: features[layer] for layer in STYLE_LAYERS})


def style_distance(output: Stats, style: Stats) -> Tensor:
    r"""AdaIN style loss of a picture (Huang & Belongie 2017, eq. 13, as in training).

    .. math:: \sum_l \operatorname{mean}_c\left[(\mu_{lc} - \hat\mu_{lc})^2 + (\sigma_{lc} - \hat\sigma_{lc})^2\right]

    over relu1_1 … relu4_1 of the normalised encoder; :func:`~adain.losses.mean_std_distance` by another name.

    Args:
        output, style: of :func:`style_stats`.

    Returns:
        ``(B,)`` float32 ≥ 0; 0 for the style's own statistics. Lower is better.
    """
    return mean_std_distance(output, style)


def residual(output: Stats, content: Stats, style: Stats) -> Tensor:
    """:func:`style_residual` of statistics that are there already; of :func:`style_stats`."""
    return style_distance(output, style) / style_distance(content, style)


def style_residual(output: Mapping[str, Tensor], content: Mapping[str, Tensor], style: Mapping[str, Tensor]) -> Tensor:
    """What is left of the way from the content to the style.

    The AdaIN style distance (:func:`style_distance`) of the output to the style, divided by that of the untouched
    content. A measure of this project's own.

    Args:
        output, content, style: encoder features at :data:`~adain.nn.vgg.STYLE_LAYERS`.

    Returns:
        ``(B,)`` float32 ≥ 0; 1 for the content unchanged, 0 for the style's own statistics, NaN where the content has
        the style already. Lower is better.
    """
    return residual(style_stats(output), style_stats(content), style_stats(style))


def gram_matrices(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """:func:`~adain.losses.gram_matrix` at every layer of :data:`GRAM_LAYERS`, each ``(B, C, C)``."""
    return {layer: gram_matrix(features[layer]) for layer in GRAM_LAYERS}


def gram_distance(output: Mapping[str, Tensor], style: Mapping[str, Tensor]) -> Tensor:
    """:func:`gram_difference` of matrices that are there already; of :func:`gram_matrices`."""
    terms = [4.0 * gram_loss(output[layer], style[layer]) for layer in GRAM_LAYERS]
    return sum(terms[1:], terms[0])


def gram_difference(output: Mapping[str, Tensor], style: Mapping[str, Tensor]) -> Tensor:
    r"""How far the Gram matrices of a picture are from those of the style (Gatys et al. 2016, eq. 3).

    .. math:: \sum_l \operatorname{mean}_{ij} (G^l_{ij} - A^l_{ij})^2

    with Gram matrices over the number of positions (:func:`~adain.losses.gram_matrix`), of the normalised encoder.

    Args:
        output, style: encoder features at :data:`GRAM_LAYERS`.

    Returns:
        A float32 scalar ≥ 0, averaged over the batch; 0 for the style itself. Lower is better.
    """
    return gram_distance(gram_matrices(output), gram_matrices(style))
