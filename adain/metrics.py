"""Measures of a stylised image, built on the same statistics as the layer and the losses."""

from __future__ import annotations

from collections.abc import Mapping

from kornia.metrics import psnr as kornia_psnr
from kornia.metrics import ssim as kornia_ssim
from torch import Tensor

from .losses import content_loss, feature_stats, gram_loss, gram_matrix, mean_std_distance
from .statistics import normalize_channels
from .vgg import CONTENT_LAYER, STYLE_LAYERS, VGGEncoder

GRAM_LAYERS = VGGEncoder.style_layers
"""Where Gram matrices are compared: relu1_1 … relu5_1 (Gatys et al. 2016, section 2.2)."""

SSIM_WINDOW = 11
"""Side of the Gaussian window in pixels (Wang et al. 2004)."""


def style_residual(output: Mapping[str, Tensor], content: Mapping[str, Tensor], style: Mapping[str, Tensor]) -> Tensor:
    """What is left of the way from the content to the style.

    The AdaIN style distance (:func:`~adain.losses.mean_std_distance` over relu1_1 … relu4_1 of the normalised
    encoder) of the output to the style, divided by that of the untouched content.

    Args:
        output, content, style: encoder features at :data:`~adain.vgg.STYLE_LAYERS`.

    Returns:
        ``(B,)`` float32; 1 for the content unchanged, 0 for the style's own statistics. Lower is better.
    """
    target = feature_stats({layer: style[layer] for layer in STYLE_LAYERS})
    rest = mean_std_distance(feature_stats({layer: output[layer] for layer in STYLE_LAYERS}), target)
    way = mean_std_distance(feature_stats({layer: content[layer] for layer in STYLE_LAYERS}), target)
    return rest / way


def content_distance(output: Mapping[str, Tensor], content: Mapping[str, Tensor]) -> Tensor:
    """Mean squared difference of the channel-normalised relu4_1 features of output and content.

    Blind to the channel statistics that a style replaces, so that it sees structure alone.

    Returns:
        A float32 scalar in about ``[0, 2]``: 0 for the content itself, 2 for unrelated images. Lower is better.
    """
    return content_loss(normalize_channels(output[CONTENT_LAYER]), normalize_channels(content[CONTENT_LAYER]))


def gram_difference(output: Mapping[str, Tensor], style: Mapping[str, Tensor]) -> Tensor:
    r"""How far the Gram matrices of a picture are from those of the style (Gatys et al. 2016, eq. 3).

    .. math:: \sum_l \operatorname{mean}_{ij} (G^l_{ij} - A^l_{ij})^2

    with Gram matrices over the number of positions (:func:`~adain.losses.gram_matrix`), of the normalised encoder.

    Args:
        output, style: encoder features at :data:`GRAM_LAYERS`.

    Returns:
        A float32 scalar ≥ 0, averaged over the batch; 0 for the style itself. Lower is better.
    """
    terms = [4.0 * gram_loss(gram_matrix(output[layer]), gram_matrix(style[layer])) for layer in GRAM_LAYERS]
    return sum(terms[1:], terms[0])


def psnr(output: Tensor, content: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of two ``(B, 3, H, W)`` images in ``[0, 1]``. Higher is better."""
    return kornia_psnr(output, content, max_val=1.0)


def ssim(output: Tensor, content: Tensor) -> Tensor:
    """Mean structural similarity (Wang et al. 2004) of two ``(B, 3, H, W)`` images in ``[0, 1]``.

    Returns:
        A scalar in ``[-1, 1]``, 1 for identical images. Higher is better.
    """
    return kornia_ssim(output, content, SSIM_WINDOW, max_val=1.0).mean()
