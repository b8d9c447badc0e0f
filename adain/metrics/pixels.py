"""Two pictures compared pixel by pixel."""

from __future__ import annotations

from kornia.metrics import psnr as kornia_psnr
from kornia.metrics import ssim as kornia_ssim
from torch import Tensor

SSIM_WINDOW = 11
"""Side of the Gaussian window in pixels (Wang et al. 2004)."""


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
