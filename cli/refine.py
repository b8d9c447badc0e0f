"""``adain refine``: a picture optimised under the losses, from any start."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adain import AdainError, InputError, defaults
from adain import refinement as recipes

from .controls import BareColorFlag, Controls, color_options, parse_numbers, region_options
from .options import SNAKE_CASE, load_stylizer, model_options
from .reporting import SIGNALS, SOME_FAILED

if TYPE_CHECKING:
    from adain.batch.plan import Job
    from adain.refinement import Progress
    from adain.stylizer.stylizer import Stylizer


class RecipeCommand(BareColorFlag):
    """A command that changes a recipe: its help lists the settings, and whoever takes one for an option is told."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            key = error.option_name.lstrip("-").replace("-", "_")
            key = recipes.RENAMED.get(key, key)
            if key not in recipes.SETTINGS:
                raise
            text = f"{error.option_name} is a setting of the recipe: use --set {key}=..."
            raise click.UsageError(text, ctx) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        flags = {parameter.name for parameter in self.params}
        settings = {key: field.metadata["help"] for key, field in recipes.SETTINGS.items() if key not in flags}
        with formatter.section("Settings for --set"):
            formatter.write_dl([*settings.items()])


@click.command(cls=RecipeCommand, context_settings=SNAKE_CASE)
@click.argument("paths", nargs=-1, metavar="CONTENT STYLE...")
@click.option("-o", "--output", help="File, or folder for several photographs. [default: current folder]")
@click.option(
    "--recipe",
    default=recipes.DEFAULT_RECIPE,
    show_default=True,
    help=f"One of {', '.join(recipes.recipe_names())}, or a .toml or .json file.",
)
@click.option("--show-recipe", is_flag=True, help="Print the recipe, a template for one's own, and exit.")
@click.option("--start", help="adain, content, noise, blend or a picture. [default: the recipe's]")
@click.option(
    "--loss", "losses", multiple=True, metavar="NAME=WEIGHT[:LAYER[*FACTOR],...]",
    help=f"Set a loss ({', '.join(recipes.KINDS)}), 0 leaves it out; may be repeated.",
)  # fmt: skip
@click.option("--content-weight", type=float, help="Multiplies the losses that hold on to the photograph.")
@click.option("--style-weight", type=float, help="Multiplies the losses that pull at the artwork.")
@click.option("--steps", type=click.IntRange(0), help="Evaluations of the losses in all.")
@click.option("--optimizer", type=click.Choice(list(recipes.OPTIMIZERS)), help="What moves the picture.")
@click.option("--lr", type=float, help="Learning rate; 0 for the optimiser's own.")
@click.option("--backbone", help="Loss network: vgg19 (ships), vgg16 or resnet50.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="Any other setting of the recipe, see below; may be repeated.",
)  # fmt: skip
@click.option("--backbone-weights", type=click.Path(path_type=Path), help="File of the loss network's weights.")
@click.option("--style-weights", help="Shares of several styles, e.g. 0.7,0.3 (scaled to sum 1).")
@region_options
@color_options
@click.option(
    "--alpha", type=click.FloatRange(0.0, 1.0), default=defaults.ALPHA, show_default=True,
    help="Strength of the one pass it starts from.",
)  # fmt: skip
@click.option(
    "--content-size", type=click.IntRange(0), default=defaults.CONTENT_SIZE, show_default=True,
    help="Shorter side of the result in px; 0 keeps the photograph's size.",
)  # fmt: skip
@click.option(
    "--style-size", type=click.IntRange(0), default=defaults.STYLE_SIZE, show_default=True,
    help="Shorter side the artwork is scaled to in px; larger gives coarser strokes.",
)  # fmt: skip
@click.option("--crop", is_flag=True, help="Use the central squares of photograph and artwork.")
@click.option("--log", type=click.Path(path_type=Path), help="CSV of every loss at every step.")
@click.option("--plot", type=click.Path(path_type=Path), help="Plot of the losses (.png, .svg or .pdf).")
@click.option("--save-every", type=click.IntRange(1), help="Keep a snapshot every N steps in OUTPUT-steps/.")
@click.option(
    "--quality", type=click.IntRange(1, 100), default=defaults.JPEG_QUALITY, show_default=True,
    help="Of JPEG and WebP files.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout for each result.")
