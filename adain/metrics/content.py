"""How much of the content a picture keeps, by the features of VGG-19."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .._utils.errors import InputError
from ..image.tensors import resize_area
from ..losses import content_loss
from ..nn.instance_norm import adaptive_instance_norm
from ..nn.statistics import at_least_float32, channel_mean_std, normalize_channels
from ..nn.vgg import CONTENT_LAYER, VGGEncoder

DISTANCE_LAYERS = VGGEncoder.style_layers
"""Where :func:`vgg_distance` compares pictures: relu1_1 … relu5_1."""

CFSD_LAYER = "relu3_1"
"""Where places are compared (Chung et al. 2024)."""

CFSD_CELLS = 64
"""Cells a side at most: those of a picture of 256 px. Larger feature maps are averaged down to so many."""

_ROWS = 512


def content_distance(output: Mapping[str, Tensor], content: Mapping[str, Tensor]) -> Tensor:
    r"""Mean squared difference of the channel-normalised relu4_1 features of output and content.

    .. math:: \operatorname{mean}_{cp} \left(\frac{F_{cp} - \mu_c(F)}{\sigma_c(F)}
              - \frac{P_{cp} - \mu_c(P)}{\sigma_c(P)}\right)^2

    Blind to the channel statistics that a style replaces, so that it sees structure alone. A measure of this
    project's own.

    Returns:
        A float32 scalar ≥ 0, in about ``[0, 2]``: 0 for the content itself, 2 for unrelated images. Lower is better.
    """
    return content_loss(normalize_channels(output[CONTENT_LAYER]), normalize_channels(content[CONTENT_LAYER]))


def content_feature_loss(output: Mapping[str, Tensor], content: Mapping[str, Tensor]) -> Tensor:
    r"""Content loss against the content itself (Gatys et al. 2016, eq. 1, as a mean, at relu4_1).

    .. math:: \operatorname{mean}_{cp} (F_{cp} - P_{cp})^2

    of the normalised encoder, whose mean activation is 1.

    Returns:
        A float32 scalar ≥ 0; 0 for the content itself. Lower is better, but a style cannot be had at 0: part of the
        difference is the style's statistics. :func:`content_distance` leaves that part out.
    """
    return content_loss(output[CONTENT_LAYER], content[CONTENT_LAYER])


def content_target_loss(output: Mapping[str, Tensor], content: Mapping[str, Tensor], style: Tensor) -> Tensor:
    r"""Content loss against the AdaIN target (Huang & Belongie 2017, eq. 12, squared and averaged as in training).

    .. math:: \operatorname{mean}_{cp} (F_{cp} - t_{cp})^2, \qquad t = \mathrm{AdaIN}(f(c), f(s))

    at relu4_1 of the normalised encoder, with the style in full strength.

    Args:
        output, content: encoder features at :data:`~adain.nn.vgg.CONTENT_LAYER`.
        style: ``(1, 2, C, 1, 1)``, mean and deviation of the style there, stacked along the second axis.

    Returns:
        A float32 scalar ≥ 0; 0 for a picture whose features are the target's. Lower is better.
    """
    target = adaptive_instance_norm(content[CONTENT_LAYER], style[:, 0], style[:, 1])
    return content_loss(output[CONTENT_LAYER], target)


def target_statistics(style: Mapping[str, Tensor]) -> Tensor:
    """The argument ``style`` of :func:`content_target_loss`, from encoder features."""
    return torch.stack(channel_mean_std(style[CONTENT_LAYER]), dim=1)


def vgg_distance(output: Mapping[str, Tensor], content: Mapping[str, Tensor]) -> Tensor:
    r"""Multi-layer distance of VGG-19 features, each position's features scaled to unit length.

    .. math:: \frac1L \sum_l \operatorname{mean}_p \sum_c \left(
        \frac{F^l_{cp}}{\lVert F^l_p \rVert} - \frac{P^l_{cp}}{\lVert P^l_p \rVert}\right)^2

    over relu1_1 … relu5_1: the distance of Zhang et al. 2018 (LPIPS, eq. 1) with all weights 1, on this library's
    normalised VGG-19, and averaged over the layers rather than summed. Its figures are not those of LPIPS.

    Args:
        output, content: encoder features at :data:`DISTANCE_LAYERS`, of pictures of the same size.

    Returns:
        ``(B,)`` float32 in ``[0, 2]`` (features are ≥ 0); 0 for the content itself. Lower is better.

    Raises:
        InputError: if the pictures differ in size.
    """
    terms = []
    for layer in DISTANCE_LAYERS:
        f, p = (at_least_float32(features[layer]) for features in (output, content))
        if f.shape != p.shape:
            raise InputError(f"features {tuple(f.shape)} and {tuple(p.shape)} are of pictures of different sizes")
        terms.append((F.normalize(f, dim=1) - F.normalize(p, dim=1)).square().sum(dim=1).mean(dim=(1, 2)))
    return torch.stack(terms).mean(dim=0)


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
    if cells is not None:
        shape = (min(found.shape[2], cells), min(found.shape[3], cells))
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
