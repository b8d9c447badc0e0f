"""``adain stylize``: photographs and artworks in, stylised photographs out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from adain import defaults
from adain._utils.errors import InputError

from .controls import BareColorFlag, Controls, control_options, parse_numbers
from .engine import Engine, engine_options, ray_looks
from .exported import OnnxOrder, check_served
from .folders import FolderOptions, carry_out, folder_options
from .making import Order
from .options import SNAKE_CASE, model_options
from .tiles import tile_option


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
@click.option(
    "--precision",
    type=click.Choice(defaults.PRECISIONS),
    default=defaults.PRECISION,
    show_default=True,
    help="What the networks compute in; auto is bf16 on CUDA and fp32 elsewhere.",
)
@click.option(
    "--style-cache",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder that keeps encoded styles for later calls.",
)
@click.option("--keep-memory", is_flag=True, help="Reuse freed memory: faster on a CPU, but takes more of it.")
@click.option(
    "--onnx",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Use the model that adain export wrote there; needs no torch.",
)
@tile_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout for each result.")
@folder_options
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
    precision: str,
    style_cache: Path | None,
    keep_memory: bool,
    onnx: Path | None,
    tile: int | str,
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
    adain stylize -r photos/ wave.jpg -o out/ --jobs 4

    Of several results a manifest.jsonl in their folder says what is done and what failed. The same command again
    makes only what is missing, has failed, or would now come out otherwise; see --redo and --skip-existing.
    """
    if onnx is not None:
        check_served(context)
    controls, folders, engine = Controls.take(options), FolderOptions.take(options), Engine.take(options)
    weights = None if style_weights is None else parse_numbers("--style-weights", style_weights)
    _one_mode(controls, weights)
    if controls.label_map is not None:
        if styles:
            raise click.UsageError("with --label-map each style is given by --label, not by -s")
        styles = tuple(str(path) for _, path in controls.label_styles())
    contents, styles = _split(paths, contents, styles)

    from adain._utils.errors import ImageError
    from adain.batch import plan as jobs
    from adain.batch.manifest import Manifest
    from adain.batch.run import Task
    from adain.strengths import normalize_weights

    is_one = bool(weights or controls.masks or controls.label_map or controls.gradient or controls.style_grid)
    is_zip = folders.pairs == "zip"
    if is_zip and is_one:
        raise InputError("--pairs zip makes one result of each pair, but another option puts all styles into each")
    if engine.is_ray:
        _check_ray(folders, refine_steps=refine_steps, style_cache=style_cache, keep_memory=keep_memory)
    has_folder = any(Path(path).is_dir() for path in (*contents, *styles))
    keeps_manifest = has_folder and not engine.is_ray and not jobs.means_file(output)
    manifest = Manifest(output or ".") if keeps_manifest else None
    unreadable: list[ImageError] = []

    def find(names: tuple[str, ...], repeated: bool) -> list[jobs.Found]:
        ignore = manifest.has if manifest else lambda _: False
        found = jobs.find(names, recursive=folders.recursive, ignore=ignore, unreadable=unreadable)
        return found if repeated else jobs.distinct(found)

    # In one result an artwork may well have two regions; one result for each needs it only once.
    arts = find(styles, is_one or is_zip)
    names = [art.name for art in arts]
    if weights is not None:
        if len(weights) != len(names):
            raise InputError(f"--style-weights has {len(weights)} weights for {len(names)} styles")
        normalize_weights(weights)
    if controls.style_grid and context.get_parameter_source("content_size") == ParameterSource.DEFAULT:
        content_size = defaults.GRID_SIZE
    model = {**options, "precision": precision}
    look: dict[str, Any]
    if engine.is_ray:
        from adain.image import DEFAULT_MAX_PIXELS

        masks = controls.label_masks(options["max_pixels"] or DEFAULT_MAX_PIXELS) if controls.label_map else ()
        look = {"alpha": alpha, "weights": weights, "style_size": style_size, "crop": crop}
        made = ray_looks([art.path for art in arts], controls, masks=[*masks] or [*controls.masks], **look)
        settings: dict[str, Any] = {"content_size": content_size, "crop": crop, "tile": tile, "suffix": suffix}
        settings |= {"quality": quality, "skip_existing": folders.skip_existing}
        return engine.run(contents, made, output, model, as_json=as_json, **settings)
    together = ["+".join(names)] if is_one else names
    plan = jobs.plan(find(contents, is_zip), together, output, suffix=suffix, pairs=folders.pairs)
    if len(plan) > 1 and manifest is None:
        manifest = Manifest(output or ".")
    look = {"alpha": alpha, "content_size": content_size, "style_size": style_size, "crop": crop, "is_one": is_one}
    look |= {"styles": tuple(art.path for art in arts), "weights": None if weights is None else tuple(weights)}
    order: Order | OnnxOrder
    if onnx is not None:
        order = OnnxOrder(onnx, **look, max_pixels=options["max_pixels"], jobs=folders.jobs)
    else:
        how: dict[str, Any] = {"style_cache": style_cache, "keep_memory": keep_memory, "tile": tile}
        order = Order(controls=controls, refine_steps=refine_steps, model=model, **look, **how)
    tasks = []
    for job in plan:
        details = {"content": os.fspath(job.content), "style": together[job.style], "alpha": alpha}
        tasks.append(Task(job, order.fingerprint(job, quality) if manifest else "", details))
    return carry_out(order, tasks, manifest, folders, quality=quality, as_json=as_json, failures=unreadable)


def _check_ray(folders: FolderOptions, **others: Any) -> None:
    """See that no option is given that Ray's side of the work knows nothing of."""
    given = [f"--{name.removesuffix('_steps').replace('_', '-')}" for name, value in others.items() if value]
    given += ["--pairs zip"] * (folders.pairs == "zip") + ["--jobs"] * (folders.jobs > 1)
    if given:
        more = ": refine the results with adain refine" if "--refine" in given else ""
        verb = "does" if len(given) == 1 else "do"
        raise InputError(f"{' and '.join(given)} {verb} not go with --engine ray{more}")


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
