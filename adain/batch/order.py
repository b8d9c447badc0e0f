"""An order: what is made of every photograph, in this process or in another."""

from __future__ import annotations

import functools
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PIL import Image

from .._utils.errors import AdainError, InputError
from .._utils.fingerprint import fingerprint
from ..backends.models import open_model, weights_of
from ..control.style import is_encoded
from ..image import Page
from ..image.io import count_pixels
from ..image.levels import PLAIN, Levels, Painted
from ..image.stored import HELD_PIXELS
from ..image.strips import Strips, Whole
from ..stylizer.looks import Look, Model, is_regions
from .artworks import StyleList
from .large import check_strips, is_large, open_large
from .options import FolderOptions
from .pages import further
from .plan import Job
from .shards import Member

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..options import Options
    from ..refinement.options import RefineOptions

READ_AHEAD_PIXELS = HELD_PIXELS
"""Photographs that hold more are read when their turn comes, by who lays them aside: several at a time would fill the
memory."""

LOSSY = (".jpg", ".jpeg", ".webp")
"""Formats whose bytes depend on the quality."""

KEPT = 4096
"""Encoded looks that are held where styles are drawn at random: of the base model's, 50 MB."""

LEVELS = ("bits", "dither")
"""The options that say how results are rounded."""


@dataclass(frozen=True, eq=False)
class Order:
    """All that decides what the results look like.

    Attributes:
        looks: by number; each is a result of every photograph.
        options: the networks, sizes of the photographs, tiles, refinement. With networks themselves in place of their
            names an order stays in this process.
        place: where it is carried out, of :data:`adain._utils.declare.PLACES`; by default what the networks run on.
    """

    looks: Mapping[int, Look]
    options: FolderOptions
    place: str = ""

    def __post_init__(self) -> None:
        place = self.place or ("torch" if self.options.onnx is None else "onnx")
        self.options.require(place, name={"onnx": "{onnx}", "ray": "--engine ray"}.get(place))
        check_strips(self.options)
        if self.options.refine is not None:
            sheet = "grid" if self.options.grid is not None else "preview"
            if getattr(self.options, sheet):
                self.options.refuse(f"{{refine}} works on a picture, not on a sheet of them: leave out {{{sheet}}}")
            _of_refinement(self.options).require("refine", name="refinement")
            if any(_is_encoded(look) for look in self.looks.values()):
                self.options.refuse("{refine} needs artworks, not styles encoded already: give files or pictures")
        if Levels.of(self.options) != PLAIN and any(
            look.options.grid is not None or look.options.preview for look in self.looks.values()
        ):
            self.options.refuse("{grid} and {preview} make sheets of 8 bits: leave out {bits} and {dither}")
        if self.options.stylizer is not None and (self.options.jobs > 1 or place == "ray"):
            raise InputError("a stylizer stays in this process: for several of them name the model instead")

    def maker(self, progress: Callable[[Any], object] | None = None, *, share: int = 1) -> Maker:
        """What carries it out; the networks are loaded here, see :func:`~adain.backends.open_model`.

        ``progress`` is called after each tile, and each step of refinement.
        """
        model = self.options.stylizer or open_model(self.options, share=share)
        self.check(model)
        return Maker(self, model, progress)

    def check(self, model: Model) -> None:
        """InputError, if styles that are encoded already are of another encoder than a model's."""
        if isinstance(self.looks, StyleList):
            self.looks.check(model)

    @property
    def forgets(self) -> bool:
        """Whether a look that was used long ago need not be held: it is read again for little."""
        return self.options.pairs == "random" and self.options.style_cache is not None

    def fingerprint(self, job: Job) -> str:
        """Of all that decides what a job's output looks like; see :mod:`adain._utils.fingerprint`.

        What only decides how it is computed, such as the device, does not count; the precision does.
        """
        own = {"content": job.content, "quality": self.options.quality if job.output.suffix.lower() in LOSSY else None}
        if self.options.metadata != FolderOptions.metadata:
            own["metadata"] = self.options.metadata
        if self.options.pyramid:
            own["pyramid"] = True
        own |= self._levels
        if job.style not in self._stamps:
            self._stamps[job.style] = self._stamp(self.looks[job.style])
        return fingerprint([self._networks, self._stamps[job.style], own])

    @functools.cached_property
    def _levels(self) -> dict[str, Any]:
        """How results are rounded, where that is said."""
        return {name: value for name, value in self.options.given().items() if name in LEVELS}

    @functools.cached_property
    def _stamps(self) -> dict[int, str]:
        """Those that were asked for: of many artworks few may be drawn."""
        return {}

    def _stamp(self, look: Look) -> str:
        """Of a look, with the artworks it is made of."""
        if is_regions(look.styles):
            parts = [value for name, value in vars(look.styles).items() if name != "regions"]
            parts += [part for region in look.styles.regions for part in vars(region).values()]
        else:
            parts = [*look.styles]
        paths = [Path(part) if isinstance(part, str) else part for part in (*parts, look.background)]
        decisive = {**look.options.decisive(), "quality": None, "metadata": None, "refine": self.options.refine}
        for name in LEVELS:  # which are the order's, whatever a look says
            decisive.pop(name, None)
        return fingerprint([paths, decisive])

    @functools.cached_property
    def _networks(self) -> str:
        if self.options.stylizer is not None:
            return fingerprint(self.options.stylizer.identity())
        seed = self.options.seed if self.options.refine is not None else None
        return fingerprint([weights_of(self.options), self.options.precision, seed])


