"""Other networks to compare images with, under one call: the backbones of the optimiser.

Each takes ``(B, 3, H, W)`` RGB in ``[0, 1]`` and the names of layers, and gives their activations by name. VGG-19
ships; of VGG-16 (Simonyan & Zisserman 2014) and ResNet-50 (He et al. 2016) the architecture is torchvision's and the
weights are a file of the user's. Nothing is downloaded, and torchvision is imported only when one of them is built.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import torch
from torch import Tensor, nn

from .._utils.errors import AdainError, InputError, MissingFileError, WeightsError, first_line, suggest
from .convert import IMAGENET_MEAN, IMAGENET_STD, fill, read_tensors
from .layers import BLOCKS
from .pretrained import load_encoder
from .vgg import Pooling, VGGEncoder, check_image


class Architecture(NamedTuple):
    """What is known of a network before it is built.

    Attributes:
        layers: every layer that has a name, from shallow to deep, and how often the image's sides are halved (rounded
            up) before it.
        content_layer, style_layers: sensible places to compare content and style when an image is optimised.
        weights: torchvision's file and its name there; empty for the network that ships.
        first: key of an early convolution in the state dict, which tells where a prefix ends.
        head: start of the keys of the classifier, which is left out.
    """

    layers: Mapping[str, int]
    content_layer: str
    style_layers: tuple[str, ...]
    weights: str = ""
    first: str = ""
    head: str = ""


def _blocks(name: str, counts: Iterable[int], first: int, halvings: int) -> dict[str, int]:
    """Layers by the blocks they lie in: each block after the first halves the sides once more."""
    return {
        name.format(block, index): halvings + block - 1
        for block, count in enumerate(counts, start=1)
        for index in range(first, first + count)
    }


ARCHITECTURES: dict[str, Architecture] = {
    "vgg19": Architecture(
        layers=_blocks("relu{}_{}", (count for _, count in BLOCKS), 1, 0),
        content_layer=VGGEncoder.content_layer,
        style_layers=VGGEncoder.style_layers,
    ),
    "vgg16": Architecture(
        layers=_blocks("relu{}_{}", (2, 2, 3, 3, 3), 1, 0),
        content_layer="relu4_2",
        style_layers=("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        weights="vgg16-397923af.pth (torchvision.models.VGG16_Weights.IMAGENET1K_V1)",
        first="features.0.weight",
        head="classifier.",
    ),
    "resnet50": Architecture(
        layers={"relu1": 1} | _blocks("layer{}.{}", (3, 4, 6, 3), 0, 2),
        content_layer="layer2.3",
        style_layers=("relu1", "layer1.2", "layer2.3", "layer3.5", "layer4.2"),
        weights="resnet50-0676ba61.pth (torchvision.models.ResNet50_Weights.IMAGENET1K_V1)",
        first="layer1.0.conv1.weight",
        head="fc.",
    ),
}
"""The networks :func:`load_backbone` knows.

