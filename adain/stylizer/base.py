"""From pictures to pictures, whatever computes the two networks: what every stylizer does alike."""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeAlias, overload

from PIL import Image

from .._utils import keywords
from .._utils.arrays import Device, moved
from .._utils.errors import InputError, WeightsError
from ..control.change import Change
from ..control.regions import Canvas, Placement, Regions, guide_names, is_full, lay_cells
from ..control.style import Style, is_style_file
from ..image import PictureInput, Source, open_source, with_alpha
from ..image.levels import painted
from ..image.source import input_name
from ..image.stored import StoredPicture, laid_aside
from ..image.strips import Strips
from ..image.wrap import FLAT, axes_of
from ..nn.layers import MIN_SIZE, ConvSpec
from ..nn.statistics import channel_mean_std
from ..options import Channel, Options, TileSize, Wrap
from .around import decode_around, encode_around
from .cache import StyleCache
from .content import Content as Content
from .content import Progress
from .correct import corrected
from .finish import finish, finish_tiles
from .looks import Look, Paint, canvas_of, is_regions, listed
from .special import painter
from .strips import PaintedStrips, encode_strips
from .tiles import assemble, choose_tile, complete, decode_tiles, encode_tiles
from .tiles import paint as tiled_picture
from .transfer import transfer

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ..control.color import ColorInput
    from ..control.masks import MaskInput
    from ..image import ImageInput
    from ..image.box import Box

StyleInput: TypeAlias = "Style | ImageInput"
Styles: TypeAlias = "StyleInput | Regions | Sequence[StyleInput]"
P = ParamSpec("P")


class _Stylize(Protocol[P]):
    """:meth:`BaseStylizer.stylize` as type checkers see it: its keywords are the fields of :class:`~adain.Options`."""

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
        self, content: Source, style: Styles, options: Options | None = None, /, *args: P.args, **changes: P.kwargs
    ) -> Image.Image | Strips: ...

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


