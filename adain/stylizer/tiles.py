"""Stylising in tiles: each encoded once into stored features, and decoded from those with a halo.

Equal to the untiled pass up to float rounding; :mod:`adain.stylizer.halo` says why. Memory is that of one tile, and
beside it 32 bytes a pixel for the features, in a file where that is much, and the photograph and the result in 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .._utils import memory
from .._utils.errors import InputError
from ..control.color import ColorShare, keep_colors
from ..control.regions import Placement
from ..control.style import Style
from ..image import Source, to_pil
from ..image.box import Box
from ..nn.bands import REACH_CELLS
from ..nn.decoder import Decoder
from ..nn.vgg import CONTENT_LAYER, STRIDE, VGGEncoder, layers_upto
from ..options import MIN_TILE, TileSize
from .content import Content, Progress, TileProgress, Tiles
from .halo import DECODER_HALO, ENCODER_HALO, Tiling, Trimmer, cells_of, check_tile, decoder_steps, encoder_steps, spans
from .store import FeatureStore
from .transfer import content_statistics, has_fine_band, style_statistics, styles_of, transfer

TILE_SIDE = 512
"""Side of the tiles that ``"auto"`` takes on a CPU, in pixels, where memory is not short even for those."""

GPU_TILE_SIDE = 1024
"""The same on a GPU, which small tiles leave idle."""

SHARE = 0.6
"""Of the free memory, what one pass may take: the rest is for the picture's own copies and for other programs."""


def choose_tile(
    tile: TileSize, pixels: int, device: torch.device, pass_bytes: int = VGGEncoder.pass_bytes
) -> int | None:
    """The side of tiles to use for an image; None for no tiles.

    Args:
        tile: a size; ``"off"``; or ``"auto"``: none where the whole image fits into :data:`SHARE` of the free memory,
            else as large as fit into it, up to a size beyond which nothing is gained.
        pixels: of the image, times the images of a batch.
        device: where it will be computed.
        pass_bytes: what the pass takes, a pixel: the encoder knows it.
    """
    check_tile(tile)
    if tile == "off":
        return None
    if tile != "auto":
        return int(tile)
    room = int(memory.free_memory(device) * SHARE) // pass_bytes
    if pixels <= room:
        return None
    side = TILE_SIDE if device.type == "cpu" else GPU_TILE_SIDE
    while side > MIN_TILE and (side + 64) ** 2 > room:
        side //= 2
    return side


def encode_tiles(
    encoder: VGGEncoder,
    opened: Source,
    tile: int,
    *,
    device: torch.device,
    progress: Progress | None = None,
    folder: str | PathLike[str] | None = None,
) -> Content:
    """A photograph after an encoder on ``device``, tile by tile: see :meth:`Stylizer.encode_content`."""
    image, picture = (opened.image, None) if isinstance(opened.image, Tensor) else (None, opened.image)
    if image is not None and torch.is_grad_enabled() and image.requires_grad:
        raise _no_gradients()
    tiling = Tiling(cells_of(opened.size), tile)
    batch = 1 if image is None else image.shape[0]
    store = FeatureStore((batch, encoder.feature_channels, *tiling.cells), folder=folder)
    tiles = Tiles(tiling, store, picture, progress)
    content = Content.of(opened, store.features, image, tiles)
    dtype = next(encoder.parameters()).dtype
    steps = encoder_steps(layers_upto(CONTENT_LAYER, encoder.table))
    for inner in _walk(content, "encode"):
        outer = inner.grown(ENCODER_HALO, tiling.cells)
        with torch.no_grad():
            trim = Trimmer(steps, inner, outer)
            store.put(inner, encoder.features(_padded(content, outer, device).to(dtype), trim=trim))
    return content


