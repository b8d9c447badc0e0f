"""What every loss module shares: a weight, the layers it reads, and an optional guide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from ..statistics import at_least_float32

Features = Mapping[str, Tensor]
"""Encoder output by layer name, each ``(B, C, H, W)``; the entry :data:`IMAGE` is the picture itself."""

IMAGE = "image"
"""The "layer" under which losses on pixels, such as total variation, find the picture."""


def layer_weights(layers: Mapping[str, float] | Sequence[str]) -> dict[str, float]:
    """Layers with their weights β; names alone weigh 1 each.

    Raises:
        InputError: if there is none, or a weight is negative or not finite.
    """
    weights = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    if not weights:
        raise InputError("a loss needs at least one layer")
    for layer, weight in weights.items():
        check_weight(weight, f"the weight of {layer}")
    return {layer: float(weight) for layer, weight in weights.items()}


def check_weight(weight: float, name: str = "the weight of a loss") -> float:
    """``weight`` as a float, if it is finite and not negative."""
    value = float(weight)
    if not 0.0 <= value < float("inf"):
        raise InputError(f"{name} must be a number from 0 up, not {weight}")
    return value


def guide_at(guide: Tensor | None, features: Tensor, layer: str) -> Tensor | None:
    """A guide of picture size brought to the size of a feature map by averaging over each cell.

    Args:
        guide: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` in ``[0, 1]``, or None.
        features: ``(B, C, h, w)``.
        layer: named in the error.

    Returns:
        ``(B or 1, 1, h, w)``, float32 or better; None for None.

    Raises:
        InputError: if the region vanishes at that size.
    """
    if guide is None:
        return None
    height, width = features.shape[2:]
    g = guide.to(at_least_float32(features))
    if g.shape[2:] != features.shape[2:]:
        # Pooling halves with ceil: complete the last cells before averaging, as the pictures's own pixels would be.
        stride = max(1, round(g.shape[2] / height), round(g.shape[3] / width))
        pad = (0, max(0, width * stride - g.shape[3]), 0, max(0, height * stride - g.shape[2]))
        g = F.adaptive_avg_pool2d(F.pad(g, pad, mode="replicate"), (height, width))
    if not bool((g.sum(dim=(2, 3)) > 0).all()):
        raise InputError(
            f"a guide covers nothing at {layer} ({width}x{height} cells): enlarge the region or the picture"
        )
    return g


class Loss(nn.Module):
    """A weighted loss that reads some layers of an encoder's output.

    Subclasses implement :meth:`measure`; calling the module multiplies its result by :attr:`weight`.

    Args:
        weight: factor of the loss, ≥ 0.
        layers: names, or names with a weight β each.
        guide: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` in ``[0, 1]``, where in the picture the loss counts, at the
            size of the picture; None for everywhere.
    """

    guide: Tensor | None

    def __init__(self, weight: float, layers: Mapping[str, float] | Sequence[str], guide: Tensor | None = None) -> None:
        super().__init__()
        self.weight = check_weight(weight)
        self.layers = layer_weights(layers)
        if guide is not None and (guide.ndim != 4 or guide.shape[1] != 1):
            raise InputError(f"a guide must be (B, 1, H, W), not {tuple(guide.shape)}")
        # Targets and guides belong to a picture, not to a checkpoint.
        self.register_buffer("guide", None if guide is None else guide.detach(), persistent=False)

    def keep(self, name: str, value: Tensor) -> None:
        """Hold a part of the target, so that it moves with the module."""
        self.register_buffer(name, value.detach(), persistent=False)

    def measure(self, features: Features) -> Tensor:
        """The loss without its weight: a scalar in float32 or better."""
        raise NotImplementedError

    def forward(self, features: Features) -> Tensor:
        return self.weight * self.measure(features)

    def _each_layer(self, features: Features) -> list[tuple[str, float, Tensor, Tensor | None]]:
        """``(layer, β, features, guide at its size)`` of every layer."""
        found = []
        for layer, beta in self.layers.items():
            if layer not in features:
                raise InputError(f"{type(self).__name__} needs {layer}, which is not among {', '.join(features)}")
            found.append((layer, beta, features[layer], guide_at(self.guide, features[layer], layer)))
        return found

    def extra_repr(self) -> str:
        parts = (name if beta == 1.0 else f"{beta:g} {name}" for name, beta in self.layers.items())
        guided = "" if self.guide is None else ", guided"
        return f"weight={self.weight:g}, layers={', '.join(parts)}{guided}"


def total(terms: Sequence[Tensor]) -> Tensor:
    """The sum of scalars."""
    return torch.stack(list(terms)).sum()
