"""Encoded styles on disk: an artwork that was encoded once is only read the next time, by any process."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .._utils.arrays import Device
from .._utils.errors import InputError, MissingFileError
from ..control.style import Style
from ..nn.layers import CONTENT_LAYER, layers_upto
from ..options import Channel

if TYPE_CHECKING:
    from ..nn.vgg import VGGEncoder

VERSION = 2
"""To be raised by whatever changes the statistics of the same artwork: how files are read, sized or masked."""


class Encoding(Protocol):
    """What a model says of the styles that it encodes."""

    max_pixels: int | None

    @property
    def device(self) -> Device:
        """Where their statistics lie; None for arrays."""

    @property
    def channels(self) -> int:
        """Of the features that they are the statistics of."""

    def encoder_identity(self) -> str:
        """All that decides the statistics of given pixels: the encoder's weights and how they are computed with."""


class StyleCache:
    """A folder of styles, each under a name made from all that its statistics depend on.

    That is the bytes of the artwork and of its mask, whatever they are called, the sizes, the crop, the encoder's
    weights, its precision and device, and the limit of pixels. What is found but cannot be read, or is no style, is
    encoded and written anew. Files appear complete or not at all, so processes may share the folder; it may be emptied
    at any time, and nothing is ever removed from it.

    Styles recoloured after a photograph (``color="linear"`` and the like) depend on that, too, and are not for it.

    Args:
        folder: made when the first style is written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def path(
        self,
        model: Encoding,
        source: Any,
        *,
        size: int,
        crop: bool = False,
        mask: Any = None,
        mask_channel: Channel = "luminance",
        fine_size: int | None = None,
    ) -> Path | None:
        """Where that style is kept, whether it is there or not; None if artwork or mask is no file that can be read."""
        try:
            art = _digest(source)
            region = None if mask is None else (_digest(mask), mask_channel)
        except (OSError, TypeError, ValueError):
            return None
        how = (size, crop, fine_size, region, model.max_pixels)
        text = f"({VERSION}, {art!r}, {how!r}, {model.encoder_identity()})"
        key = hashlib.sha256(text.encode()).hexdigest()
        return self.folder / f"{key}.safetensors"

    def read(self, path: Path, model: Encoding) -> Style | None:
        """The style kept there, on the model's device; None if there is none that it could use."""
        try:
            style = Style.load(path, model.device)
        except (InputError, MissingFileError):
            return None
        return style if tuple(style.mean.shape) == (1, model.channels, 1, 1) else None


def fingerprint(encoder: VGGEncoder) -> str:
    """SHA-256 of all that features are computed with: the weights up to relu4_1, in their type, and the pooling."""
    import torch

    digest = hashlib.sha256(f"{encoder.name} {encoder.folded} {encoder.pool}".encode())
    for spec in layers_upto(CONTENT_LAYER, encoder.table):
        for parameter in encoder.get_submodule(spec.name).parameters():
            values = parameter.detach().cpu().contiguous()
            digest.update(f"{spec.name} {values.dtype} {tuple(values.shape)}".encode())
            digest.update(values.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _digest(path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
