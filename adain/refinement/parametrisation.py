"""Where a picture is moved, among its pixels or its frequencies, and how it is kept in ``[0, 1]`` meanwhile."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor


class Whitening:
    r"""A picture by parameters of which none stands for much more of it than another.

    .. math:: x = \mathcal{F}^{-1}\big(K \, \mathcal{F}(z)\big), \qquad K(f) \propto f^{-p}

    The amplitudes of photographs fall with the spatial frequency as about :math:`1/f`. An optimiser that moves pixels
    all alike is slow to change what is broad; one that moves :math:`z` is not (Olah, Mordvintsev & Schubert, *Feature
    Visualization*, Distill 2017, "preconditioning"; there p = 1).

    Args:
        power: p, 0 to 1; 0 leaves pixels as they are, to the bit.
        size: height and width of the picture.
    """

    def __init__(self, power: float, size: tuple[int, int], device: torch.device | str = "cpu") -> None:
        self.size = size
        self._gain: Tensor | None = None
        if power:
            height, width = size
            rows = torch.fft.fftfreq(height, device=device)[:, None]
            columns = torch.fft.rfftfreq(width, device=device)[None]
            # The mean has no frequency: it goes with the lowest one.
            gain = torch.hypot(rows, columns).clamp(min=1.0 / max(size)) ** -power
            # A move of some size in z, such as a learning rate, is then about as large in pixels.
            self._gain = gain / gain.square().mean().sqrt()

    def picture(self, free: Tensor) -> Tensor:
        """The ``(B, 3, H, W)`` picture of parameters of the same shape; differentiable."""
        return free if self._gain is None else self._filter(free, self._gain)

    def free(self, picture: Tensor) -> Tensor:
        """The parameters of a picture."""
        return picture if self._gain is None else self._filter(picture, 1.0 / self._gain)

    def _filter(self, image: Tensor, gain: Tensor) -> Tensor:
        filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(image) * gain, s=self.size)
        return filtered


def bounded(image: Tensor) -> Tensor:
    """``image`` cut to ``[0, 1]``, with a gradient that lets go of the bounds.

    Inside, the gradient passes. On a bound it passes where descending leads inside: black and white are where many
    pixels of photographs and of one-pass results lie, and ``clamp`` alone, whose gradient there is 0 in some versions
    of torch, would hold them for ever. Where descending leads out, and beyond the bounds, where nothing changes, it
    is 0.
    """
    return cast(Tensor, _Bounded.apply(image))


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        ctx.save_for_backward(image)
        return image.clamp(0.0, 1.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (image,) = ctx.saved_tensors
        passes = (image > 0.0) & (image < 1.0)
        passes |= (image == 0.0) & (gradient < 0.0)
        passes |= (image == 1.0) & (gradient > 0.0)
        # Not a product: what is no number has to be noticed.
        return torch.where(passes | gradient.isnan(), gradient, 0.0)
