"""The loss network of a recipe, and the objective it gives for pictures of any size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from ..losses import PyramidLoss
from ..nn.backbones import TorchvisionBackbone, find_architecture, load_backbone
from ..nn.padding import freeze
from ..nn.vgg import Pooling
from .pictures import Pictures
from .recipe import Recipe
from .targets import layers_of, objective


class LossNetwork:
    """Makes the objective of any size; the network is loaded once.

    Args:
        plan: names network, layers, pooling and precision.
        device: where to compute.
        weights: the network's file; None for the shipped VGG-19.

    Raises:
        InputError, MissingFileError, WeightsError: see :func:`~adain.nn.backbones.load_backbone`.
    """

    def __init__(self, plan: Recipe, device: torch.device, weights: str | Path | None) -> None:
        self.plan = plan
        architecture = find_architecture(plan.backbone)
        layers = [layer for name, spec in plan.losses.items() for layer in layers_of(name, spec, architecture)]
        pool = cast(Pooling, plan.pool)
        network = load_backbone(plan.backbone, weights=weights, upto=layers or None, pool=pool).to(device)
        self.network = network.to(memory_format=torch.channels_last)
        freeze(self.network)
        self.dtype = torch.bfloat16 if plan.loss_precision == "bf16" else None

    def calibrate(self, content: Tensor) -> None:
        """Bring a network whose activations are not normalised to the scale of VGG-19's, for this photograph."""
        if isinstance(self.network, TorchvisionBackbone):
            self.network.calibrate(content)

    def __call__(self, pictures: Pictures) -> PyramidLoss:
        return objective(self.plan, self.network, self.encode, pictures)

    def encode(self, image: Tensor, layers: Sequence[str]) -> Mapping[str, Tensor]:
        """The network's features, computed in the precision of the recipe."""
        with torch.autocast(image.device.type, self.dtype, enabled=self.dtype is not None):
            found: Mapping[str, Tensor] = self.network(image, layers)
        return found
