"""Recolouring a style before it is encoded: linear and histogram matching of one picture's colours to another's."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.autograd.function import once_differentiable

from .._utils.errors import InputError
from ..image.resize import cut
from ..image.stored import StoredPicture
from ..image.strips import Photograph
from ..image.tensors import check_tensor
from ..nn.statistics import at_least_float32
from ..options import ColorMethod, Options

METHODS = get_args(ColorMethod)

STYLE_FLOOR = (2.0 / 255.0) ** 2
"""Least variance along any axis that a style is taken to have: that of two 8-bit levels. Below lie rounding and the
noise of compression, not colour."""

# Keeps the roots of a grey or one-colour content invertible; a deviation of 1e-6 is nothing to see.
_CONTENT_FLOOR = 1e-12
_TINY = 1e-20  # keeps the rounding of a root's argument from going below 0

_BAND = 1 << 22  # pixels that are looked at together
_LEVELS = 256


def check_strength(strength: float) -> float:
    """``strength`` as a float, or :class:`~adain.InputError` if it is outside ``[0, 1]``."""
    value = float(strength)
    if not 0.0 <= value <= 1.0:  # nor is NaN
        raise InputError(f"colour strength must be between 0 (no change) and 1 (full), not {strength}")
    return value


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """:class:`~adain.InputError` with the choices if ``value`` is none of them."""
    if value not in choices:
        raise InputError(f"unknown {what} {value!r}: choose one of {', '.join(choices)}")


def check_batches(first: Tensor, second: Tensor) -> None:
    """:class:`~adain.InputError` unless the batches of two images are equal or one of them is 1."""
    check_tensor(first)
    check_tensor(second)
    if first.shape[0] != second.shape[0] and 1 not in (first.shape[0], second.shape[0]):
        raise InputError(
            f"batches of {first.shape[0]} and {second.shape[0]} images: they must be equal, or one of them 1"
        )


def fit_mask(mask: Tensor, image: Tensor) -> Tensor:
    """``mask`` in the type and on the device of ``image``, or :class:`~adain.InputError` if it does not fit."""
    batch, _, height, width = image.shape
    if mask.ndim != 4 or mask.shape[0] not in (1, batch) or mask.shape[1:] != (1, height, width):
        raise InputError(f"the mask must be ({batch}, 1, {height}, {width}) or (1, 1, ...), not {tuple(mask.shape)}")
    return mask.to(image)


def fit_weights(mask: Tensor, image: Tensor) -> Tensor:
    """:func:`fit_mask` for what takes statistics under a mask; it must not be empty, either."""
    weights = fit_mask(mask, image)
    if not bool((weights.sum(dim=(2, 3)) > 0).all()):
        raise InputError("the mask is empty: it must be above 0 somewhere in every image")
    return weights


def affine(image: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """``matrix · pixel + offset`` for every pixel of ``(B, 3, H, W)``; ``(B, 3, 3)`` and ``(B, 3)``, or B = 1 of them.

    Not a matrix product: autocast and TF32 would carry that out with three digits.
    """
    matrix, offset = matrix.to(image)[..., None, None], offset.to(image)[..., None, None]
    result = offset
    for i in range(3):
        result = torch.addcmul(result, image[:, i : i + 1], matrix[:, :, i])
    return result


def mean_covariance(image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    r"""Mean colour and covariance of the colours of each image.

    .. math:: \mu = \frac{\sum_p m_p x_p}{\sum_p m_p}, \qquad
              \Sigma = \frac{\sum_p m_p (x_p - \mu)(x_p - \mu)^T}{\sum_p m_p}

    Args:
        image: ``(B, 3, H, W)``, any floating dtype.
        mask: ``(B, 1, H, W)`` or ``(1, 1, H, W)``, weights in ``[0, 1]``; 1 everywhere without it.

    Returns:
        ``(B, 3)`` and ``(B, 3, 3)``, in float32 (float64 for float64 images).
    """
    x = at_least_float32(check_tensor(image))
    if mask is None:
        mean = x.mean(dim=(2, 3), keepdim=True)
        centred = weighted = x - mean
    else:
        m = fit_weights(mask, x)
        area = m.sum(dim=(2, 3), keepdim=True)
        m = m * (m[0, 0].numel() / area)  # so that plain means of products are weighted means
        mean = (x * m).mean(dim=(2, 3), keepdim=True)
        centred = x - mean
        weighted = centred * m
    # The upper triangle, row by row; see affine() for why this is not a matrix product.
    rows = [(weighted[:, i : i + 1] * centred[:, i:]).mean(dim=(2, 3)) for i in range(3)]
    xx, xy, xz, yy, yz, zz = torch.cat(rows, dim=1).unbind(1)
    covariance = torch.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], dim=1).view(-1, 3, 3)
    return mean[:, :, 0, 0], covariance


class _Power(torch.autograd.Function):
    """``max(M, floor)^p`` of symmetric ``(B, 3, 3)`` matrices, the maximum and the power taken of the eigenvalues.

    torch's own gradient of ``eigh`` divides by differences of eigenvalues: NaN for any picture of one colour. The
    gradient of a function of a matrix needs only divided differences (Daleckii-Krein), which have a limit there.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, power: float, floor: float) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        raised = values.clamp_min(floor).pow(power)
        ctx.save_for_backward(values, vectors, raised)
        ctx.power, ctx.floor = power, floor
        result: Tensor = (vectors * raised.unsqueeze(-2)) @ vectors.mT
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        values, vectors, raised = ctx.saved_tensors
        slopes = ctx.power * values.clamp_min(ctx.floor).pow(ctx.power - 1.0) * (values > ctx.floor)
        difference = values.unsqueeze(-1) - values.unsqueeze(-2)
        scale = torch.maximum(values.abs().unsqueeze(-1), values.abs().unsqueeze(-2))
        tied = difference.abs() <= 1e-7 * scale
        divided = (raised.unsqueeze(-1) - raised.unsqueeze(-2)) / difference.masked_fill(tied, 1.0)
        divided = torch.where(tied, (slopes.unsqueeze(-1) + slopes.unsqueeze(-2)) / 2.0, divided)
        grad = (grad + grad.mT) / 2.0
        return vectors @ (divided * (vectors.mT @ grad @ vectors)) @ vectors.mT, None, None


