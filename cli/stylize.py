"""``adain stylize``: photographs and artworks in, stylised photographs out."""

from __future__ import annotations

import itertools
from typing import Any

import click

from adain.batch import FolderOptions
from adain.batch.ray import RayOptions

from .options import SNAKE_CASE, OneCommand, label_styles, options_of, pictures, take
from .reporting import follow, tile_bar


@click.command(cls=OneCommand, context_settings=SNAKE_CASE)
@click.argument("paths", nargs=-1, metavar="CONTENT STYLE...", shell_complete=pictures)
@click.option(
    "-c", "--content", "contents", multiple=True, shell_complete=pictures, help="Photograph or folder; may be repeated."
)
@click.option(
    "-s", "--style", "styles", multiple=True, shell_complete=pictures, help="Artwork or folder; may be repeated."
)
@click.option("-o", "--output", help="File, or folder for several results. [default: current folder]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout for each result.")
@click.option("--engine", type=click.Choice(("local", "ray")), default="local", show_default=True,
              help="What does the work: this process, or Ray, which also reads and writes .parquet.")  # fmt: skip
@options_of(RayOptions)
def stylize(
    paths: tuple[str, ...],
    contents: tuple[str, ...],
    styles: tuple[str, ...],
    output: str | None,
    as_json: bool,
    engine: str,
    **values: Any,
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
    adain stylize -r photos/ paintings/ -o out/ --pairs random
    adain stylize train-{000..127}.tar paintings/ -o out/ --pairs random

    Of several results a manifest.jsonl in their folder says what is done and what failed. The same command again
    makes only what is missing, has failed, or would now come out otherwise; see --redo and --skip-existing.
    """
    labelled = label_styles(values)
    if values["label_map"] is not None:
        if styles:
            raise click.UsageError("with --label-map each style is given by --label, not by -s")
        styles = tuple(labelled)
    contents, styles = _split(paths, contents, styles)
    options = take(RayOptions, values)
    job: Any
    if engine == "ray":
        from adain.batch.ray import plan_dataset

        job = plan_dataset(contents, styles, output or ".", options)
    else:
        from adain.batch import plan_folder

        of_ray = {name: value for name, value in options.given().items() if name not in FolderOptions.declared()}
        RayOptions(**of_ray).require("torch", name="--engine local", hint="add --engine ray")
        job = plan_folder(contents, styles, output, FolderOptions.of(options), tolerant=True)
    return follow(job.results(tile_bar()), job.total, "adain stylize", as_json=as_json, failures=job.unreadable)


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
        # Of shards a shell may have made several names.
        shards = [*itertools.takewhile(lambda path: path.lower().endswith(".tar"), paths)]
        count = max(1, len(shards))
        contents, styles = paths[:count], paths[count:]
    if not contents:
        raise click.UsageError("no photograph given: adain stylize PHOTO ARTWORK -o OUT")
    if not styles:
        raise click.UsageError(f"no style given for {contents[0]}: adain stylize PHOTO ARTWORK -o OUT")
    return contents, styles
