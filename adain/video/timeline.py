"""A look that changes in time: what a video is painted with, from its first frame to its last."""

from __future__ import annotations

import bisect
import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._utils.arrays import moved
from .._utils.errors import InputError
from ..control.style import Style, blend
from ..image import Source
from ..stylizer.looks import Look, Paint
from .options import Key, VideoOptions

if TYPE_CHECKING:
    from ..control.regions import Regions
    from ..stylizer.base import BaseStylizer, StyleInput


class Timeline:
    """Styles, regions and colours, the same for the whole video or passing from key to key.

    Every artwork is encoded once. Only one that takes the colours of the video is encoded anew, for each shot, with the
    colours of the first frame of that shot: with those of every frame it would flicker.

    Args:
        model: encodes them.
        style: as :meth:`adain.Stylizer.stylize` takes it; None with keys.
        options: hold the keys, in any order; none for the same style throughout.
        duration: of the video in seconds, None if it is not known.

    Raises:
        MissingFileError, InputError: if these contradict each other, or an artwork cannot be read.
    """

    def __init__(
        self,
        model: BaseStylizer,
        style: StyleInput | Regions | Sequence[StyleInput] | None,
        options: VideoOptions,
        duration: float | None,
    ) -> None:
        self._model = model
        self._paints: list[Paint] = []
        self._reference: Any = None
        keys = sorted(options.keys, key=lambda key: key.seconds(duration))
        self._times = [key.seconds(duration) for key in keys]
        if keys:
            if style is not None:
                options.refuse("{keys} hold the styles: give none beside them")
            self._looks = self._keyed(keys, options)
        elif style is None:
            raise InputError("no style given: at least one is needed")
        else:
            self._looks = [Look(style, options).encoded(model)]
        # Whether styles depend on the shot.
        self.recolours = any(look.recolours for look in self._looks)

    def _keyed(self, keys: Sequence[Key], options: VideoOptions) -> list[Look]:
        """The look of each key, its style encoded, the same object for the same file."""
        together = options.arrangement or ("style_masks" if options.style_masks is not None else "")
        if together:
            options.refuse(f"{{keys}} do not go together with {{{together}}}: leave out one or the other")
        known: dict[Any, Look] = {}
        looks = []
        for key in keys:
            name = os.fspath(key.style) if isinstance(key.style, os.PathLike) else id(key.style)
            if name not in known:
                known[name] = Look(key.style, options).encoded(self._model)
            alpha = key.alpha * float(options.alpha)  # type: ignore[arg-type]  # a list was refused by the look
            looks.append(dataclasses.replace(known[name], options=known[name].options.change(alpha=alpha)))
        return looks

    @property
    def is_settled(self) -> bool:
        """Whether the styles are fitted to the video, and no shot changes them."""
        return bool(self._paints) and not self.recolours

    def begin_shot(self, content: Any) -> None:
        """Fit the styles to a shot whose first frame is this; without recolouring, only the first call does so."""
        if self.is_settled:
            return
        self._paints = [look.resolve(self._model, content) for look in self._looks]
        self._reference = content.pixels if self.recolours else None

    def at(self, time: float) -> Paint:
        """For the frame at so many seconds; :meth:`begin_shot` comes first."""
        if not self._times:
            return self._paints[0]
        shares = [(self._paints[k], share) for k, share in weights_at(self._times, time).items()]
        if len(shares) == 1:
            return shares[0][0]
        styles = [paint.target for paint, _ in shares if isinstance(paint.target, Style)]
        alpha = sum(share * paint.alpha for paint, share in shares)
        colors = [(color, share * part) for paint, share in shares for color, part in paint.colors]
        target = blend(styles, [share for _, share in shares])
        return dataclasses.replace(shares[0][0], target=target, alpha=min(alpha, 1.0), colors=colors)

    def state(self) -> dict[str, Any]:
        """What it remembers of the shot, in arrays."""
        return {} if self._reference is None else {"reference": moved(self._reference, None)}

    def restore(self, state: dict[str, Any], like: Source) -> None:
        """Undo :meth:`state`; ``like`` is a frame of the same video."""
        if "reference" in state:
            reference = dataclasses.replace(like, image=moved(state["reference"], self._model.device))
            self.begin_shot(self._model.encode_content(reference))


def weights_at(times: Sequence[float], time: float) -> dict[int, float]:
    """Shares of the keys at a moment: of one, or of the two it lies between; they sum to 1.

    Times rise; of two keys at the same time the later counts from then on. Before the first key it is the first that
    counts, after the last the last.
    """
    right = bisect.bisect_right(times, time)
    if right == 0:
        return {0: 1.0}
    if right == len(times):
        return {right - 1: 1.0}
    share = (time - times[right - 1]) / (times[right] - times[right - 1])
    return {right - 1: 1.0} if share == 0.0 else {right - 1: 1.0 - share, right: share}
