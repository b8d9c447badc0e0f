"""Encoded styles on disk: an artwork that was encoded once is only read the next time, by any process."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch

from .. import defaults
from .._utils.errors import InputError, MissingFileError
from ..control.masks import Channel
from ..control.style import Style
from ..image.source import input_name
from ..nn.vgg import CONTENT_LAYER, VGGEncoder, layers_upto
from .stylizer import Stylizer

VERSION = 1
"""To be raised by whatever changes the statistics of the same artwork: how files are read, sized or masked."""

PathInput = str | os.PathLike[str]


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

    def __init__(self, folder: PathInput) -> None:
        self.folder = Path(folder)
        self._fingerprint: tuple[VGGEncoder, str] | None = None

    def get(
        self,
        stylizer: Stylizer,
        source: PathInput,
        *,
        size: int = defaults.STYLE_SIZE,
        crop: bool = False,
        mask: PathInput | None = None,
        mask_channel: Channel = "luminance",
        fine_size: int | None = None,
    ) -> Style:
        """What ``stylizer.encode_style`` of the same arguments gives, to the bit, from the folder if it is there.

        Raises:
            MissingFileError, ImageError, InputError: see :meth:`adain.Stylizer.encode_style`; also if the folder cannot
                be written to.
        """
        path = self.path(
            stylizer, source, size=size, crop=crop, mask=mask, mask_channel=mask_channel, fine_size=fine_size
        )
        found = None if path is None else _read(path, stylizer.encoder.feature_channels)
        if found is not None:
            return Style(found.mean, found.std, input_name(source), found.fine_std).to(stylizer.device)
        style = stylizer.encode_style(
            source, size=size, crop=crop, mask=mask, mask_channel=mask_channel, fine_size=fine_size
        )
        if path is not None:
            style.save(path)
        return style

    def path(
        self,
        stylizer: Stylizer,
        source: PathInput,
        *,
        size: int = defaults.STYLE_SIZE,
        crop: bool = False,
        mask: PathInput | None = None,
        mask_channel: Channel = "luminance",
        fine_size: int | None = None,
    ) -> Path | None:
        """Where that style is kept, whether it is there or not; None if artwork or mask cannot be read."""
        try:
            art = _digest(source)
            region = None if mask is None else (_digest(mask), mask_channel)
        except OSError:
            return None
        how = (size, crop, fine_size, region, stylizer.max_pixels)
        where = (self._encoder(stylizer.encoder), str(stylizer.dtype), stylizer.device.type)
        key = hashlib.sha256(repr((VERSION, art, how, where)).encode()).hexdigest()
        return self.folder / f"{key}.safetensors"

    def _encoder(self, encoder: VGGEncoder) -> str:
        """:func:`fingerprint`, remembered for the encoder that was asked about last."""
        if self._fingerprint is None or self._fingerprint[0] is not encoder:
            self._fingerprint = (encoder, fingerprint(encoder))
        return self._fingerprint[1]


def fingerprint(encoder: VGGEncoder) -> str:
    """SHA-256 of all that features are computed with: the weights up to relu4_1, in their type, and the pooling."""
    digest = hashlib.sha256(f"{encoder.name} {encoder.pool}".encode())
    for spec in layers_upto(CONTENT_LAYER, encoder.table):
        for parameter in encoder.get_submodule(spec.name).parameters():
            values = parameter.detach().cpu().contiguous()
            digest.update(f"{spec.name} {values.dtype} {tuple(values.shape)}".encode())
            digest.update(values.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _digest(path: PathInput) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path, channels: int) -> Style | None:
    """The style of a file; None if there is none of so many channels that could be used."""
    try:
        style = Style.load(path)
    except (InputError, MissingFileError):
        return None
    return style if tuple(style.mean.shape) == (1, channels, 1, 1) else None
