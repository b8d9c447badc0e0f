"""``--tile``: pictures too large for memory, its bar, and what it says in a record."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain import defaults

if TYPE_CHECKING:
    from adain.stylizer.content import TileProgress

Command = TypeVar("Command", bound=Callable[..., Any])


def _parse(context: click.Context, option: click.Parameter, value: str) -> int | str:
    text = value.strip().lower()
    if text in ("auto", "off"):
        return text
    if not text.isascii() or not text.isdigit() or int(text) < defaults.MIN_TILE:
        raise click.BadParameter(f"{value} is neither auto, off nor a size of at least {defaults.MIN_TILE} px.")
    return int(text)


def tile_option(command: Command) -> Command:
    """``--tile``."""
    option = click.option(
        "--tile",
        metavar="SIZE|auto|off",
        callback=_parse,
        default=defaults.TILE,
        show_default=True,
        help="Work in tiles of that side in px, to the same result in bounded memory; auto: where memory is short.",
    )
    return option(command)


def tile_bar(stream: Any = None) -> Callable[[TileProgress], None] | None:
    """What shows the tiles of a picture as a bar, one for encoding and one for decoding; None where no one looks."""
    from tqdm import tqdm

    file = sys.stderr if stream is None else stream
    if not file.isatty():
        return None
    bar: Any = None

    def watch(progress: TileProgress) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=progress.total, desc=progress.phase, unit="tile", leave=False, file=file)
        bar.update(progress.done - bar.n)
        if progress.done == progress.total:
            bar.close()
            bar = None

    return watch
