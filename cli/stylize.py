"""``adain stylize``: photographs and artworks in, stylised photographs out."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from adain import defaults
from adain.errors import AdainError, InputError

from .controls import BareColorFlag, Controls, control_options, parse_numbers
from .deepen import Deepen, deepening
from .engine import Engine, engine_options, ray_looks
from .looks import Look, looks
from .options import SNAKE_CASE, load_stylizer, model_options

if TYPE_CHECKING:
    from adain.content import Content
    from adain.jobs import Job
    from adain.stylizer import Stylizer

SOME_FAILED = 1


@click.command(cls=BareColorFlag, context_settings=SNAKE_CASE)
@click.argument("paths", nargs=-1, metavar="CONTENT STYLE...")
@click.option("-c", "--content", "contents", multiple=True, help="Photograph or folder; may be repeated.")
@click.option("-s", "--style", "styles", multiple=True, help="Artwork or folder; may be repeated.")
@click.option("-o", "--output", help="File, or folder for several results. [default: current folder]")
@click.option(
    "--alpha",
    type=click.FloatRange(0.0, 1.0),
    default=defaults.ALPHA,
    show_default=True,
    help="Strength: 0 is the photograph, 1 the full style.",
)
@click.option("--style-weights", help="Blend all styles into one, e.g. 0.7,0.3 (scaled to sum 1).")
@click.option(
    "--content-size",
    type=click.IntRange(0),
    default=defaults.CONTENT_SIZE,
    show_default=True,
    help="Shorter side of the result in px; 0 keeps the photograph's size.",
)
@click.option(
    "--style-size",
    type=click.IntRange(0),
    default=defaults.STYLE_SIZE,
    show_default=True,
    help="Shorter side the artwork is scaled to in px, 0 keeps its size; larger gives coarser strokes.",
)
@click.option("--crop", is_flag=True, help="Use the central squares of photograph and artwork.")
@click.option(
    "--refine",
    "refine_steps",
    type=click.IntRange(1),
    metavar="N",
    help="Optimise every result for N steps afterwards (see adain refine).",
)
@click.option("--suffix", help="Format of results in a folder, e.g. .png. [default: the photograph's]")
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=defaults.JPEG_QUALITY,
    show_default=True,
    help="Of JPEG and WebP files.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout for each result.")
@control_options
@engine_options
@model_options
@click.pass_context
def stylize(
    context: click.Context,
    /,
    paths: tuple[str, ...],
    contents: tuple[str, ...],
    styles: tuple[str, ...],
    output: str | None,
    alpha: float,
    style_weights: str | None,
    content_size: int,
    style_size: int,
    crop: bool,
    refine_steps: int | None,
    suffix: str | None,
    quality: int,
    as_json: bool,
    **options: Any,
) -> int:
    """Give photographs the style of artworks.

    The first path is the photograph, every further one an artwork; each may be a folder of images. With -c, all
    paths are artworks; with -s or --label-map, all are photographs. Every photograph is made in every style, unless
    --style-weights, --mask, --label-map, --gradient or --style-grid puts all styles into one result.

    \b
    adain stylize photo.jpg wave.jpg -o out.jpg
    adain stylize photo.jpg wave.jpg --preserve-color
    adain stylize photo.jpg wave.jpg harbour.jpg --style-weights 0.7,0.3
    adain stylize photo.jpg wave.jpg harbour.jpg --mask sky.png --mask ground.png --feather 12
    adain stylize photos/ styles/ -o out/
    """
    controls, engine = Controls.take(options), Engine.take(options)
    if engine.is_ray and refine_steps is not None:
        raise InputError("--refine does not go with --engine ray: refine the results with adain refine")
    weights = None if style_weights is None else parse_numbers("--style-weights", style_weights)
    _one_mode(controls, weights)
    if controls.label_map is not None:
        if styles:
            raise click.UsageError("with --label-map each style is given by --label, not by -s")
        styles = tuple(str(path) for _, path in controls.label_styles())
    contents, styles = _split(paths, contents, styles)

    from adain import jobs
    from adain.images import DEFAULT_MAX_PIXELS
    from adain.style import normalize_weights

    is_one = bool(weights or controls.masks or controls.label_map or controls.gradient or controls.style_grid)
    # In one result an artwork may well have two regions; one result for each needs it only once.
    style_paths = [path for style in styles for path in jobs.expand([style])] if is_one else jobs.expand(styles)
    names = [path.stem for path in style_paths]
    if weights is not None:
        if len(weights) != len(names):
            raise InputError(f"--style-weights has {len(weights)} weights for {len(names)} styles")
        normalize_weights(weights)
    plan = []
    if not engine.is_ray:
        plan = jobs.plan(jobs.expand(contents), ["+".join(names)] if is_one else names, output, suffix=suffix)
    if controls.style_grid and context.get_parameter_source("content_size") == ParameterSource.DEFAULT:
        content_size = defaults.GRID_SIZE
    masks: list[Any] = [*controls.masks]
    if controls.label_map is not None:
        masks = [*controls.label_masks(options["max_pixels"] or DEFAULT_MAX_PIXELS)]
    if engine.is_ray:
        settings: dict[str, Any] = {"content_size": content_size, "crop": crop, "suffix": suffix, "quality": quality}
        styled = ray_looks(
            style_paths, controls, alpha=alpha, weights=weights, style_size=style_size, crop=crop, masks=masks
        )
        return engine.run(contents, styled, output, options, as_json=as_json, **settings)
    stylizer = load_stylizer(**options)

    made = looks(
        stylizer, style_paths, controls, alpha=alpha, weights=weights, style_size=style_size, crop=crop, masks=masks
    )
    deepen = None
    if refine_steps is not None:
        how: dict[str, Any] = {"content_size": content_size, "style_size": style_size, "crop": crop, "masks": masks}
        deepen = deepening(stylizer, refine_steps, style_paths, controls, is_one=is_one, weights=weights, **how)
    run = _Run(stylizer, made, deepen, alpha, content_size, crop, quality, as_json)
    failures = run.all(plan)
    if failures and len(plan) == 1:
        raise failures[0]
    for failure in failures:
        click.echo(f"adain stylize: error: {' '.join(str(failure).split())}", err=True)
    if len(failures) == len(plan):
        return 2
    return SOME_FAILED if failures else 0


class _Run:
    """The jobs of one call: every content is encoded once, whatever the number of looks."""

    def __init__(
        self,
        stylizer: Stylizer,
        looks: list[Look | AdainError],
        deepen: Deepen | None,
        alpha: float,
        content_size: int,
        crop: bool,
        quality: int,
        as_json: bool,
    ) -> None:
        self.stylizer, self.looks, self.deepen = stylizer, looks, deepen
        self.alpha, self.content_size, self.crop = alpha, content_size, crop
        self.quality, self.as_json = quality, as_json
        self.encoded: tuple[Path, Content] | None = None

    def all(self, plan: list[Job]) -> list[AdainError]:
        """Do every job; what fails is returned and does not stop the rest."""
        from tqdm import tqdm

        failures: list[AdainError] = []
        hidden = len(plan) < 2 or not sys.stderr.isatty()
        with tqdm(plan, unit="image", disable=hidden, file=sys.stderr) as bar:
            for job in bar:
                try:
                    record = self.one(job)
                except AdainError as error:
                    failures.append(error)
                    continue
                with tqdm.external_write_mode():
                    click.echo(json.dumps(record, ensure_ascii=False) if self.as_json else record["output"])
        return failures

    def one(self, job: Job) -> dict[str, Any]:
        from adain.images import save_image

        start = time.perf_counter()
        look = self.looks[job.style]
        if isinstance(look, AdainError):
            raise look
        if self.encoded is None or self.encoded[0] != job.content:
            self.encoded = None  # free the features of the picture before
            content = self.stylizer.encode_content(job.content, size=self.content_size, crop=self.crop)
            self.encoded = (job.content, content)
        picture = look.render(self.encoded[1])
        if self.deepen is not None:
            picture = self.deepen(picture, job.content, job.style)
        save_image(picture, job.output, quality=self.quality)
        return {
            "content": os.fspath(job.content),
            "style": look.name,
            "output": os.fspath(job.output),
            "alpha": self.alpha,
            "width": picture.width,
            "height": picture.height,
            "seconds": round(time.perf_counter() - start, 3),
        }


def _one_mode(controls: Controls, weights: list[float] | None) -> None:
    """See that only one option says how several styles come together."""
    modes = {
        "--style-weights": weights is not None,
        "--mask": bool(controls.masks),
        "--label-map": controls.label_map is not None,
        "--gradient": controls.gradient is not None,
        "--style-grid": controls.style_grid is not None,
    }
    given = [name for name, is_given in modes.items() if is_given]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} each say how styles come together: give one of them")


def _split(
    paths: tuple[str, ...], contents: tuple[str, ...], styles: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Contents and styles, according to which of -c and -s were given."""
    if contents and styles and paths:
        raise click.UsageError(f"with both -c and -s, {paths[0]} is neither content nor style")
    if contents:
        styles += paths
    elif styles:
        contents = paths
    else:
        contents, styles = paths[:1], paths[1:]
    if not contents:
        raise click.UsageError("no photograph given: adain stylize PHOTO ARTWORK -o OUT")
    if not styles:
        raise click.UsageError(f"no style given for {contents[0]}: adain stylize PHOTO ARTWORK -o OUT")
    return contents, styles
