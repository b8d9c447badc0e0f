"""As much of a style as labels bear: alpha is lowered until the photograph's edges stay where they are."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.arrays import is_tensor, moved, namespace, no_gradients
from .._utils.errors import InputError
from ..control.style import Style
from ..image.drift import Edges
from ..image.stored import StoredPicture
from .transfer import styles_of

if TYPE_CHECKING:
    from .content import Content
    from .looks import Paint

_log = logging.getLogger(__name__)

HALVINGS = 4
"""How often the span of alphas is halved: what is found is within a sixteenth of the one asked for."""


@dataclass(frozen=True)
class Bounded:
    """A result that keeps a bound, or comes as near to it as can be.

    Attributes:
        picture: of the model.
        share: of the alpha that was asked for, in ``[0, 1]``.
        drift: :attr:`~adain.image.Drift.half` of it, in px.
        is_held: whether that is within the bound.
    """

    picture: Any
    share: float
    drift: float
    is_held: bool


def bounded(model: Any, content: Content, paint: Paint, bound: float, notes: dict[str, Any] | None = None) -> Any:
    """What ``model.render`` gives, with alpha lowered until half of the photograph's edges lie within a bound.

    The photograph is encoded by now: each try costs a decoder. The strength asked for is tried first, then none at all,
    and what lies between is halved :data:`HALVINGS` times, which takes drift to grow with alpha. Where not even alpha 0
    keeps the bound, that is what comes, with a warning. Each picture of a batch has an alpha of its own.

    Args:
        model: renders.
        content: a photograph, or a batch of them, not in strips.
        paint: what it is rendered with; its alpha, those of all regions with it, is the largest that is tried.
        bound: in px of the result, on :attr:`~adain.image.Drift.half`.
        notes: takes ``alpha``, ``drift`` (None where half of the edges are lost), and ``held`` where it is not; where
            there is none a bound that does not hold is logged as a warning.

    Raises:
        InputError: for a photograph in strips, and for several in tiles.
    """
    if content.is_strips:
        raise InputError(
            "drift is measured on whole pictures, not in strips: leave out max_drift (--max-drift), or ask for a "
            "smaller content_size (--content-size)"
        )
    made = [_search(model, *each, bound) for each in _singles(content, paint)]
    for each in made:
        _tell(each, paint.alpha, bound, is_alone=notes is None)
    if notes is not None:
        first = made[0]  # which is the only one, of files
        notes["alpha"] = round(paint.alpha * first.share, 4)
        notes["drift"] = round(first.drift, 3) if math.isfinite(first.drift) else None
        notes |= {} if first.is_held else {"held": False}
    if len(made) == 1:
        return made[0].picture
    return namespace(made[0].picture).concatenate([each.picture for each in made])


def _search(model: Any, content: Content, paint: Paint, bound: float) -> Bounded:
    """The result of one photograph."""
    edges = Edges.of(_photograph(content))

    def tried(share: float) -> Bounded:
        with no_gradients():
            picture = model.render(content, replace(paint, alpha=paint.alpha * share))
        drift = edges.drift(_pixels(picture)).half
        return Bounded(picture, share, drift, drift <= bound)

    found = tried(1.0)
    if not found.is_held and _strength(paint) > 0.0:
        found = tried(0.0)
        low, high = 0.0, 1.0
        for _ in range(HALVINGS if found.is_held else 0):
            middle = tried((low + high) / 2)
            if middle.is_held:
                found, low = middle, middle.share
            else:
                high = middle.share
    if is_tensor(found.picture) and _wants_gradient(content, paint):
        found = replace(found, picture=model.render(content, replace(paint, alpha=paint.alpha * found.share)))
    return found


def _strength(paint: Paint) -> float:
    own = [1.0] if isinstance(paint.target, Style) else paint.target.alphas
    return paint.alpha * max(own)


def _tell(found: Bounded, alpha: float, bound: float, *, is_alone: bool) -> None:
    where = (
        f"half of the edges lie within {found.drift:.2f} px" if math.isfinite(found.drift) else "most edges are lost"
    )
    if found.is_held or not is_alone:
        _log.info("alpha %.4g: %s", alpha * found.share, where)
    else:
        _log.warning("max_drift of %g px cannot be had: at alpha 0 %s", bound, where)


def _singles(content: Content, paint: Paint) -> Iterator[tuple[Content, Paint]]:
    """Each photograph of a batch with its styles; one is itself."""
    styles = styles_of(paint.target)
    count = max(len(content.features), *(len(part) for style in styles for part in (style.mean, style.std)))
    if count == 1:
        yield content, paint
        return
    if content.tiles is not None:
        raise InputError(
            "max_drift (--max-drift) of several pictures does not go with tiles: give one at a time, or tile='off'"
        )
    for k in range(count):

        def own(values: Any, k: int = k) -> Any:
            return values if values is None or len(values) == 1 else values[k : k + 1]

        single = replace(content, features=own(content.features), pixels=own(content.pixels), is_single=False)
        if isinstance(paint.target, Style):
            yield single, replace(paint, target=_each(paint.target, own))
        else:
            of_regions = tuple(_each(style, own) for style in paint.target.styles)
            yield single, replace(paint, target=replace(paint.target, styles=of_regions))


def _each(style: Style, own: Callable[[Any], Any]) -> Style:
    return replace(style, mean=own(style.mean), std=own(style.std), fine_std=own(style.fine_std))


def _photograph(content: Content) -> npt.NDArray[Any]:
    """``(H, W, 3)`` at the size of the result."""
    picture = None if content.tiles is None or content.wanted is not None else content.tiles.picture
    if isinstance(picture, StoredPicture):
        return picture.levels
    if isinstance(picture, Image.Image):
        return np.asarray(picture)
    return _pixels(content.fitted(content.colors()))


def _pixels(picture: Any) -> npt.NDArray[Any]:
    """``(H, W, 3)`` of a picture, of levels ``(H, W, 3)``, or of a tensor or an array with the channels first."""
    if isinstance(picture, Image.Image):
        return np.asarray(picture)
    values: npt.NDArray[Any] = moved(picture.detach().float() if is_tensor(picture) else picture, None)
    if values.dtype == np.uint16:
        return values
    return values.reshape(values.shape[-3:]).transpose(1, 2, 0)


def _wants_gradient(content: Content, paint: Paint) -> bool:
    import torch

    known = [content.features, *(part for style in styles_of(paint.target) for part in (style.mean, style.std))]
    return torch.is_grad_enabled() and any(is_tensor(part) and part.requires_grad for part in known)