@model_options
def refine(
    paths: tuple[str, ...],
    output: str | None,
    recipe: str,
    show_recipe: bool,
    start: str | None,
    losses: tuple[str, ...],
    content_weight: float | None,
    style_weight: float | None,
    settings: tuple[str, ...],
    backbone_weights: Path | None,
    style_weights: str | None,
    alpha: float,
    content_size: int,
    style_size: int,
    crop: bool,
    log: Path | None,
    plot: Path | None,
    save_every: int | None,
    quality: int,
    as_json: bool,
    seed: int,
    **options: Any,
) -> int:
    """Optimise a picture: the slow, best way (Gatys et al. 2016).

    The first path is the photograph, or a folder of them; every further one is an artwork. Several artworks are
    blended by --style-weights, or take one --mask each. Ctrl-C keeps the best picture so far.

    \b
    adain refine photo.jpg wave.jpg -o out.jpg --steps 200
    adain refine photo.jpg wave.jpg --recipe gatys2016 --start noise --log loss.csv --plot loss.png
    adain refine photo.jpg wave.jpg --loss gram=0 --loss sliced-wasserstein=10 --optimizer adam
    adain refine photo.jpg wave.jpg --set coarsest=128 --set whitening=0.5
    """
    if show_recipe:
        click.echo(recipes.recipe_source(recipe), nl=False)
        return 0
    model = {key: options.pop(key) for key in ("model", "encoder", "decoder", "device", "max_pixels")}
    controls = Controls.take(options)
    given = {key: value for key, value in options.items() if value is not None}  # steps, optimizer, lr and backbone
    changes = dict(map(recipes.parse_setting, settings)) | given
    plan = _plan(recipe, changes, losses, content_weight, style_weight)
    if controls.label_map is not None:
        if len(paths) > 1:
            raise click.UsageError("with --label-map each style is given by --label, not as a path")
        paths += tuple(str(path) for _, path in controls.label_styles())
    if len(paths) < 2:
        what = f"no style given for {paths[0]}" if paths else "no photograph given"
        raise click.UsageError(f"{what}: adain refine PHOTO ARTWORK -o OUT")
    styles = list(paths[1:])

    from adain._utils.signals import CODES, StopFlag
    from adain.batch import plan as jobs
    from adain.image.io import DEFAULT_MAX_PIXELS

    name = "+".join(Path(path).stem for path in styles)
    todo = jobs.plan(jobs.expand(paths[:1]), [name], output)
    others = (controls.background, controls.label_map, start)
    files = [*styles, *controls.masks, *controls.style_masks, *(path for path in others if path)]
    sources = {Path(path).resolve() for path in files}
    for job in todo:
        if job.output.resolve() in sources:
            raise InputError(f"{job.output} is also an input and would be replaced: choose another -o")
    if len(todo) > 1 and (log or plot):
        raise InputError("--log and --plot are of one picture: name a single photograph")
    masks: list[Any] = [*controls.masks]
    if controls.label_map is not None:
        masks = [*controls.label_masks(model["max_pixels"] or DEFAULT_MAX_PIXELS)]
    colors = controls.colors()
    arguments: dict[str, Any] = {
        "style": styles,
        "recipe": plan,
        "weights": None if style_weights is None else parse_numbers("--style-weights", style_weights),
        "masks": masks or None,
        "style_masks": controls.style_mask_paths(),
        "mask_channel": controls.mask_channel,
        "background": controls.background_style(),
        "feather": controls.feather,
        "color": colors[0] if len(colors) == 1 else colors or None,
        "alpha": alpha,
        "content_size": content_size,
        "style_size": style_size,
        "crop": crop,
        "seed": seed,
        "backbone_weights": backbone_weights,
    }
    stylizer = load_stylizer(seed=seed, **model)
    failures: list[AdainError] = []
    stopped: str | None = None
    with StopFlag() as flag:
        for job in todo:
            try:
                record = _one(job, start, arguments, stylizer, flag, log, plot, save_every, quality)
            except AdainError as error:
                if len(todo) == 1:
                    raise
                failures.append(error)
                continue
            click.echo(json.dumps(record, ensure_ascii=False) if as_json else record["output"])
            if flag.code:
                stopped = CODES[flag.code]
                break
    for failure in failures:
        click.echo(f"adain refine: error: {failure}", err=True)
    if stopped is not None:
        steps = f"{record['steps']} of {plan.steps} steps"
        click.echo(f"adain refine: stopped by {stopped} after {steps}, saved {record['output']}", err=True)
        return SIGNALS.get(stopped, 1)
    if len(failures) == len(todo):
        return 2
    return SOME_FAILED if failures else 0


