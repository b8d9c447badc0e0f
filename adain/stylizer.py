"""From pictures to pictures: encoder, AdaIN and decoder put together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from . import defaults, images, pretrained
from .decoder import Decoder
from .devices import resolve_device
from .images import ImageInput
from .inputs import input_name, load_pixels
from .layer import adaptive_instance_norm, check_alpha
from .statistics import channel_mean_std
from .style import Style
from .vgg import CONTENT_LAYER, STRIDE, VGGEncoder


@dataclass(frozen=True, eq=False)
class Content:
    """A content image after the encoder, ready to be decoded in any number of styles.

    Attributes:
        features: ``(B, 512, H', W')`` at relu4_1, from the image padded to multiples of 8.
        size: height and width of the result in pixels.
        opacity: the image's alpha channel (mode ``L``), given back to the result; None without one.
        is_tensor: whether the result is a tensor.
    """

    features: Tensor
    size: tuple[int, int]
    opacity: Image.Image | None = None
    is_tensor: bool = False

    def __repr__(self) -> str:
        height, width = self.size
        return f"Content({width}x{height} px, features={tuple(self.features.shape)})"


class Stylizer:
    """Arbitrary style transfer in one pass (Huang & Belongie 2017).

    Encode what is reused once: a :class:`~adain.Style` serves any number of photographs, a :class:`Content` any
    number of styles and strengths.

    Args:
        encoder: VGG-19 to relu4_1 or deeper.
        decoder: trained for that encoder.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"`` or a :class:`torch.device`.
        max_pixels: largest picture that will be opened, a guard against decompression bombs; None for any.
    """

    def __init__(
        self,
        encoder: VGGEncoder,
        decoder: Decoder,
        *,
        device: str | torch.device = "auto",
        max_pixels: int | None = images.DEFAULT_MAX_PIXELS,
    ) -> None:
        self.max_pixels = max_pixels
        self.device = resolve_device(device)
        # Convolutions over channels-last memory are about a quarter faster on CPUs, more on GPUs.
        self.encoder = encoder.to(self.device).to(memory_format=torch.channels_last)
        self.decoder = decoder.to(self.device).to(memory_format=torch.channels_last)

    @classmethod
    def from_pretrained(
        cls,
        name: str = pretrained.DEFAULT_MODEL,
        *,
        device: str | torch.device = "auto",
        encoder: str | Path | None = None,
        decoder: str | Path | None = None,
        max_pixels: int | None = images.DEFAULT_MAX_PIXELS,
    ) -> Stylizer:
        """The shipped model of that name; nothing is downloaded.

        Args:
            name: a model of :func:`adain.pretrained.registry`.
            device, max_pixels: see the class.
            encoder, decoder: ``.safetensors`` files of your own in place of the shipped ones.

        Raises:
            MissingFileError: if a file is missing.
            WeightsError: if a file is damaged, or there is no such model.
            InputError: if there is no such device.
        """
        return cls(
            pretrained.load_encoder(name if encoder is None else encoder),
            pretrained.load_decoder(name if decoder is None else decoder),
            device=device,
            max_pixels=max_pixels,
        )

    def encode_style(self, source: ImageInput, *, size: int = defaults.STYLE_SIZE, crop: bool = False) -> Style:
        """The statistics of an artwork, to be reused for every photograph.

        Args:
            source: path, ``PIL.Image`` or ``(B, 3, H, W)`` tensor in ``[0, 1]``.
            size: shorter side in pixels the artwork is resized to; 0 keeps its own.
            crop: cut the central square out first.

        Raises:
            MissingFileError, ImageError: see :func:`adain.images.read_image`.
        """
        pixels, _ = self.pixels(source, size=size, crop=crop)
        with torch.set_grad_enabled(_tracks(pixels)):
            mean, std = channel_mean_std(self.encoder(pixels)[CONTENT_LAYER])
        return Style(mean, std, input_name(source))

    def encode_content(self, source: ImageInput, *, size: int = defaults.CONTENT_SIZE, crop: bool = False) -> Content:
        """A photograph after the encoder, to be decoded in many styles or strengths; arguments as above."""
        pixels, opacity = self.pixels(source, size=size, crop=crop)
        height, width = pixels.shape[2:]
        # The decoder makes 8 pixels of each cell: complete the last cells by reflection and cut the result.
        pad = (0, -width % STRIDE, 0, -height % STRIDE)
        if any(pad):
            pixels = F.pad(pixels, pad, mode="reflect")
        with torch.set_grad_enabled(_tracks(pixels)):
            features = self.encoder(pixels)[CONTENT_LAYER]
        return Content(features, (height, width), opacity, isinstance(source, Tensor))

    def decode(self, content: Content, style: Style, *, alpha: float = defaults.ALPHA) -> Tensor:
        """The stylised image as a ``(B, 3, H, W)`` float32 tensor in ``[0, 1]`` on :attr:`device`.

        Args:
            content: of :meth:`encode_content`.
            style: of :meth:`encode_style` or :func:`adain.blend`.
            alpha: strength in ``[0, 1]``.

        Raises:
            InputError: if alpha is outside its range.
        """
        style = style.to(self.device)
        with torch.set_grad_enabled(_tracks(content.features, style.mean, style.std)):
            target = adaptive_instance_norm(content.features, style.mean, style.std, alpha)
            height, width = content.size
            image: Tensor = self.decoder(target)[..., :height, :width]
            return image.clamp(0.0, 1.0)

    @overload
    def stylize(
        self,
        content: Tensor,
        style: Style | ImageInput,
        *,
        alpha: float = ...,
        content_size: int = ...,
        style_size: int = ...,
        crop: bool = ...,
    ) -> Tensor: ...

    @overload
    def stylize(
        self,
        content: str | os.PathLike[str] | Image.Image,
        style: Style | ImageInput,
        *,
        alpha: float = ...,
        content_size: int = ...,
        style_size: int = ...,
        crop: bool = ...,
    ) -> Image.Image: ...

    @overload
    def stylize(
        self,
        content: Content,
        style: Style | ImageInput,
        *,
        alpha: float = ...,
        content_size: int = ...,
        style_size: int = ...,
        crop: bool = ...,
    ) -> Image.Image | Tensor: ...

    def stylize(
        self,
        content: Content | ImageInput,
        style: Style | ImageInput,
        *,
        alpha: float = defaults.ALPHA,
        content_size: int = defaults.CONTENT_SIZE,
        style_size: int = defaults.STYLE_SIZE,
        crop: bool = False,
    ) -> Image.Image | Tensor:
        """A photograph in the style of an artwork.

        Args:
            content: path, ``PIL.Image``, ``(B, 3, H, W)`` tensor in ``[0, 1]``, or an encoded :class:`Content`
                (then ``content_size`` and ``crop`` were settled when it was encoded).
            style: likewise, or an encoded :class:`~adain.Style`, such as :func:`adain.blend` makes of several.
            alpha: strength in ``[0, 1]``.
            content_size: shorter side of the result in pixels; 0 keeps the content's size.
            style_size: shorter side the artwork is resized to; 0 keeps its size. Larger means coarser strokes.
            crop: use the central squares.

        Returns:
            A tensor for a tensor, else a ``PIL.Image`` of the content's size, with its alpha channel if it had one.
            The tensor path is differentiable with respect to content and style.

        Raises:
            MissingFileError, ImageError: see :func:`adain.images.read_image`; also for images under 16 px a side.
            InputError: if alpha or a size is out of range.
        """
        check_alpha(alpha)
        if not isinstance(style, Style):
            style = self.encode_style(style, size=style_size, crop=crop)
        if not isinstance(content, Content):
            content = self.encode_content(content, size=content_size, crop=crop)
        result = self.decode(content, style, alpha=alpha)
        if content.is_tensor:
            return result
        picture = images.to_pil(result)
        return picture if content.opacity is None else images.with_alpha(picture, content.opacity)

    def pixels(self, source: ImageInput, *, size: int = 0, crop: bool = False) -> tuple[Tensor, Image.Image | None]:
        """:func:`~adain.inputs.load_pixels` with this stylizer's device and limit of pixels."""
        return load_pixels(source, size=size, crop=crop, device=self.device, max_pixels=self.max_pixels)

    def __repr__(self) -> str:
        return f"Stylizer(encoder to {self.encoder.upto}, device={self.device})"


def _tracks(*tensors: Tensor) -> bool:
    """Whether gradients are wanted: the frozen networks alone never ask for a graph."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
