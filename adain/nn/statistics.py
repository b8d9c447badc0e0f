"""Per-channel mean and standard deviation: the one definition the layer, the losses and the metrics share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .._utils.arrays import Array, is_tensor, namespace
from .._utils.arrays import at_least_float32 as at_least_float32

EPS = 1e-5
"""Added to the variance before the root, so that constant channels keep a finite gradient."""

PIECE = 2**16
"""Numbers of an array that are worked on at a time: a core's cache holds them, and as many of scratch."""


def channel_mean_std(features: Array, mask: Array | None = None, *, eps: float = EPS) -> tuple[Array, Array]:
    r"""Mean and standard deviation of every channel over the image plane.

    .. math:: \mu = \frac{\sum_p m_p f_p}{\sum_p m_p}, \qquad
              \sigma = \sqrt{\frac{\sum_p m_p (f_p - \mu)^2}{\sum_p m_p} + \epsilon}

    (Huang & Belongie 2017, eq. 5 and 6, with the population variance; :math:`m_p = 1` without a mask.)

    Args:
        features: ``(B, C, H, W)``, any floating dtype; a tensor or an array.
        mask: ``(B, 1, H, W)`` or ``(1, 1, H, W)``, weights in ``[0, 1]``; soft edges are welcome.
        eps: added to the variance.

    Returns:
        Mean and standard deviation, each ``(B, C, 1, 1)``, in float32 (float64 for float64 features).

    Raises:
        ValueError: if ``features`` is not four-dimensional, or the mask does not fit or is empty.
    """
    if features.ndim != 4:
        raise ValueError(f"features must be (B, C, H, W), not {tuple(features.shape)}")
    f: Any = at_least_float32(features)
    m: Any = None
    area: Any = None
    if mask is not None:
        height, width = f.shape[2:]
        if mask.ndim != 4 or mask.shape[1:] != (1, height, width):
            raise ValueError(
                f"mask must be (B, 1, {height}, {width}) for features {tuple(f.shape)}, not {tuple(mask.shape)}"
            )
        m = as_type_of(f, mask)
        area = m.sum(axis=(2, 3), keepdims=True)
        if not bool((area > 0).all()):
            raise ValueError("the mask is empty: it must be above 0 somewhere in every image")
    mean, var = _tensor_moments(f, m, area) if is_tensor(f) else _array_moments(f, m, area)
    return mean, namespace(f).sqrt(var + eps)