ResNet-50's default layers stand where VGG's do. Content: ``layer2.3`` has the stride (8 px) and channels (512) of
VGG-19's relu4_2, and nearly its receptive field (91 px against 84). Style: the stem and the last block of each stage,
one layer per scale, as relu1_1 … relu5_1 are; the finest sees 7 px at stride 2, where VGG's sees 3 px at stride 1.
Wang et al. 2021 ("Rethinking and improving the robustness of image style transfer") find styles transferred with
ResNets worse than with VGGs, and trace it to the peaked activations behind residual connections.
"""


class TorchvisionBackbone(nn.Module):
    """A network of torchvision's, cut into steps from one named layer to the next; made by :func:`load_backbone`.

    Frozen and always in evaluation mode (:meth:`train` changes nothing: batch statistics of one image would change
    the features under the optimiser's feet), and differentiable with respect to the image. ImageNet's mean and standard
    deviation are taken care of inside.

    Its activations are not normalised as those of the shipped VGG-19 are, so weights of losses do not carry over until
    :meth:`calibrate` has been called.

    Args:
        name: key of :data:`ARCHITECTURES`.
        steps: modules by the name of the layer each of them ends in, in order.
        pool: the pooling the steps were built with; only shown.

    Attributes:
        layer_names, content_layer, style_layers: as of :class:`~adain.nn.VGGEncoder`.
        gains: ``(len(layer_names),)`` float32, what the outputs are multiplied by; 1 until :meth:`calibrate`.

    Shape:
        image ``(B, 3, H, W)``, RGB in ``[0, 1]``, with at least two cells a side in the deepest layer asked for and at
        least 16 px (VGG-16: 17 from relu5_1 on; ResNet-50: 17 in layer3, 33 in layer4) → a dict of
        ``(B, C, ceil(H / 2^k), ceil(W / 2^k))`` features, all ≥ 0, one entry per layer asked for.
    """

    mean: Tensor
    std: Tensor
    gains: Tensor

    def __init__(self, name: str, steps: Mapping[str, nn.Module], pool: Pooling = "max") -> None:
        super().__init__()
        self.name = name
        self.pool = pool
        self.layer_names = tuple(steps)
        self.content_layer, self.style_layers = ARCHITECTURES[name].content_layer, ARCHITECTURES[name].style_layers
        self.steps = nn.ModuleList(steps.values())
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])
        self.register_buffer("gains", torch.ones(len(steps)))
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features of the named layers; see :meth:`adain.nn.VGGEncoder.forward`."""
        found = self._activations(image, check_layers(self, layers))
        return {layer: x * self.gains[self.layer_names.index(layer)] for layer, x in found.items()}

    @torch.no_grad()
    def calibrate(self, image: Tensor) -> None:
        """Set :attr:`gains` so that every layer's mean activation is 1 over this image (or these images).

        Only what is returned is scaled, one factor per layer, so the features stay those of the network. A layer
        that does not fire at all keeps a gain of 1. Calling it again replaces the earlier gains. Calibrate before
        targets are computed: those made earlier are on another scale.

        Args:
            image: as of :meth:`forward`; a photograph of the size and kind to be worked on, such as the content image.
        """
        found = self._activations(image, self.layer_names)
        means = torch.stack([found[layer].mean(dtype=torch.float32) for layer in self.layer_names])
        self.gains.copy_(torch.where(means > 0, 1 / means, 1.0))

    def train(self, mode: bool = True) -> TorchvisionBackbone:
        """Stay in evaluation mode, whatever ``mode`` says."""
        return super().train(False)

    def extra_repr(self) -> str:
        return f"{self.name}, upto={self.layer_names[-1]}, pool={self.pool}"

    def _activations(self, image: Tensor, wanted: Sequence[str]) -> dict[str, Tensor]:
        deepest = max(self.layer_names.index(layer) for layer in wanted)
        check_image(image, ARCHITECTURES[self.name].layers[self.layer_names[deepest]])
        found: dict[str, Tensor] = {}
        x = (image - self.mean) / self.std
        for layer, step in zip(self.layer_names[: deepest + 1], self.steps, strict=False):
            x = step(x)
            if layer in wanted:
                found[layer] = x
        return found


Backbone = VGGEncoder | TorchvisionBackbone
"""What :func:`load_backbone` gives; both have ``name``, ``layer_names``, ``content_layer`` and ``style_layers``."""


def check_layers(network: str | Backbone, layers: Iterable[str]) -> tuple[str, ...]:
    """The names of ``layers``, one or several, without repetition.

    Args:
        network: key of :data:`ARCHITECTURES`, for all layers of that network, or a backbone, for those it can give.

    Raises:
        InputError: if the backbone is unknown, a layer is, or there is none; the message offers the nearest name.
    """
    if isinstance(network, str):
        name, known = network, tuple(find_architecture(network).layers)
    else:
        name, known = network.name, network.layer_names
    reach = f"it has {known[0]} … {known[-1]}" if len(known) > 1 else f"it has {known[0]} alone"
    wanted = tuple(dict.fromkeys([layers] if isinstance(layers, str) else layers))
    if not wanted:
        raise InputError(f"no layer of {name} was named: {reach}")
    for layer in wanted:
        if layer not in known:
            raise InputError(f"{name} has no layer {layer}: {suggest(layer, known)} ({reach})")
    return wanted


def find_architecture(name: str) -> Architecture:
    """The entry of :data:`ARCHITECTURES`; InputError, which names the nearest, if there is none."""
    if name not in ARCHITECTURES:
        raise InputError(f"there is no backbone {name!r}: {suggest(name, list(ARCHITECTURES))}")
    return ARCHITECTURES[name]


def load_backbone(
    name: str = "vgg19",
    *,
    weights: str | Path | None = None,
    upto: Sequence[str] | None = None,
    pool: Pooling = "max",
) -> Backbone:
    """A frozen network to compare images with, in float32 on the CPU.

    VGG-16 is built with reflection padding, as the shipped encoder is: zeros draw frames along the borders of an
    optimised image. ResNet-50 keeps the zeros it was trained with: the running statistics of its batch normalisation
    include their effect, and in its deep stages a large part of all cells lies near a border. Poolings of VGG-16 round
    up as the shipped encoder's do; ResNet's strided convolutions do so by themselves.

    Args:
        name: ``"vgg19"``, ``"vgg16"`` or ``"resnet50"``.
        weights: for vgg19 nothing, or what :func:`~adain.nn.pretrained.load_encoder` takes; for the others
            torchvision's state dict as ``.pth`` (read with ``weights_only=True``) or ``.safetensors``, with or without
            a prefix such as ``module.`` and the classifier.
        upto: layers that will be asked for; the network ends at the deepest of them. By default vgg19 ends at the
            deepest of its default layers, and the others are kept whole.
        pool: ``"max"`` as trained or, of the two VGGs, ``"average"``.

    Raises:
        InputError: if the name, a layer or the pooling is unknown.
        MissingFileError, WeightsError: if the weights are not given, are no file, or not of the network.
        AdainError: if torchvision is needed and cannot be imported.
    """
    architecture = find_architecture(name)
    names = [*architecture.layers]
    wanted = None if upto is None else check_layers(name, upto)
    if pool not in get_args(Pooling):
        raise InputError(f"pool must be 'max' or 'average', not {pool!r}")
    if name == "vgg19":
        wanted = wanted or (architecture.content_layer, *architecture.style_layers)
        vgg = load_encoder(weights, upto=max(wanted, key=names.index), pool=pool)
        if vgg.name != name:
            raise WeightsError(f"{weights} is the fast model's encoder, which is no loss network: give VGG-19's")
        return vgg
    if name == "resnet50" and pool != "max":
        raise InputError("resnet50 pools only once, before its first block, and by maximum: pool must be 'max'")
    if weights is None:
        raise MissingFileError(
            f"{name} does not ship: give a file of its weights, torchvision's {architecture.weights}"
        )
    end = 1 + max(names.index(layer) for layer in wanted or names)
    network = _filled(name, read_tensors(weights), str(weights))
    steps = _vgg_steps(network, pool) if name == "vgg16" else _resnet_steps(network)
    return TorchvisionBackbone(name, dict(zip(names[:end], steps, strict=False)), pool)


def torchvision_models(purpose: str) -> Any:
    """``torchvision.models``, imported only now; AdainError if it cannot be, with ``purpose`` for what needs it."""
    try:
        return importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        raise AdainError(f"{purpose} needs the torchvision that belongs to this torch: {first_line(error)}") from None


def _filled(name: str, state: Mapping[str, Tensor], source: str) -> Any:
    """torchvision's network without its classifier, its parameters taken from ``state``."""
    architecture = ARCHITECTURES[name]
    first = next((key for key in state if re.search(rf"(^|\.){re.escape(architecture.first)}$", key)), None)
    if first is None:
        raise WeightsError(f"{source} holds no {name}: it has no {architecture.first}; give {architecture.weights}")
    prefix = first.removesuffix(architecture.first)
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    models = torchvision_models(name)
    with torch.device("meta"):
        network: nn.Module = getattr(models, name)(weights=None)
    setattr(network, architecture.head.removesuffix("."), nn.Identity())
    kept = {key: value for key, value in own.items() if not key.startswith(architecture.head)}
    return fill(network, kept, f"{source} is of another network than {name}: give {architecture.weights}")


def _vgg_steps(network: Any, pool: Pooling) -> list[nn.Module]:
    """Convolution and ReLU, with the pooling before them if there is one."""
    steps: list[nn.Module] = []
    waiting: list[nn.Module] = []
    for module in network.features:
        if isinstance(module, nn.MaxPool2d):
            module = (nn.AvgPool2d if pool == "average" else nn.MaxPool2d)(2, ceil_mode=True)
        elif isinstance(module, nn.Conv2d):
            module.padding_mode = "reflect"
        waiting.append(module)
        if isinstance(module, nn.ReLU):
            steps.append(nn.Sequential(*waiting))
            waiting = []
    return steps


def _resnet_steps(network: Any) -> list[nn.Module]:
    """The stem, then block by block; the pooling goes before the first block."""
    blocks = [*network.layer1, *network.layer2, *network.layer3, *network.layer4]
    stem = nn.Sequential(network.conv1, network.bn1, network.relu)
    return [stem, nn.Sequential(network.maxpool, blocks[0]), *blocks[1:]]
