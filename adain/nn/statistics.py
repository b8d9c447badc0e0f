"""Per-channel mean and standard deviation: the one definition the layer, the losses and the metrics share."""

from __future__ import annotations

import torch
from torch import Tensor

from ..image.tensors import at_least_float32 as at_least_float32

EPS = 1e-5
"""Added to the variance before the root, so that constant channels keep a finite gradient."""


def channel_mean_std(features: Tensor, mask: Tensor | None = None, *, eps: float = EPS) -> tuple[Tensor, Tensor]:
    r"""Mean and standard deviation of every channel over the image plane.

    .. math:: \mu = \frac{\sum_p m_p f_p}{\sum_p m_p}, \qquad
              \sigma = \sqrt{\frac{\sum_p m_p (f_p - \mu)^2}{\sum_p m_p} + \epsilon}

    (Huang & Belongie 2017, eq. 5 and 6, with the population variance; :math:`m_p = 1` without a mask.)

    Args:
        features: ``(B, C, H, W)``, any floating dtype.
        mask: ``(B, 1, H, W)`` or ``(1, 1, H, W)``, weights in ``[0, 1]``; soft edges are welcome.
        eps: added to the variance.

    Returns:
        Mean and standard deviation, each ``(B, C, 1, 1)``, in float32 (float64 for float64 features).

    Raises:
        ValueError: if ``features`` is not four-dimensional, or the mask does not fit or is empty.
    """
    if features.ndim != 4:
        raise ValueError(f"features must be (B, C, H, W), not {tuple(features.shape)}")
    f = at_least_float32(features)
    if mask is None:
        if torch.is_grad_enabled() and f.requires_grad:
            var, mean = torch.var_mean(f, dim=(2, 3), correction=0, keepdim=True)
        else:
            # In two passes: several times as fast on a CPU, but a gradient would have to keep the differences.
            mean = f.mean(dim=(2, 3), keepdim=True)
            var = (f - mean).square_().mean(dim=(2, 3), keepdim=True)
        return mean, (var + eps).sqrt()
    height, width = f.shape[2:]
    if mask.ndim != 4 or mask.shape[1:] != (1, height, width):
        raise ValueError(
            f"mask must be (B, 1, {height}, {width}) for features {tuple(f.shape)}, not {tuple(mask.shape)}"
        )
    m = mask.to(f)
    area = m.sum(dim=(2, 3), keepdim=True)
    if not bool((area > 0).all()):
        raise ValueError("the mask is empty: it must be above 0 somewhere in every image")
    mean = (f * m).sum(dim=(2, 3), keepdim=True) / area
    var = ((f - mean).square() * m).sum(dim=(2, 3), keepdim=True) / area
    return mean, (var + eps).sqrt()


def regional_mean_std(features: Tensor, masks: Tensor, *, eps: float = EPS) -> tuple[Tensor, Tensor]:
    """:func:`channel_mean_std` inside each of several masks, at less than their separate cost.

    The means of all regions are one matrix product. The variance is taken around each region's own mean all the same:
    around a common one, a region that is flat beside the rest of the picture would lose its digits.

    Args:
        features, eps: see :func:`channel_mean_std`, as for errors.
        masks: ``(R, 1, H, W)``, weights in ``[0, 1]``; they apply to every image of the batch.

    Returns:
        Mean and standard deviation, each ``(R, B, C, 1, 1)``, so that ``mean[r]`` is what
        ``channel_mean_std(features, masks[r : r + 1])`` gives; in float32 (float64 for float64 features).
    """
    if features.ndim != 4:
        raise ValueError(f"features must be (B, C, H, W), not {tuple(features.shape)}")
    height, width = features.shape[2:]
    if masks.ndim != 4 or masks.shape[0] < 1 or masks.shape[1:] != (1, height, width):
        raise ValueError(f"masks must be (R, 1, {height}, {width}) for these features, not {tuple(masks.shape)}")
    f = at_least_float32(features).flatten(2)
    m = masks.to(f).flatten(1)
    areas = m.sum(dim=1)
    if not bool((areas > 0).all()):
        raise ValueError(f"mask {int((areas <= 0).nonzero()[0]) + 1} is empty: it must be above 0 somewhere")
    shares = (m / areas[:, None]).mT
    with torch.autocast(f.device.type, enabled=False):  # it would take the products in half precision
        mean = f @ shares
        variances = [(f - mean[..., r, None]).square() @ shares[:, r] for r in range(m.shape[0])]
    mean = mean.permute(2, 0, 1)[..., None, None]
    return mean, (torch.stack(variances)[..., None, None] + eps).sqrt()


class RunningStatistics:
    r"""Mean and deviation of a feature map that comes in parts, plain or inside masks.

    Parts are merged exactly, with :math:`\delta = \mu_b - \mu_a`:

    .. math:: \mu = \mu_a + \frac{w_b}{w_a + w_b} \delta, \qquad
              M = M_a + M_b + \frac{w_a w_b}{w_a + w_b} \delta^2

    (Chan et al. 1979; :math:`w` is the area, :math:`M` the area times the variance), in float64 on the CPU. Each part
    is measured by :func:`channel_mean_std` or :func:`regional_mean_std`.
    """

    def __init__(self) -> None:
        self._area = self._mean = self._spread = torch.zeros(())
        self._is_plain = True

    def add(self, features: Tensor, masks: Tensor | None = None) -> None:
        """A part ``(B, C, h, w)``, with its part ``(R, 1, h, w)`` of the masks; all parts with or all without."""
        self._is_plain = masks is None
        if masks is None:
            mean, std = (s[None] for s in channel_mean_std(features, eps=0.0))
            area = torch.tensor([features.shape[2] * features.shape[3]])
        else:
            area = masks.to(at_least_float32(features)).flatten(1).sum(dim=1)
            mean = features.new_zeros((len(masks), *features.shape[:2], 1, 1), dtype=area.dtype)
            std = mean.clone()
            if bool((seen := area > 0).any()):
                mean[seen], std[seen] = regional_mean_std(features, masks[seen], eps=0.0)
        w, m, v = (t.to("cpu").double() for t in (area.view(-1, 1, 1, 1, 1), mean, std))
        whole = self._area + w
        share = w / whole.clamp(min=torch.finfo(torch.float64).tiny)  # neither has seen the region: 0
        change = m - self._mean
        self._spread = self._spread + w * v.square() + self._area * share * change.square()
        self._mean = self._mean + share * change
        self._area = whole

    def result(self, *, eps: float = EPS) -> tuple[Tensor, Tensor]:
        """Mean and deviation in float32, as the functions above give them for the whole."""
        if not bool((self._area > 0).all()):
            raise ValueError("statistics need at least one part, and masks that are above 0 somewhere")
        mean, std = self._mean, (self._spread / self._area + eps).sqrt()
        return (mean[0].float(), std[0].float()) if self._is_plain else (mean.float(), std.float())


def normalize_channels(features: Tensor, *, eps: float = EPS) -> Tensor:
    """``(B, C, H, W)`` features with every channel shifted and scaled to mean 0 and deviation 1."""
    mean, std = channel_mean_std(features, eps=eps)
    return (at_least_float32(features) - mean) / std
