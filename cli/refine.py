"""``adain refine``: a picture optimised under the losses, from any start."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adain import AdainError, InputError, RefinementError
from adain import refinement as recipes
from adain.refinement import RefineOptions

from .options import SNAKE_CASE, OneCommand, label_styles, options_of, pictures, take
from .reporting import SIGNALS, bar, exit_code, tell, warn_of_further, warn_of_replaced, words

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = "adain refine"


class RecipeCommand(OneCommand):
    """A command that changes a recipe: its help lists the settings, and whoever takes one for an option is told."""

    def hint(self, name: str) -> str:
        key = name.lstrip("-").replace("-", "_")
        key = recipes.RENAMED.get(key, key)
        known = key in recipes.SETTINGS
        return f"{name} is a setting of the recipe: use --set {key}=..." if known else super().hint(name)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        flags = {parameter.name for parameter in self.params}
        settings = {key: field.metadata["help"] for key, field in recipes.SETTINGS.items() if key not in flags}
        with formatter.section("Settings for --set"):
            formatter.write_dl([*settings.items()])


@click.command(cls=RecipeCommand, context_settings=SNAKE_CASE)
@click.argument("paths", nargs=-1, metavar="CONTENT STYLE...", shell_complete=pictures)
@click.option("-o", "--output", help="File, or folder for several photographs. [default: current folder]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout for each result.")
@click.option("--show-recipe", is_flag=True, help="Print the recipe, a template for one's own, and exit.")
@click.option("--loss", "losses", multiple=True, metavar="NAME=WEIGHT[:LAYER[*FACTOR],...]",
              help=f"Set a loss ({', '.join(recipes.KINDS)}), 0 leaves it out; may be repeated.")  # fmt: skip
@click.option("--content-weight", type=float, help="Multiplies the losses that hold on to the photograph.")
@click.option("--style-weight", type=float, help="Multiplies the losses that pull at the artwork.")
@click.option("--optimizer", type=click.Choice(list(recipes.OPTIMIZERS)), help="What moves the picture.")
@click.option("--lr", type=float, help="Learning rate; 0 for the optimiser's own.")
@click.option("--backbone", help="Loss network: vgg19 (ships), vgg16 or resnet50.")
@click.option("--log", type=click.Path(path_type=Path), help="CSV of every loss at every step.")
@click.option("--plot", type=click.Path(path_type=Path), help="Plot of the losses (.png, .svg or .pdf).")
@click.option("--save-every", type=click.IntRange(1), help="Keep a snapshot every N steps in OUTPUT-steps/.")
@options_of(RefineOptions, place="refine")
def refine(paths: tuple[str, ...], output: str | None, as_json: bool, show_recipe: bool, **values: Any) -> int:
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
        click.echo(recipes.recipe_source(values["recipe"] or recipes.DEFAULT_RECIPE), nl=False)
        return 0
    files = {name: values.pop(name) for name in ("log", "plot", "save_every")}
    changes = {name: values.pop(name) for name in ("optimizer", "lr", "backbone")}
    changes["losses"] = dict(map(recipes.parse_loss, values.pop("losses")))
    factors = values.pop("content_weight"), values.pop("style_weight")
    artworks = label_styles(values)
    if artworks and len(paths) > 1:
        raise click.UsageError("with --label-map each style is given by --label, not as a path")
    options = take(RefineOptions, values)
    plan = _plan(options, {name: value for name, value in changes.items() if value is not None}, factors)
    styles = [*paths[1:], *artworks]
    if not paths or not styles:
        what = f"no style given for {paths[0]}" if paths else "no photograph given"
        raise click.UsageError(f"{what}: adain refine PHOTO ARTWORK -o OUT")

    from adain._utils.protect import protect
    from adain._utils.signals import CODES, StopFlag
    from adain.backends import open_model
    from adain.batch import find, means_file, paged, plan_jobs
    from adain.image import check_bits, source_of

    arts = find(styles)
    found = [art.path for art in arts]
    name, inputs = "+".join(art.name for art in arts), [*found, *options.files()]
    todo = plan_jobs(paged(find(paths[:1]), options.page), [name], output, inputs=inputs)
    for job in todo:
        check_bits(job.output, options.bits)
    if len(todo) > 1 and (files["log"] or files["plot"]):
        raise InputError("--log and --plot are of one picture: name a single photograph")
    read = [*inputs, *(source_of(job.content) for job in todo)]
    protect([path for job in todo for path in _beside(job.output, files)], read)
    options = options.change(recipe=plan, settings=None, steps=None, page=1, stylizer=open_model(options))
    errors: list[AdainError] = []
    records: list[dict[str, Any]] = []
    is_named, replaced = means_file(output), 0
    with StopFlag() as flag:
        for job in todo:
            before = job.output.read_bytes() if job.output.is_file() else None
            try:
                record = _one(job, found, options, files, lambda: bool(flag.code))
            except AdainError as error:
                if len(todo) == 1:
                    raise
                errors.append(error)
                continue
            records.append(record)
            click.echo(json.dumps(record, ensure_ascii=False) if as_json else record["output"])
            replaced += not is_named and before is not None and before != job.output.read_bytes()
            if flag.code:
                steps = f"{record['steps']} of {plan.steps} steps"
                reason = CODES[flag.code]
                tell(COMMAND, f"stopped by {reason} after {steps}, saved {record['output']}", "")
                return SIGNALS.get(reason, 1)
    warn_of_further(records)
    if replaced:
        warn_of_replaced(replaced)
    for failure in errors:
        tell(COMMAND, words(failure))
    return exit_code(len(errors), len(todo))


def _partial(output: Path) -> Path:
    return output.with_name(f"{output.stem}.partial.png")


def _steps(output: Path) -> Path:
    return output.with_name(f"{output.stem}-steps")


def _beside(output: Path, files: dict[str, Any]) -> list[Path]:
    """What is written along with a result and is there already, or was named."""
    steps = _steps(output).glob("*.png") if files["save_every"] else ()
    return [path for path in (files["log"], files["plot"]) if path] + [_partial(output), *steps]


def _one(
    job: Any, styles: list[Path], options: RefineOptions, files: dict[str, Any], stopped: Callable[[], bool]
) -> dict[str, Any]:
    """Refine one photograph, save it and whatever else was asked for."""
    from adain.batch import described, further
    from adain.image import save_image, size_of_painted
    from adain.refinement import LossLog, LossPlot, Partial, Snapshots

    begun = time.perf_counter()
    plan, output = options.recipe, job.output
    assert isinstance(plan, recipes.Recipe)
    last: recipes.Progress | None = None
    partial = Partial(_partial(output))
    watchers: list[Callable[[recipes.Progress], None]] = [partial]
    with ExitStack() as at_end:
        if files["log"]:
            watchers.append(LossLog(files["log"]))
        if files["save_every"]:
            shots = Snapshots(_steps(output), files["save_every"])
            watchers.append(shots)
            at_end.callback(shots.save_strip)
        if files["plot"]:
            plot = LossPlot(files["plot"])
            watchers.append(plot)
            at_end.callback(plot.save)
        shown = at_end.enter_context(bar(plan.steps, "step"))

        def progress(event: recipes.Progress) -> bool:
            nonlocal last
            for watcher in watchers:
                watcher(event)
            last = event
            shown.update(event.step - shown.n)
            losses = {"total": event.total, **event.losses}
            shown.set_postfix({key: f"{value:.3g}" for key, value in losses.items()}, refresh=False)
            return stopped()

        try:
            picture: Any = recipes.refine(job.content, styles, options, progress=progress)
        except RefinementError as error:
            save_image(error.image, output, **options.written(), dither=options.dither)
            partial.remove()
            raise RefinementError(f"{error}; the last good picture is {output}", error.step, error.image) from None
    told: Any = {"metadata": options.metadata, "origin": job.content}
    save_image(picture, output, **options.written(), **told)
    partial.remove()
    height, width = size_of_painted(picture)
    return {
        **described(job.content),
        "style": [os.fspath(style) for style in styles],
        "output": os.fspath(output),
        "recipe": plan.name,
        "steps": last.step if last else 0,
        "total": last.total if last else None,
        "losses": dict(last.losses) if last else {},
        "width": width,
        "height": height,
        **(further(job.content) if isinstance(job.content, Path) else {}),
        "seconds": round(time.perf_counter() - begun, 3),
    }


def _plan(
    options: RefineOptions, changes: dict[str, Any], factors: tuple[float | None, float | None]
) -> recipes.Recipe:
    """The recipe with what the flags change."""
    if options.steps is not None:
        changes["steps"] = options.steps
    plan = recipes.load_recipe(str(options.recipe)).change(**{**(options.settings or {}), **changes})
    weights = dict.fromkeys(recipes.CONTENT_KINDS, factors[0]) | dict.fromkeys(recipes.STYLE_KINDS, factors[1])
    weighted = {
        name: {"weight": spec.weight * factor}
        for name, spec in plan.losses.items()
        if (factor := weights.get(name)) is not None
    }
    return plan.change(losses=weighted)
