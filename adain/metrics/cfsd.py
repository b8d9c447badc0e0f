"""Content feature structural distance: whether places that are alike stay alike."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..image.tensors import resize_area
from ..nn.statistics import at_least_float32

CFSD_LAYER = "relu3_1"
"""Where places are compared (Chung et al. 2024)."""

CFSD_CELLS = 64
"""Cells a side at most: those of a picture of 256 px. Larger feature maps are averaged down to so many."""

_ROWS = 512


def cfsd(output: Mapping[str, Tensor], content: Mapping[str, Tensor], *, cells: int | None = CFSD_CELLS) -> Tensor:
    r"""Content feature structural distance (Chung et al. 2024, "Style Injection in Diffusion", CFSD).

    .. math:: \sum_i D_{KL}\left(S^c_i \,\middle\|\, S^o_i\right), \qquad
              S_i = \operatorname{softmax}_j\left(F_i^\top F_j / C^2\right)

    with :math:`F_i` the :math:`C = 256` features at cell :math:`i` of relu3_1: for every cell, how alike it is to
    every other one, in the content :math:`c` and in the output :math:`o`.

    The scale :math:`1/C^2` and the sum over cells are those of the evaluation code the authors published. It differs
    from that in two things, so that its figures are near the paper's and not the same: the features are those of this
    library's normalised VGG-19 instead of torchvision's, and those of pictures over 256 px are averaged down to
    64 × 64 cells, which costs a sixteenth at 512 px. As a sum it grows with the number of cells below that: compare
    figures of the same size only.

    Args:
        output, content: encoder features at relu3_1, of one picture each, of the same size.
        cells: most cells a side; None for all, at a cost that grows with the fourth power of a side.

    Returns:
        A float32 scalar ≥ 0; 0 for the content itself. Lower is better.

    Raises:
        InputError: if the shapes differ or there is more than one picture.
    """
    found, wanted = (at_least_float32(features[CFSD_LAYER]) for features in (output, content))
    if found.shape != wanted.shape or found.shape[0] != 1:
        raise InputError(f"CFSD compares two pictures of one size, not {tuple(found.shape)} and {tuple(wanted.shape)}")
    height, width = found.shape[2:]
    if cells is not None:
        shape = (min(height, cells), min(width, cells))
        found, wanted = resize_area(found, shape), resize_area(wanted, shape)
    channels = found.shape[1]
    f, p = (x[0].flatten(1).mT.contiguous() / channels for x in (found, wanted))
    total = torch.zeros((), dtype=f.dtype, device=f.device)
    with torch.autocast(f.device.type, enabled=False):
        for rows in range(0, len(f), _ROWS):  # all rows at once would be a gigabyte at 128 × 128 cells
            kept = torch.log_softmax(p[rows : rows + _ROWS] @ p.mT, dim=1)
            made = torch.log_softmax(f[rows : rows + _ROWS] @ f.mT, dim=1)
            total = total + (kept.exp() * (kept - made)).sum()
    return total.clamp_min(0.0)
