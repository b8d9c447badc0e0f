"""What can be said of a decoder's training for one style; free of torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .._utils.keywords import takes as takes
from ..options import ModelOptions, Options, attachment, option

MINUTES = 10.0
"""How long a style is trained where nothing is said."""

MOST_BYTES = 1_500_000
"""What a style's file may have at most, which bounds the rank."""

WORKING = ("fp32", "bf16")
"""What training can compute in."""

SpecialPrecision = Literal["auto", "fp32", "bf16"]

OF_STYLES = ("style_size", "fine_style_size", "crop")
"""What can be said of the artwork: of all that a picture can be painted with."""

_OF_MODELS = ("model", "encoder", "decoder", "device", "precision", "max_pixels", "seed")


@dataclass(frozen=True, kw_only=True)
class SpecialOptions(Options, ModelOptions):
    """How a decoder is trained for a style.

    Raises:
        InputError: on construction, if a value is out of range, or is of no use here.
    """

    contents: Sequence[str | os.PathLike[str]] = option(
        (), "Folder (searched recursively) or .tar of photographs to train on; may be repeated.", flag="--content-dir",
        metavar="PATH", is_repeated=True, is_file=True, shown="the samples", group="training",
    )  # fmt: skip
    minutes: float | None = option(
        None, "Time for everything, from now to the figures.", low=0, is_open=True, metavar="M",
        shown=f"{MINUTES:g}", group="training",
    )  # fmt: skip
    steps: int | None = option(
        None, "Train so many steps in place of a time: the same seed then gives the same file.", low=1, metavar="N",
        group="training",
    )  # fmt: skip
    resume: bool = option(False, "Go on with the run that was broken off.", group="training")
    rank: int = option(
        32, "Rank of each filter's change: the file is 37 kB for each of the base model's.", low=1, group="training"
    )
    lr: float = option(3e-3, "Learning rate of Adam at its highest.", low=0, high=1, is_open=True, group="training")
    batch_size: int = option(2, "Crops a step.", low=1, group="training")
    patch: int = option(256, "Side of a crop in px, a multiple of 8.", low=64, metavar="PX", group="training")
    content_slack: float = option(
        0.01, "Content distance that may be lost for the style, in the mean.", low=0, high=1, group="training"
    )
    preview_every: int = option(100, "Steps between two preview sheets (0: none).", low=0, group="training")
    cache_dir: str | os.PathLike[str] | None = option(
        None, "Where decoded photographs are kept.", metavar="DIR", is_file=True, shown="the run's folder",
        group="training",
    )  # fmt: skip
    precision: SpecialPrecision = option(
        "auto", "What training computes in; auto is bf16 where the processor or GPU has instructions for it.",
        choices=get_args(SpecialPrecision), group="model",
    )  # fmt: skip
    reporter: Any = attachment("Is told what happens: a :class:`~adain.training.Reporter`.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.given():
            if name in self.unserved():
                self.refuse(f"{{{name}}} does not go with the training of a decoder: leave it out")
        if self.minutes is not None and self.steps is not None:
            self.refuse("{minutes} and {steps} each say how long to train: give one of them")
        if self.patch % 8:
            self.refuse(f"{{patch}} must be a multiple of 8, not {self.patch}")

    @classmethod
    def unserved(cls) -> tuple[str, ...]:
        """The options that say how pictures are painted, and are of no use here."""
        inherited = {**Options.declared(), **ModelOptions.declared()}
        return tuple(name for name in inherited if name not in (*OF_STYLES, *_OF_MODELS))
