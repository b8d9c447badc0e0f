"""What an optimisation does, as a value: read from TOML, JSON or keywords, and checked key by key. Free of torch."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from .._utils.errors import InputError, MissingFileError, suggest
from .specs import LossSpec, check, check_loss, kind_of, read_losses, setting, typed

STARTS = ("adain", "content", "noise", "blend")
"""Pictures an optimisation can start from, besides one of the user's own."""

OPTIMIZERS = {"lbfgs": 1.0, "adam": 0.02, "sgd": 1e-7}
"""The optimisers, each with the learning rate it takes when the recipe names none.

That of SGD is for losses as the recipes weigh them, hundreds at the start; with larger ones it would diverge.
"""

DEFAULT_RECIPE = "refine-fast"

_FOLDER: Any = files("adain.refinement") / "recipes"

RENAMED = {"precision": "loss_precision"}
"""Settings of version 0.1 under another name, for one release."""


@dataclass(frozen=True)
class Recipe:
    """How a picture is optimised: its losses by name (:data:`~adain.refinement.KINDS`), and everything else.

    The ``help`` entry in each field's metadata says what it is; the command line shows the same words.
    """

    losses: Mapping[str, LossSpec]
    start: str = setting("adain", f"Picture it starts from: {', '.join(STARTS)}, or the path of one.")
    start_share: float = setting(
        1.0,
        "Of that start in the picture that is begun with, the rest being the photograph. A start that the caller "
        "names beside the recipe is taken as it is.",
        must="from 0 to 1",
    )
    steps: int = setting(100, "Evaluations of the losses and their gradient in all, over all sizes.", must="0 or more")
    optimizer: str = setting("lbfgs", "What moves the picture.", choices=OPTIMIZERS)
    lr: float = setting(
        0.0, "Learning rate; 0 for the optimiser's own, as after a change of it alone.", must="0 or more"
    )
    momentum: float = setting(0.9, "Of sgd.", must="from 0 up to, not including, 1")
    history: int = setting(
        20,
        "Pairs that lbfgs remembers, each as large as two pictures; fewer where these would take more than 1.5 GB.",
        must="1 or more",
    )
    first_move: float = setting(
        0.0,
        "Mean change of a value in the first step of lbfgs, which has nothing to go by; 0 for torch's own, one in all "
        "values together, from which the search takes some evaluations to get anywhere.",
        must="0 or more",
    )
    schedule: str = setting(
        "constant", "Of the learning rate over the whole course.", choices=("constant", "cosine", "plateau")
    )
    ema: float = setting(
        0.0,
        "Decay of a running average of the iterates, which then is the result; 0 for none.",
        must="from 0 up to, not including, 1",
    )
    bounds: str = setting(
        "clamp", "clamp keeps the picture in [0, 1] throughout, none clips it at the end.", choices=("clamp", "none")
    )
    whitening: float = setting(
        0.0,
        "How far broad shapes move faster: 0 moves pixels alike, as does a change of the optimiser alone, and 1 "
        "frequencies alike.",
        must="from 0 to 1",
    )
    pool: str = setting(
        "max", "Pooling of the loss network, if it is a VGG; ResNet-50 has its own.", choices=("max", "average")
    )
    coarsest: int = setting(
        0,
        "Shorter side in px of the first size of a coarse-to-fine course; 0 works at full size alone.",
        must="0 or more",
    )
    growth: float = setting(math.sqrt(2.0), "Factor between one size and the next.", must="above 1")
    scales: tuple[float, ...] = setting(
        (1.0,),
        "At which each size is judged, as shares of it, such as 1,0.5; several make every loss a multi-scale one.",
    )
    scale_weights: tuple[float, ...] = setting((), "One for each scale, scaled to sum 1; equal ones without.")
    weighting: str = setting(
        "fixed",
        "fixed, or content and style rebalanced as they fall.",
        choices=("fixed", "gradient-norm", "loss-ratio"),
    )
    weighting_every: int = setting(10, "Steps between two rebalancings.", must="1 or more")
    blend_share: float = setting(0.5, "Of the style, when the start is blend.", must="from 0 to 1")
    tolerance: float = setting(
        0.0,
        "Stop early when patience steps improve the total by less than this share of it; 0: never.",
        must="0 or more",
    )
    patience: int = setting(10, "See tolerance; also that of the plateau schedule.", must="1 or more")
    loss_precision: str = setting(
        "fp32", "Of the loss network. Statistics and Gram matrices are float32 either way.", choices=("fp32", "bf16")
    )
    backbone: str = setting("vgg19", "Loss network: vgg19, vgg16 or resnet50.")
    name: str = setting("custom", "For people.")

    def __post_init__(self) -> None:
        check(self)
        for name, spec in self.losses.items():
            check_loss(name, spec)
        if not any(spec.weight > 0 for spec in self.losses.values()):
            raise InputError("losses must hold at least one with a weight above 0")
        scales, weights = self.scales, self.scale_weights
        if not scales or not all(0 < s <= 1 for s in scales) or len({*scales}) < len(scales):
            raise InputError(f"scales must be different numbers above 0 up to 1, not {list(scales)}")
        if weights and len(weights) != len(scales):
            raise InputError(f"scale_weights needs {len(scales)} numbers, one for each scale")
        if weights and (min(weights) < 0 or sum(weights) <= 0):
            raise InputError(f"scale_weights must be 0 or more and not all 0, not {list(weights)}")

    @property
    def learning_rate(self) -> float:
        """The one set, or the optimiser's own."""
        return self.lr or OPTIMIZERS[self.optimizer]

    def change(self, **changes: Any) -> Recipe:
        """A copy with other values, given as in a recipe file; ``losses`` are merged, weight 0 leaves one out.

        Raises:
            InputError: naming the key that is unknown or has a value it cannot take.
        """
        return from_mapping(changes, self, "")


