"""A picture for the screen, at once: what does not change from one request to the next is kept.

A photograph is encoded once for a size, a crop and sides that meet, an artwork once for its sizes, and regions are laid
once for their masks. So what moves a slider of the strength costs one decoder, the picture's file and little else.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._utils.arrays import moved
from ..control.protect import SOFTNESS
from ..control.style import is_style_file
from ..image import encode_image
from ..nn.layers import MIN_SIZE
from ..stylizer.looks import Look
from .memory import bytes_of, check_artwork

if TYPE_CHECKING:
    from PIL import Image

    from ..control.faces import Faces
    from ..control.protect import Protection
    from ..control.regions import Placement
    from ..control.style import Style
    from ..options import Options
    from .held import Held, Key
    from .kinds import Upload
    from .request import Ordered
    from .site import Site
    from .worker import Turn

LONG = 4
"""How many times as many pixels as a square of its size a preview may have: one of a longer picture is smaller."""

SHEET = 1280
"""Longest side of a sheet in px, as near as its pictures allow."""

LEAST_CELL = 64
"""Shorter side of a picture on a sheet in px."""

OF_STRENGTH = ("alpha", "correct", "keep_edges", "max_drift", "protect", "tile")
"""The options that do not decide where regions lie and what their styles are."""


@dataclass(frozen=True)
class Shown:
    """What is answered.

    Attributes:
        data: the file.
        milliseconds: that each part of the work took, by name.
        notes: what is to be said of the picture, see :meth:`adain.stylizer.Look.render`.
    """

    data: memoryview
    milliseconds: Mapping[str, float]
    notes: Mapping[str, Any]


def make_preview(model: Any, turn: Turn[Shown], ordered: Ordered, site: Site) -> Shown:
    """The preview of what is ordered.

    Args:
        model: of the turn.
        turn: asked between passes whether to go on.

    Raises:
        AdainError: if anything in the order cannot be used.
    """
    clock = Laps(turn.waited)
    with site.pictures.pinned(ordered.content, *ordered.styles, *ordered.named.values()):
        options, scale = scaled(ordered, site.options.preview_size)
        how = {"size": options.size, "crop": options.crop, "wrap": options.wrap}
        key: Key = (ordered.content.id, "features", ordered.model, *how.values())

        def encode() -> tuple[Any, int]:
            content = model.encode_content(picture_of(ordered.content, site), **how)
            return content, bytes_of(content)

        turn.check()
        content = site.held.made(key, encode)
        clock.tell("encode")
        kept = KeptParts(ordered, key, site, scale)
        look = KeptLook([style.path for style in ordered.styles], options, kept=kept)
        notes: dict[str, Any] = {}
        picture = look.render(Considerate(model, turn, kept), content, notes=notes)
        clock.tell("decode")
        data = encode_image(picture, ordered.name, quality=ordered.file.quality)
        clock.tell("write")
    return Shown(data, clock.parts, notes)


class Laps:
    """Milliseconds of what is done in turn; the first is for the queue, of so many seconds."""

    def __init__(self, waited: float) -> None:
        self.parts = {"queue": 1e3 * waited}
        self._last = time.perf_counter()

    def tell(self, name: str) -> None:
        """That ended just now."""
        now = time.perf_counter()
        self.parts[name] = 1e3 * (now - self._last)
        self._last = now


def scaled(ordered: Ordered, most: int) -> tuple[Options, float]:
    """The options for the size of the screen, and that size in those of the result.

    What is said in pixels of the result goes along with its size. The artwork keeps its own: of a smaller one the
    strokes would be finer, but what is seen no nearer to what will be.

    Args:
        most: shorter side of a preview in px.
    """
    options, content = ordered.options, ordered.content
    short, long = sorted((content.width, content.height))
    wanted = options.size or short
    longer = 1.0 if options.crop else long / short
    size = min(wanted, most, math.floor(most * math.sqrt(LONG / max(longer, LONG))))
    if options.grid is not None or options.preview:
        size = min(size, max(LEAST_CELL, SHEET // (options.grid or LONG)))
    size = max(size, min(wanted, MIN_SIZE))
    scale = size / wanted
    changes: dict[str, Any] = {"content_size": size, "tile": "auto", "feather": options.feather * scale}
    if options.max_drift is not None:
        changes["max_drift"] = options.max_drift * scale
    return options.change(**changes), scale


@dataclass(frozen=True)
class KeptParts:
    """What is known of the pictures of an order, in a store that others share.

    Attributes:
        content: the key of the encoded photograph.
        scale: of the preview.
    """

    ordered: Ordered
    content: Key
    site: Site
    scale: float
    _uploads: dict[Path, Upload] = field(default_factory=dict)

    def __post_init__(self) -> None:
        uploads = (self.ordered.content, *self.ordered.styles)
        self._uploads.update({each.path: each for each in uploads} | dict(self.ordered.named))

    @property
    def held(self) -> Held:
        return self.site.held

    def upload(self, path: Any) -> Upload | None:
        """The one behind a path."""
        return self._uploads.get(path) if isinstance(path, Path) else None


@dataclass(frozen=True, eq=False)
class KeptLook(Look):
    """A look that lays masks once.

    Attributes:
        kept: where they are found again.
    """

    kept: KeptParts | None = None

    def place(self, model: Any, content: Any) -> Placement:
        assert self.kept is not None
        deciding = {name: each for name, each in self.options.decisive().items() if name not in OF_STRENGTH}
        key = (*self.kept.content, "regions", stamp(self.styles), stamp(deciding))

        def lay() -> tuple[Placement, int]:
            placed = Look.place(self, model, content)
            return placed, bytes_of(placed)

        placed: Placement = self.kept.held.made(key, lay)
        return replace(placed, alphas=tuple(self.alphas(len(placed.styles))))

    def protection(self, model: Any, content: Any, notes: dict[str, Any] | None) -> Protection | Faces | None:
        options = self.options
        if self.kept is None or options.protect is None:
            return None
        feather = options.feather or SOFTNESS * self.kept.scale
        key = (*self.kept.content, "protect", stamp(options.protect), feather, options.mask_channel)

        def lay() -> tuple[tuple[Any, dict[str, Any]], int]:
            own: dict[str, Any] = {}
            soft = replace(self, options=options.change(feather=feather))
            found = Look.protection(soft, model, content, own)
            assert found is not None
            found = found.on(content)
            return (found, own), bytes_of(found)

        protected, own = self.kept.held.made(key, lay)
        if notes is not None:
            notes.update(own)
        return protected  # type: ignore[no-any-return]


class Considerate:
    """A model that asks before every pass whether its result is still wanted, and encodes an artwork once."""

    def __init__(self, model: Any, turn: Turn[Any], kept: KeptParts) -> None:
        self._model, self._turn, self._kept = model, turn, kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def render(self, content: Any, paint: Any) -> Any:
        self._turn.check()
        return self._model.render(content, paint)

    def encode_style(self, source: Any, **how: Any) -> Style:
        self._turn.check()
        kept, told = self._kept, dict(how)
        if told.pop("content", None) is not None:
            told |= {"content": kept.content, "content_mask": _digest(told.get("content_mask"))}
        upload = kept.upload(source)
        name = str(source) if upload is None else upload.id
        key = (name, "style", kept.ordered.model, stamp(source), stamp(told))

        def encode() -> tuple[Style, int]:
            given = source
            if upload is not None and not is_style_file(source):
                check_artwork(self._model, upload, how)
                given = picture_of(upload, kept.site)
            style = replace(self._model.encode_style(given, **how), name=Path(source).name)
            return style, bytes_of(style)

        style: Style = kept.held.made(key, encode)
        return style


def picture_of(upload: Upload, site: Site) -> Image.Image:
    """What an upload shows, with the name that messages call it by."""
    picture = site.pictures.pixels(upload)
    picture.filename = upload.name  # type: ignore[attr-defined]
    return picture


def stamp(value: Any) -> Any:
    """What tells a value from others, and can be a key; of a file its name, size and time of change."""
    if isinstance(value, Mapping):
        return tuple((name, stamp(each)) for name, each in sorted(value.items()))
    if isinstance(value, (tuple, list)):
        return tuple(map(stamp, value))
    if isinstance(value, os.PathLike):
        status = os.stat(value)
        return os.fspath(value), status.st_size, status.st_mtime_ns
    return value if isinstance(value, (str, int, float, bool, type(None), bytes)) else repr(value)


def _digest(mask: Any) -> bytes | None:
    """Of a mask, a tensor or an array."""
    return None if mask is None else hashlib.blake2b(moved(mask, None).tobytes(), digest_size=16).digest()
