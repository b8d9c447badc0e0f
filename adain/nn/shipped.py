"""The registry of weights: what ships, where it comes from, under which licence, and whether it is intact.

Free of torch, so that it can be listed and verified without; :mod:`adain.nn.pretrained` makes networks of the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .._utils.errors import MissingFileError, WeightsError, first_line, suggest
from .._utils.resources import weights_dir

DEFAULT_MODEL = "vgg19"


@dataclass(frozen=True)
class WeightsFile:
    """One file of the registry.

    Attributes:
        file: name inside the ``adain.weights`` package.
        sha256, bytes: hexadecimal digest and size of the whole file.
        licence, origin: under which it may be used, and where the numbers come from.
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
class ShippedModel:
    """An encoder and the decoder that belongs to it; iterating gives all their files.

    Attributes:
        encoder: the encoder as far as most users need it.
        decoder: its mirror from relu4_1.
        folded: the finer layer that the decoder takes in beside relu4_1, where the encoder's own features have none.
        encoder_deeper: further convolutions of the encoder, in order, read only when a layer behind them is asked for.
    """

    encoder: WeightsFile
    decoder: WeightsFile
    encoder_deeper: tuple[WeightsFile, ...] = ()
    folded: str | None = None

    def parts(self) -> Iterator[tuple[str, WeightsFile]]:
        """Every file with the name of the part it is: ``encoder``, ``encoder_deeper`` or ``decoder``."""
        yield "encoder", self.encoder
        yield from (("encoder_deeper", file) for file in self.encoder_deeper)
        yield "decoder", self.decoder

    def __iter__(self) -> Iterator[WeightsFile]:
        return (file for _, file in self.parts())


def _manifest() -> tuple[dict[str, WeightsFile], dict[str, Any], dict[str, Any]]:
    """The files, models and banks of ``manifest.json``; MissingFileError or WeightsError if it is not whole."""
    path = weights_dir() / "manifest.json"
    if not path.is_file():
        raise MissingFileError(f"{path} is missing: install adain again")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = {}
        for name, entry in manifest["files"].items():
            known = {k: entry.pop(k) for k in [*entry] if k in WeightsFile.__dataclass_fields__}
            files[name] = WeightsFile(file=name, details=entry, **known)
        return files, dict(manifest["models"]), dict(manifest.get("banks", {}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(error) from None


def _damaged(error: Exception) -> WeightsError:
    return WeightsError(f"{weights_dir() / 'manifest.json'} is damaged ({first_line(error)}): install adain again")


@cache
def banks() -> dict[str, WeightsFile]:
    """The banks of styles that ship (:class:`adain.augment.StyleBank`), by the name of their model."""
    files, _, named = _manifest()
    try:
        return {model: files[file] for model, file in named.items()}
    except (KeyError, TypeError) as error:
        raise _damaged(error) from None


def shipped_bank(model: str) -> WeightsFile:
    """The bank that ships for a model; WeightsError if there is no such model, or no bank for it."""
    find_model(model)
    if model not in banks():
        raise WeightsError(f"no bank of styles ships for the model {model!r}: {suggest(model, list(banks()))}")
    return banks()[model]


@cache
def registry() -> dict[str, ShippedModel]:
    """The shipped models by name, read from ``manifest.json``; MissingFileError or WeightsError if it is not whole."""
    files, entries, _ = _manifest()
    try:
        models = {}
        for name, entry in entries.items():
            deeper = tuple(files[file] for file in entry.get("encoder_deeper", ()))
            models[name] = ShippedModel(files[entry["encoder"]], files[entry["decoder"]], deeper, entry.get("folded"))
        return models
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(error) from None


def find_model(name: str) -> ShippedModel:
    """The registry's entry for a model name; WeightsError, which names the closest, if there is none."""
    models = registry()
    if name not in models:
        raise WeightsError(f"there is no model {name!r}: {suggest(name, list(models))}")
    return models[name]


def read_verified(weights: WeightsFile) -> bytes:
    """The bytes of a shipped file; MissingFileError or WeightsError if size and SHA-256 are not the manifest's."""
    if not weights.path.is_file():
        raise MissingFileError(f"{weights.path} is missing: install adain again")
    data = weights.path.read_bytes()
    if len(data) != weights.bytes:
        raise WeightsError(
            f"{weights.path} has {len(data)} bytes instead of {weights.bytes}, so it was cut short or "
            "replaced: install adain again, or name your own file with --encoder / --decoder"
        )
    if (digest := hashlib.sha256(data).hexdigest()) != weights.sha256:
        raise WeightsError(
            f"{weights.path} is damaged: its SHA-256 is {digest[:12]}… and the manifest says "
            f"{weights.sha256[:12]}…; install adain again"
        )
    return data
