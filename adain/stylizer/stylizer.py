"""Arbitrary style transfer on torch: on any device, in any precision, differentiable."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..control.change import Change
from ..image import DEFAULT_MAX_PIXELS, Source
from ..image.box import Box
from ..nn import pretrained
from ..nn.decoder import Decoder
from ..nn.devices import resolve_device, resolve_precision
from ..nn.states import check_match, weights_digest
from ..nn.vgg import CONTENT_LAYER, ConvSpec, VGGEncoder, layers_upto
from ..options import ModelOptions
from .base import BaseStylizer
from .base import Content as Content
from .base import StyleInput as StyleInput
from .base import Styles as Styles
from .cache import StyleCache, fingerprint
from .halo import Trimmer, decoder_steps, encoder_steps
from .special import Kept, check_weights


class Stylizer(BaseStylizer):
    """Arbitrary style transfer in one pass (Huang & Belongie 2017).

    Encode what is reused once: a :class:`~adain.Style` serves any number of photographs, a :class:`Content` any
    number of styles and strengths.

    Args:
        encoder: VGG-19 to relu4_1 or deeper, or the fast model's.
        decoder: trained for that encoder.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"`` or a :class:`torch.device`.
        max_pixels: largest picture that will be opened, a guard against decompression bombs; None for any.
        precision: of the networks: ``"fp32"``, ``"bf16"``, ``"fp16"`` or ``"auto"``, see
            :func:`adain.nn.devices.resolve_precision`. Pictures, statistics and results are float32 whatever it is.
        style_cache: folder that keeps encoded styles for later calls, see :class:`~adain.stylizer.StyleCache`.

    Attributes:
        dtype: what the networks compute in.

    Raises:
        InputError: on construction, if the decoder is another model's, or there is no such device or precision.
    """

    def __init__(
        self,
        encoder: VGGEncoder,
        decoder: Decoder,
        *,
        device: str | torch.device = "auto",
        max_pixels: int | None = DEFAULT_MAX_PIXELS,
        precision: str = ModelOptions.precision,
        style_cache: StyleCache | str | os.PathLike[str] | None = None,
    ) -> None:
        if encoder.table[: len(decoder.network.encoder)] == decoder.network.encoder:
            encoder = encoder.giving(decoder.network.folded)
        check_match(encoder.feature_channels, decoder.feature_channels)
        self.channels = encoder.feature_channels
        self.max_pixels = max_pixels
        self.style_cache = style_cache if isinstance(style_cache, StyleCache | None) else StyleCache(style_cache)
        self.device: torch.device = resolve_device(device)
        self.dtype = resolve_precision(precision, self.device)
        # In all digits, for a decoder that is to be changed.
        self._original, self._precision = (encoder, decoder), precision
        self._weights: tuple[Any, str] | None = None
        if self.dtype != torch.float32:  # in copies: the caller's networks keep their digits
            encoder, decoder = copy.deepcopy(encoder).to(self.dtype), copy.deepcopy(decoder).to(self.dtype)
        # Convolutions over channels-last memory are about a quarter faster on CPUs, more on GPUs.
        self.encoder = encoder.to(self.device).to(memory_format=torch.channels_last)
        self.decoder = decoder.to(self.device).to(memory_format=torch.channels_last)
        self._kept: Kept[Stylizer] = Kept()

    @classmethod
    def from_pretrained(
        cls,
        name: str = pretrained.DEFAULT_MODEL,
        *,
        device: str | torch.device = "auto",
        encoder: str | os.PathLike[str] | None = None,
        decoder: str | os.PathLike[str] | None = None,
        max_pixels: int | None = DEFAULT_MAX_PIXELS,
        precision: str = ModelOptions.precision,
        style_cache: str | os.PathLike[str] | None = None,
    ) -> Stylizer:
        """The shipped model of that name; nothing is downloaded.

        Args:
            name: a model of :func:`adain.nn.pretrained.registry`.
            device, max_pixels, precision, style_cache: see the class.
            encoder, decoder: ``.safetensors`` files of your own in place of the shipped ones.

        Raises:
            MissingFileError: if a file is missing.
            WeightsError: if a file is damaged, or there is no such model.
            InputError: if there is no such device or precision.
        """
        return cls(
            pretrained.load_encoder(name if encoder is None else Path(encoder)),
            pretrained.load_decoder(name if decoder is None else Path(decoder)),
            device=device,
            max_pixels=max_pixels,
            precision=precision,
            style_cache=style_cache,
        )

    @property
    def specs(self) -> tuple[tuple[ConvSpec, ...], tuple[ConvSpec, ...]]:
        return layers_upto(CONTENT_LAYER, self.encoder.table), self.decoder.specs

    def pixels(self, opened: Source) -> Tensor:
        return opened.to_tensor(self.device)

    def encode(self, pixels: Tensor) -> Tensor:
        with torch.set_grad_enabled(_tracks(pixels)):
            return self.encoder.features(pixels.to(self.dtype))

    def encode_part(self, pixels: Tensor, inner: Box, outer: Box) -> Tensor:
        pixels = pixels.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(_tracks(pixels)):
            return self.encoder.features(pixels, trim=Trimmer(encoder_steps(self.specs[0]), inner, outer))

    def decode_features(self, features: Tensor) -> Tensor:
        with torch.set_grad_enabled(_tracks(features)):
            image: Tensor = self.decoder(features.to(self.dtype))
            return image.float()

    def decode_part(self, features: Tensor, inner: Box, outer: Box) -> Tensor:
        features = features.to(self.dtype).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(_tracks(features)):
            image: Tensor = self.decoder(features, trim=Trimmer(decoder_steps(self.specs[1]), inner, outer))
            return image.float()

    def changed(self, change: Change, name: str = "") -> Stylizer:
        check_weights(change, self.weights, name)
        return self._kept.get(change, lambda: self._with(change, name))

    @property
    def weights(self) -> str:
        """SHA-256 of the networks' weights, see :func:`adain.nn.states.weights_digest`."""
        encoder, decoder = self._original
        written = tuple(t._version for end in self._original for t in end.parameters())
        if self._weights is None or self._weights[0] != written:
            self._weights = written, weights_digest(decoder.network, encoder.state_dict(), decoder.state_dict())
        return self._weights[1]

    def _with(self, change: Change, name: str) -> Stylizer:
        """This one with the same encoder and a changed decoder, frozen."""
        encoder, before = self._original
        state = {key: value.detach().float().cpu().numpy() for key, value in before.state_dict().items()}
        decoder = copy.deepcopy(before).requires_grad_(False)
        decoder.load_state_dict({key: torch.as_tensor(value) for key, value in change.applied(state, name).items()})
        how: dict[str, Any] = {"precision": self._precision, "style_cache": self.style_cache}
        return Stylizer(encoder, decoder, device=self.device, max_pixels=self.max_pixels, **how)

    def pass_bytes(self) -> int:
        return self.encoder.pass_bytes

    def identity(self) -> list[Any]:
        return [self.encoder, self.decoder, str(self.dtype)]

    def encoder_identity(self) -> str:
        return repr((fingerprint(self.encoder), str(self.dtype), self.device.type))

    def __repr__(self) -> str:
        return f"Stylizer(encoder to {self.encoder.upto}, device={self.device})"


def _tracks(*tensors: Tensor) -> bool:
    """Whether gradients are wanted: the frozen networks alone never ask for a graph."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
