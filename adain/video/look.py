"""What a video is painted with, from its first frame to its last."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .._utils.errors import InputError
from ..control.color import ColorShare
from ..control.regions import Placement, Regions
from ..control.style import Style, blend
from ..stylizer.content import Content
from ..stylizer.looks import Request
from ..stylizer.stylizer import StyleInput, Stylizer
from .keys import Key, weights_at


@dataclass(frozen=True, eq=False)
class Paint:
    """What one frame is painted with.

    Attributes:
        target: style, or regions on the frame.
        alpha: strength.
        colors: what is kept of the frame's own.
    """

    target: Style | Placement
    alpha: float
    colors: list[ColorShare]


class Look:
    """Styles, regions and colours, the same for the whole video or passing from key to key.

    Every artwork is encoded once. Only one that takes the colours of the video is encoded anew, for each shot, with the
    colours of the first frame of that shot: with those of every frame it would flicker.

    Args:
        stylizer: encodes them.
        style: as :meth:`adain.Stylizer.stylize` takes it; None with keys.
        keys: in any order; none for the same style throughout.
        duration: of the video in seconds, None if it is not known.
        controls: further arguments of :meth:`adain.stylizer.composition.Request.of`.

    Raises:
        InputError: if the arguments contradict each other.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        style: StyleInput | Regions | Sequence[StyleInput] | None,
        keys: Sequence[Key],
        duration: float | None,
        controls: dict[str, Any],
    ) -> None:
        self._stylizer = stylizer
        self._paints: list[Paint] = []
        self._reference: Tensor | None = None
        self._times: list[float] = []
        if not keys:
            if style is None:
                raise InputError("no style given: at least one is needed")
            self._requests = [Request.of(style, **controls)]
        else:
            if style is not None:
                raise InputError("keys hold the styles: give none beside them")
            for name, noun in (("masks", "masks"), ("weights", "style weights"), ("style_masks", "style masks")):
                if controls.get(name) is not None:
                    raise InputError(f"keys do not go together with {noun}")
            timed = sorted(((key.seconds(duration), k) for k, key in enumerate(keys)), key=lambda item: item[0])
            self._times = [time for time, _ in timed]
            known: dict[Any, StyleInput] = {}
            ordered = [keys[k] for _, k in timed]
            probe = Request.of(ordered[0].style, **controls)
            self._requests = [
                Request.of(self._once(key.style, probe, known), **(controls | {"alpha": key.alpha})) for key in ordered
            ]
        # Whether styles depend on the shot.
        self.recolours = any(map(_recolours, self._requests))

    def _once(self, style: StyleInput, request: Request, known: dict[Any, StyleInput]) -> StyleInput:
        """The style encoded, the same object for the same file; as it is where it must be encoded for each shot."""
        if isinstance(style, Style) or _recolours(request):
            return style
        name = os.fspath(style) if isinstance(style, (str, os.PathLike)) else id(style)
        if name not in known:
            known[name] = self._stylizer.encode_style(
                style, size=request.style_size, fine_size=request.fine_style_size, crop=request.crop
            )
        return known[name]

    def begin_shot(self, content: Content) -> None:
        """Fit the styles to a shot whose first frame is this; without recolouring, only the first call does anything.

        Raises:
            InputError, MissingFileError, ImageError: see :meth:`adain.Stylizer.stylize`.
        """
        if self._paints and not self.recolours:
            return
        resolved = [request.resolve(self._stylizer, content) for request in self._requests]
        self._paints = [
            Paint(target, request.alpha, colors)
            for request, (target, colors) in zip(self._requests, resolved, strict=True)
        ]
        self._reference = content.pixels if self.recolours else None

    def at(self, time: float) -> Paint:
        """For the frame at so many seconds; :meth:`begin_shot` comes first."""
        if not self._times:
            return self._paints[0]
        shares = weights_at(self._times, time)
        paints = [self._paints[k] for k in shares]
        if len(paints) == 1:
            return paints[0]
        weights = [*shares.values()]
        styles = [paint.target for paint in paints if isinstance(paint.target, Style)]
        alpha = sum(share * paint.alpha for share, paint in zip(weights, paints, strict=True))
        colors = [(color, share * part) for share, paint in zip(weights, paints, strict=True)
                  for color, part in paint.colors]  # fmt: skip
        return Paint(blend(styles, weights), min(alpha, 1.0), colors)

    def state(self) -> dict[str, Any]:
        """What it remembers of the shot, on the CPU."""
        return {} if self._reference is None else {"reference": self._reference.cpu().contiguous()}

    def restore(self, state: dict[str, Any]) -> None:
        """Undo :meth:`state`."""
        if "reference" in state:
            self.begin_shot(self._stylizer.encode_content(state["reference"]))


def _recolours(request: Request) -> bool:
    return any(color is not None and color.needs_content for color in request.colors)
