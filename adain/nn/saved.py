"""Networks from the folders that ``save_pretrained`` wrote, and whether they are still the shipped ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from .._utils.errors import AdainError, WeightsError
from .convert import fill
from .decoder import Decoder
from .fast import FastEncoder
from .hub import HubModel, Provenance, find_folder, read_folder
from .pretrained import DECODERS, load_decoder, load_encoder
from .shipped import registry
from .vgg import VGGEncoder


def load_part(part: str, name: str | os.PathLike[str], **hub: Any) -> VGGEncoder | Decoder:
    """See :meth:`~adain.nn.hub.HubModel.from_pretrained`; ``part`` is ``"encoder"`` or ``"decoder"``."""
    folder = find_folder(name, **hub)
    if folder is None:
        load: Any = load_encoder if part == "encoder" else load_decoder
        return cast("VGGEncoder | Decoder", load(name if isinstance(name, str) else Path(name)))
    return read_part(part, folder)


def read_part(part: str, folder: Path) -> VGGEncoder | Decoder:
    """A network from a folder; errors as :func:`~adain.nn.hub.read_folder`."""
    config, tensors = read_folder(folder, part)
    try:
        network = _encoder(config) if part == "encoder" else _decoder(config)
    except (AdainError, KeyError, StopIteration, TypeError):
        raise WeightsError(f"{folder} holds an {part} that is not known here: install a newer adain") from None
    filled = fill(network, tensors, f"the weights in {folder} are not those of {type(network).__name__}")
    filled.provenance = Provenance(
        config.get("model") or config.get("based_on"), config.get("licence"), config.get("origin")
    )
    return filled


def is_changed(network: HubModel) -> bool:
    """Whether weights that say they are a shipped model's are others, in their own precision; False of all others."""
    model = network.provenance.model
    if model is None or not isinstance(network, VGGEncoder | Decoder):
        return False
    if model not in registry():
        return True
    shipped = load_encoder(model, upto=network.upto) if isinstance(network, VGGEncoder) else load_decoder(model)
    return not _are_equal(network.state_dict(), shipped.state_dict())


def _are_equal(own: Mapping[str, Tensor], shipped: Mapping[str, Tensor]) -> bool:
    if own.keys() != shipped.keys():
        return False
    return all(torch.equal(each.cpu(), shipped[name].to(each.dtype)) for name, each in own.items())


def _encoder(config: Mapping[str, Any]) -> VGGEncoder:
    """Without weights, as a configuration describes it."""
    kind = next(kind for kind in (VGGEncoder, FastEncoder) if kind.name == config["network"])
    with torch.device("meta"):
        encoder = kind(config["upto"], pool=config["pool"])
    return encoder.giving(config["folded"])


def _decoder(config: Mapping[str, Any]) -> Decoder:
    kind = next(kind for kind in DECODERS if kind.network.name == config["network"])
    with torch.device("meta"):
        return kind()
