"""The options and arguments that several benchmarks have, each declared once; free of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

from adain.options import ModelOptions

from .measuring import ART, PHOTO

Function = Callable[..., Any]


def ints(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def floats(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def names(text: str) -> list[str]:
    return text.split(",")


FILE = click.Path(dir_okay=False, path_type=Path)
PRESENT_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
PRESENT_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

as_json = click.option("--json", "as_json", is_flag=True, help="Print one object.")
device = partial(click.option, "--device", default="auto", help="Where to compute.")
size = partial(click.option, "--size", type=int, default=512, help="Side of the square photograph in px.")
sizes = partial(click.option, "--sizes", type=ints)
runs = partial(click.option, "--runs", type=int, help="How often each is timed.")
model = click.option("--model", default="vgg19", help="Of the registry.")
RESULTS = Path(__file__).with_name("results")
output = click.option("--output", "--out", type=FOLDER, default=RESULTS, help="Folder for the report.")


def only(keys: Sequence[str]) -> Callable[[Function], Function]:
    """``--only``: some of the contestants."""

    def known(text: str) -> list[str]:
        if unknown := set(names(text)) - set(keys):
            raise click.UsageError(f"no such contestant: {', '.join(sorted(unknown))}")
        return names(text)

    text = "Keys of contestants, with commas between them."
    return click.option("--only", type=known, default=",".join(keys), help=text)


def torch_threads() -> int:
    """As many as torch takes by itself."""
    import torch

    return torch.get_num_threads()


USUAL = "OMP_NUM_THREADS, or one for each core"
threads = click.option("--threads", type=int, default=torch_threads, show_default=USUAL, help="Of every contestant.")


def networks(function: Function) -> Function:
    """``--model``, ``--encoder`` and ``--decoder``, as :class:`~adain.options.ModelOptions`."""

    @wraps(function)
    def call(model: str, encoder: Path | None, decoder: Path | None, **others: object) -> object:
        return function(networks=ModelOptions(model=model, encoder=encoder, decoder=decoder), **others)

    for name in ("decoder", "encoder"):
        click.option(f"--{name}", type=PRESENT_FILE, help=f"Weights of the {name}, in place of the model's.")(call)
    return model(call)


def pair(function: Function) -> Function:
    """A photograph and an artwork."""
    style = click.argument("style", type=PRESENT_FILE, default=ART)
    return click.argument("content", type=PRESENT_FILE, default=PHOTO)(style(function))


def folders(function: Function) -> Function:
    """Of photographs and of artworks."""
    return click.argument("contents", type=PRESENT_FOLDER)(click.argument("styles", type=PRESENT_FOLDER)(function))
