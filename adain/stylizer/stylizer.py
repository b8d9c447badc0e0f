"""From pictures to pictures: encoder, AdaIN and decoder put together."""

from __future__ import annotations

import copy
import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, ParamSpec, Protocol, TypeAlias, overload

import torch
from PIL import Image
from torch import Tensor

from .._utils import keywords
from .._utils.errors import InputError
from ..control.color import ColorInput, as_color, keep_colors
from ..control.masks import MaskInput
from ..control.regions import Canvas, Placement, Regions, guide_names, is_full, lay_cells
from ..control.style import Style
from ..image import DEFAULT_MAX_PIXELS, ImageInput, PictureInput, Source, open_source, to_pil, with_alpha
from ..image.source import input_name
from ..nn import pretrained
from ..nn.decoder import Decoder
from ..nn.devices import resolve_device, resolve_precision
from ..nn.statistics import channel_mean_std
from ..nn.vgg import CONTENT_LAYER, MIN_SIZE, VGGEncoder, layers_upto
from ..options import Channel, ModelOptions, Options, TileSize
from .cache import StyleCache
from .content import Content as Content
from .content import Progress
from .looks import Look, Paint, canvas_of, is_regions, listed
from .tiles import assemble, choose_tile, complete, decode_tiles, encode_tiles
from .tiles import paint as tiled_picture
from .transfer import style_statistics, transfer

StyleInput: TypeAlias = "Style | ImageInput"
Styles: TypeAlias = "StyleInput | Regions | Sequence[StyleInput]"
P = ParamSpec("P")


class _Stylize(Protocol[P]):
    """:meth:`Stylizer.stylize` as type checkers see it: its keywords are the fields of :class:`~adain.Options`."""

    @overload
    def __call__(
        self, content: Tensor, style: Styles, options: Options | None = None, /, *args: P.args, **changes: P.kwargs
    ) -> Tensor: ...

    @overload
    def __call__(
        self, content: Content, style: Styles, options: Options | None = None, /, *args: P.args, **changes: P.kwargs
    ) -> Image.Image | Tensor: ...

    @overload
    def __call__(
        self,
        content: PictureInput,
        style: Styles,
        options: Options | None = None,
        /,
        *args: P.args,
        **changes: P.kwargs,
    ) -> Image.Image: ...


class _Method(Generic[P]):
    def __get__(self, stylizer: Any, owner: Any = None) -> _Stylize[P]:
        raise NotImplementedError  # for type checkers: at run time it is a function


def _stylising(options: Callable[P, Any]) -> Callable[[Callable[..., Any]], _Method[P]]:
    """:func:`adain._utils.keywords.wrap` for a method whose result is of the kind of its content."""
    return functools.partial(keywords.wrap, options=options)


