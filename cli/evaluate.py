"""``adain evaluate``: how good outputs are, by every measure, beside the content and the style unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from adain import InputError, Options
from adain._utils.files import check_writable
from adain._utils.protect import protect
from adain.metrics import EvaluationOptions
from adain.options import ModelOptions

from .options import SNAKE_CASE, options_of, take
from .reporting import bar, exit_code, tell

COMMAND = "adain evaluate"

OF_MAKING = ("alpha", "correct", "model", "encoder", "decoder")
"""Options that only concern pictures that are made now."""


@click.command(context_settings=SNAKE_CASE)
@click.argument("paths", nargs=-1, metavar="[CONTENT STYLE]")
@click.option("-c", "--content", "contents", multiple=True, help="Photograph or folder; may be repeated.")
@click.option("-s", "--style", "styles", multiple=True, help="Artwork or folder; may be repeated.")
@click.option(
    "-o", "--output", "outputs", multiple=True, metavar="[NAME=]DIR",
    help="Folder of {content}_stylized_{style}.* to measure; repeated, several tools are compared.",
)  # fmt: skip
@click.option(
    "--triples", type=click.Path(path_type=Path), metavar="FILE",
    help="Table of content, style and output instead: .csv, or .jsonl such as a folder's manifest.jsonl.",
)  # fmt: skip
@click.option("--stylize", is_flag=True, help="Stylise now as well. [default: only without outputs]")
@click.option(
    "--metrics", "names", metavar="NAMES", help="Some measures only, e.g. ssim,cfsd. [default: all there are]"
)
@click.option("--list", "as_list", is_flag=True, help="List the measures and what they say.")
@click.option("--csv", "csv_path", metavar="FILE", help="Write every pair to this file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout instead of the table.")
@click.option("--lpips-backbone", "backbone", metavar="FILE", help="torchvision's AlexNet or VGG-16, for LPIPS.")
@click.option("--lpips-weights", "weights", metavar="FILE", help="alex.pth or vgg.pth of the LPIPS release.")
@click.option(
    "--artfid-inception", "inception", metavar="FILE", help="art_inception.pth, for ArtFID (and LPIPS's files)."
)
@click.option("--segment", metavar="MODULE:FUNCTION", help="Your segmentation, a function in a module or a .py file: "
              "of an array (H, W, 3) of uint8 it gives the label of every pixel.")  # fmt: skip
@click.option("--label-maps", metavar="DIR", help="Label maps of the contents, by their names. [default: what "
              "--segment finds in the contents]")  # fmt: skip
@click.option("--ignore-label", "ignored", type=int, multiple=True, metavar="N",
              help="Label whose pixels do not count, such as 255; may be repeated.")  # fmt: skip
@options_of(EvaluationOptions)
@options_of(Options, only=("alpha", "correct"))
@options_of(ModelOptions, without=("backend", "onnx", "style_cache", "precision"))
def evaluate(
    paths: tuple[str, ...],
    outputs: tuple[str, ...],
    triples: Path | None,
    stylize: bool,
    names: str | None,
    as_list: bool,
    csv_path: str | None,
    as_json: bool,
    backbone: str | None,
    weights: str | None,
    inception: str | None,
    segment: str | None,
    label_maps: str | None,
    ignored: tuple[int, ...],
    **values: Any,
) -> int:
    """Measure stylised pictures against their contents and styles.

    Without --output or --triples the pictures are made now, by the shipped model or yours. Beside them stand two guard
    rails: identity, the content unchanged, and style, the style unchanged. A good output lies between them.

    \b
    adain evaluate photos/ styles/ -o out/
    adain evaluate photos/ styles/ -o mine=out/ -o other=theirs/ --csv pairs.csv
    adain evaluate photos/ styles/ --decoder run/decoder.safetensors --pairs zip --json
    adain evaluate --triples out/manifest.jsonl --metrics style-residual,content-distance
    """
    from adain import metrics
    from adain.backends import open_stylizer

    if as_list:
        for each in metrics.METRICS.values():
            arrow = metrics.ARROWS[each.better]
            click.echo(f"{each.name:20} {arrow}  {each.summary}  (adain.{each.definition})")
        return 0
    chosen = None if names is None else [name.strip() for name in names.split(",") if name.strip()]
    contents, styles = values.pop("contents"), values.pop("styles")
    if paths:
        if contents or styles or len(paths) != 2:
            raise click.UsageError("give CONTENT and STYLE, each a picture or a folder, or any number with -c and -s")
        contents, styles = paths[:1], paths[1:]
    makes = stylize or not (outputs or triples)
    for name in () if makes else OF_MAKING:
        if values[name] is not None:
            raise InputError(f"--{name} is for pictures that are made now: add --stylize")
    if (backbone is None) != (weights is None):
        raise InputError("LPIPS needs both --lpips-backbone and --lpips-weights")
    options, made, model = take(EvaluationOptions, values), take(Options, values), take(ModelOptions, values)
    if not isinstance(made.alpha, float):
        raise InputError("--alpha of an evaluation is one number")
    if triples is None and not (contents and styles):
        raise click.UsageError(f"no content or no style given: {COMMAND} CONTENT STYLE [-o OUTPUTS]")
    pairs = metrics.gather(
        contents, styles, outputs, triples,
        pairing=options.pairing, making=makes, warn=lambda text: tell(COMMAND, text, ""),
    )  # fmt: skip

    networks = [name for name, file in (("lpips", backbone), ("artfid", inception)) if file is not None]
    segmentation = metrics.Segmentation(
        None if segment is None else metrics.load_segment(segment),
        None if label_maps is None else Path(label_maps),
        (*metrics.Segmentation().ignored, *ignored),
    )
    networks += segmentation.names
    count = len({pair.style for pair in pairs})
    metrics.choose(chosen, stylising=makes, networks=networks, styles=count, size=options.size)  # before reading
    if csv_path is not None:
        pictures = [path for pair in pairs for path in (pair.content, pair.style, *pair.outputs.values())]
        files = [triples, backbone, weights, inception, *model.files()]
        protect([csv_path], [*pictures, *(file for file in files if file is not None)])
        check_writable(csv_path)
    evaluation = metrics.evaluate(
        pairs,
        names=chosen,
        judges=metrics.Judges(
            None if backbone is None or weights is None else metrics.LPIPS.from_files(backbone, weights),
            None if inception is None else metrics.ArtInception.from_file(inception),
            segmentation,
        ),
        stylizer=open_stylizer(model) if makes else None,
        alpha=made.alpha,
        correct=made.correct,
        size=options.size,
        fit=options.fit,
        device=model.device,
        track=lambda order: bar(len(order), "pair", hidden=len(order) < 2, iterable=order),
        **({"max_pixels": model.max_pixels} if model.max_pixels else {}),
    )
    done = any(entry.row not in metrics.GUARDS for entry in evaluation.entries)
    if done:
        if csv_path is not None:
            metrics.write_csv(evaluation, csv_path)
        record = metrics.as_json(evaluation)
        click.echo(json.dumps(record, ensure_ascii=False) if as_json else metrics.table(evaluation))
    elif len(evaluation.failures) == 1:
        raise evaluation.failures[0]
    for failure in evaluation.failures:
        tell(COMMAND, str(failure))
    return exit_code(len(evaluation.failures), len(evaluation.failures) + done)
