"""A batch of photographs, one after the other, each in what it is to become."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from adain import InputError, Region, Regions
from adain.control import MIN_AREA, MIN_PEAK, as_color, check_aspect, feather, resize_mask
from adain.nn import STRIDE
from adain.options import Options
from adain.stylizer import Look

from .artworks import Mix
from .host import Progress, stop_if_asked
from .pictures import Batch, Masks
from .region import Part


@dataclass(frozen=True, eq=False)
class Order:
    """What a batch is to become.

    Attributes:
        model: what paints.
        style: of the whole, or of what the regions leave; None to keep the photograph there.
        regions: styles with masks, which come before it.
        mask: where anything is stylised; None for everywhere.
        protect: where the photograph's structure is kept; None for nowhere.
        options: what else is asked for.
    """

    model: Any
    style: Mix | None
    regions: tuple[Part, ...]
    mask: Masks | None
    protect: Masks | None
    options: Options


@dataclass(frozen=True, eq=False)
class _Laid:
    """A style on one photograph.

    Attributes:
        mask: ``(H, W)``; None for all that is left.
        name: what messages call it.
        is_given: whether the mask is one that was connected, and not what two of them have in common.
    """

    mix: Mix
    mask: Tensor | None
    alpha: float
    name: str
    is_given: bool = True


def stylised(order: Order, photographs: Batch) -> Tensor:
    """The results ``(B, H, W, C)``, float32 on the CPU, with the alpha channel of those that had one.

    Raises:
        AdainError: in one line, if something does not fit.
    """
    count = len(photographs)
    for masks in (order.mask, order.protect, *(part.masks for part in order.regions)):
        if masks is not None:
            masks.check(count)
            check_aspect(masks.name, (masks.values.shape[1], masks.values.shape[2]), photographs.size)
    results, model, options = photographs.canvas(), order.model, order.options
    progress = Progress(count, 2 + options.correct)
    height, width = photographs.size
    side = model.choose_tile(options.tile, height * width)
    model.watch(stop_if_asked)  # within passes, too, where these have parts
    try:
        for k in range(count):
            progress.start(k)
            how: dict[str, Any] = {"tile": side or "off", "wrap": options.wrap, "progress": progress}
            content = model.encode_content(photographs.colors(k), **how)
            progress.encoded()
            painted = _look(order, content, k, count).render(model, content)
            results[k, ..., :3] = painted.to("cpu", torch.float32).permute(1, 2, 0)
    finally:
        model.watch(None)
    progress.end()
    return results


def _look(order: Order, content: Any, k: int, count: int) -> Look:
    """What the photograph of that index, encoded, is to become."""
    options = order.options.change(tile="off", wrap="none", feather=0.0)  # which the photograph has by now
    if order.protect is not None:
        options = options.change(protect=order.protect.at(k))
    if options.protect is not None:
        options = options.change(feather=order.options.feather)
    mode: Any = options.color
    color = as_color(mode, options)
    recolour = color if color is not None and color.needs_content else None
    if color is not None and recolour is not None:
        # What recolours the artwork is done here, by artwork; what is left is for the result.
        rest = dataclasses.replace(color, match_luma=False) if color.changes_output else None
        options = options.change(color=rest, match_luma=False, **_PLAIN)
    laid = _laid(order, k)
    if not (order.regions or order.mask):
        return Look([laid[0].mix.style(order.model, recolour, content)], options)
    softness = order.options.feather
    seen = [each for each in laid if each.mask is not None and _is_seen(each, content, softness, count)]
    whole = [each for each in laid if each.mask is None]
    if not seen:
        if count == 1:
            raise InputError("mask leaves nothing of the regions: paint it where at least one of them is")
        # Of many frames, some may have nothing to stylise. Those go through the networks, too, and look as the others
        # do outside their masks.
        one = whole[0] if whole else laid[0]
        style = one.mix.style(order.model, recolour if whole else None, content)
        return Look([style], options if whole else options.change(alpha=0.0))
    areas = [_area(each.mask, content, softness) for each in seen if each.mask is not None]
    regions = []
    for each, area in zip(seen, areas, strict=True):
        assert each.mask is not None
        style = each.mix.style(order.model, recolour, content, area)
        regions.append(Region(style, each.mask, each.alpha, each.name))
    background = None
    if whole:
        free = (1.0 - torch.stack(areas).sum(0)).clamp(0.0, 1.0)
        background = whole[0].mix.style(order.model, recolour if bool(free.any()) else None, content, free)
    return Look(Regions(regions, background, softness), options)


_PLAIN = {"color_space": Options.color_space, "color_method": Options.color_method, "color_strength": 1.0}


def _laid(order: Order, k: int) -> list[_Laid]:
    """Every style with its mask on the photograph of that index; the last is of what the regions leave."""
    limit = None if order.mask is None else order.mask.at(k)
    laid, covered = [], None
    for number, part in enumerate(order.regions, 1):
        mask = part.masks.at(k)
        if limit is not None:
            mask = _fit(mask, limit) * limit
            covered = mask if covered is None else covered + mask
        laid.append(_Laid(part.mix, mask, part.alpha, f"of region {number}", limit is None))
    if order.style is not None:
        rest = limit
        if limit is not None and covered is not None:
            # What the mask leaves is the photograph's, so that this style is one more region, and no background.
            rest = (limit - covered).clamp(0.0, 1.0)
        laid.append(_Laid(order.style, rest, 1.0, "of the style", covered is None))
    return laid


def _fit(mask: Tensor, other: Tensor) -> Tensor:
    """A mask at the size of another, of the same photograph."""
    size = (other.shape[0], other.shape[1])
    resized: Tensor = resize_mask(mask[None, None], size)
    return resized[0, 0]


def _area(mask: Tensor, content: Any, softness: float) -> Tensor:
    """A mask at the size of a photograph, ``(1, 1, H, W)``, and softened."""
    return feather(resize_mask(mask[None, None], content.size), softness)


def _is_seen(laid: _Laid, content: Any, softness: float, count: int) -> bool:
    """Whether a mask is more than nothing in the features. One that was given for one photograph is to be."""
    if laid.is_given and count == 1:
        return True
    assert laid.mask is not None
    cells = F.avg_pool2d(_area(laid.mask, content, softness), STRIDE, ceil_mode=True, count_include_pad=False)
    return float(cells.sum()) >= MIN_AREA and float(cells.max()) >= MIN_PEAK