def _power(matrix: Tensor, power: float, floor: float) -> Tensor:
    result: Tensor = _Power.apply(matrix, power, floor)
    return result


def transport_matrix(style: Tensor, content: Tensor, method: str = Options.color_method) -> Tensor:
    r"""``A`` with :math:`A \Sigma_S A^T = \Sigma_C`.

    ========================  =====================================================================================
    ``"monge-kantorovich"``   :math:`\Sigma_S^{-1/2} (\Sigma_S^{1/2} \Sigma_C \Sigma_S^{1/2})^{1/2} \Sigma_S^{-1/2}`,
                              which moves the colours least (Pitié & Kokaram 2007)
    ``"cholesky"``            :math:`L_C L_S^{-1}` (Gatys et al. 2016)
    ``"symmetric"``           :math:`\Sigma_C^{1/2} \Sigma_S^{-1/2}`, "image analogies" (Gatys et al. 2016)
    ========================  =====================================================================================

    Eigenvalues of :math:`\Sigma_S` below :data:`STYLE_FLOOR` are raised to it. Where that happens, as in a grey style,
    :math:`A \Sigma_S A^T` falls short of :math:`\Sigma_C` and never exceeds it: noise cannot grow beyond the content's
    own colours.

    Args:
        style, content: ``(B, 3, 3)`` covariances; either B may be 1.
        method: one of :data:`METHODS`.

    Returns:
        ``(B, 3, 3)`` in float64 on the CPU, where 3 x 3 matrices are quick and every device has float64.

    Raises:
        InputError: for an unknown method, or if a covariance is not finite.
    """
    check_choice("colour method", method, METHODS)
    # A tiny matrix each: the copies cost less than the kernels of a GPU.
    s = style.to("cpu", torch.float64)
    c = content.to("cpu", torch.float64)
    if not bool(s.isfinite().all() and c.isfinite().all()):
        raise InputError("the images hold NaN or infinite values: colours must be in [0, 1]")
    c = _power(c, 1.0, _CONTENT_FLOOR)
    if method == "cholesky":
        lower = torch.linalg.cholesky(_power(s, 1.0, STYLE_FLOOR))
        factor: Tensor = torch.linalg.solve_triangular(lower, torch.linalg.cholesky(c), upper=False, left=False)
        return factor
    inverse_root = _power(s, -0.5, STYLE_FLOOR)
    if method == "symmetric":
        return _power(c, 0.5, _TINY) @ inverse_root
    root = _power(s, 0.5, STYLE_FLOOR)
    return inverse_root @ _power(root @ c @ root, 0.5, _TINY) @ inverse_root


