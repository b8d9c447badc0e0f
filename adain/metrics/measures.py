"""What is computed for each measure of a pair, and of which layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch

from .. import metrics
from ..nn.vgg import CONTENT_LAYER, LAYERS, STYLE_LAYERS
from .content import DISTANCE_LAYERS
from .gallery import Seen


class View(NamedTuple):
    """An output with the pictures it is compared to."""

    output: Seen
    content: Seen
    style: Seen


def _lpips(view: View) -> torch.Tensor:
    output, content = view.output.lpips, view.content.lpips
    assert view.output.network is not None  # or there were no activations
    return view.output.network.distance(output, content)


_STYLE, _CONTENT = tuple(STYLE_LAYERS), (CONTENT_LAYER,)

_PAIR: dict[str, tuple[tuple[str, ...], Callable[[View], torch.Tensor]]] = {
    "style-residual": (_STYLE, lambda v: metrics.residual(v.output.stats, v.content.stats, v.style.stats)),
    "style-loss": (_STYLE, lambda v: metrics.style_distance(v.output.stats, v.style.stats)),
    "content-loss-target": (
        _CONTENT,
        lambda v: metrics.content_target_loss(v.output.features, v.content.features, v.style.target),
    ),
    "content-loss": (_CONTENT, lambda v: metrics.content_feature_loss(v.output.features, v.content.features)),
    "content-distance": (_CONTENT, lambda v: metrics.content_distance(v.output.features, v.content.features)),
    "gram": (metrics.GRAM_LAYERS, lambda v: metrics.gram_distance(v.output.grams, v.style.grams)),
    "cfsd": ((metrics.CFSD_LAYER,), lambda v: metrics.cfsd(v.output.features, v.content.features)),
    "ssim": ((), lambda v: metrics.ssim(v.output.pixels, v.content.pixels)),
    "vgg-distance": (DISTANCE_LAYERS, lambda v: metrics.vgg_distance(v.output.features, v.content.features)),
    "histogram": ((), lambda v: metrics.histogram_distance(v.output.histogram, v.style.histogram)),
    "lpips": ((), _lpips),
}

_OTHER = {"vgg-fd": (metrics.FRECHET_LAYER,), "alpha-falls": _STYLE, "alpha-rise": _STYLE}
_OTHER |= {"blend-moves": _STYLE, "blend-setback": _STYLE}


def measure(name: str, view: View) -> float:
    """One measure of one output.

    Raises:
        InputError: if a picture is too small for the network the measure needs.
    """
    return float(_PAIR[name][1](view))


def layers_for(names: Iterable[str]) -> tuple[str, ...]:
    """The layers whose features some measures need, from shallow to deep; never none, as an encoder gives one at least.

    Only what is needed is computed and held: without relu5_1 the encoder stops a block earlier.
    """
    wanted = {layer for name in names for layer in (_PAIR.get(name, ((),))[0] or _OTHER.get(name, ()))}
    return tuple(spec.relu for spec in LAYERS if spec.relu in wanted) or STYLE_LAYERS[:1]
