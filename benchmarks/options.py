"""The options and arguments that several benchmarks have, each declared once; free of torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .measuring import ART, PHOTO
from .processes import default_threads

HERE = Path(__file__).resolve().parent

if TYPE_CHECKING:
    from adain import Stylizer

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
output = click.option("--output", type=FOLDER, default=HERE / "results", help="Folder for the report.")
threads = click.option(
    "--threads",
    type=int,
    default=0,
    show_default="OMP_NUM_THREADS, or one for each core",
    callback=lambda _ctx, _param, value: value or default_threads(),
    help="Of every contestant.",
)


@dataclass(frozen=True)
class Networks:
    """A model of the registry, with files in the place of its networks."""

    model: str
    encoder: Path | None
    decoder: Path | None

    def load(self, device: str) -> Stylizer:
        from adain import Stylizer

        return Stylizer.from_pretrained(self.model, encoder=self.encoder, decoder=self.decoder, device=device)

    def arguments(self) -> list[str]:
        """For a process that is to have the same."""
        return [text for name, value in vars(self).items() if value is not None for text in (f"--{name}", str(value))]


def networks(function: Function) -> Function:
    """``--model``, ``--encoder`` and ``--decoder``, as :class:`Networks`."""

    @wraps(function)
    def call(model: str, encoder: Path | None, decoder: Path | None, **others: object) -> object:
        return function(networks=Networks(model, encoder, decoder), **others)

    for name in ("decoder", "encoder"):
        click.option(f"--{name}", type=PRESENT_FILE, help=f"Weights of the {name}, in place of the model's.")(call)
    return model(call)


def pair(function: Function) -> Function:
    """A photograph and an artwork."""
    function = click.argument("style", type=PRESENT_FILE, default=ART)(function)
    return click.argument("content", type=PRESENT_FILE, default=PHOTO)(function)


def folders(function: Function) -> Function:
    """Of photographs and of artworks."""
    function = click.argument("styles", type=PRESENT_FOLDER)(function)
    return click.argument("contents", type=PRESENT_FOLDER)(function)