def match_linear(
    style: Tensor,
    content: Tensor,
    *,
    method: str = Options.color_method,
    strength: float = Options.color_strength,
    style_mask: Tensor | None = None,
    content_mask: Tensor | None = None,
    clamp: bool = False,
) -> Tensor:
    r"""Give a style the mean colour and the colour covariance of a content: :math:`A x + \mu_C - A \mu_S`.

    Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", colour histogram matching; for ``A`` see
    :func:`transport_matrix`. Differentiable with respect to both images.

    Args:
        style: ``(B, 3, H, W)`` in ``[0, 1]``.
        content: ``(B, 3, H', W')`` in ``[0, 1]``; either batch may be 1 and then serves all of the other.
        method: one of :data:`METHODS`.
        strength: in ``[0, 1]``, between the style and the recoloured style; 0 returns ``style`` itself.
        style_mask, content_mask: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` soft regions, of the size of their image, to take
            the statistics from. The whole style is recoloured all the same.
        clamp: cut the result to ``[0, 1]``. Off by default: the encoder takes values a little outside, and cutting
            them would change the very statistics that were matched.

    Returns:
        ``(B, 3, H, W)`` in the dtype of ``style``; the arithmetic is float32 or better.

    Raises:
        InputError: if the method is unknown, the strength is out of range, the batches differ, or a mask does not fit
            or is empty.
    """
    check_batches(style, content)
    amount = check_strength(strength)
    check_choice("colour method", method, METHODS)
    if amount == 0.0:
        return style
    style_mean, style_covariance = mean_covariance(style, style_mask)
    content_mean, content_covariance = mean_covariance(content, content_mask)
    matrix = transport_matrix(style_covariance, content_covariance, method)
    offset = content_mean.to(matrix) - (matrix @ style_mean.to(matrix).unsqueeze(-1)).squeeze(-1)
    if amount != 1.0:
        matrix = amount * matrix + (1.0 - amount) * torch.eye(3, dtype=matrix.dtype)
        offset = amount * offset
    result = affine(at_least_float32(style), matrix, offset)
    return (result.clamp(0.0, 1.0) if clamp else result).to(style.dtype)


def match_histogram(
    style: Tensor,
    content: Tensor,
    *,
    strength: float = Options.color_strength,
    style_mask: Tensor | None = None,
    content_mask: Tensor | None = None,
) -> Tensor:
    r"""Give each channel of a style the distribution that the channel has in a content: :math:`F_C^{-1}(F_S(x))`.

    ``F`` counts half of the pixels that equal ``x``, and :math:`F_C^{-1}` is interpolated between the content's values:
    equal pixels stay equal, a style of one colour takes the content's median, and an image matched with itself stays
    exactly what it is. Channels are matched one by one, so their correlations remain the style's: see
    :func:`match_linear` for those.

    A channel of 8-bit levels, as in any image file, is counted in 256 bins, which is exact; any other is sorted. One
    channel of one image is at work at a time: for two images of 4096 x 4096, 0.2 GB beside the result, 0.9 GB where
    they have to be sorted.

    Arguments, among which the masks are the weights of pixels in ``F``, and errors are those of :func:`match_linear`.

    Returns:
        ``(B, 3, H, W)`` in the dtype of ``style``, within the range of the content where the strength is 1. No
        gradient passes through the matching, only through the style's own share where the strength is below 1.
    """
    check_batches(style, content)
    amount = check_strength(strength)
    if amount == 0.0:
        return style
    s, c = at_least_float32(style), at_least_float32(content)
    style_weights = None if style_mask is None else fit_weights(style_mask, s)
    content_weights = None if content_mask is None else fit_weights(content_mask, c)
    result = s.new_empty((max(s.shape[0], c.shape[0]), *s.shape[1:]))
    with torch.no_grad():
        for channel in range(3):
            sources = [_quantiles(*_distribution(c, content_weights, k, channel)[:2]) for k in range(c.shape[0])]
            for k in range(result.shape[0]):
                if k < s.shape[0]:
                    _, mass, index = _distribution(s, style_weights, k, channel)
                table = _interpolate(_places(mass), *sources[k if len(sources) > 1 else 0])
                result[k, channel] = table[index].view(s.shape[2:])
    return (result if amount == 1.0 else torch.lerp(s, result, amount)).to(style.dtype)