def decode_tiles(
    decoder: Decoder,
    content: Content,
    target: Style | Placement,
    alpha: float,
    *,
    device: torch.device,
    colors: Sequence[ColorShare] = (),
) -> Iterator[tuple[Box, Tensor]]:
    """The stylised tiles in reading order, each with its place among the pixels: ``(B, 3, h, w)`` in ``[0, 1]``.

    Args:
        decoder: on ``device``.
        content: of :func:`encode_tiles`.
        target, alpha: see :func:`~adain.stylizer.transfer.transfer`.
        device: where tiles are computed.
        colors: of the photograph, to keep in them; see :func:`~adain.control.keep_colors`.
    """
    assert content.tiles is not None
    if torch.is_grad_enabled() and any(known.requires_grad for known in style_statistics(target)):
        raise _no_gradients()
    styles = tuple(style.to(device) for style in styles_of(target))  # once, and the cells of each tile as it comes
    target = styles[0] if isinstance(target, Style) else replace(target, styles=styles)
    size = content.tiles.tiling.cells
    with torch.no_grad():
        stats = content_statistics(_bands(content, device), target)
        mean, std = stats[0].to(device), stats[1].to(device)
    fine = REACH_CELLS if has_fine_band(target) else 0
    dtype = next(decoder.parameters()).dtype
    steps = decoder_steps(decoder.specs)
    for inner in _walk(content, "decode"):
        outer = inner.grown(DECODER_HALO, size)
        wide = outer.grown(fine, size)
        with torch.no_grad():
            features = content.features[(..., *wide.slices)].to(device)
            part = target if isinstance(target, Style) else target.part(wide, device)
            changed = transfer(features, part, alpha, content_stats=(mean, std))
            changed = changed[(..., *outer.within(wide).slices)].to(dtype)
            place = inner.pixels(content.size, STRIDE)
            trim = Trimmer(steps, inner, outer)
            result = decoder(changed.contiguous(memory_format=torch.channels_last), trim=trim).float()
            result = result[..., : place.bottom - place.top, : place.right - place.left].clamp(0.0, 1.0)
            if colors:
                result = _keep_colors(result, content, place, colors)
        yield place, result


def assemble(tiles: Iterator[tuple[Box, Tensor]], content: Content, device: torch.device) -> Tensor:
    """Tiles as one ``(B, 3, H, W)`` tensor: 12 bytes a pixel."""
    result = torch.empty((content.features.shape[0], 3, *content.size), device=device)
    for place, tile in tiles:
        result[(..., *place.slices)] = tile
    return result


def paint(tiles: Iterator[tuple[Box, Tensor]], content: Content) -> Image.Image:
    """Tiles as one picture: 3 bytes a pixel."""
    canvas = Image.new("RGB", (content.size[1], content.size[0]))
    for place, tile in tiles:
        canvas.paste(to_pil(tile), (place.left, place.top))
    return canvas


def _walk(content: Content, phase: str) -> Iterator[Box]:
    """The tiles; tells after each how far they are, and gives memory back after each row of them."""
    assert content.tiles is not None
    tiling, store, done = content.tiles.tiling, content.tiles.store, 0
    for row in tiling.rows():
        for box in row:
            yield box
            done += 1
            if content.tiles.progress is not None:
                content.tiles.progress(TileProgress(phase, done, tiling.count))
        store.release()


def _bands(content: Content, device: torch.device) -> Iterator[tuple[Box, Tensor]]:
    """The features in bands of 16 rows of cells, whose statistics are taken together."""
    assert content.tiles is not None
    height, width = content.tiles.tiling.cells
    for top, bottom in spans(height, 16):
        box = Box(top, 0, bottom, width)
        yield box, content.features[(..., *box.slices)].to(device)
        content.tiles.store.release()


def _padded(content: Content, cells: Box, device: torch.device) -> Tensor:
    """The pixels of some cells, those at the image's right and bottom completed as the whole image would be."""
    pixels = content.colors(cells.pixels(content.size, STRIDE)).to(device, torch.float32)
    return complete(pixels).contiguous(memory_format=torch.channels_last)


def complete(pixels: Tensor) -> Tensor:
    """Pixels with their last cells completed by reflection."""
    pad = (0, -pixels.shape[3] % STRIDE, 0, -pixels.shape[2] % STRIDE)
    return F.pad(pixels, pad, mode="reflect") if any(pad) else pixels


def _keep_colors(tile: Tensor, content: Content, place: Box, colors: Sequence[ColorShare]) -> Tensor:
    cut = [(color, s[(..., *place.slices)].to(tile) if isinstance(s, Tensor) else s) for color, s in colors]
    return keep_colors(tile, lambda: content.colors(place).to(tile), cut)


def _no_gradients() -> InputError:
    return InputError('no gradient passes through tiles: use tile="off", or torch.no_grad() where none is wanted')
