"""Two pictures compared by their pixels: place by place, or colour by colour, whatever the places."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from kornia.metrics import psnr as kornia_psnr
from kornia.metrics import ssim as kornia_ssim
from torch import Tensor

from .._utils.errors import InputError
from ..image.tensors import check_tensor

SSIM_WINDOW = 11
"""Side of the Gaussian window in pixels (Wang et al. 2004)."""

HISTOGRAM_BINS = 64
"""Bins along u and along v (Afifi et al. 2021)."""

HISTOGRAM_RANGE = 3.0
"""u and v from −3 to 3: ratios of colours from 1/20 to 20."""

HISTOGRAM_FALLOFF = 0.02
"""τ of the kernel: how far a pixel reaches into neighbouring bins."""

HISTOGRAM_SIDE = 150
"""Side in px a larger picture is sampled at."""

_EPS = 1e-6


def psnr(output: Tensor, content: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of two ``(B, 3, H, W)`` images in ``[0, 1]``. Higher is better."""
    return kornia_psnr(output, content, max_val=1.0)


def ssim(output: Tensor, content: Tensor) -> Tensor:
    r"""Mean structural similarity (Wang et al. 2004, eq. 13 and 17) of two ``(B, 3, H, W)`` images in ``[0, 1]``.

    .. math:: \operatorname{mean} \frac{(2\mu_x\mu_y + C_1)(2\sigma_{xy} + C_2)}
        {(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)}, \qquad C_1 = 0.01^2,\; C_2 = 0.03^2

    in Gaussian windows of 11 px, over positions and the three colour channels (the paper has grey pictures).

    Returns:
        A scalar in ``[-1, 1]``, 1 for identical images. Higher is better.
    """
    return kornia_ssim(output, content, SSIM_WINDOW, max_val=1.0).mean()


def rgb_uv_histogram(image: Tensor) -> Tensor:
    r"""RGB-uv histogram (Afifi et al. 2021, "HistoGAN", eq. 1 to 4).

    For each colour channel c, u and v are the logs of its ratios to the other two, and

    .. math:: H(u, v, c) \propto \sum_x k(I_{uc}(x), I_{vc}(x), u, v)\, I_y(x), \qquad
              k = \frac{1}{1 + (|I_{uc} - u| / \tau)^2} \cdot \frac{1}{1 + (|I_{vc} - v| / \tau)^2}

    with :math:`I_y` the length of the colour vector, :math:`\tau = 0.02` and 64 × 64 bins from −3 to 3. As in the
    authors' code, pictures with a side over 150 px are sampled bilinearly at 150 × 150.

    Args:
        image: ``(B, 3, H, W)`` in ``[0, 1]``.

    Returns:
        ``(B, 3, 64, 64)`` float32 ≥ 0 that sums to 1 for each picture; channel, u, v.

    Raises:
        ImageError: if the image is no ``(B, 3, H, W)``.
    """
    pixels = check_tensor(image).float().clamp(0.0, 1.0)
    if max(pixels.shape[2:]) > HISTOGRAM_SIDE:
        pixels = F.interpolate(pixels, (HISTOGRAM_SIDE, HISTOGRAM_SIDE), mode="bilinear", align_corners=False)
    colors = pixels.flatten(2)
    light = (colors.square().sum(dim=1, keepdim=True) + _EPS).sqrt()
    logs = (colors + _EPS).log()
    bins = torch.linspace(-HISTOGRAM_RANGE, HISTOGRAM_RANGE, HISTOGRAM_BINS, device=pixels.device)

    def reach(numerator: int, denominator: int) -> Tensor:
        """How far each pixel counts in each bin of the log ratio of two channels: ``(B, bins, pixels)``."""
        ratio = (logs[:, numerator] - logs[:, denominator]).unsqueeze(1)
        return 1.0 / (1.0 + ((ratio - bins[:, None]) / HISTOGRAM_FALLOFF).square())

    with torch.autocast(pixels.device.type, enabled=False):
        planes = [(reach(c, u) * light) @ reach(c, v).mT for c, u, v in ((0, 1, 2), (1, 0, 2), (2, 0, 1))]
    histogram = torch.stack(planes, dim=1)
    return histogram / histogram.sum(dim=(1, 2, 3), keepdim=True)


def histogram_distance(output: Tensor, style: Tensor) -> Tensor:
    r"""Hellinger distance of two histograms (Afifi et al. 2021, eq. 5).

    .. math:: \frac{1}{\sqrt 2} \left\lVert \sqrt{H_o} - \sqrt{H_s} \right\rVert_2

    Args:
        output, style: ``(B, 3, 64, 64)`` of :func:`rgb_uv_histogram`.

    Returns:
        ``(B,)`` float32 in ``[0, 1]``; 0 for the same colours in the same shares, 1 for none in common. Lower is
        better.

    Raises:
        InputError: if the shapes differ.
    """
    if output.shape != style.shape:
        raise InputError(f"histograms {tuple(output.shape)} and {tuple(style.shape)} cannot be compared")
    difference = (output.sqrt() - style.sqrt()).flatten(1)
    return difference.square().sum(dim=1).sqrt() / 2**0.5
