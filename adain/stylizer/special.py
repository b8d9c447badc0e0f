"""Decoders changed for a style (``adain specialise``): which one paints, or several, each in its region.

A style's change counts as far as the style does: a strength of alpha is one of the change, too, so that none is left
where there is no style. Blends are one style with the sum of their changes. Regions whose decoders differ are each
painted by their own, over the whole, and laid together by their masks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from .._utils.arrays import device_of, moved
from .._utils.errors import WeightsError
from ..control.change import CUSTOM, Change
from ..control.regions import Placement
from ..control.style import Style
from ..image.box import Box
from ..image.wrap import part
from ..nn.instance_norm import shares
from ..nn.layers import STRIDE
from .transfer import styles_of, transfer

if TYPE_CHECKING:
    from .base import BaseStylizer

M = TypeVar("M")

KEPT = 4
"""Changed decoders that a model keeps for the pictures that come next."""

_COVERED = 1.0 - 1e-5
"""Sum of masks from which on nothing is left beside them, rounding allowed for."""


def painter(model: BaseStylizer, target: Style | Placement, alpha: float) -> BaseStylizer:
    """What decodes a picture in a style, or in several by region: the model, unless the styles change its decoder.

    Raises:
        WeightsError: if a change belongs to other weights, or the model's cannot be changed.
    """
    if all(style.change is None for style in styles_of(target)):
        return model
    if isinstance(target, Style):
        return _changed(model, target.change, alpha, target.name)
    found: dict[Any, tuple[Any, list[int]]] = {}
    for number, (style, own) in enumerate(zip(target.styles, target.alphas, strict=True)):
        change = None if style.change is None else style.change.scaled(alpha * own)
        key = None if change is None else change.key
        found.setdefault(key, (_changed(model, change, 1.0, style.name), []))[1].append(number)
    if None not in found and not bool((target.masks.sum(0) >= _COVERED).all()):
        found[None] = (model, [])
    (rest, _), *groups = sorted(found.values(), key=lambda each: each[0] is not model)
    # It has all of a model that decoding asks for.
    return cast("BaseStylizer", _Several(rest, groups, target.masks)) if groups else rest


def _changed(model: BaseStylizer, change: Change | None, alpha: float, name: str) -> BaseStylizer:
    change = None if change is None else change.scaled(alpha)
    return model if change is None else model.changed(change, name)


class Kept(Generic[M]):
    """The changed models of one, the latest :data:`KEPT` of them; any thread may ask."""

    def __init__(self) -> None:
        self._found: dict[Any, M] = {}
        self._lock = threading.Lock()

    def get(self, change: Change, make: Callable[[], M]) -> M:
        """The model with that change, made if it is not there."""
        with self._lock:
            made = self._found.pop(change.key, None) or make()
            self._found[change.key] = made
            for old in [*self._found][:-KEPT]:
                del self._found[old]
            return made

    def __reduce__(self) -> tuple[Any, ...]:  # a copy of a model begins with none
        return (Kept, ())


def check_weights(change: Change, weights: str, name: str) -> None:
    """WeightsError, unless a change belongs to those weights (:func:`adain.nn.states.weights_digest`)."""
    if change.weights != weights:
        own = "those weights" if change.model == CUSTOM else f"that model (--model {change.model})"
        raise WeightsError(
            f"{name or 'the style'} was specialised for the model {change.model} with the weights "
            f"{change.weights[:12]}, and these are {weights[:12]}: use {own}, or specialise it anew"
        )


class _Several:
    """A model whose pictures are laid together from those of several decoders.

    Args:
        model: paints what the others leave.
        groups: those, and the numbers of the regions that each paints.
        masks: ``(R, 1, H, W)``, at the photograph's pixels.
    """

    def __init__(self, model: BaseStylizer, groups: Sequence[tuple[BaseStylizer, Sequence[int]]], masks: Any) -> None:
        self._model, self._groups, self._masks = model, groups, masks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def decode_features(self, features: Any) -> Any:
        whole = Box(0, 0, features.shape[2], features.shape[3])
        return self._laid([d.decode_features(features) for d in self._decoders], whole)

    def decode_changed(self, features: Any, target: Style | Placement, alpha: float) -> Any:
        return self.decode_features(transfer(features, target, alpha))

    def decode_part(self, features: Any, inner: Box, outer: Box) -> Any:
        return self._laid([d.decode_part(features, inner, outer) for d in self._decoders], inner)

    @property
    def _decoders(self) -> list[BaseStylizer]:
        return [self._model, *(decoder for decoder, _ in self._groups)]

    def _laid(self, pictures: Sequence[Any], cells: Box) -> Any:
        """One picture of the cells of a box, which may lie beyond sides that meet.

        What the last cells have beyond the photograph is cut off by whoever asks.
        """
        rest, *others = pictures
        place = Box(*(STRIDE * side for side in cells))
        portions = shares(moved(part(self._masks, place), device_of(rest)))
        result = rest
        for picture, (_, regions) in zip(others, self._groups, strict=True):
            share = portions[list(regions)].sum(0)[None]
            result = result + share * (picture - rest)
        return result
