"""Every measure of ``adain evaluate`` by name: what it needs, how it is taken, and which way is better."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor

from .._utils.errors import InputError, suggest
from ..losses.calm import FLAT_SIZE
from ..nn.layers import LATTICE_SIZE
from ..nn.vgg import CONTENT_LAYER, LAYERS, STYLE_LAYERS
from .content import (
    CFSD_LAYER,
    DISTANCE_LAYERS,
    cfsd,
    content_distance,
    content_feature_loss,
    content_target_loss,
    vgg_distance,
)
from .frechet import FRECHET_LAYER
from .gallery import Seen
from .labels import boundary_f, boundary_recall, mean_iou
from .options import EvaluationOptions
from .pixels import histogram_distance, lattice, ssim, unrest
from .style import GRAM_LAYERS, gram_distance, residual, style_distance


class View(NamedTuple):
    """An output with the pictures it is compared to."""

    output: Seen
    content: Seen
    style: Seen


@dataclass(frozen=True)
class Metric:
    """One measure.

    Attributes:
        name: as in ``--metrics`` and in tables.
        better: which way is.
        scope: ``"pair"`` is measured on every output, ``"set"`` on all outputs of a row together, and ``"stylising"``
            on pictures that are made now.
        summary: what it says, in a line.
        definition: name in :mod:`adain` of the function whose docstring gives formula, source and range.
        layers: whose features it needs.
        of: takes it of an output; None where it is not of a pair, see :mod:`~adain.metrics.evaluation`.
        digits: decimals in tables.
        networks: what of the user's it needs: ``"lpips"`` and ``"artfid"``, files of networks; ``"labels"`` and
            ``"segment"``, see :class:`~adain.metrics.labels.Segmentation`.
        styles: how many styles it needs.
        least: shortest side in pixels that it can be taken of.
    """

    name: str
    better: Literal["lower", "higher"]
    scope: Literal["pair", "set", "stylising"]
    summary: str
    definition: str
    layers: tuple[str, ...] = ()
    of: Callable[[View], Tensor | float] | None = None
    digits: int = 3
    networks: tuple[str, ...] = ()
    styles: int = 1
    least: int = 0


_TABLE = (
    Metric(
        "style-residual", "lower", "pair", "style loss ÷ that of the content", "metrics.style_residual",
        STYLE_LAYERS, lambda v: residual(v.output.stats, v.content.stats, v.style.stats),
    ),
    Metric(
        "style-loss", "lower", "pair", "AdaIN style loss", "metrics.style_distance",
        STYLE_LAYERS, lambda v: style_distance(v.output.stats, v.style.stats),
    ),
    Metric(
        "content-loss-target", "lower", "pair", "relu4_1 against the AdaIN target", "metrics.content_target_loss",
        (CONTENT_LAYER,), lambda v: content_target_loss(v.output.features, v.content.features, v.style.target),
    ),
    Metric(
        "content-loss", "lower", "pair", "relu4_1 against the content", "metrics.content_feature_loss",
        (CONTENT_LAYER,), lambda v: content_feature_loss(v.output.features, v.content.features),
    ),
    Metric(
        "content-distance", "lower", "pair", "relu4_1, channel-normalised", "metrics.content_distance",
        (CONTENT_LAYER,), lambda v: content_distance(v.output.features, v.content.features),
    ),
    Metric(
        "gram", "lower", "pair", "Gram matrix difference to the style", "metrics.gram_difference",
        GRAM_LAYERS, lambda v: gram_distance(v.output.grams, v.style.grams),
    ),
    Metric(
        "cfsd", "lower", "pair", "content feature structural distance", "metrics.cfsd",
        (CFSD_LAYER,), lambda v: cfsd(v.output.features, v.content.features), digits=4,
    ),
    Metric(
        "ssim", "higher", "pair", "structural similarity to the content", "metrics.ssim",
        of=lambda v: ssim(v.output.pixels, v.content.pixels),
    ),
    Metric(
        "vgg-distance", "lower", "pair", "VGG-19 features against the content", "metrics.vgg_distance",
        DISTANCE_LAYERS, lambda v: vgg_distance(v.output.features, v.content.features),
    ),
    Metric(
        "histogram", "lower", "pair", "RGB-uv histogram distance to the style", "metrics.histogram_distance",
        of=lambda v: histogram_distance(v.output.histogram, v.style.histogram),
    ),
    Metric(
        "lattice", "lower", "pair", "energy at periods of 2, 4, 8 px ÷ that around them", "metrics.lattice",
        of=lambda v: lattice(v.output.pixels), digits=1, least=LATTICE_SIZE,
    ),
    Metric(
        "unrest", "lower", "pair", "deviation added where the content is flat", "metrics.unrest",
        of=lambda v: unrest(v.output.pixels, v.content.pixels), digits=4, least=FLAT_SIZE,
    ),
    Metric(
        "edge-drift", "lower", "pair", "px that edges of the content moved by, the median", "image.Drift.median",
        of=lambda v: v.output.drift_from(v.content).median, digits=2,
    ),
    Metric(
        "edge-drift-90", "lower", "pair", "px that 90 % of those edges moved by at most", "image.Drift.high",
        of=lambda v: v.output.drift_from(v.content).high, digits=2,
    ),
    Metric(
        "edges-lost", "lower", "pair", "edges of the content that are not found again", "image.Drift.lost",
        of=lambda v: v.output.drift_from(v.content).lost,
    ),
    Metric(
        "boundary-recall", "higher", "pair", "boundaries of labels that stay within 2 px", "metrics.boundary_recall",
        of=lambda v: boundary_recall(v.output.drift_from(v.content), v.content.labels), networks=("labels",),
    ),
    Metric(
        "miou", "higher", "pair", "labels found in the output against the content's", "metrics.mean_iou",
        of=lambda v: mean_iou(v.output.found, v.content.labels, v.content.ignored), networks=("segment",),
    ),
    Metric(
        "boundary-f", "higher", "pair", "boundaries of those labels, within 0.75 % of the diagonal",
        "metrics.boundary_f",
        of=lambda v: boundary_f(v.output.found, v.content.labels, v.content.ignored), networks=("segment",),
    ),
    Metric(
        "vgg-fd", "lower", "set", "Fréchet distance to the styles, VGG-19", "metrics.frechet_distance",
        (FRECHET_LAYER,), digits=1,
    ),
    Metric(
        "lpips", "lower", "pair", "LPIPS to the content", "metrics.LPIPS",
        of=lambda v: v.output.lpips_to(v.content), networks=("lpips",),
    ),
    Metric(
        "fid", "lower", "set", "Fréchet distance to the styles, ArtFID's Inception", "metrics.frechet_distance",
        digits=1, networks=("artfid",),
    ),
    Metric(
        "artfid", "lower", "set", "(1 + LPIPS) · (1 + FID)", "metrics.art_fid",
        digits=1, networks=("lpips", "artfid"),
    ),
    Metric(
        "alpha-falls", "higher", "stylising", "steps of alpha that lower the residual", "metrics.falling",
        STYLE_LAYERS,
    ),
    Metric(
        "alpha-rise", "lower", "stylising", "largest rise of the residual with alpha", "metrics.falling",
        STYLE_LAYERS,
    ),
    Metric(
        "blend-moves", "higher", "stylising", "steps of a blend that go the right way", "metrics.interpolation",
        STYLE_LAYERS, styles=2,
    ),
    Metric(
        "blend-setback", "lower", "stylising", "largest step of a blend the wrong way", "metrics.interpolation",
        STYLE_LAYERS, styles=2,
    ),
    Metric(
        "path-alpha", "lower", "stylising", "perceptual path length along alpha", "metrics.path_length",
        DISTANCE_LAYERS,
    ),
    Metric(
        "path-blend", "lower", "stylising", "perceptual path length along a blend", "metrics.path_length",
        DISTANCE_LAYERS, styles=2,
    ),
    Metric("warping-error", "lower", "stylising", "error over a known motion", "metrics.warping_error", digits=4),
    Metric("ms", "lower", "stylising", "milliseconds a picture takes", "metrics.making.PairMaker.make", digits=0),
    Metric("mb", "lower", "stylising", "memory a pass needs, in MB", "metrics.making.PairMaker.make", digits=0),
)  # fmt: skip

METRICS = {metric.name: metric for metric in _TABLE}
"""All measures by name, in the order of the tables."""


def choose(
    names: Sequence[str] | None,
    *,
    stylising: bool,
    networks: Sequence[str] = (),
    styles: int = 2,
    size: int = EvaluationOptions.size,
) -> list[Metric]:
    """The measures to take, in the order of :data:`METRICS`.

    Args:
        names: of those wanted, ArtFID's factors with it; None for all that can be had.
        stylising: whether pictures are made now.
        networks: of those that :class:`Metric` names, those that are given.
        styles: how many there are.
        size: side of the squares in pixels.

    Raises:
        InputError: if a name is unknown, or what it needs is not there; the message says what would be right.
    """
    for name in names or ():
        if name not in METRICS:
            raise InputError(f"there is no measure {name!r}: {suggest(name, list(METRICS), most=len(METRICS))}")
    if names is not None and "artfid" in names:
        names = [*names, "lpips", "fid"]  # its factors
    lacks = {name: _lack(metric, stylising, networks, styles, size) for name, metric in METRICS.items()}
    chosen = [m for m in METRICS.values() if (not lacks[m.name] if names is None else m.name in names)]
    for metric in chosen:
        if lacks[metric.name]:
            raise InputError(f"{metric.name} {lacks[metric.name]}")
    if not chosen:
        raise InputError(f"no measure was named: use some of {', '.join(METRICS)}")
    return chosen


def _lack(metric: Metric, stylising: bool, networks: Sequence[str], styles: int, size: int) -> str:
    """What keeps a measure from being taken; empty if nothing does."""
    if metric.scope == "stylising" and not stylising:
        return "is of pictures that are made now: leave out --output and --triples, or add --stylize"
    if "lpips" in metric.networks and "lpips" not in networks:
        return "needs LPIPS: give --lpips-backbone and --lpips-weights"
    if "artfid" in metric.networks and "artfid" not in networks:
        return "needs the Inception network of ArtFID: give --artfid-inception"
    if "segment" in metric.networks and "segment" not in networks:
        return "needs a segmentation: give --segment"
    if "labels" in metric.networks and "labels" not in networks:
        return "needs label maps: give --label-maps or --segment"
    if styles < metric.styles:
        return f"needs at least {metric.styles} styles"
    if size < metric.least:
        return f"needs pictures of {metric.least} px or more, not {size}: use a larger --size"
    return ""


def layers_for(names: Iterable[str]) -> tuple[str, ...]:
    """The layers whose features some measures need, from shallow to deep: one at least, as an encoder gives one."""
    wanted = {layer for name in names for layer in METRICS[name].layers}
    return tuple(spec.relu for spec in LAYERS if spec.relu in wanted) or STYLE_LAYERS[:1]
