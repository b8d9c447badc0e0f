"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain import defaults

if TYPE_CHECKING:
    from adain.stylizer.stylizer import Stylizer

Command = TypeVar("Command", bound=Callable[..., Any])

SNAKE_CASE = {"token_normalize_func": lambda token: token.replace("_", "-")}
"""Context settings under which ``--style_size`` is ``--style-size``."""


def network_options(command: Command) -> Command:
    """``--model``, ``--encoder`` and ``--decoder``."""
    for option in (
        click.option("--decoder", type=click.Path(path_type=Path), help="Your own decoder (.safetensors)."),
        click.option("--encoder", type=click.Path(path_type=Path), help="Your own encoder (.safetensors)."),
        click.option("--model", help="Shipped model to use (see adain weights list)."),
    ):
        command = option(command)
    return command


def model_options(command: Command) -> Command:
    """``--model``, ``--encoder``, ``--decoder``, ``--device``, ``--seed`` and ``--max-pixels``."""
    for option in (
        click.option("--max-pixels", type=click.IntRange(1), help="Largest picture to open, in pixels."),
        click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything random."),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."),
        network_options,
    ):
        command = option(command)
    return command


def load_stylizer(
    model: str | None,
    encoder: Path | None,
    decoder: Path | None,
    device: str,
    seed: int,
    max_pixels: int | None,
    precision: str = defaults.PRECISION,
) -> Stylizer:
    """The :class:`adain.Stylizer` that :func:`model_options` describe."""
    # Imported here: torch takes a second that --help and usage errors need not wait for.
    import torch

    from adain.image import DEFAULT_MAX_PIXELS
    from adain.nn.pretrained import DEFAULT_MODEL
    from adain.stylizer.stylizer import Stylizer

    torch.manual_seed(seed)
    return Stylizer.from_pretrained(
        model or DEFAULT_MODEL,
        device=device,
        encoder=encoder,
        decoder=decoder,
        max_pixels=max_pixels or DEFAULT_MAX_PIXELS,
        precision=precision,
    )