def _is_encoded(look: Look) -> bool:
    """Whether statistics stand for any of the artworks; regions hold nothing else."""
    return is_regions(look.styles) or any(map(is_encoded, (*look.styles, look.background)))


class Maker:
    """Makes the pictures of an order.

    A style that does not depend on the photograph is encoded once, when it is first used; one that cannot be read is
    not tried again. Of those drawn at random from a great many, the last :data:`KEPT` are held, and the others are in
    the cache of styles. A photograph is encoded once for all its looks.
    """

    def __init__(self, order: Order, model: Model, progress: Callable[[Any], object] | None = None) -> None:
        self.order, self.model, self.progress = order, model, progress
        self._looks: OrderedDict[int, Look | AdainError] = OrderedDict()
        self._content: tuple[Path | Page | Member, Any] | None = None
        self._further: dict[str, int] = {}
        self._notes: dict[str, Any] = {}

    def read(self, content: Path | Page | Member) -> Any:
        """A photograph of its final size, or, if it is very large, just its path; any thread may ask."""
        options = self.order.options
        if isinstance(content, Member):
            page: Any = options.page  # of all pages, members are refused when they are planned
            return self.model.open(content.opened(page), size=options.size, crop=options.crop, wrap=options.wrap)
        if count_pixels(content) > READ_AHEAD_PIXELS or self._is_large(content):
            return content
        return self.model.open(content, size=options.size, crop=options.crop, wrap=options.wrap)

    def render(self, loaded: Any, job: Job) -> Painted | Strips:
        """The picture of a job from what :meth:`read` gave; jobs of the same content follow one another."""
        content, options = self._encode(loaded, job.content), self.order.options
        self._notes = {}
        look = self._look(job.style)
        if options.refine is not None:
            picture: Painted | Strips = self._refine(look.render(self.model, content), job)
        else:
            picture = look.render(self.model, content, Levels.of(options), self._notes)
        if options.pyramid:
            picture = picture if isinstance(picture, Strips) else Whole(picture)
            picture.pyramid = True
        return picture

    def details(self) -> Mapping[str, Any]:
        """Of the picture rendered last: its tiles, and the share of it that was computed more than once.

        Of a file with several ``pages`` or ``frames``, of which nobody said one, also how many there are; where a drift
        is bounded, the ``alpha`` that was found and the ``drift``; where faces are protected, how many ``faces`` there
        are.
        """
        content = None if self._content is None else self._content[1]
        tiles = getattr(content, "tiles", None)
        if tiles is None:
            return {"tiles": 1, "overlap": 0.0, **self._further, **self._notes}
        overlap = round(self.model.overlap(content), 4)
        return {"tiles": tiles.tiling.count, "overlap": overlap, **self._further, **self._notes}

    def _encode(self, loaded: Any, content: Path | Page | Member) -> Any:
        if self._content is None or self._content[0] != content:
            self._content = None  # free the features of the picture before
            options = self.order.options
            self._further = further(content) if isinstance(content, Path) else {}
            if loaded is content and self._is_large(content):
                loaded = open_large(content, options)
            self._content = (content, self.model.encode_content(
                loaded, size=options.size, crop=options.crop, wrap=options.wrap, tile=options.tile,
                progress=self.progress,
            ))  # fmt: skip
        return self._content[1]

    def _is_large(self, content: Path | Page | Member) -> bool:
        """Whether it is read in strips; Ray's workers hand pictures on as wholes."""
        return self.order.place != "ray" and is_large(content, self.order.options)

    def _look(self, index: int) -> Look:
        if index not in self._looks:
            try:
                self._looks[index] = self.order.looks[index].encoded(self.model)
            except AdainError as error:
                self._looks[index] = error
            if self.order.forgets and len(self._looks) > KEPT:
                self._looks.popitem(last=False)
        self._looks.move_to_end(index)
        look = self._looks[index]
        if isinstance(look, AdainError):
            raise look
        return look

    def _refine(self, picture: Image.Image, job: Job) -> Painted:
        from ..refinement.run import refine

        look = self.order.looks[job.style]
        more: dict[str, Any] = {"start": picture, "steps": self.order.options.refine, "stylizer": self.model}
        more |= {"progress": self.progress, "page": 1}  # the job's content is the page itself
        more |= {name: getattr(self.order.options, name) for name in LEVELS}
        page: Any = self.order.options.page
        content = job.content.opened(page) if isinstance(job.content, Member) else job.content
        refined = refine(content, look.styles, _of_refinement(look.options).change(**more))
        return cast("Painted", refined)  # files give pictures


def _of_refinement(options: Options) -> RefineOptions:
    """What refinement is to know of; what only says how the one pass is computed, such as tiles, stays with that."""
    from ..refinement.options import RefineOptions

    known = options.declared()
    of_pass = {
        name: known[name].default
        for name in RefineOptions.declared().keys() & known
        if "refine" not in known[name].serves and not known[name].is_decisive
    }
    return RefineOptions.of(options, **of_pass)
