"""An order: what one call of ``adain stylize`` makes of every photograph, in this process or in another."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adain import defaults

from .controls import KEEP, Controls
from .deepen import Deepen, deepening
from .looks import Look, looks
from .options import load_stylizer
from .tiles import tile_bar

if TYPE_CHECKING:
    from PIL import Image

    from adain.batch.folder import ContentMaker
    from adain.batch.plan import Job
    from adain.image import Source
    from adain.stylizer.halo import TileSize


@dataclass(frozen=True)
class Order:
    """All that decides what the results look like; it can be sent to another process.

    Attributes:
        styles: the artworks.
        controls: the options of colour, region, blend and scale.
        is_one: whether all styles go into one result; else there is one for each.
        weights, alpha, content_size, style_size, crop, refine_steps: as on the command line.
        model: the options of :func:`~adain.cli.options.model_options`, and the precision.
        style_cache: folder of encoded styles.
        keep_memory: whether freed memory is reused.
        tile: side of the tiles.
    """

    styles: tuple[Path, ...]
    controls: Controls
    is_one: bool
    weights: tuple[float, ...] | None
    alpha: float
    content_size: int
    style_size: int
    crop: bool
    refine_steps: int | None
    model: dict[str, Any]
    style_cache: Path | None = None
    keep_memory: bool = False
    tile: TileSize = defaults.TILE

    def maker(self, *, quiet: bool = False) -> StyleMaker:
        """What carries it out; the network is loaded here.

        Args:
            quiet: show no bars.

        Raises:
            AdainError: if options contradict each other, or a file they name cannot be read.
        """
        from adain.allocator import keep_memory
        from adain.batch.folder import ContentMaker
        from adain.image import DEFAULT_MAX_PIXELS
        from adain.stylizer.cache import StyleCache

        masks: list[Any] = [*self.controls.masks]
        if self.controls.label_map is not None:
            masks = [*self.controls.label_masks(self.model["max_pixels"] or DEFAULT_MAX_PIXELS)]
        if self.keep_memory:
            keep_memory()
        stylizer = load_stylizer(**self.model)
        cache = None if self.style_cache is None else StyleCache(self.style_cache)
        sizes: dict[str, Any] = {"style_size": self.style_size, "crop": self.crop, "masks": masks}
        how: dict[str, Any] = {"alpha": self.alpha, "weights": self.weights, "cache": cache}
        made = looks(stylizer, self.styles, self.controls, **how, **sizes)
        deepen = None
        if self.refine_steps is not None:
            sizes |= {"content_size": self.content_size, "is_one": self.is_one, "weights": self.weights}
            deepen = deepening(stylizer, self.refine_steps, self.styles, self.controls, quiet=quiet, **sizes)
        how = {"content_size": self.content_size, "crop": self.crop, "tile": self.tile}
        return StyleMaker(ContentMaker(stylizer, **how, watch=None if quiet else tile_bar()), made, deepen)

    def fingerprint(self, job: Job, quality: int) -> str:
        """Of all that decides what a job's output looks like; see :mod:`adain._utils.fingerprint`.

        What only decides how it is computed, such as the device, does not count; the precision does.
        """
        from adain._utils.fingerprint import fingerprint

        own: dict[str, Any] = {"content": job.content}
        if not self.is_one:
            own["style"] = self.styles[job.style]
            if len(self.controls.modes()) > 1 or self.controls.style_masks:
                own["position"] = job.style  # which of them are its own
        if job.output.suffix.lower() in (".jpg", ".jpeg", ".webp"):
            own["quality"] = quality
        return fingerprint([self._shared, own])

    @functools.cached_property
    def _shared(self) -> str:
        from adain._utils.fingerprint import fingerprint

        controls = self.controls
        files: dict[str, Any] = {
            "masks": [Path(mask) for mask in controls.masks],
            "style_masks": [mask and Path(mask) for mask in controls.style_mask_paths() or ()],
            "label_map": controls.label_map and Path(controls.label_map),
            "labels": [label for label, _ in controls.label_styles()],
            "background": controls.background_style() or KEEP,
        }
        if controls.gradient is not None and controls.gradient not in defaults.DIRECTIONS:
            files["gradient"] = Path(controls.gradient)
        plain = dataclasses.asdict(self) | {"controls": dataclasses.asdict(controls) | files}
        plain |= {"styles": self.styles if self.is_one else None, "model": self._weights()}
        plain |= {"precision": self.model["precision"], "style_cache": None, "keep_memory": None, "tile": None}
        if self.refine_steps is not None:
            plain["seed"] = self.model["seed"]
        return fingerprint(plain)

    def _weights(self) -> list[Any]:
        from adain.nn.pretrained import DEFAULT_MODEL, find_model

        parts = []
        for part in ("encoder", "decoder"):
            own = self.model[part]
            shipped = None if own else find_model(self.model["model"] or DEFAULT_MODEL)
            parts.append(getattr(shipped, part).sha256 if shipped else Path(own))
        return parts


@dataclass(frozen=True)
class StyleMaker:
    """Makes the results of an order.

    Attributes:
        contents: reads and encodes photographs.
        looks: one for each style.
        deepen: refines what they give.
    """

    contents: ContentMaker
    looks: list[Look]
    deepen: Deepen | None

    def read(self, content: Path) -> Source | Path:
        """See :meth:`adain.batch.folder.ContentMaker.read`."""
        return self.contents.read(content)

    def render(self, loaded: Source | Path, job: Job) -> Image.Image:
        """The picture of a job."""
        picture = self.looks[job.style].render(self.contents.encode(loaded, job))
        return picture if self.deepen is None else self.deepen(picture, job.content, job.style)

    def details(self) -> dict[str, Any]:
        """See :meth:`adain.batch.folder.ContentMaker.details`."""
        return self.contents.details()
