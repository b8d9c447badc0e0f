"""Arbitrary style transfer on torch: on any device, in any precision, differentiable; a module like any other."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..control.change import Change
from ..control.style import Style
from ..image import DEFAULT_MAX_PIXELS, Source
from ..image.box import Box
from ..nn import pretrained
from ..nn.decoder import Decoder
from ..nn.devices import precision_of, resolve_device, resolve_precision
from ..nn.hub import HubModel, find_folder, together
from ..nn.saved import read_part
from ..nn.states import check_match, weights_digest
from ..nn.statistics import channel_mean_std
from ..nn.vgg import CONTENT_LAYER, ConvSpec, VGGEncoder, check_image, layers_upto
from ..options import ModelOptions
from .base import BaseStylizer
from .base import Content as Content
from .base import StyleInput as StyleInput
from .base import Styles as Styles
from .cache import StyleCache, fingerprint
from .halo import Trimmer, decoder_steps, encoder_steps
from .special import Kept, check_weights, painter
from .tiles import complete
from .transfer import transfer

HALVINGS = sum(spec.pool_before for spec in layers_upto(CONTENT_LAYER))


class Stylizer(BaseStylizer, HubModel):
    """Arbitrary style transfer in one pass (Huang & Belongie 2017).

    Encode what is reused once: a :class:`~adain.Style` serves any number of photographs, a :class:`Content` any
    number of styles and strengths.

    It is a ``torch.nn.Module`` of the two networks: ``to``, ``state_dict``, ``torch.compile`` and ``torch.export`` do
    what they do elsewhere, and training mode changes nothing. Called, it works on tensors: :meth:`forward`.

    Args:
        encoder: VGG-19 to relu4_1 or deeper, or the fast model's.
        decoder: trained for that encoder.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"`` or a :class:`torch.device`.
        max_pixels: largest picture that will be opened, a guard against decompression bombs; None for any.
        precision: of the networks: ``"fp32"``, ``"bf16"``, ``"fp16"`` or ``"auto"``, see
            :func:`adain.nn.devices.resolve_precision`. Pictures, statistics and results are float32 whatever it is.
        style_cache: folder that keeps encoded styles for later calls, see :class:`~adain.stylizer.StyleCache`.

    Attributes:
        dtype: what the networks compute in; as the device, it follows ``to``.

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
        super().__init__()
        if encoder.table[: len(decoder.network.encoder)] == decoder.network.encoder:
            encoder = encoder.giving(decoder.network.folded)
        check_match(encoder.feature_channels, decoder.feature_channels)
        self.channels = encoder.feature_channels
        self.max_pixels = max_pixels
        self.style_cache = style_cache if isinstance(style_cache, StyleCache | None) else StyleCache(style_cache)
        where = resolve_device(device)
        dtype = resolve_precision(precision, where)
        # In all digits, for a decoder that is to be changed.
        self._original: tuple[VGGEncoder, Decoder] = (encoder, decoder)
        self._weights: tuple[Any, str] | None = None
        if dtype != torch.float32:  # in copies: the caller's networks keep their digits
            encoder, decoder = copy.deepcopy(encoder).to(dtype), copy.deepcopy(decoder).to(dtype)
        # Convolutions over channels-last memory are about a quarter faster on CPUs, more on GPUs.
        self.encoder = encoder.to(where).to(memory_format=torch.channels_last)
        self.decoder = decoder.to(where).to(memory_format=torch.channels_last)
        self._kept: Kept[Stylizer] = Kept()

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] = pretrained.DEFAULT_MODEL,
        *,
        device: str | torch.device = "auto",
        encoder: str | os.PathLike[str] | None = None,
        decoder: str | os.PathLike[str] | None = None,
        max_pixels: int | None = DEFAULT_MAX_PIXELS,
        precision: str = ModelOptions.precision,
        style_cache: str | os.PathLike[str] | None = None,
        **hub: Any,
    ) -> Stylizer:
        """The shipped model of that name, or one that :meth:`save_pretrained` wrote.

        Args:
            name: a model of :func:`adain.nn.pretrained.registry`; a folder; or an address of the Hugging Face Hub,
                ``"owner/name"``, which alone downloads anything.
            device, max_pixels, precision, style_cache: see the class.
            encoder, decoder: ``.safetensors`` files of your own in place of the model's.
            hub: for the Hub, see :func:`adain.nn.hub.find_folder`.

        Raises:
            MissingFileError: if a file is missing, or the Hub has no such model.
            WeightsError: if a file is damaged, or there is no such model.
            InputError: if there is no such device or precision, or huggingface_hub is missing and needed.
        """
        folder = None if encoder is not None and decoder is not None else find_folder(name, **hub)
        load: dict[str, Any] = {"encoder": pretrained.load_encoder, "decoder": pretrained.load_decoder}

        def part(which: str, own: str | os.PathLike[str] | None) -> Any:
            if own is not None:
                return load[which](Path(own))
            return load[which](os.fspath(name)) if folder is None else read_part(which, folder)

        return cls(
            part("encoder", encoder),
            part("decoder", decoder),
            device=device,
            max_pixels=max_pixels,
            precision=precision,
            style_cache=style_cache,
        )

    @property
    def device(self) -> torch.device:
        return next(self.encoder.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.encoder.parameters()).dtype

    def forward(self, content: Tensor, style: Style | tuple[Tensor, Tensor] | Tensor, alpha: Any = 1.0) -> Tensor:
        """What :meth:`stylize` makes of tensors, as a module: nothing is resized, moved or checked that costs time.

        It is differentiable with respect to all of its arguments, and to weights that ask for it. To be exported with
        ``torch.export``, give ``alpha`` as a tensor or leave it out, and sides that are multiples of 8.

        Args:
            content: ``(B, 3, H, W)``, floating, RGB in ``[0, 1]``, of at least 16 px a side.
            style: a :class:`~adain.Style`; its mean and deviation, ``(B or 1, C, 1, 1)`` each; or artworks
                ``(B or 1, 3, H', W')``, encoded as they are. On the device of the networks.
            alpha: strength in ``[0, 1]``: a number, or a tensor of one or of B.

        Shape:
            ``(B, 3, H, W)``, float32 in ``[0, 1]``.

        Raises:
            InputError: if a shape, a type or a number does not fit.
        """
        if not isinstance(content, Tensor):
            raise InputError(
                f"a call takes a tensor (B, 3, H, W), not {type(content).__name__}: stylize opens pictures"
            )
        check_image(content, HALVINGS)
        if not content.is_floating_point():
            raise InputError(f"pixels must be floats in [0, 1], not {content.dtype}: divide them by 255")
        height, width = content.shape[2:]
        features = self.encoder.features(complete(content).to(self.dtype))
        if isinstance(style, Tensor):
            check_image(style, HALVINGS)
            style = channel_mean_std(self.encoder.features(style.to(self.dtype)))
        target = style if isinstance(style, Style) else _of_statistics(style)
        strength, decoder = alpha, self.decoder
        if isinstance(alpha, Tensor):
            if target.change is not None:
                raise InputError("a specialised style has one strength for all photographs: give alpha as a number")
            strength = alpha.reshape(-1, 1, 1, 1)
        elif target.change is not None:
            decoder = cast(Stylizer, painter(self, target, alpha)).decoder
        decoded: Tensor = decoder(transfer(features, target, strength).to(self.dtype))
        return decoded.float()[..., :height, :width].clip(0.0, 1.0)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._kept = Kept()  # the changed decoders, which lie where the networks lay
        if self._original[1] is self.decoder and fn(torch.zeros(1, dtype=self.dtype)).dtype != self.dtype:
            self._original = copy.deepcopy(self._original)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def hub_config(self) -> dict[str, Any]:
        parts = [self.encoder.hub_config(), self.decoder.hub_config()]
        models = {part["model"] for part in parts}
        said: dict[str, Any] = {name: together(part[name] for part in parts) for name in ("licence", "origin")}
        said["model"] = models.pop() if len(models) == 1 else None
        return {"kind": "stylizer", "channels": self.channels, **said, "encoder": parts[0], "decoder": parts[1]}

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
        # Those made under torch.inference_mode() count no versions; they cannot be written to outside of it.
        written = tuple(0 if t.is_inference() else t._version for end in self._original for t in end.parameters())
        if self._weights is None or self._weights[0] != written:
            self._weights = written, weights_digest(decoder.network, encoder.state_dict(), decoder.state_dict())
        return self._weights[1]

    def _with(self, change: Change, name: str) -> Stylizer:
        """This one with the same encoder and a changed decoder, frozen."""
        encoder, before = self._original
        state = {key: value.detach().float().cpu().numpy() for key, value in before.state_dict().items()}
        decoder = copy.deepcopy(before).requires_grad_(False)
        decoder.load_state_dict({key: torch.as_tensor(value) for key, value in change.applied(state, name).items()})
        how: dict[str, Any] = {"precision": precision_of(self.dtype), "style_cache": self.style_cache}
        return Stylizer(encoder, decoder, device=self.device, max_pixels=self.max_pixels, **how)

    def pass_bytes(self) -> int:
        return self.encoder.pass_bytes

    def identity(self) -> list[Any]:
        return [self.encoder, self.decoder, str(self.dtype)]

    def encoder_identity(self) -> str:
        return repr((fingerprint(self.encoder), str(self.dtype), self.device.type))

    def __repr__(self) -> str:
        return f"Stylizer(encoder to {self.encoder.upto}, device={self.device})"


def _of_statistics(given: Any) -> Style:
    """A mean and a deviation as a style; InputError for anything else."""
    if not (isinstance(given, tuple | list) and len(given) == 2 and all(isinstance(part, Tensor) for part in given)):
        raise InputError(
            f"a call takes one Style, its mean and deviation, or artworks as a tensor, not {type(given).__name__}: "
            "stylize takes several styles, and opens pictures"
        )
    return Style(*given)


def _tracks(*tensors: Tensor) -> bool:
    """Whether gradients are wanted: the frozen networks alone never ask for a graph."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
