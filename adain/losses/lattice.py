"""What repeats every 2, 4 or 8 pixels: the grid that a decoder's doublings leave behind, worst in flat skies.

A decoder doubles three times, so what it adds to every cell of the features alike has a period of 8 pixels. The style
loss does not mind: means and deviations say nothing of where a texture lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..image.tensors import luma
from ..nn.layers import LATTICE_SIZE, STRIDE

PERIODS = (2, 4, 8)
"""Pixels; see :func:`lattice`."""

_RING = 6
"""Bins each way that are a frequency's neighbourhood, but for the nearest, into which the window spreads it."""

_HANN = 0.375
"""Mean square of a Hann window."""


def lattice(image: Tensor) -> Tensor:
    r"""Energy at periods of 2, 4 and 8 px over that of their neighbourhood.

    .. math:: \frac{1}{3} \sum_{p \in \{2, 4, 8\}} \operatorname{mean}_{k \in K_p} \frac{\max_{|d| \le 1} P(k + d)}
              {\operatorname{median}_{2 \le |d| \le 6} P(k + d)}

    where :math:`P` is the power spectrum of the luminance under a Hann window and :math:`K_p` are the frequencies
    :math:`1/p` along rows, along columns and along both diagonals. The denominator is no less than what rounding to 8
    bits gives. Of noise the greatest of nine bins is about 4 times the median, and so photographs score 3 to 5.

    Args:
        image: ``(B, 3, H, W)`` RGB in ``[0, 1]``, at least :data:`~adain.nn.layers.LATTICE_SIZE` px a side; cut to
            multiples of 8 px.

    Returns:
        ``(B,)`` float32, from 0. Lower is better, down to what photograph and artwork have; this project's own measure.

    Raises:
        InputError: if the picture is smaller.
    """
    power = spectrum(image)
    height, width = power.shape[1:]
    periods = []
    for period in PERIODS:
        down, across = height // period, width // period
        places = sorted({(down, 0), (0, across), (down, across), (down, width - across)})
        near, ring = neighbourhoods(power, places)
        around = torch.nanmedian(ring, dim=2).values.clamp_min(rounding(power))
        periods.append((near.amax(dim=2) / around).mean(dim=1))
    return torch.stack(periods).mean(dim=0)


def lattice_loss(image: Tensor) -> Tensor:
    r"""How far energy at all harmonics of 8 px is above that of their neighbourhood, of no unit and about 0.1 for none.

    .. math:: \operatorname{mean}_k \log\left(1 + \max\left(0, \frac{\operatorname{mean}_{|d| \le 1} P(k + d)}
              {\operatorname{mean}_{2 \le |d| \le 6} P(k + d)} - 1\right)\right)

    over :math:`k = (i/8, j/8)` other than 0. The neighbourhood takes no gradient, or noise would be learnt.

    Args:
        image: as for :func:`lattice`.

    Returns:
        A float32 scalar.
    """
    power = spectrum(image)
    height, width = power.shape[1:]
    near, ring = neighbourhoods(power, [(i * height // STRIDE, j * width // STRIDE) for i, j in HARMONICS])
    ratio = near.mean(dim=2) / torch.nanmean(ring, dim=2).detach().clamp_min(rounding(power))
    return (ratio - 1).clamp_min(0).log1p().mean()


# Half of the plane and its border: the spectrum of what is real says the rest by symmetry.
HARMONICS = [(i, j) for i in range(STRIDE // 2 + 1) for j in range(STRIDE) if i or j]


def spectrum(image: Tensor) -> Tensor:
    """Power of the luminance by frequency, ``(B, H, W)`` float32; sides in multiples of 8 px, see :func:`lattice`."""
    height, width = (side // STRIDE * STRIDE for side in image.shape[2:])
    if min(height, width) < LATTICE_SIZE:
        raise InputError(
            f"a lattice is looked for in pictures of {LATTICE_SIZE} px and more a side, not "
            f"{image.shape[3]}x{image.shape[2]}"
        )
    light = luma(image[..., :height, :width].float())[:, 0]
    light = light - light.mean(dim=(1, 2), keepdim=True)
    down, across = (torch.hann_window(side, device=image.device) for side in (height, width))
    transformed: Tensor = torch.fft.fft2(light * down[:, None] * across)
    return transformed.real.square() + transformed.imag.square()


def neighbourhoods(power: Tensor, places: Sequence[tuple[int, int]], reach: int = _RING) -> tuple[Tensor, Tensor]:
    """The power about some frequencies, ``(B, places, 9)``, and around those up to a reach, ``(B, places, bins)``.

    The latter is NaN where there is nothing to compare with: of a frequency along rows or columns only that line
    counts, on which all energy of borders and horizons lies.
    """
    height, width = power.shape[1:]
    steps = torch.arange(-reach, reach + 1, device=power.device)
    rows, columns = on_device(tuple(places), power.device).T[..., None]
    around = power[:, ((rows + steps) % height)[:, :, None], ((columns + steps) % width)[:, None, :]]
    down, across = (steps.abs() <= 1)[:, None], steps.abs() <= 1
    outer = ~(down & across) & (down | (rows != 0)[..., None]) & (across | (columns != 0)[..., None])
    near = around[..., reach - 1 : reach + 2, reach - 1 : reach + 2]
    return near.flatten(2), torch.where(outer, around, torch.nan).flatten(2)


def on_device(places: tuple[tuple[int, int], ...], device: torch.device) -> Tensor:
    """Uploaded once: a GPU would wait for it at every step of training."""
    if torch.is_inference_mode_enabled():  # what is made there cannot be part of a step later
        return torch.tensor(places, device=device)
    return _kept_on_device(places, device)


@cache
def _kept_on_device(places: tuple[tuple[int, int], ...], device: torch.device) -> Tensor:
    return torch.tensor(places, device=device)


def rounding(power: Tensor) -> float:
    """Mean power of what rounding to 8 bits leaves, below which there is nothing to compare with."""
    return power[0].numel() * _HANN**2 / 12 / 255**2
