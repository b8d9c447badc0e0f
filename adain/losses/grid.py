"""A grid that the decoder lays over everything: what the quarters of a picture have in common every 8 pixels.

A decoder knows where a pixel lies in its cell of the features, and what it makes of that is about the same all over a
picture. It is faint, a tenth of a level of 255 or a few, so that a crop's own spectrum
(:mod:`adain.losses.lattice`) hardly shows it beside the texture; in a large flat sky it stands out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..image.tensors import luma
from ..nn.layers import GRID_SIZE, LATTICE_SIZE, STRIDE
from .lattice import HARMONICS, neighbourhoods, on_device, rounding

BLOCK = LATTICE_SIZE
"""Side in pixels of the blocks whose spectra are taken, half of it apart."""

_REACH = 3
"""Bins each way that are a harmonic's neighbourhood: up to the middle between two."""

_PLACES = tuple((i * BLOCK // STRIDE, j * BLOCK // STRIDE) for i, j in HARMONICS)


def grid_loss(image: Tensor) -> Tensor:
    r"""Energy at the harmonics of 8 px that the quarters of a picture have in common, over that of the texture there.

    .. math:: \operatorname{mean}_{b, h} \left[ P_h \frac{\sum_{q \ne r} \Re(S_{qh} \overline{S_{rh}})}
              {\sum_{q \ne r} W_{qh} W_{rh}} \right], \qquad
              S_{qh} = \sum_{k \in q} \frac{X_{kh}}{p_{kh}}, \quad W_{qh} = \sum_{k \in q} \frac{1}{p_{kh}}, \quad
              P_h = \operatorname{mean}_k \frac{1}{p_{kh}}

    where :math:`X_{kh}` is the spectrum of block :math:`k` of the luminance, 64 px under a Hann window, at harmonic
    :math:`h`, and :math:`p_{kh}` the mean power around that and what rounding to 8 bits leaves; it takes no
    gradient. Texture in one quarter has nothing to do with that in another: without a grid the expectation is 0,
    whatever the texture, so texture is left alone, and quiet blocks, where a grid shows, count most.
    This project's own.

    Args:
        image: ``(B, 3, H, W)`` RGB in ``[0, 1]``, :data:`~adain.nn.layers.GRID_SIZE`, 128 px, and more a side;
            cut to multiples of 16 px.

    Returns:
        A float32 scalar of no unit: 0 for photographs, give or take 0.001 at 512 px; 1 is a grid that has in every
        block as much energy at its frequencies as the texture around them. Below 0 by chance alone.

    Raises:
        InputError: if the picture is smaller.
    """
    height, width = (side // 2 // STRIDE * STRIDE for side in image.shape[2:])
    if min(height, width) < BLOCK:
        raise InputError(
            f"a grid is looked for in pictures of {GRID_SIZE} px and more a side, not {image.shape[3]}x{image.shape[2]}"
        )
    light = luma(image[..., : 2 * height, : 2 * width].float())[:, 0]
    # Quarters begin at multiples of 8 px, blocks too: what repeats every 8 px has one phase in all of them.
    sums, weights, means = zip(
        *(_whitened(light[:, y : y + height, x : x + width]) for y in (0, height) for x in (0, width)),
        strict=True,
    )
    common = _cross(torch.stack(sums)) / _cross(torch.stack(weights))
    return (torch.stack(means).mean(dim=0) * common).mean()


def _cross(parts: Tensor) -> Tensor:
    """Sum of the products of each of ``(4, …)`` with each other one."""
    squares = [(part * part.conj()).real for part in (parts.sum(dim=0), parts)]
    return squares[0] - squares[1].sum(dim=0)


def _whitened(light: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of a quarter ``(B, h, w)``, by harmonic: the weighted sum of its blocks' spectra, the weights' sum and mean."""
    blocks = light.unfold(1, BLOCK, BLOCK // 2).unfold(2, BLOCK, BLOCK // 2).flatten(1, 2)
    blocks = blocks - blocks.mean(dim=(2, 3), keepdim=True)
    window = torch.hann_window(BLOCK, device=light.device)
    spectrum = torch.fft.fft2(blocks * window[:, None] * window)
    power = spectrum.detach().flatten(0, 1).abs().square()
    _, ring = neighbourhoods(power, _PLACES, _REACH)
    weights = 1 / (torch.nanmean(ring, dim=2) + rounding(power)).reshape(*blocks.shape[:2], -1)
    rows, columns = on_device(_PLACES, light.device).T
    found = weights * spectrum[:, :, rows, columns]
    return found.sum(dim=1), weights.sum(dim=1), weights.mean(dim=1)
