"""Measures of stylised pictures, built on the same statistics as the layer and the losses.

Each is a plain function of features or pixels; its docstring gives formula, source, range and direction. Features are
those of this library's normalised VGG-19 (:func:`adain.nn.load_encoder`). :mod:`adain.metrics.evaluate` puts them
together. LPIPS and ArtFID need files of the user's: :mod:`adain.metrics.networks`.
"""

from __future__ import annotations

from .cfsd import CFSD_LAYER, cfsd
from .content import content_distance, content_feature_loss, content_target_loss, target_statistics, vgg_distance
from .frechet import FRECHET_LAYER, frechet_distance, gaussian_frechet_distance, pooled
from .histograms import histogram_distance, rgb_uv_histogram
from .monotonicity import Monotonicity, falling, interpolation
from .motion import warping_error
from .pixels import SSIM_WINDOW, psnr, ssim
from .style import (
    GRAM_LAYERS,
    gram_difference,
    gram_distance,
    gram_matrices,
    residual,
    style_distance,
    style_residual,
    style_stats,
)

__all__ = [
    "CFSD_LAYER",
    "FRECHET_LAYER",
    "GRAM_LAYERS",
    "SSIM_WINDOW",
    "Monotonicity",
    "cfsd",
    "content_distance",
    "content_feature_loss",
    "content_target_loss",
    "falling",
    "frechet_distance",
    "gaussian_frechet_distance",
    "gram_difference",
    "gram_distance",
    "gram_matrices",
    "histogram_distance",
    "interpolation",
    "pooled",
    "psnr",
    "residual",
    "rgb_uv_histogram",
    "ssim",
    "style_distance",
    "style_residual",
    "style_stats",
    "target_statistics",
    "vgg_distance",
    "warping_error",
]
