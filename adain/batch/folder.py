"""A folder of photographs in the styles of a folder of artworks, in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from PIL import Image

from .. import defaults
from .._utils.errors import InputError
from .._utils.fingerprint import fingerprint
from ..control.style import Style
from ..image import Source
from ..image.io import count_pixels
from ..nn.vgg import CONTENT_LAYER, layers_upto
from ..stylizer.composition import Controls, Request, as_color
from ..stylizer.content import Content, Watch
from ..stylizer.halo import TileSize
from .manifest import Manifest
from .plan import Job, distinct, find, plan
from .run import Result, Task, by_content, make, remaining

if TYPE_CHECKING:
    from ..stylizer.stylizer import Stylizer

READ_AHEAD_PIXELS = 1 << 24
"""Photographs that hold more are read when their turn comes: several at a time would fill the memory."""

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def stylize_folder(
    contents: Paths,
    styles: Paths,
    output: str | os.PathLike[str],
    *,
    stylizer: Stylizer | None = None,
    pairs: str = defaults.PAIRS[0],
    recursive: bool = False,
    existing: str = defaults.EXISTING[0],
    suffix: str | None = None,
    quality: int = defaults.JPEG_QUALITY,
    callback: Callable[[Result], None] | None = None,
    **controls: Unpack[Controls],
) -> list[Result]:
    """Stylise folders, so that a crash loses nothing: the same call again makes what is missing.

    What was made and what failed stands in ``manifest.jsonl`` in ``output``, see :mod:`adain.batch.manifest`. A
    photograph is encoded once for all its styles and a style once for all photographs; files are read and written
    while the network works. One bad file does not stop the rest.

    Args:
        contents: photographs and folders of them.
        styles: artworks and folders of them; with ``weights`` or ``masks`` they all go into one result.
        output: folder of the results, ``{content}_stylized_{style}{suffix}``; made when needed.
        stylizer: by default that of the shipped weights on the best device.
        pairs: ``"product"`` for each content in each style, ``"zip"`` for the first in the first and so on.
        recursive: take sub-folders, too; results keep their structure.
        existing: ``"resume"`` keeps results that are what would be made, ``"skip"`` whatever is there, ``"redo"``
            nothing.
        suffix: such as ``".png"``; None keeps each content's own where that can be written.
        quality: of JPEG and WebP files, 1 to 100.
        callback: called with each result, in order, as they are there.
        controls: of :meth:`adain.Stylizer.stylize`.

    Returns:
        What became of each output, in the order of contents, then styles. On a full disk it ends with those so far.

    Raises:
        InputError: if arguments contradict each other, two outputs would share a name, or nothing can be written.
        MissingFileError, ImageError: if a folder is missing, cannot be read or holds no images.
    """
    manifest = Manifest(output)
    is_one = controls.get("weights") is not None or controls.get("masks") is not None
    if is_one and pairs == "zip":
        raise InputError("weights and masks put all styles into each result: pair by product, not by zip")
    arts = find(_listed(styles), recursive=recursive, ignore=manifest.has)
    photos = find(_listed(contents), recursive=recursive, ignore=manifest.has)
    if pairs == "product":
        photos, arts = distinct(photos), arts if is_one else distinct(arts)
    paths, names = [art.path for art in arts], [art.name for art in arts]
    names = ["+".join(names)] if is_one else names
    Request.of(paths if is_one else paths[:1], **_checkable(controls))
    jobs = plan(photos, names, os.fspath(output) + os.sep, suffix=suffix, pairs=pairs)
    if stylizer is None:
        from ..stylizer.stylizer import Stylizer

        stylizer = Stylizer.from_pretrained()
    maker = _Plain(stylizer, paths, is_one, controls)
    shared = fingerprint([stylizer.encoder, stylizer.decoder, _files(controls), quality, is_one and paths])
    tasks = []
    for job in jobs:
        settings = fingerprint([shared, job.content, None if is_one else paths[job.style]])
        tasks.append(Task(job, settings, {"content": os.fspath(job.content), "style": names[job.style]}))
    with manifest:
        manifest.sweep()
        return list(_follow(tasks, maker, manifest, existing, quality, callback))


class ContentMaker:
    """The part of a :class:`~adain.batch.run.Maker` that sees to contents: each is read and encoded once.

    Args:
        stylizer: encodes them.
        content_size, crop, tile, watch: see :meth:`adain.Stylizer.encode_content`.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        *,
        content_size: int = defaults.CONTENT_SIZE,
        crop: bool = False,
        tile: TileSize = defaults.TILE,
        watch: Watch | None = None,
    ) -> None:
        self.stylizer, self.content_size, self.crop = stylizer, content_size, crop
        self.tile, self.watch = tile, watch
        self._encoded: tuple[Path, Content] | None = None

    def read(self, content: Path) -> Source | Path:
        """A photograph of its final size, or, if it is very large, just its path; any thread may ask."""
        if count_pixels(content) > READ_AHEAD_PIXELS:
            return content
        return self.stylizer.open(content, size=self.content_size, crop=self.crop)

    def encode(self, loaded: Source | Path, job: Job) -> Content:
        """The content of a job after the encoder, from what :meth:`read` gave."""
        if self._encoded is None or self._encoded[0] != job.content:
            self._encoded = None  # free the features of the picture before
            how: dict[str, Any] = {"tile": self.tile, "watch": self.watch}
            content = self.stylizer.encode_content(loaded, size=self.content_size, crop=self.crop, **how)
            self._encoded = (job.content, content)
        return self._encoded[1]

    def details(self) -> dict[str, Any]:
        """In how many tiles the last content was computed, and the share of it that was computed more than once."""
        tiles = None if self._encoded is None else self._encoded[1].tiles
        if tiles is None:
            return {"tiles": 1, "overlap": 0.0}
        encoder, decoder = layers_upto(CONTENT_LAYER, self.stylizer.encoder.table), self.stylizer.decoder.specs
        return {"tiles": tiles.tiling.count, "overlap": round(tiles.tiling.overlap(encoder, decoder), 4)}


