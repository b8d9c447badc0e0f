"""The registry of weights: what ships, where it comes from, under which licence; and loading it, verified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from .._utils.errors import MissingFileError, WeightsError, first_line, suggest
from .._utils.resources import weights_dir
from . import palettes
from .convert import decoder_state, read_tensors
from .decoder import Decoder
from .fast import FastDecoder, FastEncoder
from .vgg import CONTENT_LAYER, Pooling, VGGEncoder

DEFAULT_MODEL = "vgg19"

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True)
class WeightsFile:
    """One file of the registry.

    Attributes:
        file: name inside the ``adain.weights`` package.
        sha256: hexadecimal digest of the whole file.
        bytes: its size.
        licence: under which it may be used.
        origin: where the numbers come from.
        details: everything else the manifest says: how it was made, training configuration, figures.
    """

    file: str
    sha256: str
    bytes: int
    licence: str
    origin: str
    details: Mapping[str, Any]

    @property
    def path(self) -> Path:
        return weights_dir() / self.file


@dataclass(frozen=True)
class Model:
    """An encoder and the decoder that belongs to it; iterating gives all their files.

    Attributes:
        encoder: the encoder as far as most users need it.
        decoder: its mirror from relu4_1.
        encoder_deeper: further convolutions of the encoder, in order, read only when a layer behind them is asked for.
    """

    encoder: WeightsFile
    decoder: WeightsFile
    encoder_deeper: tuple[WeightsFile, ...] = ()

    def parts(self) -> Iterator[tuple[str, WeightsFile]]:
        """Every file with the name of the part it is: ``encoder``, ``encoder_deeper`` or ``decoder``."""
        yield "encoder", self.encoder
        for file in self.encoder_deeper:
            yield "encoder_deeper", file
        yield "decoder", self.decoder

    def __iter__(self) -> Iterator[WeightsFile]:
        return (file for _, file in self.parts())


@cache
def registry() -> dict[str, Model]:
    """The shipped models by name, read from ``manifest.json``.

    Raises:
        MissingFileError: if the manifest is not installed.
        WeightsError: if it is damaged.
    """
    path = weights_dir() / "manifest.json"
    if not path.is_file():
        raise MissingFileError(f"{path} is missing: install adain again")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = {}
        for name, entry in manifest["files"].items():
            rest = {k: v for k, v in entry.items() if k not in WeightsFile.__dataclass_fields__}
            known = {k: v for k, v in entry.items() if k not in rest}
            files[name] = WeightsFile(file=name, details=rest, **known)
        models = {}
        for name, entry in manifest["models"].items():
            deeper = tuple(files[file] for file in entry.get("encoder_deeper", ()))
            models[name] = Model(files[entry["encoder"]], files[entry["decoder"]], deeper)
        return models
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} is damaged ({first_line(error)}): install adain again") from None


def find_model(name: str) -> Model:
    """The registry's entry for a model name.

    Raises:
        WeightsError: if there is none; the message names the closest.
    """
    models = registry()
    if name not in models:
        raise WeightsError(f"there is no model {name!r}: {suggest(name, list(models))}")
    return models[name]


def read_verified(weights: WeightsFile) -> bytes:
    """The bytes of a shipped file, after comparing size and SHA-256 with the manifest.

    Raises:
        MissingFileError: if the file is not installed.
        WeightsError: if it differs from the manifest.
    """
    if not weights.path.is_file():
        raise MissingFileError(f"{weights.path} is missing: install adain again")
    data = weights.path.read_bytes()
    if len(data) != weights.bytes:
        raise WeightsError(
            f"{weights.path} has {len(data)} bytes instead of {weights.bytes}, so it was cut short or "
            "replaced: install adain again, or name your own file with --encoder / --decoder"
        )
    digest = hashlib.sha256(data).hexdigest()
    if digest != weights.sha256:
        raise WeightsError(
            f"{weights.path} is damaged: its SHA-256 is {digest[:12]}… and the manifest says "
            f"{weights.sha256[:12]}…; install adain again"
        )
    return data


def load_encoder(source: str | Path | None = None, *, upto: str = CONTENT_LAYER, pool: Pooling = "max") -> VGGEncoder:
    """The encoder of a shipped model, or one from a file that ``adain weights import`` wrote.

    Args:
        source: model name (default: :data:`DEFAULT_MODEL`) or path of a ``.safetensors`` file.
        upto: deepest layer needed; only the layers up to it are unpacked. The shipped encoder reaches relu5_2, and a
            second file is read for relu5_2 alone.
        pool: see :class:`~adain.nn.vgg.VGGEncoder`.

    Returns:
        A frozen :class:`~adain.nn.vgg.VGGEncoder` in float32 on the CPU; of the fast model, a
        :class:`~adain.nn.fast.FastEncoder`.

    Raises:
        MissingFileError, WeightsError: see :func:`read_verified` and :func:`find_model`.
    """
    tensors, name = _tensors(source, "encoder")
    kind = _encoder_kind(tensors, name)
    if upto not in (spec.relu for spec in kind.table) and upto in (spec.relu for spec in VGGEncoder.table):
        raise WeightsError(f"{name} does not reach {upto}: it is the fast model's, which ends at {kind.table[-1].relu}")
    with torch.device("meta"):
        encoder = kind(upto, pool=pool)
    model = _shipped(source)
    for deeper in model.encoder_deeper if model else ():
        if _has_convolution(tensors, encoder.specs[-1].name):
            break
        tensors |= load_safetensors(read_verified(deeper))
        name += f" with {deeper.file}"
    state = {}
    for spec in encoder.specs:
        if not _has_convolution(tensors, spec.name):
            have = [s.relu for s in kind.table if f"{s.name}.bias" in tensors]
            reach = f"it ends at {have[-1]}" if have else "it holds no encoder"
            raise WeightsError(f"{name} does not reach {upto}: {reach} (adain weights import makes such files)")
        is_packed = palettes.is_palette(tensors, spec.name)
        weight = palettes.unpack(tensors, spec.name) if is_packed else tensors[f"{spec.name}.weight"]
        state[f"{spec.name}.weight"] = weight.float()
        state[f"{spec.name}.bias"] = tensors[f"{spec.name}.bias"].float()
    return _fill(encoder, state, name)


def load_decoder(source: str | Path | None = None) -> Decoder:
    """The decoder of a shipped model, or one from a ``.safetensors`` file; arguments as :func:`load_encoder`."""
    tensors, name = _tensors(source, "decoder")
    for kind in (Decoder, FastDecoder):
        state = decoder_state(tensors, kind.specs)
        if state is not None:
            with torch.device("meta"):
                decoder = kind()
            return _fill(decoder, state, name)
    raise WeightsError(f"{name} holds no decoder: its layers do not mirror VGG-19 to relu4_1, nor the fast model")


def _encoder_kind(tensors: Mapping[str, Tensor], name: str) -> type[VGGEncoder]:
    """Which network the tensors are of, by the width of its first convolution; the base model's if there is none."""
    first = tensors.get("conv1_1.bias")
    if first is None:
        return VGGEncoder
    for kind in (VGGEncoder, FastEncoder):
        if len(first) == kind.table[0].c_out:
            return kind
    what = "a decoder" if len(first) == VGGEncoder.table[0].c_in else "a network of another width"
    raise WeightsError(f"{name} holds no encoder but {what}: the shapes in it are not those of VGGEncoder")