class Stylizer:
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
        if encoder.feature_channels != decoder.feature_channels:
            raise InputError(
                f"the encoder gives {encoder.feature_channels} channels and the decoder takes "
                f"{decoder.feature_channels}: use the encoder and the decoder of one model"
            )
        self.max_pixels = max_pixels
        self.style_cache = style_cache if isinstance(style_cache, StyleCache | None) else StyleCache(style_cache)
        self.device = resolve_device(device)
        self.dtype = resolve_precision(precision, self.device)
        if self.dtype != torch.float32:  # in copies: the caller's networks keep their digits
            encoder, decoder = copy.deepcopy(encoder).to(self.dtype), copy.deepcopy(decoder).to(self.dtype)
        # Convolutions over channels-last memory are about a quarter faster on CPUs, more on GPUs.
        self.encoder = encoder.to(self.device).to(memory_format=torch.channels_last)
        self.decoder = decoder.to(self.device).to(memory_format=torch.channels_last)

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

    def encode_style(
        self,
        source: ImageInput | Source,
        *,
        size: int = Options.style_size,
        crop: bool = False,
        mask: MaskInput | None = None,
        mask_channel: Channel = "luminance",
        color: ColorInput = None,
        content: Content | ImageInput | None = None,
        content_mask: Tensor | None = None,
        fine_size: int | None = None,
    ) -> Style:
        """The statistics of an artwork, to be reused for every photograph.

        Args:
            source: anything :func:`~adain.image.open_source` takes: a path, an open file, a ``PIL.Image``, an array, or
                a tensor in ``[0, 1]``.
            size: shorter side in pixels the artwork is resized to; 0 keeps its own.
            crop: cut the central square out first.
            mask: take the style only from the part that is white in it; of the artwork's shape and any size, see
                :func:`adain.control.masks.read_mask`.
            mask_channel: ``"luminance"`` or ``"alpha"`` of the mask.
            color: recolour the artwork first, as a mode such as ``"linear"`` or a :class:`~adain.ColorPreservation`
                says. What is done to the result (``"luminance"``) is left to :meth:`stylize`.
            content: the photograph whose colours it is to have; its own pixels are not encoded.
            content_mask: ``(1, 1, H, W)`` region of the photograph's pixels to take the colours from.
            fine_size: a second size in pixels, whose statistics are used for fine texture; see :mod:`adain.nn.bands`.

        Raises:
            MissingFileError, ImageError: see :func:`adain.read_image`.
            InputError: if the mask does not fit or selects too little, or a mode needs a content and there is none.
        """
        kept = None
        if self.style_cache is not None and color is None:
            how: dict[str, Any] = {"size": size, "crop": crop, "fine_size": fine_size}
            kept = self.style_cache.path(self, source, mask=mask, mask_channel=mask_channel, **how)
            if kept is not None and (known := self.style_cache.read(kept, self)) is not None:
                return dataclasses.replace(known, name=input_name(source)).to(self.device)
        chosen = as_color(color)
        pixels: Tensor | None = None
        if chosen is not None and chosen.needs_content:
            if content is None:
                raise InputError(f"colour mode {chosen.mode!r} needs the photograph: pass content=")
            if content_mask is not None and is_full(content_mask):
                content_mask = None
            if isinstance(content, Content):
                pixels, content_mask = content.distribution(content_mask)
                pixels = pixels.to(self.device, torch.float32)
            else:
                pixels = self.open(content).to_tensor(self.device)

        def statistics(side: int) -> tuple[Tensor, Tensor]:
            opened = self.open(source, size=side, crop=crop)
            art, region, cells = opened.to_tensor(self.device), None, None
            if mask is not None:
                names = guide_names([mask], [input_name(mask) or "of the style"])
                canvas = Canvas(opened.size, opened.uncropped, self.device)
                region = canvas.lay([mask], names=names, channel=mask_channel, max_pixels=self.max_pixels)
                cells = lay_cells(region, names)
                if is_full(region):
                    region = cells = None
            # Not clamped to [0, 1]: the few pixels outside do the encoder no harm, and cutting them would take the
            # statistics that were just matched, and the strongest colours of the result, back.
            if chosen is not None and pixels is not None:
                art = chosen.apply_to_style(art, pixels, style_mask=region, content_mask=content_mask)
            with torch.set_grad_enabled(_tracks(art)):
                return channel_mean_std(self.encoder.features(art.to(self.dtype)), cells)

        mean, std = statistics(size)
        fine = None if fine_size is None else statistics(fine_size)[1]
        style = Style(mean, std, input_name(source), fine)
        if kept is not None:
            style.save(kept)
        return style

    def encode_content(
        self,
        source: ImageInput | Source,
        *,
        size: int = 0,
        crop: bool = False,
        tile: TileSize = Options.tile,
        progress: Progress | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> Content:
        """A photograph after the encoder, to be decoded in many styles or strengths.

        Args:
            source, size, crop: as above; what :func:`~adain.image.open_source` gave is of its final size
            already.
            tile: longest side in pixels of the tiles it is encoded and decoded in; ``"off"`` for none; ``"auto"`` for
                tiles if the whole does not fit into the free memory (see :func:`~adain.stylizer.tiles.choose_tile`),
                which a tensor, as it is in memory already, is taken to do. The result is the same up to rounding. No
                gradient passes through tiles.
            progress: called with a :class:`~adain.stylizer.content.TileProgress` after each tile, here and in decoding.
            folder: for a large photograph's features, 32 bytes a pixel; by default that for temporary files.

        Raises:
            MissingFileError, ImageError: see :func:`adain.read_image`; also for images under 16 px a side.
            InputError: if the tile cannot be used, or the disk has no room for the features.
        """
        opened = self.open(source, size=size, crop=crop)
        height, width = opened.size
        if tile == "auto" and isinstance(opened.image, Tensor):
            tile = "off"
        side = choose_tile(tile, height * width, self.device, self.encoder.pass_bytes)
        if side is not None:
            return encode_tiles(self.encoder, opened, side, device=self.device, progress=progress, folder=folder)
        pixels = opened.to_tensor(self.device)
        # The decoder makes 8 pixels of each cell: complete the last cells by reflection and cut the result.
        with torch.set_grad_enabled(_tracks(pixels)):
            features = self.encoder.features(complete(pixels).to(self.dtype))
        return Content.of(opened, features, pixels)

    def decode(self, content: Content, style: Style | Regions | Placement, *, alpha: float = 1.0) -> Tensor:
        """The stylised image as a ``(B, 3, H, W)`` float32 tensor in ``[0, 1]`` on :attr:`device`.

        Args:
            content: of :meth:`encode_content`.
            style: of :meth:`encode_style` or :func:`adain.blend`, or several by region.
            alpha: strength in ``[0, 1]``; times that of each region.

        Raises:
            InputError: if alpha is outside its range, or regions do not fit the content.
        """
        target = style.place(canvas_of(content), max_pixels=self.max_pixels) if isinstance(style, Regions) else style
        if content.tiles is not None:
            tiles = decode_tiles(self.decoder, content, target, alpha, device=self.device)
            return assemble(tiles, content, self.device)
        target = target.to(self.device)
        with torch.set_grad_enabled(_tracks(content.features, *style_statistics(target))):
            height, width = content.size
            image: Tensor = self.decoder(transfer(content.features, target, alpha).to(self.dtype))[..., :height, :width]
            return image.float().clamp(0.0, 1.0)

    @_stylising(Options)
    def stylize(self, content: Content | ImageInput, style: Styles, options: Options) -> Image.Image | Tensor:
        """A photograph in the style of one artwork, of a blend of several, or of one for each region.

        Several styles are one picture: blended, or each where its mask, its label or a gradient puts it. (On the
        command line and in folders several are as many results, unless an option says how they come together.)

        Args:
            content: anything :func:`~adain.image.open_source` takes: a path, an open file, a ``PIL.Image``, an array,
                or a tensor ``(B, 3, H, W)`` or ``(3, H, W)`` in ``[0, 1]``; or an encoded :class:`Content`, whose size,
                crop, tiles and progress were settled when it was encoded.
            style: likewise, or an encoded :class:`~adain.Style`, or :class:`~adain.Regions`; or several of the former.
            options: an :class:`~adain.Options` object; its fields are the keywords, too.

        ``masks`` have the whole photograph's shape and any size, white where the style goes; they are resized and
        cropped as the photograph is. Each region is normalised by its own statistics; what none covers keeps the
        photograph's features. ``alpha`` and ``color`` may hold one for each style, and one more for the background,
        which otherwise has alpha 1 and its own colours; a ``color`` for each applies in that style's region, or in a
        blend by its weight. What concerns a style's picture (``style_size``, ``fine_style_size``, ``style_masks``,
        recolouring) is settled in one that is encoded already. Encoder and decoder run once on the photograph,
        whatever the regions.

        Returns:
            A tensor of as many dimensions for a tensor, else a ``PIL.Image`` of the content's size, with its alpha
            channel if it had one.
            The tensor path is differentiable with respect to content and style.

        Raises:
            MissingFileError, ImageError: see :func:`adain.read_image`; also for images under 16 px a side.
            InputError: if an option is out of range, counts differ, a mask is black, of another shape than the
                photograph, or vanishes at 8 px a cell.
        """
        look = Look(style if is_regions(style) else listed(style), options)
        if not isinstance(content, Content):
            content = self.encode_content(
                content, size=options.size, crop=options.crop, tile=options.tile, progress=options.progress
            )
        return look.render(self, content)  # type: ignore[no-any-return]

    def render(self, content: Content, paint: Paint) -> Image.Image | Tensor:
        """The picture of an encoded photograph, or a tensor where the photograph was one.

        Args:
            content: of :meth:`encode_content`.
            paint: what a :class:`~adain.stylizer.Look` resolves to.
        """
        if content.tiles is None:
            decoded = self.decode(content, paint.target, alpha=paint.alpha)
            result = keep_colors(decoded, content.colors, paint.colors)
        else:
            how: dict[str, Any] = {"device": self.device, "colors": paint.colors}
            tiles = decode_tiles(self.decoder, content, paint.target, paint.alpha, **how)
            if not content.is_tensor:
                return with_alpha(tiled_picture(tiles, content), content.opacity)
            result = assemble(tiles, content, self.device)
        if content.is_tensor:
            return result[0] if content.is_single else result
        return with_alpha(to_pil(result), content.opacity)

    def open(self, source: ImageInput | Source, *, size: int = 0, crop: bool = False) -> Source:
        """:func:`~adain.image.open_source` with this stylizer's limit of pixels and least size."""
        return open_source(source, size=size, crop=crop, max_pixels=self.max_pixels, least=MIN_SIZE)

    def overlap(self, content: Content) -> float:
        """The share of an encoded photograph that is computed more than once, as its tiles overlap."""
        if content.tiles is None:
            return 0.0
        return content.tiles.tiling.overlap(layers_upto(CONTENT_LAYER, self.encoder.table), self.decoder.specs)

    def identity(self) -> list[Any]:
        """All that decides what is computed, to be fingerprinted."""
        return [self.encoder, self.decoder, str(self.dtype)]

    def __repr__(self) -> str:
        return f"Stylizer(encoder to {self.encoder.upto}, device={self.device})"


def _tracks(*tensors: Tensor) -> bool:
    """Whether gradients are wanted: the frozen networks alone never ask for a graph."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
