"""What can be said of an optimisation beside what the picture is to become; free of torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..options import FileOptions, attachment, option
from .recipe import DEFAULT_RECIPE, STARTS, Recipe, parse_setting, recipe_names

if TYPE_CHECKING:
    from ..image import ImageInput
    from ..stylizer.base import BaseStylizer

REFINE = ("refine",)


@dataclass(frozen=True, kw_only=True)
class RefineOptions(FileOptions):
    """What a picture is to become, and how it is optimised.

    With ``masks``, ``weights`` are those of the regions' losses, scaled to mean 1.
    """

    recipe: str | os.PathLike[str] | Recipe | Mapping[str, Any] = option(
        DEFAULT_RECIPE, f"One of {', '.join(recipe_names())}, or a .toml or .json file.", metavar="NAME|FILE",
        choices=recipe_names(), is_file=True, group="recipe", serves=REFINE,
    )  # fmt: skip
    start: ImageInput | None = option(
        None, f"{', '.join(STARTS)} or a picture.", metavar="START|FILE", choices=STARTS, is_file=True,
        shown="the recipe's", group="recipe", serves=REFINE,
    )  # fmt: skip
    steps: int | None = option(
        None, "Evaluations of the losses in all.", low=0, metavar="N", shown="the recipe's", group="recipe",
        serves=REFINE,
    )  # fmt: skip
    settings: Mapping[str, Any] | None = option(
        None, "Any other setting of the recipe, see below; may be repeated.", flag="--set", metavar="KEY=VALUE",
        is_repeated=True, parse=parse_setting, group="recipe", serves=REFINE,
    )  # fmt: skip
    backbone_weights: str | os.PathLike[str] | None = option(
        None, "File of the loss network's weights.", metavar="FILE", is_file=True, group="recipe", serves=REFINE
    )
    stylizer: BaseStylizer | None = attachment("The networks of the one pass, in place of those that the options name.")
    progress: Callable[[Any], object] | None = attachment(
        "Called with a :class:`~adain.refinement.Progress` after every step; what returns something true ends it."
    )

    def __post_init__(self) -> None:
        if isinstance(self.settings, (tuple, list)):  # pairs of --set
            object.__setattr__(self, "settings", dict(self.settings))
        super().__post_init__()

    @property
    def arrangements(self) -> list[str]:
        """See the base class; each region's loss may have a weight."""
        given = super().arrangements
        return [name for name in given if name != "weights"] if len(given) == 2 else given