def _distribution(image: Tensor, weights: Tensor | None, k: int, channel: int) -> tuple[Tensor, Tensor, Tensor]:
    """The values of one channel, rising and distinct; the weight of the pixels that have each; the entry of each pixel.

    The values of 8-bit levels are all 256, with weight 0 for those that do not occur.
    """
    values = image[k, channel].reshape(-1)
    levels = (values * 255.0).round_()
    if bool(((values * 255.0 - levels).abs_().amax() < 1e-4) & (levels.amin() >= 0) & (levels.amax() <= 255)):
        index = levels.to(torch.int32)
        distinct = torch.arange(256, device=values.device, dtype=values.dtype) / 255.0
    else:
        del levels
        distinct, index = torch.unique(values, return_inverse=True)
    # Not float32: adding 1 to 2**24 in it changes nothing. MPS has no wider type.
    wide = torch.float32 if values.device.type == "mps" else torch.float64
    if weights is None:
        return distinct, torch.bincount(index, minlength=len(distinct)).to(wide), index
    weight = weights[k if weights.shape[0] > 1 else 0, 0].reshape(-1).to(wide)
    return distinct, torch.bincount(index, weight, minlength=len(distinct)), index


def _places(mass: Tensor) -> Tensor:
    """Where each entry stands on the distribution, in ``[0, 1]``: all that lies below it and half of its own weight."""
    end = mass.cumsum(0)
    return (end - mass / 2.0) / end[-1]


def _quantiles(values: Tensor, mass: Tensor) -> tuple[Tensor, Tensor]:
    """Places and values of the entries that occur."""
    occurs = mass > 0
    return _places(mass[occurs]), values[occurs]


def _interpolate(at: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The piecewise linear function through ``(x, y)``, ``x`` rising, constant beyond its ends; exact where at = x."""
    if len(x) == 1:
        return y.expand(len(at))
    right = torch.searchsorted(x, at).clamp_(1, len(x) - 1)
    left = right - 1
    width = (x[right] - x[left]).clamp_min_(torch.finfo(x.dtype).tiny)
    share = ((at - x[left]) / width).clamp_(0.0, 1.0)
    return torch.lerp(y[left], y[right], share.to(y.dtype))


def count_colors(
    picture: Image.Image | Photograph | StoredPicture, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The distinct colours of a picture and the weight of each.

    As an image and its mask they have the mean, the covariance and the histograms of the picture under its mask: what
    :mod:`adain.control.recolor` takes from a photograph, without the photograph in floating point.

    Args:
        picture: of mode ``RGB``, or in strips, or stored.
        mask: ``(1, 1, H, W)`` weights of its pixels, on the CPU; 1 everywhere without it.

    Returns:
        K colours ``(1, 3, 1, K)`` in ``[0, 1]`` and weights ``(1, 1, 1, K)`` whose largest is 1, both float32; at
        work, 8 bytes for each of the 2^24 colours there can be. Without any weight, one colour of weight 0.
    """
    counts = torch.zeros(_LEVELS**3, dtype=torch.float64)
    height, width = picture.height, picture.width
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        levels = torch.from_numpy(np.array(cut(picture, (0, top, width, bottom)))).view(-1, 3).long()
        codes = (levels[:, 0] * _LEVELS + levels[:, 1]) * _LEVELS + levels[:, 2]
        weights = torch.ones(()).expand(len(codes)) if mask is None else mask[0, 0, top:bottom].reshape(-1)
        counts.index_add_(0, codes, weights.double())
    codes = counts.nonzero()[:, 0]
    if len(codes) == 0:
        codes = torch.zeros(1, dtype=torch.long)
    weights = counts[codes]
    weights = (weights / weights.max().clamp(min=torch.finfo(torch.float64).tiny)).float()
    levels = torch.stack([codes // _LEVELS**2, codes // _LEVELS % _LEVELS, codes % _LEVELS])
    return (levels.float() / 255.0)[None, :, None], weights[None, None, None]