class _Plain(ContentMaker):
    """What :meth:`adain.Stylizer.stylize` makes under the same controls for all."""

    def __init__(self, stylizer: Stylizer, styles: Sequence[Path], is_one: bool, controls: Controls) -> None:
        how: dict[str, Any] = {k: controls[k] for k in ("content_size", "crop", "tile", "watch") if k in controls}
        super().__init__(stylizer, **how)
        self.styles, self.is_one, self.controls = styles, is_one, controls
        self.known: dict[Path, Style] = {}

    def render(self, loaded: Source | Path, job: Job) -> Image.Image:
        content = self.encode(loaded, job)
        style = [self._style(path) for path in self.styles] if self.is_one else self._style(self.styles[job.style])
        controls: Any = self.controls
        result = self.stylizer.stylize(content, style, **controls)
        assert isinstance(result, Image.Image)  # files give pictures, only tensors give tensors
        return result

    def _style(self, path: Path) -> Style | Path:
        """The artwork encoded, unless that is to be done for each photograph anew."""
        color, controls = self.controls.get("color"), self.controls
        if controls.get("style_masks") is not None or isinstance(color, (list, tuple)):
            return path
        if (chosen := as_color(color)) is not None and chosen.needs_content:  # type: ignore[arg-type]
            return path
        if path not in self.known:
            self.known[path] = self.stylizer.encode_style(
                path,
                size=controls.get("style_size", defaults.STYLE_SIZE),
                fine_size=controls.get("fine_style_size"),
                crop=self.crop,
            )
        return self.known[path]


def _follow(
    tasks: Sequence[Task],
    maker: _Plain,
    manifest: Manifest,
    existing: str,
    quality: int,
    callback: Callable[[Result], None] | None,
) -> Iterator[Result]:
    todo = remaining(tasks, manifest, existing)
    wanted = {task.job.output for task in todo}
    results = make(by_content(todo), maker, manifest, quality=quality)
    for task in tasks:
        result = Result(task, "skipped", task.details)
        if task.job.output in wanted:
            made = next(results, None)
            if made is None:
                return  # a full disk: the rest was not begun
            result = made
        if callback is not None:
            callback(result)
        yield result


def _listed(paths: Paths) -> list[str | os.PathLike[str]]:
    return [paths] if isinstance(paths, (str, os.PathLike)) else [*paths]


def _checkable(controls: Controls) -> Any:
    """The controls that can be checked before there is a photograph."""
    return {key: value for key, value in controls.items() if key not in ("content_size", "tile", "watch")}


def _files(controls: Controls) -> dict[str, Any]:
    """The controls with the names of files as paths, which are stamped."""

    def path(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [path(item) for item in value]
        return Path(value) if isinstance(value, str) else value

    names = ("masks", "style_masks", "background")
    # Tiles and who watches them change no picture.
    decisive = {key: value for key, value in controls.items() if key not in ("tile", "watch")}
    return {key: path(value) if key in names else value for key, value in decisive.items()}
