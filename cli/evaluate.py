"""``adain evaluate``: how good outputs are, by every measure, beside the content and the style unchanged."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adain import InputError, Options
from adain.metrics import EvaluationOptions
from adain.options import ModelOptions

from .options import SNAKE_CASE, options_of, take
from .reporting import ALL_FAILED, SOME_FAILED
from .verbosity import bars_hidden

if TYPE_CHECKING:
    from adain.metrics import Evaluation, Pair, Pairing

OF_MAKING = ("alpha", "model", "encoder", "decoder")
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
@click.option("--lpips-backbone", metavar="FILE", help="torchvision's AlexNet or VGG-16, for LPIPS.")
@click.option("--lpips-weights", metavar="FILE", help="alex.pth or vgg.pth of the LPIPS release.")
@click.option("--artfid-inception", metavar="FILE", help="art_inception.pth, for ArtFID (and LPIPS's files).")
@options_of(EvaluationOptions)
@options_of(Options, only=("alpha",))
@options_of(ModelOptions, without=("onnx", "style_cache", "precision"))
def evaluate(
    paths: tuple[str, ...],
    contents: tuple[str, ...],
    styles: tuple[str, ...],
    outputs: tuple[str, ...],
    triples: Path | None,
    stylize: bool,
    names: str | None,
    as_list: bool,
    csv_path: str | None,
    as_json: bool,
    lpips_backbone: str | None,
    lpips_weights: str | None,
    artfid_inception: str | None,
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
        for metric in metrics.METRICS.values():
            arrow = {"lower": "↓", "higher": "↑"}[metric.better]
            click.echo(f"{metric.name:20} {arrow}  {metric.summary}  (adain.{metric.definition})")
        return 0
    chosen = None if names is None else [name.strip() for name in names.split(",") if name.strip()]
    contents, styles = _split(paths, contents, styles)
    makes = stylize or not (outputs or triples)
    if not makes:
        for name in OF_MAKING:
            if values[name] is not None:
                raise InputError(f"--{name} is for pictures that are made now: add --stylize")
    if (lpips_backbone is None) != (lpips_weights is None):
        raise InputError("LPIPS needs both --lpips-backbone and --lpips-weights")
    options, alpha, model = take(EvaluationOptions, values), take(Options, values).alpha, take(ModelOptions, values)
    if not isinstance(alpha, float):
        raise InputError("--alpha of an evaluation is one number")
    pairs = _pairs(contents, styles, outputs, triples, options.pairing, makes)

    networks = [name for name, file in (("lpips", lpips_backbone), ("artfid", artfid_inception)) if file is not None]
    count = len({pair.style for pair in pairs})
    metrics.choose(chosen, stylising=makes, networks=networks, styles=count)  # before any file is read
    if csv_path is not None:
        from adain._utils.files import check_writable

        check_writable(csv_path)

    lpips = None
    if lpips_backbone is not None and lpips_weights is not None:
        lpips = metrics.LPIPS.from_files(lpips_backbone, lpips_weights)
    evaluation = metrics.evaluate(
        pairs,
        names=chosen,
        stylizer=open_stylizer(model) if makes else None,
        alpha=alpha,
        size=options.size,
        fit=options.fit,
        lpips=lpips,
        inception=None if artfid_inception is None else metrics.ArtInception.from_file(artfid_inception),
        device=model.device,
        track=_bar,
        **({"max_pixels": model.max_pixels} if model.max_pixels else {}),
    )
    done = any(entry.row not in ("identity", "style") for entry in evaluation.entries)
    if not done and len(evaluation.failures) == 1:
        raise evaluation.failures[0]
    if done:
        if csv_path is not None:
            metrics.write_csv(evaluation, csv_path)
        record = metrics.as_json(evaluation)
        click.echo(json.dumps(record, ensure_ascii=False) if as_json else metrics.table(evaluation))
    return _report(evaluation, done)


def _report(evaluation: Evaluation, done: bool) -> int:
    """Tell what failed, and give the exit code."""
    for failure in evaluation.failures:
        click.echo(f"adain evaluate: error: {' '.join(str(failure).split())}", err=True)
    if not done:
        return ALL_FAILED
    return SOME_FAILED if evaluation.failures else 0


def _bar(order: Sequence[int]) -> Iterable[int]:
    from tqdm import tqdm

    return tqdm(order, unit="pair", disable=len(order) < 2 or bars_hidden(), file=sys.stderr)


def _split(
    paths: tuple[str, ...], contents: tuple[str, ...], styles: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Contents and styles, given as options or as two paths."""
    if not paths:
        return contents, styles
    if contents or styles or len(paths) != 2:
        raise click.UsageError("give CONTENT and STYLE, each a picture or a folder, or any number with -c and -s")
    return paths[:1], paths[1:]


def _pairs(
    contents: tuple[str, ...],
    styles: tuple[str, ...],
    outputs: tuple[str, ...],
    triples: Path | None,
    pairing: Pairing,
    makes: bool,
) -> list[Pair]:
    """What is to be measured."""
    from adain.batch import expand
    from adain.metrics import pair_up, read_triples, with_outputs

    if triples is not None:
        if outputs or contents:
            raise InputError("--triples names contents and outputs itself: leave out --content and --output")
        artworks = expand(styles) if styles else ()
        return read_triples(triples, artworks, warn=lambda text: click.echo(f"adain evaluate: {text}", err=True))
    if not contents or not styles:
        raise click.UsageError("no content or no style given: adain evaluate CONTENT STYLE [-o OUTPUTS]")
    every = pair_up(expand(contents), expand(styles), pairing)
    if not outputs:
        return every
    joined = with_outputs(every, _rows(outputs))
    if not makes:
        return joined
    known = {(pair.content, pair.style): pair for pair in joined}
    return [known.get((pair.content, pair.style), pair) for pair in every]


def _rows(outputs: tuple[str, ...]) -> dict[str, str]:
    """Folders of outputs by the name of their row: the one given, else the folder's own."""
    from adain.metrics import DEFAULT_ROW

    rows: dict[str, str] = {}
    for text in outputs:
        name, equals, folder = text.partition("=")
        if not equals or Path(text).exists():
            name, folder = (DEFAULT_ROW if len(outputs) == 1 else Path(text).name), text
        if name in rows:
            raise InputError(f"two folders would be called {name!r}: name them, as in --output {name}2={folder}")
        rows[name] = folder
    return rows
