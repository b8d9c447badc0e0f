"""Weights from elsewhere, turned into this library's layout.

Three layouts are known: torchvision's VGG-19, and the two files most AdaIN repositories share — a normalised VGG-19
as a 53-layer ``nn.Sequential`` and its decoder as a 29-layer one. They are told apart by the shapes of
their convolutions in order, so prefixes such as ``module.`` or ``features.`` do not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from .._utils.errors import MissingFileError, WeightsError, first_line
from .fast import FastEncoder
from .layers import MIRRORED, NETWORKS
from .states import State as State
from .states import convolutions, named, read_safetensors
from .states import decoder_state as decoder_state
from .vgg import LAYERS, VGGEncoder

Kind = Literal["encoder", "decoder"]
ModuleT = TypeVar("ModuleT", bound=nn.Module)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)

_PICKLES = (b"PK", b"\x80")  # what a file of torch's begins with: a zip, or the pickle of older versions
# How far a layer's mean activation may be from 1: normalised weights reach 2.2 on single photographs, those for images
# of 0 to 255 are at 9 in conv4_1.
_OWN_SPREAD = 3.0


def read_tensors(path: str | Path) -> State:
    """All tensors of a ``.safetensors`` file, or of a pickle read with ``weights_only=True``.

    Raises:
        MissingFileError: if there is no such file.
        WeightsError: if it cannot be read, or holds something other than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"{path} is not a file: give a .safetensors or .pth weights file")
    if not path.stat().st_size:
        raise WeightsError(f"{path} is empty: give a .safetensors or .pth weights file")
    if path.suffix == ".safetensors":
        return read_safetensors(path, load_safetensors)
    try:
        with path.open("rb") as file:
            start = file.read(2)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or first_line(error)}") from None
    except Exception:  # torch.load raises whatever its unpickler meets, down to a bare number; none of it is of use
        if start.startswith(_PICKLES):
            raise WeightsError(
                f"{path} is damaged or not a plain PyTorch state dict, and nothing else is unpickled: save the "
                "network's state_dict()"
            ) from None
        raise WeightsError(f"{path} holds no weights: give a .safetensors file, or a .pth of a state dict") from None
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise WeightsError(f"{path} holds a {type(state).__name__}, not a state dict of tensors")
    return {str(k): v for k, v in state.items() if isinstance(v, Tensor)}


def fill(module: ModuleT, state: Mapping[str, Tensor], wrong: str) -> ModuleT:
    """A module made on the meta device, filled with ``state`` as float32, frozen; WeightsError if it does not fit."""
    try:
        module.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()}, assign=True)
    except RuntimeError:
        raise WeightsError(wrong) from None
    return module.requires_grad_(False).eval()


def convert_state(state: Mapping[str, Tensor], images: Iterable[Tensor]) -> tuple[Kind, State]:
    """Recognise a state dict and bring it into this library's layout, in float32.

    Args:
        state: any of the layouts named above, this library's own encoder or decoder, or either end of its fast model,
            which come back as they are.
        images: ``(1, 3, H, W)`` photographs in ``[0, 1]``: every channel of weights that are not normalised yet
            (torchvision's) is scaled to a mean activation of 1 over them, and this library's own encoder is known by
            its mean activations. The others need none.

    Returns:
        ``"encoder"`` or ``"decoder"``, and the tensors by their names here.

    Raises:
        WeightsError: if the shapes fit none of the layouts, or it is not normalised and bears this library's names.
    """
    for network in NETWORKS:
        if (decoder := decoder_state(state, network)) is not None:
            return "decoder", decoder
    pairs = convolutions(state)
    if [tuple(w.shape) for w, _ in pairs] == [(s.c_out, s.c_in, 3, 3) for s in FastEncoder.table]:
        return "encoder", named([spec.name for spec in FastEncoder.table], pairs)
    return "encoder", _encoder_state(state, images)


def _encoder_state(state: Mapping[str, Tensor], images: Iterable[Tensor]) -> State:
    """The state in this library's encoder layout, normalised, with the preprocessing folded in."""
    pairs = convolutions(state)
    colour = pairs.pop(0) if pairs and pairs[0][0].shape == (3, 3, 1, 1) else None
    specs = LAYERS[: len(pairs)]
    shapes = [tuple(w.shape) for w, _ in pairs]
    if len(pairs) < len(MIRRORED) or shapes != [(s.c_out, s.c_in, 3, 3) for s in specs]:
        raise WeightsError(
            "these are neither VGG-19 weights (torchvision's, or the 53-layer vgg_normalised.pth) "
            "nor a 29-layer AdaIN decoder.pth: the shapes of the convolutions differ"
        )
    weight, bias = pairs[0]
    if colour is not None:
        # A 1×1 convolution in front of a reflection-padded one folds into it exactly.
        matrix, offset = colour[0][:, :, 0, 0], colour[1]
        folded = torch.einsum("oihw,ij->ojhw", weight, matrix)
        pairs[0] = (folded, bias + torch.einsum("oihw,i->o", weight, offset))
        return named([spec.name for spec in specs], pairs)
    if any(key.endswith(f"{specs[0].name}.weight") for key in state):
        return _own_encoder(named([spec.name for spec in specs], pairs), images)
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    weight = weight / std[None, :, None, None]
    pairs[0] = (weight, bias - torch.einsum("oihw,i->o", weight, mean))
    plain = named([spec.name for spec in specs], pairs)
    means = activation_means(plain, images)
    previous = torch.ones(3)
    for spec in specs:
        scale = means[spec.name]
        w = plain[f"{spec.name}.weight"] * previous[None, :, None, None]
        plain[f"{spec.name}.weight"] = w / scale[:, None, None, None]
        plain[f"{spec.name}.bias"] = plain[f"{spec.name}.bias"] / scale
        previous = scale
    return plain


def _own_encoder(state: State, images: Iterable[Tensor]) -> State:
    """An encoder that bears this library's names: as it is, if its activations are those of a normalised one.

    Other projects name the unnormalised network for images of 0 to 255 alike, and shapes cannot tell the two apart.
    """
    means = {name: float(channels.mean()) for name, channels in activation_means(state, images).items()}
    name, worst = max(means.items(), key=lambda item: abs(math.log(max(item[1], 1e-9))))
    if not 1 / _OWN_SPREAD < worst < _OWN_SPREAD:
        raise WeightsError(
            f"{name} fires at {worst:.2g} on average, where this library's encoder, whose names these are, has about "
            "1: give torchvision's VGG-19 or vgg_normalised.pth instead"
        )
    return state


@torch.inference_mode()
def activation_means(state: Mapping[str, Tensor], images: Iterable[Tensor]) -> dict[str, Tensor]:
    """Mean ReLU activation of every channel over images and positions, by convolution name.

    Scaling a layer to a mean of 1 and multiplying the scale back into the next leaves all later activations as they
    were, so one pass through the network as it is gives the means for all its layers. Channels that never fire get 1.
    """
    specs = [spec for spec in LAYERS if f"{spec.name}.weight" in state]
    encoder = VGGEncoder(specs[-1].relu)
    encoder.load_state_dict(dict(state))
    sums = {spec.name: torch.zeros(spec.c_out) for spec in specs}
    count = 0
    for image in images:
        features = encoder(image, [spec.relu for spec in specs])
        for spec in specs:
            sums[spec.name] += features[spec.relu].mean(dim=(0, 2, 3))
        count += 1
    if not count:
        raise WeightsError("normalising an encoder needs at least one photograph")
    return {k: torch.where(total > 0, total / count, 1.0) for k, total in sums.items()}
