"""From a recipe and pictures to the losses of an optimisation: their network, and their targets made."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..losses import (
    CombinedImageLoss,
    ContentLoss,
    CovarianceLoss,
    GramLoss,
    Loss,
    LossSum,
    PyramidLoss,
    SecondaryContentLoss,
    SlicedWassersteinLoss,
    StyleLoss,
    TotalVariationLoss,
)
from ..losses.container import Encoder
from ..losses.content import Form as ContentForm
from ..losses.variation import Form as VariationForm
from ..nn.backbones import Architecture, Backbone, TorchvisionBackbone, find_architecture, load_backbone
from ..nn.padding import freeze
from ..nn.vgg import Pooling
from .pictures import Pictures, blended
from .recipe import Recipe
from .specs import CONTENT_KINDS, FORMS, STYLE_KINDS, LossSpec

_LOSSES: dict[str, Any] = {
    "content": ContentLoss,
    "secondary": SecondaryContentLoss,
    "combined": CombinedImageLoss,
    "gram": GramLoss,
    "mean-std": StyleLoss,
    "covariance": CovarianceLoss,
    "sliced-wasserstein": SlicedWassersteinLoss,
}


def layers_of(name: str, spec: LossSpec, backbone: Backbone | Architecture) -> dict[str, float]:
    """The layers of a loss with their weights: those it names, or the network's own for its kind."""
    if spec.layers or name == "tv":
        return dict(spec.layers)
    if name in CONTENT_KINDS:
        return {backbone.content_layer: 1.0}
    return dict.fromkeys(backbone.style_layers, 1.0)


def objective(recipe: Recipe, backbone: Backbone, encode: Encoder, pictures: Pictures) -> PyramidLoss:
    """The objective of a picture of the size of ``pictures.content``; ``encode`` is the backbone in some precision.

    Raises:
        InputError: if a layer is unknown, a picture is too small for one, or a region vanishes at its size.
    """
    weights = recipe.scale_weights or (1.0,) * len(recipe.scales)
    levels = {}
    for scale in recipe.scales:
        try:
            levels[scale] = _losses(recipe, backbone, encode, pictures.at_scale(scale, average=True))
        except InputError as error:
            if scale == 1.0:
                raise
            raise InputError(f"at scale {scale:g} of {', '.join(f'{s:g}' for s in recipe.scales)}: {error}") from None
    shares = {scale: weight / sum(weights) for scale, weight in zip(recipe.scales, weights, strict=True)}
    return PyramidLoss(encode, levels, shares)


def groups(names: Sequence[str]) -> dict[str, str]:
    """Content or style: the group of every term that dynamic weighting rebalances."""
    kinds = dict.fromkeys(CONTENT_KINDS, "content") | dict.fromkeys(STYLE_KINDS, "style")
    return {name: kinds[kind] for name in names if (kind := name.partition("@")[0]) in kinds}


@torch.no_grad()
def _losses(recipe: Recipe, backbone: Backbone, encode: Encoder, pictures: Pictures) -> LossSum:
    specs = {name: spec for name, spec in recipe.losses.items() if spec.weight > 0}
    layers = {name: layers_of(name, spec, backbone) for name, spec in specs.items()}
    found: dict[str, list[Loss]] = {name: [] for name in specs}

    # One pass of the network over each picture, whatever the number of losses that read it.
    for name in CONTENT_KINDS:
        if name in specs:
            spec, picture = specs[name], pictures.content
            if name == "secondary" and pictures.secondary is not None:
                picture = pictures.secondary
            elif name == "combined":
                picture = blended(picture, pictures.styles, spec.share)
            form = cast(ContentForm, spec.form or FORMS[name][0])
            features = encode(picture, list(layers[name]))
            found[name].append(_LOSSES[name](features, spec.weight, layers[name], form=form))
    wanted = list(dict.fromkeys(layer for kind in STYLE_KINDS if kind in specs for layer in layers[kind]))
    for style in pictures.styles if wanted else ():
        features = encode(style.pixels, wanted)
        for name in STYLE_KINDS:
            if name in specs and style.share > 0:
                how: dict[str, Any] = {"target_guide": style.source_guide}
                if name == "sliced-wasserstein":
                    how["count"] = specs[name].directions or None
                weight = specs[name].weight * style.share
                found[name].append(_LOSSES[name](features, weight, layers[name], style.guide, **how))
    if "tv" in specs:
        form_tv = cast(VariationForm, specs["tv"].form or FORMS["tv"][0])
        found["tv"].append(TotalVariationLoss(specs["tv"].weight, form=form_tv))
    return LossSum(found)


class LossNetwork:
    """Makes the objective of any size; the network is loaded once.

    Args:
        plan: names network, layers, pooling and precision.
        weights: the network's file; None for the shipped VGG-19.

    Raises:
        InputError, MissingFileError, WeightsError: see :func:`~adain.nn.backbones.load_backbone`.
    """

    def __init__(self, plan: Recipe, device: torch.device, weights: str | os.PathLike[str] | None) -> None:
        self.plan = plan
        architecture = find_architecture(plan.backbone)
        layers = [layer for name, spec in plan.losses.items() for layer in layers_of(name, spec, architecture)]
        pool, path = cast(Pooling, plan.pool), None if weights is None else Path(weights)
        network = load_backbone(plan.backbone, weights=path, upto=layers or None, pool=pool)
        self.network = network.to(device).to(memory_format=torch.channels_last)
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