def regional_mean_std(features: Array, masks: Array, *, eps: float = EPS) -> tuple[Array, Array]:
    """:func:`channel_mean_std` inside each of several masks, at less than their separate cost.

    The variance is taken around each region's own mean: around a common one, a region that is flat beside the rest of
    the picture would lose its digits.

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
    f: Any = at_least_float32(features)
    m = as_type_of(f, masks).reshape(len(masks), -1)
    areas = m.sum(axis=1)
    for number, area in enumerate(areas.tolist(), start=1):
        if not area > 0:
            raise ValueError(f"mask {number} is empty: it must be above 0 somewhere")
    shares = m / areas[:, None]
    mean, var = _regional_tensor_moments(f, shares) if is_tensor(f) else _moments(f, [shares] * len(f))
    return mean, namespace(f).sqrt(var + eps)


class RunningStatistics:
    r"""Mean and deviation of a feature map that comes in parts, plain or inside masks.

    Parts are merged exactly, with :math:`\delta = \mu_b - \mu_a`:

    .. math:: \mu = \mu_a + \frac{w_b}{w_a + w_b} \delta, \qquad
              M = M_a + M_b + \frac{w_a w_b}{w_a + w_b} \delta^2

    (Chan et al. 1979; :math:`w` is the area, :math:`M` the area times the variance), in float64 on the CPU. Each part
    is measured by :func:`channel_mean_std` or :func:`regional_mean_std`.
    """

    def __init__(self) -> None:
        self._area: Any = 0.0
        self._mean: Any = 0.0
        self._spread: Any = 0.0
        self._is_plain: bool | None = None  # until there is a part

    def add(self, features: Array, masks: Array | None = None) -> None:
        """A part ``(B, C, h, w)``, with its part ``(R, 1, h, w)`` of the masks; all parts with or all without."""
        self._is_plain = masks is None
        f: Any = at_least_float32(features)
        xp = namespace(f)
        if masks is None:
            m, v = (_double(s[None]) for s in channel_mean_std(f, eps=0.0))
            w = xp.full_like(m[:1, :1, :1], f.shape[2] * f.shape[3])
        else:
            area = as_type_of(f, masks).reshape(len(masks), -1).sum(axis=1)
            shape = (len(masks), *f.shape[:2], 1, 1)
            mean = f.new_zeros(shape) if is_tensor(f) else np.zeros(shape, f.dtype)
            std = xp.zeros_like(mean)
            if bool((seen := area > 0).any()):
                mean[seen], std[seen] = regional_mean_std(f, masks[seen], eps=0.0)
            w, m, v = (_double(s) for s in (area.reshape(-1, 1, 1, 1, 1), mean, std))
        whole = self._area + w
        share = w / whole.clip(min=np.finfo(np.float64).tiny)  # neither has seen the region: 0
        change = m - self._mean
        self._spread = self._spread + w * xp.square(v) + self._area * share * xp.square(change)
        self._mean = self._mean + share * change
        self._area = whole

    def result(self, *, eps: float = EPS) -> tuple[Any, Any]:
        """Mean and deviation in float32, as the functions above give them for the whole.

        They are arrays if the parts were, else tensors on the CPU.
        """
        if self._is_plain is None or not bool((self._area > 0).all()):
            raise ValueError("statistics need at least one part, and masks that are above 0 somewhere")
        std = namespace(self._mean).sqrt(self._spread / self._area + eps)
        mean, std = (s.float() if is_tensor(s) else s.astype(np.float32) for s in (self._mean, std))
        return (mean[0], std[0]) if self._is_plain else (mean, std)


def normalize_channels(features: Array, *, eps: float = EPS) -> Array:
    """``(B, C, H, W)`` features, tensor or array, with every channel shifted and scaled to mean 0 and deviation 1."""
    mean, std = channel_mean_std(features, eps=eps)
    return (at_least_float32(features) - mean) / std


def as_type_of(like: Any, values: Any) -> Any:
    """Values with the type of others of their kind and, if they are tensors, where those are."""
    return values.to(like) if is_tensor(like) else values.astype(like.dtype, copy=False)


def pieces(shape: Sequence[int], size: int = PIECE) -> Iterator[tuple[int, slice]]:
    """What parts an array ``(B, C, H, W)`` into pieces of some ``size``: an image, and channels of it."""
    batch, channels, height, width = shape
    step = max(1, size // max(1, height * width))
    for image in range(batch):
        for first in range(0, channels, step):
            yield image, slice(first, min(first + step, channels))


def _tensor_moments(f: Any, mask: Any, area: Any) -> tuple[Any, Any]:
    """Mean and variance ``(B, C, 1, 1)``; without a mask, it and its area are None."""
    if mask is not None:
        mean = (f * mask).sum(dim=(2, 3), keepdim=True) / area
        return mean, ((f - mean).square() * mask).sum(dim=(2, 3), keepdim=True) / area
    torch = namespace(f)
    if torch.is_grad_enabled() and f.requires_grad:
        var, mean = torch.var_mean(f, dim=(2, 3), correction=0, keepdim=True)
        return mean, var
    # In two passes: several times as fast on a CPU, but a gradient would have to keep the differences.
    mean = f.mean(dim=(2, 3), keepdim=True)
    return mean, (f - mean).square_().mean(dim=(2, 3), keepdim=True)


def _regional_tensor_moments(f: Any, shares: Any) -> tuple[Any, Any]:
    """Mean and variance ``(R, B, C, 1, 1)`` with weights ``(R, N)``; the means of all regions are one product."""
    torch = namespace(f)
    flat, columns = f.flatten(2), shares.mT
    with torch.autocast(f.device.type, enabled=False):  # it would take the products in half precision
        mean = flat @ columns
        variances = [(flat - mean[..., r, None]).square() @ columns[:, r] for r in range(len(shares))]
    return mean.permute(2, 0, 1)[..., None, None], torch.stack(variances)[..., None, None]


def _array_moments(f: Any, mask: Any, area: Any) -> tuple[Any, Any]:
    """:func:`_tensor_moments` of arrays."""
    if mask is None:
        (mean,), (var,) = _moments(f, [[None]] * len(f))
        return mean, var
    batch = max(len(f), len(mask))
    shares = np.broadcast_to((mask / area).reshape(len(mask), 1, -1), (batch, 1, mask[0].size))
    (mean,), (var,) = _moments(np.broadcast_to(f, (batch, *f.shape[1:])), [*shares])
    return mean, var


def _moments(f: Any, shares: Sequence[Sequence[Any]]) -> tuple[Any, Any]:
    """Mean and variance ``(K, B, C, 1, 1)`` of an array, which is read from memory once.

    Sums are pairwise, where a product of matrices would lose digits. BLAS would also share that among threads, which
    wait busily for more for a while: that of the network that comes next.

    Args:
        f: ``(B, C, H, W)``, contiguous or not.
        shares: of each image, K weights of its cells: ``(N,)`` of sum 1 each, or None for all alike.
    """
    batch, channels, cells = len(f), f.shape[1], f.shape[2] * f.shape[3]
    mean, var = (np.empty((len(shares[0]), batch, channels, 1), f.dtype) for _ in range(2))
    scratch: Any = None
    for image, some in pieces(f.shape):
        part = np.ascontiguousarray(f[image, some]).reshape(-1, cells)
        scratch = np.empty_like(part) if scratch is None else scratch  # the first piece is the largest
        change = scratch[: len(part)]
        for k, share in enumerate(shares[image]):
            mean[k, image, some] = _averages(part, share, change)
            np.subtract(part, mean[k, image, some], out=change)
            np.square(change, out=change)
            var[k, image, some] = _averages(change, share, change)
    return mean[..., None], var[..., None]


def _averages(rows: Any, share: Any, scratch: Any) -> Any:
    """The mean of each row, with weights or without."""
    if share is None:
        return rows.mean(axis=1, keepdims=True)
    return np.multiply(rows, share, out=scratch).sum(axis=1, keepdims=True)


def _double(values: Any) -> Any:
    return values.to("cpu").double() if is_tensor(values) else values.astype(np.float64)