class BaseStylizer(ABC):
    """Arbitrary style transfer in one pass (Huang & Belongie 2017), over networks that others compute.

    Encode what is reused once: a :class:`~adain.Style` serves any number of photographs, a :class:`Content` any
    number of styles and strengths.

    Attributes:
        device: where tensors are computed; None for one that computes with arrays of NumPy, and needs no torch.
        channels: of features and styles.
        max_pixels: largest picture that will be opened, a guard against decompression bombs; None for any.
        style_cache: keeps encoded styles for later calls.
    """

    channels: int
    max_pixels: int | None
    style_cache: StyleCache | None

    @property
    @abstractmethod
    def device(self) -> Device: ...

    @property
    def tensor_device(self) -> torch.device | str:
        """:attr:`device`, or for one of arrays the CPU: where tensors lie that are to meet its results."""
        return "cpu" if self.device is None else self.device

    @property
    @abstractmethod
    def specs(self) -> tuple[tuple[ConvSpec, ...], tuple[ConvSpec, ...]]:
        """The convolutions of the encoder, and those that the decoder mirrors."""

    @abstractmethod
    def pixels(self, opened: Source) -> Any:
        """A picture as ``(B, 3, H, W)`` float32 in ``[0, 1]``."""

    @abstractmethod
    def encode(self, pixels: Any) -> Any:
        """The features of ``(B, 3, H, W)`` in ``[0, 1]``: ``(B, C, ceil(H / 8), ceil(W / 8))``."""

    @abstractmethod
    def encode_part(self, pixels: Any, inner: Box, outer: Box) -> Any:
        """The features of the cells ``inner``, of the pixels of the cells ``outer``, which hold all they depend on."""

    @abstractmethod
    def decode_features(self, features: Any) -> Any:
        """The pixels of ``(B, C, h, w)``: ``(B, 3, 8 h, 8 w)`` in float32, not clamped."""

    def decode_changed(self, features: Any, target: Style | Placement, alpha: float) -> Any:
        """:meth:`decode_features` of what :func:`~adain.stylizer.transfer.transfer` makes of the features."""
        return self.decode_features(transfer(features, target, alpha))

    @abstractmethod
    def decode_part(self, features: Any, inner: Box, outer: Box) -> Any:
        """The pixels of the cells ``inner``, of the features of the cells ``outer``."""

    @abstractmethod
    def pass_bytes(self) -> int:
        """Peak memory of both networks over an untiled picture, in bytes a pixel."""

    def choose_tile(self, tile: TileSize, pixels: int) -> int | None:
        """The side of tiles for a photograph of so many pixels; see :func:`~adain.stylizer.tiles.choose_tile`."""
        return choose_tile(tile, pixels, self.device, self.pass_bytes())

    @abstractmethod
    def identity(self) -> list[Any]:
        """All that decides what is computed, to be fingerprinted."""

    @abstractmethod
    def encoder_identity(self) -> str:
        """All that decides what the statistics of a given artwork are."""

    def changed(self, change: Change, name: str = "") -> BaseStylizer:
        """This one with a changed decoder.

        Args:
            change: of a style that was specialised.
            name: of that style, for messages.

        Raises:
            WeightsError: if the change belongs to other weights, or the weights cannot be changed here.
        """
        raise WeightsError(
            f"{name or 'the style'} was specialised, which changes the decoder, and an exported model is as it is: "
            f"use the model itself, {change.model} (leave out --onnx)"
        )

    def watch(self, check: Callable[[], object] | None) -> None:  # noqa: B027  # most take a pass as one
        """Have a function called within passes, as far as these have parts: it ends one by raising. None for none."""

    def release(self) -> None:  # noqa: B027  # most keep nothing
        """Let go of memory that is kept for more tiles: there are no more of this picture."""

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
        content_mask: Any = None,
        fine_size: int | None = None,
    ) -> Style:
        """The statistics of an artwork, to be reused for every photograph.

        Args:
            source: anything :func:`~adain.image.open_source` takes: a path, an open file, a ``PIL.Image``, an array, or
                a tensor in ``[0, 1]``. A file of :meth:`Style.save <adain.Style.save>` is loaded as it is, whatever
                the sizes.
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
            InputError: if the mask does not fit or selects too little, or a mode needs a content and there is none;
                if a style's file is to be masked or recoloured.
        """
        if is_style_file(source):
            if mask is not None or self._recolouring(color, content, None) is not None:
                raise InputError(f"{source} holds statistics: to mask or to recolour the artwork, give its picture")
            return dataclasses.replace(Style.load(source, self.device), name=input_name(source))
        kept = None
        if self.style_cache is not None and color is None:
            how: dict[str, Any] = {"size": size, "crop": crop, "fine_size": fine_size}
            kept = self.style_cache.path(self, source, mask=mask, mask_channel=mask_channel, **how)
            if kept is not None and (known := self.style_cache.read(kept, self)) is not None:
                return dataclasses.replace(known, name=input_name(source))
        recolour = self._recolouring(color, content, content_mask)

        def statistics(side: int) -> tuple[Any, Any]:
            opened = self.open(source, size=side, crop=crop, is_artwork=True)
            art, region, cells = self.pixels(opened), None, None
            if mask is not None:
                names = guide_names([mask], [input_name(mask) or "of the style"])
                canvas = Canvas(opened.size, opened.uncropped, self.device)
                region = canvas.lay([mask], names=names, channel=mask_channel, max_pixels=self.max_pixels)
                cells = lay_cells(region, names)
                if is_full(region):
                    region = cells = None
            return channel_mean_std(self.encode(art if recolour is None else recolour(art, region)), cells)

        mean, std = statistics(size)
        fine = None if fine_size is None else statistics(fine_size)[1]
        style = Style(mean, std, input_name(source), fine)
        if kept is not None:
            style.save(kept)
        return style

    def _recolouring(self, color: ColorInput, content: Any, content_mask: Any) -> Callable[[Any, Any], Any] | None:
        """What recolours an artwork, with its mask, after a photograph; None for nothing. It works on tensors."""
        if color is None:
            return None
        from ..control.color import as_color

        chosen = as_color(color)
        if chosen is None or not chosen.needs_content:
            return None
        if content is None:
            raise InputError(f"colour mode {chosen.mode!r} needs the photograph: pass content=")
        device = self.tensor_device
        if content_mask is not None:
            content_mask = None if is_full(content_mask) else moved(content_mask, device)
        if isinstance(content, Content):
            colors, content_mask = content.distribution(content_mask)
        else:
            colors = self.open(content).to_tensor(device)
        colors = moved(colors, device).float()

        def recolour(art: Any, region: Any) -> Any:
            # Not clamped to [0, 1]: the few pixels outside do the encoder no harm, and cutting them would take the
            # statistics that were just matched, and the strongest colours of the result, back.
            region = None if region is None else moved(region, device)
            art = chosen.apply_to_style(moved(art, device), colors, style_mask=region, content_mask=content_mask)
            return moved(art, self.device)

        return recolour

    def encode_content(
        self,
        source: ImageInput | Source,
        *,
        size: int = 0,
        crop: bool = False,
        wrap: Wrap = Options.wrap,
        tile: TileSize = Options.tile,
        progress: Progress | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> Content:
        """A photograph after the encoder, to be decoded in many styles or strengths.

        Args:
            source, size, crop: as above; what :func:`~adain.image.open_source` gave is of its final size
                already.
            wrap: which of its sides meet, so that no seam shows there: ``"x"`` left and right, ``"y"`` top and bottom,
                ``"xy"`` both, or ``"none"``. Sides that are no multiples of 16 are worked on at the nearest one.
            tile: longest side in pixels of the tiles it is encoded and decoded in; ``"off"`` for none; ``"auto"`` for
                tiles if the whole does not fit into the free memory (see :func:`~adain.stylizer.tiles.choose_tile`),
                which a tensor, as it is in memory already, is taken to do. The result is the same up to rounding. No
                gradient passes through tiles.
            progress: called with a :class:`~adain.stylizer.content.TileProgress` after each tile, here and in decoding.
            folder: for a large photograph, its features (96 bytes a pixel) and results while they are painted; by
                default that for temporary files.

        Raises:
            MissingFileError, ImageError: see :func:`adain.read_image`; also for images under 16 px a side.
            InputError: if the tile cannot be used, or the disk has no room for what is large.
        """
        opened = self.open(source, size=size, crop=crop, wrap=wrap)
        height, width = opened.size
        if isinstance(opened.image, Strips):
            return encode_strips(self, opened, self.choose_tile(tile, sys.maxsize), progress=progress)
        if tile == "auto" and not isinstance(opened.image, Image.Image | StoredPicture):
            tile = "off"
        side = self.choose_tile(tile, height * width)
        if side is not None:
            opened = dataclasses.replace(opened, image=laid_aside(opened.image, folder))
            return encode_tiles(self, opened, side, progress=progress, folder=folder)
        pixels, axes = self.pixels(opened), axes_of(opened.wrap)
        if axes != FLAT:
            return Content.of(opened, encode_around(self, pixels, axes), pixels)
        # The decoder makes 8 pixels of each cell: complete the last cells by reflection and cut the result.
        return Content.of(opened, self.encode(complete(pixels)), pixels)

    def decode(
        self,
        content: Content,
        style: Style | Regions | Placement,
        *,
        alpha: float = 1.0,
        correct: int = Options.correct,
    ) -> Any:
        """The stylised image as ``(B, 3, H, W)`` float32 in ``[0, 1]``: a tensor on :attr:`device`, or an array.

        Args:
            content: of :meth:`encode_content`.
            style: of :meth:`encode_style` or :func:`adain.blend`, or several by region.
            alpha: strength in ``[0, 1]``; times that of each region.
            correct: rounds of correction, see :mod:`adain.stylizer.correct`.

        Raises:
            InputError: if one of these is outside its range, or regions do not fit the content.
        """
        target = style.place(canvas_of(content), max_pixels=self.max_pixels) if isinstance(style, Regions) else style
        target = corrected(self, content, target, alpha, correct)
        return content.fitted(self.decode_pixels(content, target, alpha))

    def decode_pixels(self, content: Content, target: Style | Placement, alpha: float) -> Any:
        """:meth:`decode` at the content's own size, without correction."""
        if content.tiles is not None:
            return assemble(decode_tiles(self, content, target, alpha), content)
        height, width = content.size
        target = target.to(self.device)
        model = painter(self, target, alpha)
        if content.wrap == "none":
            decoded = model.decode_changed(content.features, target, alpha)
        else:
            decoded = decode_around(model, content, target, alpha)
        return decoded[..., :height, :width].clip(0.0, 1.0)

    @_stylising(Options)
    def stylize(self, content: Content | Source | ImageInput, style: Styles, options: Options) -> Any:
        """A photograph in the style of one artwork, of a blend of several, or of one for each region.

        Several styles are one picture: blended, or each where its mask, its label or a gradient puts it. (On the
        command line and in folders several are as many results, unless an option says how they come together.)

        Args:
            content: anything :func:`~adain.image.open_source` takes: a path, an open file, a ``PIL.Image``, an array,
                or a tensor ``(B, 3, H, W)`` or ``(3, H, W)`` in ``[0, 1]``; what
                :func:`~adain.image.open_strips` gave, whose size was settled by then; or an encoded :class:`Content`,
                whose size, crop, sides, tiles and progress were settled when it was encoded.
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
            A tensor of as many dimensions for a tensor, :class:`~adain.image.Strips` for a picture in strips, else a
            ``PIL.Image`` of the content's size; with its alpha channel if it had one.
            The tensor path of :class:`~adain.Stylizer` is differentiable with respect to content and style.

        Raises:
            MissingFileError, ImageError: see :func:`adain.read_image`; also for images under 16 px a side.
            InputError: if an option is out of range, counts differ, a mask is black, of another shape than the
                photograph, or vanishes at 8 px a cell.
        """
        look = Look(style if is_regions(style) else listed(style), options)
        if not isinstance(content, Content):
            content = self.encode_content(
                content, size=options.size, crop=options.crop, wrap=options.wrap, tile=options.tile,
                progress=options.progress,
            )  # fmt: skip
        return look.render(self, content)

    def render(self, content: Content, paint: Paint) -> Any:
        """The picture of an encoded photograph, of the levels that are asked for, or a tensor where that was one.

        Args:
            content: of :meth:`encode_content`.
            paint: what a :class:`~adain.stylizer.Look` resolves to.
        """
        if content.is_strips:
            return PaintedStrips(self, content, paint)
        paint = paint.protected(content)
        target = corrected(self, content, paint.target, paint.alpha, paint.correct)
        if content.tiles is None:
            result = finish(self.decode_pixels(content, target, paint.alpha), content, paint)
        else:
            tiles = finish_tiles(decode_tiles(self, content, target, paint.alpha), content, paint)
            if not content.is_tensor and content.wanted is None:
                return with_alpha(tiled_picture(tiles, content, paint.levels), content.opacity)
            result = assemble(tiles, content)
        result = content.fitted(result)
        if not content.is_tensor:
            return with_alpha(painted(result, paint.levels), content.opacity)
        return content.returned(result)

    def open(
        self,
        source: ImageInput | Source,
        *,
        size: int = 0,
        crop: bool = False,
        wrap: Wrap = Options.wrap,
        is_artwork: bool = False,
    ) -> Source:
        """:func:`~adain.image.open_source` with this stylizer's limit of pixels and least size."""
        limits: dict[str, Any] = {"max_pixels": self.max_pixels, "least": MIN_SIZE}
        return open_source(source, size=size, crop=crop, wrap=wrap, is_artwork=is_artwork, **limits)

    def overlap(self, content: Content) -> float:
        """The share of an encoded photograph that is computed more than once, as its tiles overlap."""
        return 0.0 if content.tiles is None else content.tiles.tiling.overlap(*self.specs)
