"""What is done to a picture that was decoded: the photograph's edges are kept in it, and then its colours.

In that order, as colours that are kept are to be the photograph's own in the end; those of the artwork, which the
filter of edges averages, are not worth averaging where they are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .._utils.arrays import device_of, moved, namespace, no_gradients
from ..image.box import Box
from ..image.wrap import axes_of
from ..nn.layers import STRIDE

if TYPE_CHECKING:
    from ..control.color import ColorShare
    from ..control.edges import EdgeShare
    from .content import Content
    from .looks import Paint

Tile = tuple[Box, Any]
"""A place among the pixels, and the picture ``(B, 3, h, w)`` in ``[0, 1]`` there."""


def finish(output: Any, content: Content, paint: Paint) -> Any:
    """A picture ``(B, 3, H, W)`` in ``[0, 1]`` with what the paint keeps of the photograph."""
    device = device_of(output)

    def pixels() -> Any:
        return moved(content.colors(), device)

    if paint.edges:
        from ..control.edges import shared_edges

        output = shared_edges(output, pixels, _at(paint.edges, device), content.wrap)
    return keep(output, pixels, paint.colors)


def finish_tiles(tiles: Iterator[Tile], content: Content, paint: Paint) -> Iterator[Tile]:
    """:func:`finish` of a picture that comes in tiles in reading order, in the same order.

    For edges the rows of tiles are held until those are there that they depend on: all where top and bottom meet.
    """
    if paint.edges:
        tiles = _edged(tiles, content, paint.edges)
    for place, tile in tiles:
        device = device_of(tile)
        with no_gradients():
            result = keep(tile, _near(content, place, device), _at(paint.colors, device, place))
        yield place, result


def keep(output: Any, pixels: Callable[[], Any], colors: Sequence[ColorShare]) -> Any:
    """:func:`adain.control.keep_colors`, of arrays too; without torch where there is nothing to keep."""
    if not colors:
        return output
    from ..control.color import keep_colors

    device = device_of(output)
    if device is not None:
        return keep_colors(output, pixels, colors)
    return moved(keep_colors(moved(output, "cpu"), lambda: moved(pixels(), "cpu"), _at(colors, "cpu")), None)


def _edged(tiles: Iterator[Tile], content: Content, edges: Sequence[EdgeShare]) -> Iterator[Tile]:
    """The tiles with the edges of the photograph."""
    from ..control.edges import CellRows, asked_for, cell_sums, reach, repaint, rows_of_maps

    shares, axes = asked_for(edges), axes_of(content.wrap)
    total, width = -(-content.size[0] // STRIDE), content.size[1]
    ahead = max(reach(strength) for strength, _ in shares) + 1
    sums: Any = None
    first = known = 0  # rows of cells: of the first sums that are held, and of those to come
    waiting: list[list[Tile]] = []
    row: list[Tile] = []
    parts: list[Any] = []
    for place, tile in tiles:
        row.append((place, tile))
        with no_gradients():
            parts.append(cell_sums(tile, _near(content, place, device_of(tile))()))
            if place.right < width:
                continue
            join = namespace(tile).concatenate
            band = join(parts, 3)
            sums = band if sums is None else join([sums, band], 2)
        known = first + sums.shape[2]
        waiting.append(row)
        row, parts = [], []
        while waiting and known >= (total if axes[0] else min(_below(waiting[0]) + ahead, total)):
            done = waiting.pop(0)
            rows = CellRows(done[0][0].top // STRIDE, _below(done), total, first)
            with no_gradients():
                maps = [rows_of_maps(sums, rows, strength, axes) for strength, _ in shares]
            for where, painted in done:
                device = device_of(painted)
                columns = slice(where.left // STRIDE, -(-where.right // STRIDE) + 2)
                with no_gradients():
                    pixels, own = _near(content, where, device)(), _at(shares, device, where)
                    yield where, repaint(painted, pixels, [each[..., columns] for each in maps], own)
            needed = rows.bottom - ahead if not axes[0] else first
            if needed > first:
                sums, first = sums[:, :, needed - first :], needed


def _below(row: list[Tile]) -> int:
    """The row of cells that comes after a row of tiles."""
    return -(-row[0][0].bottom // STRIDE)


def _near(content: Content, place: Box, device: Any) -> Callable[[], Any]:
    return lambda: moved(content.colors(place), device)


def _at(shares: Sequence[tuple[Any, Any]], device: Any, place: Box | None = None) -> list[tuple[Any, Any]]:
    """Shares on a device, or arrays, and cut to a place."""
    return [
        (what, share)
        if isinstance(share, float | int)
        else (what, moved(share if place is None else share[(..., *place.slices)], device))
        for what, share in shares
    ]