def _shipped(source: str | Path | None) -> Model | None:
    """The model that ``source`` names; None for a user's file."""
    if source is None:
        return find_model(DEFAULT_MODEL)
    return registry().get(source) if isinstance(source, str) else None


def _has_convolution(tensors: Mapping[str, Tensor], name: str) -> bool:
    """Whether ``tensors`` holds the convolution ``name``, packed or plain."""
    has_weight = palettes.is_palette(tensors, name) or f"{name}.weight" in tensors
    return has_weight and f"{name}.bias" in tensors


def _tensors(source: str | Path | None, part: str) -> tuple[dict[str, Tensor], str]:
    """The tensors of a registry entry or of a user's file, and a name for messages."""
    model = _shipped(source)
    if source is None or model is not None:
        weights: WeightsFile = getattr(model, part)
        return load_safetensors(read_verified(weights)), weights.file
    path = Path(source)
    if not path.suffix and not path.exists():
        find_model(str(source))  # raises with the names there are
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist: give the {part} as a .safetensors file")
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path} is not a .safetensors file: convert it with adain weights import")
    return read_tensors(path), str(path)


def _fill(module: ModuleT, state: dict[str, Tensor], name: str) -> ModuleT:
    """A module made on the meta device, with ``state`` put in place and frozen."""
    try:
        module.load_state_dict(state, assign=True)
    except RuntimeError:
        raise WeightsError(f"the shapes in {name} are not those of {type(module).__name__}") from None
    return module.requires_grad_(False).eval()
