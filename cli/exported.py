"""``adain stylize --onnx``: the same work by an exported model, without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from adain._utils.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from adain.backends.onnx import OnnxStyle, OnnxStylizer
    from adain.batch.plan import Job

_SERVED = frozenset(
    {
        *("onnx", "paths", "contents", "styles", "output", "alpha", "style_weights", "content_size", "style_size"),
        *("crop", "suffix", "quality", "as_json", "max_pixels", "seed"),
        *("pairs", "recursive", "skip_existing", "redo", "jobs"),
    }
)
"""Whatever else is given has no meaning for an exported model."""


def check_served(context: click.Context) -> None:
    """See that no option is given that an exported model cannot serve.

    Raises:
        InputError: names them.
    """
    default = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in _SERVED and context.get_parameter_source(str(parameter.name)) not in default
    ]
    if given:
        verb = "does" if len(given) == 1 else "do"
        raise InputError(f"{' and '.join(given)} {verb} not go with --onnx: leave out one or the other")


@dataclass(frozen=True)
class OnnxOrder:
    """What :class:`~adain.cli.making.Order` is for the library's own models; attributes as there.

    Attributes:
        folder: of the exported model.
        jobs: processes that share the cores.
    """

    folder: Path
    styles: tuple[Path, ...]
    is_one: bool
    weights: tuple[float, ...] | None
    alpha: float
    content_size: int
    style_size: int
    crop: bool
    max_pixels: int | None
    jobs: int = 1

    def maker(self, *, quiet: bool = False) -> OnnxMaker:
        """What carries it out; the model is loaded and the styles are encoded here.

        Raises:
            AdainError: if the model or an artwork cannot be read.
        """
        from adain.backends.onnx import OnnxStylizer, blend
        from adain.image import DEFAULT_MAX_PIXELS

        threads = None if self.jobs == 1 else max(1, (os.cpu_count() or 1) // self.jobs)
        stylizer = OnnxStylizer(self.folder, threads=threads, max_pixels=self.max_pixels or DEFAULT_MAX_PIXELS)
        encoded = [stylizer.encode_style(path, size=self.style_size, crop=self.crop) for path in self.styles]
        return OnnxMaker(self, stylizer, [blend(encoded, self.weights)] if self.is_one else encoded)

    def fingerprint(self, job: Job, quality: int) -> str:
        """Of all that decides what a job's output looks like; see :mod:`adain._utils.fingerprint`."""
        from adain._utils.fingerprint import fingerprint
        from adain.backends.onnx import STYLE_FILE, TRANSFER_FILE

        style = self.styles if self.is_one else self.styles[job.style]
        plain = [self.weights, self.alpha, self.content_size, self.style_size, self.crop]
        files = [self.folder / STYLE_FILE, self.folder / TRANSFER_FILE, job.content, style]
        return fingerprint([files, plain, quality if job.output.suffix.lower() in (".jpg", ".jpeg", ".webp") else 0])


@dataclass(frozen=True)
class OnnxMaker:
    """Makes the results of an :class:`OnnxOrder`."""

    order: OnnxOrder
    stylizer: OnnxStylizer
    styles: list[OnnxStyle]

    def read(self, content: Path) -> Image.Image:
        """The photograph, upright."""
        from adain.image import read_image

        return read_image(content, max_pixels=self.stylizer.max_pixels)

    def render(self, loaded: Image.Image, job: Job) -> Image.Image:
        """The picture of a job."""
        size: dict[str, Any] = {"content_size": self.order.content_size, "crop": self.order.crop}
        picture: Image.Image = self.stylizer.stylize(loaded, self.styles[job.style], alpha=self.order.alpha, **size)
        return picture

    def details(self) -> dict[str, Any]:
        """Nothing beyond what is recorded of every picture."""
        return {}
