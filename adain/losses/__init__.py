"""Every loss, for training, refinement and measuring alike.

Each is a plain function of features beside a module that holds target, weight, layers and an optional guide. Modules
take an encoder's output as a mapping by layer name; losses on pixels find the picture under :data:`IMAGE`.
"""

from __future__ import annotations

from .balance import Balance, GradientNorm, LossRatio, make_balance
from .base import IMAGE, Features, Loss
from .container import LossSum, PyramidLoss
from .content import CombinedImageLoss, ContentLoss, SecondaryContentLoss, combined_image, content_loss
from .covariance import CovarianceLoss, covariance_loss, matrix_root, mean_covariance
from .gram import GramLoss, gram_loss, gram_matrix
from .moments import Stats, StyleLoss, feature_stats, mean_std_distance, style_loss
from .sliced import SlicedWassersteinLoss, directions, sliced_wasserstein_loss, sorted_projections
from .variation import TotalVariationLoss, total_variation

__all__ = [
    "IMAGE",
    "Balance",
    "CombinedImageLoss",
    "ContentLoss",
    "CovarianceLoss",
    "Features",
    "GradientNorm",
    "GramLoss",
    "Loss",
    "LossRatio",
    "LossSum",
    "PyramidLoss",
    "SecondaryContentLoss",
    "SlicedWassersteinLoss",
    "Stats",
    "StyleLoss",
    "TotalVariationLoss",
    "combined_image",
    "content_loss",
    "covariance_loss",
    "directions",
    "feature_stats",
    "gram_loss",
    "gram_matrix",
    "make_balance",
    "matrix_root",
    "mean_covariance",
    "mean_std_distance",
    "sliced_wasserstein_loss",
    "sorted_projections",
    "style_loss",
    "total_variation",
]
