"""What is done to pictures that a network is judged by and has not been trained with.

Kinds after Hendrycks & Dietterich 2019 (ImageNet-C), of three strengths each; the same for every network.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

Corruption = Callable[[Tensor, float, torch.Generator], Tensor]


def noise(images: Tensor, deviation: float, rng: torch.Generator) -> Tensor:
    """Gaussian, of such a deviation."""
    return images + deviation * torch.randn(images.shape, generator=rng)


def blur(images: Tensor, sigma: float, rng: torch.Generator) -> Tensor:
    """Gaussian, of such a deviation in px."""
    reach = 2 * round(3 * sigma) + 1
    blurred: Tensor = gaussian_blur2d(images, (reach, reach), (sigma, sigma))
    return blurred


def contrast(images: Tensor, left: float, rng: torch.Generator) -> Tensor:
    """That share of the distance from a picture's mean is left."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, left)


def color(images: Tensor, strength: float, rng: torch.Generator) -> Tensor:
    """Each channel of each picture between two random levels: black up to ``strength``, white down to 1 less that."""
    black, white = torch.rand((2, *images.shape[:2], 1, 1), generator=rng)
    black, white = strength * black, 1 - strength * white
    return torch.lerp(black, white, images)


KINDS: dict[str, tuple[Corruption, tuple[float, ...]]] = {
    "noise": (noise, (0.1, 0.2, 0.4)),
    "blur": (blur, (1.0, 1.5, 2.0)),
    "contrast": (contrast, (0.5, 0.3, 0.15)),
    "colour": (color, (0.3, 0.6, 0.9)),
}


def corrupted(images: Tensor, kind: str) -> list[Tensor]:
    """The pictures at each strength, in ``[0, 1]``."""
    change, strengths = KINDS[kind]
    rng = torch.Generator().manual_seed(0)
    return [change(images, strength, rng).clamp(0, 1) for strength in strengths]
