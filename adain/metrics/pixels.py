"""Two pictures compared by their pixels: place by place, along a motion, or colour by colour, whatever the places."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from kornia.metrics import psnr as kornia_psnr
from kornia.metrics import ssim as kornia_ssim
from torch import Tensor

from .._utils.errors import InputError
from ..image.tensors import at_least_float32, check_tensor
from ..image.warp import check_flow, inside, warp
from ..losses.calm import unrest as unrest
from ..losses.lattice import lattice as lattice

SSIM_WINDOW = 11
"""Side of the Gaussian window in pixels (Wang et al. 2004)."""

# Of the histogram (Afifi et al. 2021): bins along u and v, which go from −3 to 3, ratios of colours from 1/20 to 20; τ
# of the kernel, how far a pixel reaches into neighbouring bins; and the side in px a larger picture is sampled at.
_BINS, _RANGE, _FALLOFF, _SIDE = 64, 3.0, 0.02, 150
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
    if max(pixels.shape[2:]) > _SIDE:
        pixels = F.interpolate(pixels, (_SIDE, _SIDE), mode="bilinear", align_corners=False)
    colors = pixels.flatten(2)
    light = (colors.square().sum(dim=1, keepdim=True) + _EPS).sqrt()
    logs = (colors + _EPS).log()
    bins = torch.linspace(-_RANGE, _RANGE, _BINS, device=pixels.device)

    def reach(numerator: int, denominator: int) -> Tensor:
        """How far each pixel counts in each bin of the log ratio of two channels: ``(B, bins, pixels)``."""
        ratio = (logs[:, numerator] - logs[:, denominator]).unsqueeze(1)
        return 1.0 / (1.0 + ((ratio - bins[:, None]) / _FALLOFF).square())

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


def warping_error(current: Tensor, previous: Tensor, flow: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""How much two frames differ once the motion between them is undone (Lai et al. 2018, "Learning Blind Video
    Temporal Consistency", eq. 8 and 9).

    .. math:: E = \frac{\sum_p m_p \, \lVert x_t(p) - x_{t-1}(p + f(p)) \rVert^2 / C}{\sum_p m_p}

    Args:
        current, previous: ``(B, C, H, W)`` frames in ``[0, 1]``.
        flow: ``(B, 2, H, W)`` or ``(1, 2, H, W)``, backward; see :mod:`adain.image.warp`.
        mask: ``(B, 1, H, W)`` or ``(1, 1, H, W)``, 1 where the flow holds, 0 where something came into view. What
            comes from outside the frame is left out in any case.

    Returns:
        ``(B,)`` float32 ≥ 0, the mean over pixels and channels; its square root is in the units of the frames. Lower is
        better. A blurred or frozen video scores well, too: look at the frames beside it.

    Raises:
        InputError: if the shapes do not fit, or no pixel is left to compare.
    """
    if current.shape != previous.shape:
        raise InputError(f"frames of {tuple(current.shape)} and {tuple(previous.shape)}: they must have one shape")
    check_flow(previous, flow)
    batch = current.shape[0]
    valid = inside(flow).expand(batch, -1, -1, -1).float()
    if mask is not None:
        if mask.ndim != 4 or mask.shape[0] not in (1, batch) or (1, *current.shape[2:]) != tuple(mask.shape[1:]):
            raise InputError(f"the mask of frames {tuple(current.shape)} cannot be {tuple(mask.shape)}")
        valid = valid * mask.to(valid)
    area = valid.sum(dim=(1, 2, 3))
    if not bool((area > 0).all()):
        raise InputError("no pixel is left to compare: the mask or the flow leaves none")
    difference = at_least_float32(current) - warp(at_least_float32(previous), flow)
    return (difference.square().mean(1, keepdim=True) * valid).sum(dim=(1, 2, 3)) / area