SETTINGS = {field.name: field for field in dataclasses.fields(Recipe) if field.name != "losses"}
"""Everything but the losses, by name."""


def recipe_names() -> list[str]:
    """The recipes that ship."""
    return sorted(entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml"))


def recipe_source(name: str) -> str:
    """The text of a recipe that ships, a template for one's own.

    Raises:
        InputError: if there is none of that name; the nearest are offered.
    """
    if name not in recipe_names():
        raise InputError(f"there is no recipe {name!r}: {suggest(name, recipe_names())}, or name a .toml or .json file")
    return str((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def load_recipe(recipe: str | Path) -> Recipe:
    """A recipe that ships, or one from a TOML or JSON file.

    A file may build on another: ``base = "gatys2016"`` takes over everything it does not set itself.

    Raises:
        InputError: if there is no such recipe, or the file holds a key or a value it should not.
        MissingFileError: if there is no such file.
    """
    return _load(recipe, ())


def _load(recipe: str | Path, above: tuple[Path, ...]) -> Recipe:
    """:func:`load_recipe`, as the base of the files ``above``, of which the last names it."""
    path = Path(recipe)
    if path.suffix.lower() not in (".toml", ".json"):
        return from_mapping(tomllib.loads(recipe_source(str(recipe))), None, f"recipe {recipe}: ", name=str(recipe))
    if above:
        path = above[-1].parent / path  # as a file's own neighbours are meant, wherever it is used from
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist: name a recipe file, or one of {', '.join(recipe_names())}")
    files_so_far = (*above, path)
    if path.resolve() in (other.resolve() for other in above):
        raise InputError(f"{' builds on '.join(map(str, files_so_far))}: one of them has to name another base, or none")
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte-order mark
        values = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{path} is not valid {path.suffix[1:].upper()}: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} must hold keys and values, such as steps = 100, not {kind_of(values)}")
    return from_mapping(values, None, f"{path}: ", name=path.stem, above=files_so_far)


def from_mapping(
    values: Mapping[str, Any], base: Recipe | None, where: str, name: str | None = None, above: tuple[Path, ...] = ()
) -> Recipe:
    """A recipe from keys and values as in a recipe file.

    Args:
        base: what they are set on top of; a key ``base`` among them goes before it.
        where: precedes the messages of errors.
        name: of the recipe, unless the values hold one.
        above: the file the values come from, after those that build on it.
    """
    values = dict(values)
    if "base" in values:
        base = _load(typed(values.pop("base"), str, f"{where}base"), above)
    known: dict[str, Any] = {"name": name} if name else {}
    try:
        for key, value in values.items():
            key = str(key).replace("-", "_")
            if key in RENAMED:
                warnings.warn(f"the setting {key} of recipes is {RENAMED[key]} now", DeprecationWarning, stacklevel=3)
                key = RENAMED[key]
            known[key] = read_losses(value, base.losses if base else {}) if key == "losses" else _read(key, value)
        if base is not None and known.get("optimizer", base.optimizer) != base.optimizer:
            known.setdefault("lr", 0.0)  # the rate of one optimiser is out of all proportion for another
            known.setdefault("whitening", 0.0)  # and so are its moves in another space
        if base is not None:
            return dataclasses.replace(base, **known)
        if "losses" not in known:
            raise InputError("losses must be set, such as [losses.gram] with weight = 1.0, or a base to build on")
        return Recipe(**known)
    except InputError as error:
        raise InputError(f"{where}{error}") from None


def parse_setting(text: str) -> tuple[str, Any]:
    """``KEY=VALUE`` as the name of a setting and its value.

    >>> parse_setting("scales=1,0.5")
    ('scales', (1.0, 0.5))

    Raises:
        InputError: if it is of another form, there is no such setting, or the value is not of its type.
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise InputError(f"a setting must be KEY=VALUE, such as whitening=0.5, not {text!r}")
    key = key.replace("-", "_")
    if key not in SETTINGS:
        near = suggest(key, [*SETTINGS], most=len(SETTINGS))
        rest = f" All are {', '.join(SETTINGS)}" if near.endswith("?") else ""
        raise InputError(f"there is no setting {key!r}: {near}{rest}")
    kind = _type_of(key)
    try:
        return key, tuple(map(float, value.split(","))) if kind is tuple else kind(value)
    except ValueError:
        wanted = {int: "a whole number", float: "a number", tuple: "numbers such as 1,0.5"}[kind]
        raise InputError(f"{key} must be {wanted}, not {value!r}") from None


def _type_of(key: str) -> type:
    """Of a setting: str, int, float, or tuple for one of numbers."""
    if key not in SETTINGS:
        raise InputError(f"there is no setting {key!r}: {suggest(key, [*SETTINGS, 'losses', 'base'])}")
    return {"str": str, "int": int, "float": float}.get(str(SETTINGS[key].type), tuple)


def _read(key: str, value: Any) -> Any:
    kind = _type_of(key)
    if kind is tuple:
        return tuple(typed(item, float, key) for item in (value if isinstance(value, (list, tuple)) else [value]))
    return typed(value, kind, key)
