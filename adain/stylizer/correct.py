r"""Correction: what the decoder delivers is encoded again, and the statistics asked for are moved by what it missed.

With :math:`\mu, \sigma` the statistics of the changed features, which are what the decoder is asked for,
:math:`\hat\mu, \hat\sigma` those of the encoded result, a round moves the style by

.. math:: \mu_s \leftarrow \mu_s + g_\mu (\mu - \hat\mu), \qquad
          \sigma_s \leftarrow \sigma_s\, (\sigma / \hat\sigma)^{g_\sigma}

of each channel: of the whole, or inside each region, with the :math:`g` of :class:`Steps`. The photograph's features
stay, and nothing is trained. What is kept of the photograph's colours comes later.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import starmap
from typing import TYPE_CHECKING, Any, NamedTuple

from .._utils.arrays import moved, namespace, no_gradients
from ..control.style import Style
from ..image.box import Box
from ..image.wrap import FLAT, axes_of
from ..nn.layers import FAST, STRIDE
from ..nn.statistics import RunningStatistics, channel_mean_std, regional_mean_std
from ..options import Options
from .around import change_around, encode_around
from .halo import DECODER_HALO, ENCODER_HALO
from .special import painter
from .tiles import changing, complete, walk
from .transfer import fills, transfer

if TYPE_CHECKING:
    from ..control.regions import Placement
    from .base import BaseStylizer
    from .content import Content

Statistics = tuple[Any, Any]
"""Mean and deviation, ``(B, C, 1, 1)``, or of each region ``(R, B, C, 1, 1)``."""


class Steps(NamedTuple):
    """How much of what was missed a round makes up for: the :math:`g` of the formula.

    Attributes:
        mean: of the means.
        rising, falling: of deviations that came out too low, and of those that came out too high.
        first: the first channel that is corrected.
    """

    mean: float
    rising: float
    falling: float
    first: int = 0


STEPS = Steps(0.35, 0.40, 0.15)
FAST_STEPS = Steps(0.45, 0.70, 0.25, first=FAST.encoder[-1].c_out)
"""Of VGG-19's features and of the fast model's, which tell less of what VGG-19 will see: as large as keeps the content
distance within 0.03 of the plain pass, or hardly more.

The fast model's decoder answers hardly at all to relu4_1, which is first: what is asked for there would be raised round
after round, until corners of small pictures broke out in bars of colour."""

LEAST, MOST = 0.5, 2.0
"""What asked over found deviation is taken for where it is less or more: a channel that is all but constant."""


def corrected(
    model: BaseStylizer, content: Content, target: Style | Placement, alpha: float, rounds: int
) -> Style | Placement:
    """The target that, decoded, comes closer to what ``target`` asks for.

    A round costs a decoder's and an encoder's pass. It is differentiable where the pass is, through every round.

    Args:
        content: whole, in tiles or in strips; tiles give what the whole gives, up to rounding.
        target: a style, or regions laid on the content, each of which is corrected by its own statistics.
        alpha: strength in ``[0, 1]``; with 0 there is nothing to correct.
        rounds: how often; 0 gives the target itself.

    Raises:
        InputError: if ``rounds`` is out of range.
    """
    rounds = Options.declared()["correct"].check(rounds)
    if rounds == 0 or not any(_strengths(target, alpha)):
        return target
    target, measure = target.to(model.device), _measure if content.tiles is None else _measure_tiles
    asked: Statistics | None = None
    for _ in range(rounds):
        first, found = measure(model, content, target, alpha)
        asked = first if asked is None else asked
        target = _moved(target, asked, found, steps_of(model))
    return target


def _strengths(target: Style | Placement, alpha: float) -> list[float]:
    return [alpha] if isinstance(target, Style) else [alpha * own for own in target.alphas]


def _cells(target: Style | Placement) -> Any:
    """The cells of each region; None where one style is everywhere."""
    return None if isinstance(target, Style) or fills(target) else target.cells


def _measure(
    model: BaseStylizer, content: Content, target: Style | Placement, alpha: float
) -> tuple[Statistics, Statistics]:
    """The statistics that the decoder is asked for, and those of what it gives."""
    pixels, axes, cells = model.decode_pixels(content, target, alpha), axes_of(content.wrap), _cells(target)
    if axes == FLAT:
        changed, again = transfer(content.features, target, alpha), model.encode(complete(pixels))
    else:
        whole = Box(0, 0, content.features.shape[2], content.features.shape[3])
        changed = change_around(model, content, target, alpha, whole)
        again = encode_around(model, pixels, axes)
    if cells is None:
        return channel_mean_std(changed), channel_mean_std(again)
    return regional_mean_std(changed, cells), regional_mean_std(again, cells)


def _measure_tiles(
    model: BaseStylizer, content: Content, target: Style | Placement, alpha: float
) -> tuple[Statistics, Statistics]:
    """:func:`_measure` tile by tile: each is decoded as far around as its encoder sees."""
    assert content.tiles is not None
    tiling, device, cells = content.tiles.tiling, model.device, _cells(target)
    changed, asked, found = changing(model, content, target, alpha), RunningStatistics(), RunningStatistics()
    decoding = painter(model, target, alpha)
    for inner in walk(content, "correct"):
        near = tiling.grown(inner, ENCODER_HALO)
        outer = tiling.grown(near, DECODER_HALO)
        place = near.pixels(content.size, STRIDE, tiling.around)
        with no_gradients():
            features = changed(outer)
            pixels = decoding.decode_part(features, near, outer)
            pixels = pixels[..., : place.bottom - place.top, : place.right - place.left].clip(0.0, 1.0)
            again = model.encode_part(complete(pixels), inner, near)
            own = None if cells is None else moved(cells[(..., *inner.slices)], device)
            asked.add(features[(..., *inner.within(outer).slices)], own)
            found.add(again, own)
    model.release()
    return _on(asked.result(), device), _on(found.result(), device)


def _on(statistics: Statistics, device: Any) -> Statistics:
    mean, std = statistics
    return moved(mean, device), moved(std, device)


def steps_of(model: BaseStylizer) -> Steps:
    """Those for the features that a model has."""
    return FAST_STEPS if model.specs[0] == FAST.encoder else STEPS


def _moved(target: Style | Placement, asked: Statistics, found: Statistics, steps: Steps) -> Style | Placement:
    """The target with each style moved by what was missed."""
    ratio = (asked[1] / found[1]).clip(LEAST, MOST)
    share = namespace(ratio).ones_like(ratio)
    share[..., : steps.first, :, :] = 0.0
    changes = (
        share * steps.mean * (asked[0] - found[0]),
        ratio.clip(min=1.0) ** (share * steps.rising) * ratio.clip(max=1.0) ** (share * steps.falling),
    )
    if isinstance(target, Style):
        return _shifted(target, *changes)
    # A region that is all of the photograph has the statistics of the whole, without a place in a list.
    each = zip(target.styles, *(change.reshape(-1, *change.shape[-4:]) for change in changes), strict=True)
    return replace(target, styles=tuple(starmap(_shifted, each)))


def _shifted(style: Style, shift: Any, ratio: Any) -> Style:
    # The two bands of a style that has them keep their proportion.
    fine = None if style.fine_std is None else style.fine_std * ratio
    return replace(style, mean=style.mean + shift, std=style.std * ratio, fine_std=fine)
