"""``adain bank``: making banks of styles, looking at them and searching them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adain.augment import BankOptions
from adain.options import ModelOptions, Options, plural

from .options import SNAKE_CASE, OneCommand, options_of, pictures, take
from .reporting import SOME_FAILED, bar, tell

if TYPE_CHECKING:
    from adain.augment import BuildProgress, StyleBank

SIZES = ("style_size", "crop")


@click.group()
def bank() -> None:
    """Keep the styles of many artworks in one file."""


@bank.command(cls=OneCommand, context_settings=SNAKE_CASE)
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
              help="The bank (.safetensors).")  # fmt: skip
@options_of(BankOptions)
@options_of(Options, only=SIZES)
@options_of(ModelOptions, without=("style_cache", "seed"))
def build(paths: tuple[str, ...], output: Path, **values: Any) -> int:
    """Encode the artworks of folders, .tar archives and .parquet tables.

    Sub-folders are searched, and the first of a picture's folders is its class. The same command again goes on where
    it was, and encodes again only what has changed.

    \b
    adain bank build paintings/ -o bank.safetensors --model fast
    adain bank build art-0.tar art-1.tar -o bank.safetensors --sources SOURCES.tsv
    """
    from adain.augment import build_bank
    from adain.backends import open_model

    options = take(BankOptions, values)
    sizes = take(Options, {name: values.pop(name, None) for name in SIZES})
    model = open_model(take(ModelOptions, values))
    failed = 0
    with bar(None, "image") as shown:

        def progress(event: BuildProgress) -> None:
            nonlocal failed
            if event.note is not None:
                tell("adain bank build", event.note, "note")
            if event.error is not None:
                failed += 1
                tell("adain bank build", f"{event.name}: {event.error}", "skipped")
            if event.total:
                shown.total = event.total
                shown.update(event.done - shown.n)

        made = build_bank(paths, output, model, options=options, sizes=sizes, progress=progress)
    skipped = f", {plural(failed, 'picture')} skipped" if failed else ""
    click.echo(f"{output}: {plural(len(made), 'style')}{skipped}, {_size(output)}")
    return SOME_FAILED if failed else 0


@bank.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def info(file: Path, as_json: bool) -> None:
    """What is in a bank: styles, model, classes, licences and where it came from.

    The name of a shipped model stands for the bank that ships for it.
    """
    record = describe(_open(file))
    if as_json:
        click.echo(json.dumps(record, ensure_ascii=False))
        return
    width = max(map(len, record))
    for name, value in record.items():
        click.echo(f"{name:{width}}  {_shown(value)}")


@bank.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
              help="The bank of the distribution alone (.safetensors).")  # fmt: skip
@click.option("--origin", multiple=True, metavar="NAME=TEXT", help="What is to be said of it; may be repeated.")
@options_of(BankOptions, only=("rank",))
def fit(file: Path, output: Path, origin: tuple[str, ...], **values: Any) -> None:
    """Write the distribution of a bank's styles alone, to draw styles from.

    \b
    adain bank fit bank.safetensors -o random.safetensors --origin licence=CC0-1.0
    """
    from adain.augment import save_distribution

    told = dict(text.partition("=")[::2] for text in origin)
    if not all(told) or any("=" not in text for text in origin):
        raise click.UsageError("--origin is NAME=TEXT, such as licence=CC0-1.0")
    save_distribution(_open(file), output, rank=take(BankOptions, values).rank, origin=told)
    click.echo(f"{output}: {_size(output)}")


@bank.command(cls=OneCommand, context_settings=SNAKE_CASE)
@click.argument("picture", shell_complete=pictures)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-n", "--count", default=5, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@options_of(ModelOptions, without=("style_cache", "seed"))
def search(picture: str, file: Path, count: int, as_json: bool, **values: Any) -> None:
    """The styles of a bank that are nearest to a picture's, with their distances.

    \b
    adain bank search photo.jpg bank.safetensors -n 3
    """
    from adain.backends import open_model

    found, options = _open(file), take(ModelOptions, values)
    if options.model is None and options.encoder is None and options.onnx is None:
        options = options.change(model=found.model)
    indices, distances = found.nearest(picture, count, model=open_model(options))
    for k, distance in zip(indices.tolist(), distances.tolist(), strict=True):
        record = {"name": found.names[k], "distance": distance, "class": found.labels[k], "source": found.sources[k]}
        text = f"{distance:.4f}  {found.names[k]}"
        click.echo(json.dumps(record, ensure_ascii=False) if as_json else text)


def _open(file: Path) -> StyleBank:
    from adain.augment import StyleBank
    from adain.nn import registry

    if not file.exists() and str(file) in registry():
        return StyleBank.shipped(str(file), device=None)
    return StyleBank.open(file, device=None)


def describe(found: StyleBank) -> dict[str, Any]:
    """Everything that is told of a bank."""
    from collections import Counter

    def counted(texts: Any) -> dict[str, int]:
        return {text or "unknown": count for text, count in Counter(texts).most_common() if text or count < len(found)}

    return {
        "file": str(found.path),
        "bytes": found.path.stat().st_size,
        "styles": len(found),
        "model": found.model,
        "channels": found.channels,
        "style_size": found.style_size,
        "precision": found.precision,
        "rank": found.distribution.rank if found.has_distribution else None,
        "classes": {name: len(found.members(name)) for name in found.classes},
        "licences": counted(found.licences),
        "sources": sum(1 for text in found.sources if text),
        **{f"origin_{key}": text for key, text in found.origin.items()},
    }


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({count})" for name, count in value.items()) or "none"
    return "none" if value is None else str(value)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2g} MB"
