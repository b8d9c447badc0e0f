"""How steady a video is: what is left between two frames once the motion between them is undone."""

from __future__ import annotations

from torch import Tensor

from .._utils.errors import InputError
from ..image.tensors import at_least_float32
from ..image.warp import check_flow, inside, warp


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