def _one(
    job: Job,
    start: str | None,
    arguments: dict[str, Any],
    stylizer: Stylizer,
    flag: Any,
    log: Path | None,
    plot: Path | None,
    save_every: int | None,
    quality: int,
) -> dict[str, Any]:
    """Refine one photograph, save it and whatever else was asked for."""
    from PIL import Image
    from tqdm import tqdm

    from adain import RefinementError
    from adain.image.io import save_image, to_pil
    from adain.refinement import LossLog, LossPlot, Partial, Snapshots
    from adain.refinement import refine as optimise

    begun = time.perf_counter()
    plan: recipes.Recipe = arguments["recipe"]
    watchers: list[Any] = []
    drawing = LossPlot(plot) if plot else None
    shots = Snapshots(job.output.with_name(f"{job.output.stem}-steps"), save_every) if save_every else None
    partial = Partial(job.output.with_name(f"{job.output.stem}.partial.png"))
    watchers += [w for w in (LossLog(log) if log else None, drawing, shots, partial) if w is not None]
    last: list[Progress] = []
    hidden = not sys.stderr.isatty()
    with tqdm(total=plan.steps, unit="step", disable=hidden, file=sys.stderr, dynamic_ncols=True) as bar:

        def watch(progress: Progress) -> bool:
            for watcher in watchers:
                watcher(progress)
            last[:] = [progress]
            bar.update(progress.step - bar.n)
            shown = {"total": progress.total, **progress.losses}
            bar.set_postfix({key: f"{value:.3g}" for key, value in shown.items()}, refresh=False)
            return bool(flag.code)

        try:
            picture = optimise(start, content=job.content, stylizer=stylizer, callback=watch, **arguments)
        except RefinementError as error:
            save_image(to_pil(error.image), job.output, quality=quality)
            partial.remove()
            raise RefinementError(f"{error}; the last good picture is {job.output}", error.step, error.image) from None
        finally:
            if drawing is not None:
                drawing.save()
            if shots is not None:
                shots.save_strip()
    assert isinstance(picture, Image.Image)  # files give pictures
    save_image(picture, job.output, quality=quality)
    partial.remove()
    return {
        "content": os.fspath(job.content),
        "style": [os.fspath(style) for style in arguments["style"]],
        "output": os.fspath(job.output),
        "recipe": plan.name,
        "steps": last[0].step if last else 0,
        "total": last[0].total if last else None,
        "losses": dict(last[0].losses) if last else {},
        "width": picture.width,
        "height": picture.height,
        "seconds": round(time.perf_counter() - begun, 3),
    }


def _plan(
    recipe: str,
    changes: dict[str, Any],
    losses: tuple[str, ...],
    content_weight: float | None,
    style_weight: float | None,
) -> recipes.Recipe:
    """The recipe with what the flags change."""
    plan = recipes.load_recipe(recipe).change(**changes, losses=dict(map(recipes.parse_loss, losses)))
    factors = dict.fromkeys(recipes.CONTENT_KINDS, content_weight) | dict.fromkeys(recipes.STYLE_KINDS, style_weight)
    weighted = {
        name: {"weight": spec.weight * factor}
        for name, spec in plan.losses.items()
        if (factor := factors.get(name)) is not None
    }
    return plan.change(losses=weighted)
