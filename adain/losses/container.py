"""Adding losses up, by name, over one picture or over an image pyramid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from torch import Tensor, nn

from .._utils.errors import InputError
from ..image.tensors import resize_area
from .base import IMAGE, Features, Loss, check_weight, total


class Encoder(Protocol):
    """Anything that gives the features of named layers: :class:`~adain.nn.vgg.VGGEncoder`, the other backbones."""

    def __call__(self, image: Tensor, layers: Sequence[str]) -> Mapping[str, Tensor]: ...


class LossSum(nn.Module):
    """Named losses over one encoder's output.

    Args:
        losses: by name, a loss or several that are reported as one, such as a style loss per artwork; at least one.
    """

    def __init__(self, losses: Mapping[str, Loss | Sequence[Loss]]) -> None:
        super().__init__()
        parts = {name: [loss] if isinstance(loss, Loss) else list(loss) for name, loss in losses.items()}
        if not parts or not all(parts.values()):
            raise InputError("a sum of losses needs at least one loss")
        self.names = tuple(parts)
        self.parts = nn.ModuleList(nn.ModuleList(each) for each in parts.values())

    def __getitem__(self, name: str) -> list[Loss]:
        """The losses reported under a name; InputError if there is none."""
        if name not in self.names:
            raise InputError(f"there is no loss {name!r} among {', '.join(self.names)}")
        return cast("list[Loss]", list(cast(nn.ModuleList, self.parts[self.names.index(name)])))

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer an encoder has to give, without repetition."""
        wanted = (layer for name in self.names for loss in self[name] for layer in loss.layers)
        return tuple(dict.fromkeys(layer for layer in wanted if layer != IMAGE))

    def forward(self, features: Features) -> dict[str, Tensor]:
        """Each loss by name, weighted: scalars whose sum is the objective."""
        return {name: total([loss(features) for loss in self[name]]) for name in self.names}

    def extra_repr(self) -> str:
        return f"names={', '.join(self.names)}"


class PyramidLoss(nn.Module):
    """Any losses of a picture at one or several sizes: the objective of an optimisation.

    Args:
        encoder: runs once per size, for the layers the losses of that size ask for; not at all if they read only
            the picture. A module among the parts of this one: it moves with it, and is all that its state dict holds.
        levels: scale → losses whose targets were made at that scale, 1 being the picture as it is. A picture is
            reduced by averaging over the pixels that fall together. Guides have the size of the reduced picture, or
            of the full one if the scale is a power of two.
        weights: of exactly the same scales; equal ones of sum 1 by default.

    Shape:
        image ``(B, 3, H, W)`` in ``[0, 1]`` → scalars by name. With several scales a name carries its scale,
        as in ``gram@0.5``.

    Raises:
        InputError: if there is no level, a scale is not in (0, 1], or a weight is missing, negative or not finite.
    """

    def __init__(
        self, encoder: Encoder, levels: Mapping[float, LossSum], weights: Mapping[float, float] | None = None
    ) -> None:
        super().__init__()
        listed = ", ".join(map(str, levels)) or "none"
        if not levels or not all(0.0 < scale <= 1.0 for scale in levels):
            raise InputError(f"an image pyramid needs scales above 0 up to 1, not {listed}")
        if weights is None:
            weights = dict.fromkeys(levels, 1.0 / len(levels))
        if set(weights) != set(levels):
            given = ", ".join(map(str, weights)) or "none"
            raise InputError(f"an image pyramid of scales {listed} needs a weight for each, not for {given}")
        self.encoder = encoder
        self.scales = tuple(levels)
        self.levels = nn.ModuleList(levels.values())
        self.weights = {scale: check_weight(weights[scale], f"the weight of scale {scale:g}") for scale in levels}

    @property
    def names(self) -> tuple[str, ...]:
        """What :meth:`forward` reports, in its order."""
        pairs = zip(self.scales, self._sums, strict=True)
        return tuple(self._marked(name, scale) for scale, losses in pairs for name in losses.names)

    @property
    def _sums(self) -> list[LossSum]:
        return cast("list[LossSum]", list(self.levels))

    def _marked(self, name: str, scale: float) -> str:
        return f"{name}@{scale:g}" if len(self.scales) > 1 else name

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for scale, losses in zip(self.scales, self._sums, strict=True):
            picture = resize_area(image, scaled_size((image.shape[2], image.shape[3]), scale))
            features: dict[str, Tensor] = {IMAGE: picture}
            if losses.layers:
                features |= self.encoder(picture, losses.layers)
            found |= {self._marked(n, scale): self.weights[scale] * value for n, value in losses(features).items()}
        return found

    def extra_repr(self) -> str:
        return f"scales={', '.join(f'{s:g}' for s in self.scales)}"


def scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Height and width at a scale, at least 1 px."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
