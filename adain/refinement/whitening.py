"""Where a picture is moved: among its pixels, or where all its frequencies are of about equal strength."""

from __future__ import annotations

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
        device: where it is.
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
