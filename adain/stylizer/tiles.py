"""Stylising in tiles: each encoded once into stored features, and decoded from those with a halo.

Equal to the untiled pass up to float rounding; :mod:`adain.stylizer.halo` says why. Memory is that of one tile, as
24 to 96 bytes a pixel of features, the photograph in 8 bits and the result in those of its file lie in files where they
are large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .._utils import memory
from .._utils.arrays import Device, is_tensor, moved, no_gradients
from .._utils.errors import InputError
from ..control.regions import Placement
from ..control.style import Style
from ..image import Source, stored
from ..image.box import Box
from ..image.levels import Levels, Painted, painted
from ..image.stored import StoredLevels, StoredPicture
from ..image.strips import Strips
from ..image.wrap import axes_of
from ..nn.bands import REACH_CELLS
from ..nn.layers import BASE, STRIDE
from ..options import MIN_TILE, TileSize
from .content import Content, Progress, TileProgress, Tiles
from .halo import DECODER_HALO, ENCODER_HALO, Tiling, cells_of, check_tile
from .special import painter
from .store import FeatureStore
from .transfer import content_statistics, has_fine_band, style_statistics, styles_of, transfer

if TYPE_CHECKING:
    from .base import BaseStylizer

TILE_SIDE = 512
"""Side of the tiles that ``"auto"`` takes on a CPU, in pixels, where memory is not short even for those."""

GPU_TILE_SIDE = 1024
"""The same on a GPU, which small tiles leave idle."""

SHARE = 0.6
"""Of the free memory, what one pass may take: the rest is for the picture's own copies and for other programs."""


