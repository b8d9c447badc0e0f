"""Measures whose networks are files of the user's: LPIPS and ArtFID.

Nothing is downloaded, and torchvision, whose architectures they are, is imported only when one of them is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .._utils.errors import InputError, WeightsError
from ..image.tensors import check_tensor
from ..nn.backbones import torchvision_models
from ..nn.convert import fill, read_tensors

# Mean and deviation of ImageNet's colours in [−1, 1], as the published weights of LPIPS were trained with.
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_INCEPTION_MIN_SIZE = 75  # shortest side in px that Inception v3 takes
_EPS = 1e-10


class _Trunk(NamedTuple):
    """A backbone of LPIPS: torchvision's name, the shape of its first filters, and the ReLUs that are compared."""

    name: str
    first: tuple[int, ...]
    ends: tuple[int, ...]
    min_size: int


_TRUNKS = (
    _Trunk("alexnet", (64, 3, 11, 11), (1, 4, 7, 9, 11), 31),
    _Trunk("vgg16", (64, 3, 3, 3), (3, 8, 15, 22, 29), 16),
)


class LPIPS(nn.Module):
    r"""Learned perceptual image patch similarity (Zhang et al. 2018, eq. 1), version 0.1.

    .. math:: d(x, y) = \sum_l \operatorname{mean}_p \sum_c w^l_c
              \left(\frac{F^l_{cp}}{\lVert F^l_p \rVert} - \frac{G^l_{cp}}{\lVert G^l_p \rVert}\right)^2

    over the five ReLU layers of AlexNet, or relu1_2, 2_2, 3_3, 4_3 and 5_3 of VGG-16, whichever the backbone file is.
    The range is from 0 up, about 0.8 at most in practice; 0 for identical pictures. Lower is better. No gradients.

    Args:
        backbone: torchvision's ImageNet weights of AlexNet or VGG-16 (``alexnet-owt-7be5be79.pth``,
            ``vgg16-397923af.pth``), as a state dict.
        weights: those of the linear layers, ``alex.pth`` or ``vgg.pth`` of the LPIPS release, whose keys are
            ``lin0.model.1.weight`` to ``lin4.model.1.weight``.
        source: names for messages.

    Raises:
        WeightsError: if either is something else, or they do not belong together.
        AdainError: if torchvision is needed and cannot be imported.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        backbone: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
        *,
        source: tuple[str, str] = ("the backbone", "the weights"),
    ) -> None:
        super().__init__()
        named = {key.rpartition("features.")[2]: value for key, value in backbone.items()}
        first = named.get("0.weight")
        trunk = next((t for t in _TRUNKS if first is not None and tuple(first.shape) == t.first), None)
        if trunk is None:
            raise WeightsError(f"{source[0]} is no AlexNet or VGG-16: give torchvision's file of its ImageNet weights")
        self.trunk = trunk
        network = torchvision_models("LPIPS")
        with torch.device("meta"):
            features = getattr(network, trunk.name)(weights=None).features[: trunk.ends[-1] + 1]
        own = {key: named[key] for key in features.state_dict() if key in named}
        wrong = f"{source[0]} is no {trunk.name}: give torchvision's file of its weights"
        self.features: Any = fill(features, own, wrong)
        for module in self.features:
            if isinstance(module, nn.ReLU):
                module.inplace = False  # the layers are read after the network has gone on
        for k, end in enumerate(trunk.ends):
            w, width = weights.get(f"lin{k}.model.1.weight"), self.features[end - 1].out_channels
            if w is None:
                raise WeightsError(f"{source[1]} has no lin{k}.model.1.weight: give alex.pth or vgg.pth of LPIPS 0.1")
            if w.numel() != width:
                raise WeightsError(f"{source[1]} is not for {trunk.name}: lin{k} has {w.numel()} weights, not {width}")
            self.register_buffer(f"lin{k}", w.float().reshape(1, -1, 1, 1))
        self.register_buffer("shift", torch.tensor(_SHIFT).reshape(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).reshape(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    @classmethod
    def from_files(cls, backbone: str | Path, weights: str | Path) -> LPIPS:
        """From two ``.pth`` (read with ``weights_only=True``) or ``.safetensors`` files; MissingFileError for none."""
        return cls(read_tensors(backbone), read_tensors(weights), source=(str(backbone), str(weights)))

    @torch.no_grad()
    def forward(self, output: Tensor, content: Tensor) -> Tensor:
        """The distance of ``(B, 3, H, W)`` pictures in ``[0, 1]`` of one size: ``(B,)`` float32."""
        return self.distance(self.activations(output), self.activations(content))

    @torch.no_grad()
    def activations(self, image: Tensor) -> list[Tensor]:
        """Unit-length features of one picture at the five layers, for :meth:`distance`."""
        check_tensor(image)
        if min(image.shape[2:]) < self.trunk.min_size:
            raise InputError(f"LPIPS with {self.trunk.name} needs pictures of at least {self.trunk.min_size} px a side")
        x = (2.0 * image.float() - 1.0 - self.shift) / self.scale
        found = []
        for index, module in enumerate(self.features):
            x = module(x)
            if index in self.trunk.ends:
                found.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + _EPS))
        return found

    def distance(self, output: list[Tensor], content: list[Tensor]) -> Tensor:
        """The weighted distance of what :meth:`activations` gave."""
        terms = []
        for k, (f, g) in enumerate(zip(output, content, strict=True)):
            if f.shape != g.shape:
                raise InputError("LPIPS compares pictures of the same size")
            terms.append((self.get_buffer(f"lin{k}") * (f - g).square()).sum(dim=1).mean(dim=(1, 2)))
        return torch.stack(terms).sum(dim=0)


class ArtInception(nn.Module):
    """The Inception v3 of ArtFID up to its pooled features (Wright & Ommer 2022; Szegedy et al. 2016).

    Pictures go in as they are, in ``[0, 1]`` and at their own size, as in the code of the ArtFID release (art-fid
    0.0.2; the same features for the same weights; the published file itself has not been tried). Its two classifiers
    and auxiliary heads are left out.

    Args:
        state: ``art_inception.pth`` of that release: its trunk has the names of torchvision's ``inception_v3``.
        source: its name, for messages.

    Raises:
        WeightsError: if it is of another network.
        AdainError: if torchvision is needed and cannot be imported.
    """

    def __init__(self, state: Mapping[str, Tensor], *, source: str = "the Inception weights") -> None:
        super().__init__()
        network = torchvision_models("ArtFID")
        with torch.device("meta"):
            trunk: Any = network.inception_v3(weights=None, aux_logits=False, init_weights=False)
        trunk.fc = nn.Identity()
        own = {key.removeprefix("module."): value for key, value in state.items()}
        found = {key: own[key] for key in trunk.state_dict() if key in own}
        # Counts of training steps, which older files lack.
        none = {key: torch.zeros((), dtype=torch.long) for key in trunk.state_dict() if key.endswith("batches_tracked")}
        wrong = f"{source} is no Inception v3: give art_inception.pth of the ArtFID release"
        self.trunk = fill(trunk, none | found, wrong)

    @classmethod
    def from_file(cls, path: str | Path) -> ArtInception:
        """From a ``.pth`` (read with ``weights_only=True``) or ``.safetensors`` file; MissingFileError for none."""
        return cls(read_tensors(path), source=str(path))

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Pooled features of ``(B, 3, H, W)`` pictures in ``[0, 1]``, sides from 75 px: ``(B, 2048)`` float32."""
        check_tensor(image)
        if min(image.shape[2:]) < _INCEPTION_MIN_SIZE:
            raise InputError(f"ArtFID needs pictures of at least {_INCEPTION_MIN_SIZE} px a side")
        features: Tensor = self.trunk(image.float())
        return features


def art_fid(lpips: float, fid: float) -> float:
    r"""ArtFID (Wright & Ommer 2022, eq. 2).

    .. math:: (1 + \overline{\mathrm{LPIPS}}(\text{output}, \text{content}))
              \cdot (1 + \mathrm{FID}(\text{outputs}, \text{styles}))

    with LPIPS as the mean over pairs and FID as :func:`~adain.metrics.frechet_distance` of :class:`ArtInception`
    features; of all pictures once, without the release's extrapolation to infinitely many, which needs over 5,000.

    Returns:
        ≥ 1. Lower is better; :func:`~adain.metrics.frechet_distance` says how few pictures are too few.
    """
    return (1.0 + lpips) * (1.0 + fid)