def choose_tile(
    tile: TileSize,
    pixels: int,
    device: Device,
    pass_bytes: int = BASE.pass_bytes,
    *,
    most: int | None = None,
    side: int | None = None,
) -> int | None:
    """The side of tiles to use for an image; None for no tiles.

    Args:
        tile: a size; ``"off"``; or ``"auto"``: none where the whole image fits into :data:`SHARE` of the free memory,
            else as large as fit into it, up to a size beyond which nothing is gained.
        pixels: of the image, times the images of a batch.
        device: where it will be computed.
        pass_bytes: what the pass takes, a pixel: the model knows it.
        most: pixels of the largest image that ``"auto"`` leaves whole, however much memory there is; None for any.
        side: beyond which nothing is gained; None for that of the device.
    """
    check_tile(tile)
    if tile == "off":
        return None
    if tile != "auto":
        return int(tile)
    room = int(memory.free_memory(device) * SHARE) // pass_bytes
    if pixels <= (room if most is None else min(room, most)):
        return None
    side = side or (GPU_TILE_SIDE if memory.is_gpu(device) else TILE_SIDE)
    while side > MIN_TILE and (side + 64) ** 2 > room:
        side = max(MIN_TILE, side // 2)
    return side


def encode_tiles(
    model: BaseStylizer,
    opened: Source,
    tile: int,
    *,
    progress: Progress | None = None,
    folder: str | PathLike[str] | None = None,
) -> Content:
    """A photograph after the encoder, tile by tile: see :meth:`BaseStylizer.encode_content`."""
    assert not isinstance(opened.image, Strips)
    picture = opened.image if isinstance(opened.image, Image.Image | StoredPicture) else None
    image: Any = None if picture is not None else opened.image
    image = model.pixels(opened) if image is not None and model.device is None else image
    if image is not None and _wants_gradient(image):
        raise _no_gradients()
    tiling = Tiling(cells_of(opened.size), tile, axes_of(opened.wrap))
    batch = 1 if image is None else image.shape[0]
    store = FeatureStore((batch, model.channels, *tiling.cells), folder=folder, is_array=model.device is None)
    content = Content.of(opened, store.features, image, Tiles(tiling, store, picture, progress, folder))
    memory.give_back()  # what reading a large picture has left, as much as the picture itself
    try:
        for inner in walk(content, "encode"):
            outer = tiling.grown(inner, ENCODER_HALO)
            with no_gradients():
                # Those at the image's right and bottom completed as the whole image would be.
                pixels = complete(content.colors(outer.pixels(content.size, STRIDE, tiling.around)))
                store.put(inner, model.encode_part(pixels, inner, outer))
    finally:
        model.release()  # the decoder's tiles are of other sizes, and have no use for this memory
    return content


def decode_tiles(
    model: BaseStylizer,
    content: Content,
    target: Style | Placement,
    alpha: float,
) -> Iterator[tuple[Box, Any]]:
    """The stylised tiles in reading order, each with its place among the pixels: ``(B, 3, h, w)`` in ``[0, 1]``.

    Args:
        content: of :func:`encode_tiles`.
        target, alpha: see :func:`~adain.stylizer.transfer.transfer`.
    """
    assert content.tiles is not None
    changed, tiling = changing(model, content, target, alpha), content.tiles.tiling
    model = painter(model, target, alpha)
    try:
        for inner in walk(content, "decode"):
            outer = tiling.grown(inner, DECODER_HALO)
            with no_gradients():
                place = inner.pixels(content.size, STRIDE)
                result = model.decode_part(changed(outer), inner, outer)
                result = result[..., : place.bottom - place.top, : place.right - place.left].clip(0.0, 1.0)
            yield place, result
    finally:
        model.release()


def changing(model: BaseStylizer, content: Content, target: Style | Placement, alpha: float) -> Callable[[Box], Any]:
    """What gives the features of any box of cells as the decoder is to have them; arguments as above.

    Beyond sides that meet are the photograph's cells again.

    Raises:
        InputError: if a style wants a gradient.
    """
    assert content.tiles is not None
    if any(_wants_gradient(known) for known in style_statistics(target)):
        raise _no_gradients()
    device, tiling, store = model.device, content.tiles.tiling, content.tiles.store
    styles = tuple(style.to(device) for style in styles_of(target))  # once, and the cells of each tile as it comes
    known = styles[0] if isinstance(target, Style) else replace(target, styles=styles)
    with no_gradients():
        mean, std = (moved(each, device) for each in _statistics(content, known, device))
    fine = REACH_CELLS if has_fine_band(known) else 0

    def changed(box: Box) -> Any:
        wide = tiling.grown(box, fine)
        features = moved(store.part(wide), device)
        near = known if isinstance(known, Style) else known.part(wide, device)
        return transfer(features, near, alpha, content_stats=(mean, std))[(..., *box.within(wide).slices)]

    return changed


def assemble(tiles: Iterator[tuple[Box, Any]], content: Content) -> Any:
    """Tiles as one ``(B, 3, H, W)`` tensor or array: 12 bytes a pixel."""
    result: Any = None
    for place, tile in tiles:
        if result is None:
            shape = (len(tile), 3, *content.size)  # of a batch of styles, more than there are photographs
            result = tile.new_empty(shape) if is_tensor(tile) else np.empty(shape, np.float32)
        result[(..., *place.slices)] = tile
    return result


def paint(tiles: Iterator[tuple[Box, Any]], content: Content, levels: Levels) -> Painted:
    """Tiles as one picture, which is in memory as a whole only when the last is there: large ones are laid aside.

    One of 16 bits is an array of the file that it lies in, and stays there.

    Raises:
        InputError: if the disk has no room for it.
    """
    assert content.tiles is not None
    height, width = content.size
    dtype = np.uint16 if levels.bits == 16 else np.uint8
    aside = StoredLevels(content.size, dtype, content.tiles.folder) if height * width > stored.HELD_PIXELS else None
    canvas = np.empty((height, width, 3), dtype) if aside is None else aside.levels
    for place, tile in tiles:
        canvas[place.slices] = np.asarray(painted(tile, levels, (place.top, place.left)))
        if aside is not None:
            aside.release()
    if levels.bits == 16:
        return canvas
    return Image.fromarray(canvas) if aside is None else aside.to_image()


def walk(content: Content, phase: str) -> Iterator[Box]:
    """The tiles; tells after each how far they are, and gives memory back."""
    assert content.tiles is not None
    tiling, done = content.tiles.tiling, 0
    for row in tiling.rows():
        for box in row:
            yield box
            done += 1
            if content.tiles.progress is not None:
                content.tiles.progress(TileProgress(phase, done, tiling.count))
            content.tiles.release()
        content.tiles.store.release()  # of strips, what all of the row has left


def _statistics(content: Content, target: Style | Placement, device: Device) -> tuple[Any, Any]:
    """:func:`~adain.stylizer.transfer.content_statistics`; those of the whole are taken once, whatever the style."""
    tiles = content.tiles
    assert tiles is not None
    if isinstance(target, Style) and tiles.whole:
        return tiles.whole[0]
    stats = content_statistics(((box, moved(part, device)) for box, part in tiles.store.parts()), target)
    if isinstance(target, Style):
        tiles.whole.append(stats)
    return stats


def complete(pixels: Any) -> Any:
    """Pixels with their last cells completed by reflection."""
    below, right = -pixels.shape[2] % STRIDE, -pixels.shape[3] % STRIDE
    if not (below or right):
        return pixels
    if not is_tensor(pixels):
        return np.pad(pixels, ((0, 0), (0, 0), (0, below), (0, right)), mode="reflect")
    from torch.nn.functional import pad

    return pad(pixels, (0, right, 0, below), mode="reflect")


def _wants_gradient(values: Any) -> bool:
    if not is_tensor(values):
        return False
    import torch

    return torch.is_grad_enabled() and values.requires_grad


def _no_gradients() -> InputError:
    return InputError('no gradient passes through tiles: use tile="off", or torch.no_grad() where none is wanted')
