"""What an optimisation does, as a value: read from TOML, JSON or keywords, and checked key by key. Free of torch."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from .._utils.errors import InputError, MissingFileError, suggest

STARTS = ("adain", "content", "noise", "blend")
"""Pictures an optimisation can start from, besides one of the user's own."""

OPTIMIZERS = {"lbfgs": 1.0, "adam": 0.02, "sgd": 1e-7}
"""The optimisers, each with the learning rate it takes when the recipe names none.

That of SGD is for losses as the recipes weigh them, hundreds at the start; with larger ones it would diverge.
"""

SCHEDULES = ("constant", "cosine", "plateau")
WEIGHTINGS = ("fixed", "gradient-norm", "loss-ratio")
LOSS_PRECISIONS = ("fp32", "bf16")
POOLINGS = ("max", "average")
BOUNDS = ("clamp", "none")

DEFAULT_RECIPE = "refine-fast"

CONTENT_KINDS = ("content", "secondary", "combined")
"""Losses that hold on to the photograph: one group of the dynamic weighting."""

STYLE_KINDS = ("gram", "mean-std", "covariance", "sliced-wasserstein")
"""Losses that pull at the artwork: the other group."""

KINDS: dict[str, tuple[str, ...]] = {
    "content": ("form",),
    "secondary": ("form",),
    "combined": ("form", "share"),
    "gram": (),
    "mean-std": (),
    "covariance": (),
    "sliced-wasserstein": ("directions",),
    "tv": ("form",),
}
"""Every loss by name, with the options it takes besides ``weight`` and ``layers``."""

FORMS = {"tv": ("absolute", "squared")} | dict.fromkeys(CONTENT_KINDS, ("mean", "half-sum"))
"""Choices of the option ``form``; the first is the default."""

RENAMED = {"precision": "loss_precision"}
"""Settings that older recipe files know by another name."""


@dataclass(frozen=True)
class LossSpec:
    """One loss of a recipe.

    Attributes:
        weight: factor, ≥ 0; 0 leaves the loss out.
        layers: layers with their weights β; empty for the network's own choice. Not for ``tv``.
        form: a choice of :data:`FORMS`, or None for the first.
        share: of the style in the combined image, 0 to 1.
        directions: how many, of the sliced Wasserstein loss; 0 for as many as channels.
    """

    weight: float
    layers: Mapping[str, float] = field(default_factory=dict)
    form: str | None = None
    share: float = 0.5
    directions: int = 0


@dataclass(frozen=True)
class Recipe:
    """How a picture is optimised.

    Attributes:
        losses: by name, see :data:`KINDS`.
        start: one of :data:`STARTS`, or the path of a picture.
        start_share: of that start in the picture that is begun with, the rest being the photograph; another start that
            the caller names is taken as it is.
        steps: evaluations of the losses and their gradient in all, over all sizes.
        optimizer: one of :data:`OPTIMIZERS`.
        lr: learning rate; 0 for the optimiser's own. A change of the optimiser alone sets it to 0.
        momentum: of SGD.
        history: pairs L-BFGS remembers, each as large as two pictures; fewer where these would take more than
            :data:`~adain.refinement.optimizers.HISTORY_BYTES`.
        first_move: mean change of a value in the first step of L-BFGS, which has nothing to go by; 0 for torch's own,
            one in all values together, from which the search takes some evaluations to get anywhere.
        schedule: of the learning rate over the whole course.
        ema: decay of a running average of the iterates, which then is the result; 0 for none.
        bounds: ``"clamp"`` keeps the picture in [0, 1] throughout, ``"none"`` clips it at the end.
        whitening: power p, 0 to 1, of :class:`~adain.refinement.whitening.Whitening`; 0 moves pixels themselves, as
            does a change of the optimiser alone.
        pool: pooling of the loss network, if it is a VGG; ResNet-50 has its own.
        coarsest: shorter side in px of the first size of a coarse-to-fine course; 0 works at full size alone.
        growth: factor between one size and the next, > 1.
        scales: at which each size is judged, as shares of it; several make every loss a multi-scale one.
        scale_weights: one for each scale, scaled to sum 1; empty for equal ones.
        weighting: ``"fixed"``, or content and style rebalanced as they fall.
        weighting_every: steps between two rebalancings.
        blend_share: of the style, when the start is ``"blend"``.
        tolerance: stop early when ``patience`` steps improve the total by less than this share of it; 0 never.
        patience: see there; also that of the plateau schedule.
        loss_precision: of the loss network. Statistics and Gram matrices are float32 either way.
        backbone: loss network, ``vgg19``, ``vgg16`` or ``resnet50``.
        name: for people.
    """

    losses: Mapping[str, LossSpec]
    start: str = "adain"
    start_share: float = 1.0
    steps: int = 100
    optimizer: str = "lbfgs"
    lr: float = 0.0
    momentum: float = 0.9
    history: int = 20
    first_move: float = 0.0
    schedule: str = "constant"
    ema: float = 0.0
    bounds: str = "clamp"
    whitening: float = 0.0
    pool: str = "max"
    coarsest: int = 0
    growth: float = math.sqrt(2.0)
    scales: tuple[float, ...] = (1.0,)
    scale_weights: tuple[float, ...] = ()
    weighting: str = "fixed"
    weighting_every: int = 10
    blend_share: float = 0.5
    tolerance: float = 0.0
    patience: int = 10
    loss_precision: str = "fp32"
    backbone: str = "vgg19"
    name: str = "custom"

    def __post_init__(self) -> None:
        _check(self)

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


def names() -> list[str]:
    """The recipes that ship."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def source(name: str) -> str:
    """The text of a recipe that ships, a template for one's own.

    Raises:
        InputError: if there is none of that name; the nearest are offered.
    """
    if name not in names():
        raise InputError(f"there is no recipe {name!r}: {suggest(name, names())}, or name a .toml or .json file")
    return str((_folder() / f"{name}.toml").read_text(encoding="utf-8"))


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
        return from_mapping(tomllib.loads(source(str(recipe))), None, f"recipe {recipe}: ", name=str(recipe))
    if above:
        path = above[-1].parent / path  # as a file's own neighbours are meant, wherever it is used from
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist: name a recipe file, or one of {', '.join(names())}")
    files_so_far = (*above, path)
    if path.resolve() in (other.resolve() for other in above):
        raise InputError(f"{' builds on '.join(map(str, files_so_far))}: one of them has to name another base, or none")
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte-order mark
        values = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{path} is not valid {path.suffix[1:].upper()}: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} must hold keys and values, such as steps = 100, not {_kind(values)}")
    return from_mapping(values, None, f"{path}: ", name=path.stem, above=files_so_far)


def from_mapping(
    values: Mapping[str, Any], base: Recipe | None, where: str, name: str | None = None, above: tuple[Path, ...] = ()
) -> Recipe:
    """A recipe from keys and values.

    Args:
        values: as in a recipe file.
        base: what they are set on top of; a key ``base`` among them goes before it.
        where: precedes the messages of errors.
        name: of the recipe, unless the values hold one.
        above: the file the values come from, after those that build on it.

    Raises:
        InputError: naming the key that is unknown or has a value it cannot take.
    """
    values = dict(values)
    if "base" in values:
        base = _load(_typed(values.pop("base"), str, f"{where}base"), above)
    fields = {f.name: f for f in dataclasses.fields(Recipe)}
    known: dict[str, Any] = {"name": name} if name else {}
    for key, value in values.items():
        key = str(key).replace("-", "_")
        if key in RENAMED:
            raise InputError(f"{where}{key} is called {RENAMED[key]} now")
        if key not in fields:
            raise InputError(f"{where}there is no setting {key!r}: {suggest(key, [*fields, 'base'])}")
        if key == "losses":
            known[key] = _losses(value, base, where)
        elif key in ("scales", "scale_weights"):
            items = value if isinstance(value, (list, tuple)) else [value]
            known[key] = tuple(_typed(item, float, f"{where}{key}") for item in items)
        else:
            kind = {"str": str, "int": int, "float": float}[str(fields[key].type)]
            known[key] = _typed(value, kind, f"{where}{key}")
    if base is not None and known.get("optimizer", base.optimizer) != base.optimizer:
        known.setdefault("lr", 0.0)  # the rate of one optimiser is out of all proportion for another
        known.setdefault("whitening", 0.0)  # and so are its moves in another space
    try:
        if base is not None:
            return dataclasses.replace(base, **known)
        if "losses" not in known:
            raise InputError("losses must be set, such as [losses.gram] with weight = 1.0, or a base to build on")
        return Recipe(**known)
    except InputError as error:
        raise InputError(f"{where}{error}") from None


def parse_loss(text: str) -> tuple[str, dict[str, Any]]:
    """``NAME=WEIGHT`` or ``NAME=WEIGHT:layer,layer*β`` as a name and the values of its table.

    >>> parse_loss("gram=100:relu1_1,relu2_1*0.5")
    ('gram', {'weight': 100.0, 'layers': {'relu1_1': 1.0, 'relu2_1': 0.5}})
    """
    head, _, tail = text.partition(":")
    name, _, weight = head.partition("=")
    try:
        table: dict[str, Any] = {"weight": float(weight)}
        if tail:
            parts = [part.partition("*") for part in tail.split(",")]
            table["layers"] = {layer.strip(): float(beta or 1.0) for layer, _, beta in parts}
    except ValueError:
        raise InputError(f"a loss must be NAME=WEIGHT or NAME=WEIGHT:layer,layer*factor, not {text!r}") from None
    return name.strip(), table


def _folder() -> Any:
    return files("adain.refinement") / "recipes"


def _losses(value: Any, base: Recipe | None, where: str) -> dict[str, LossSpec]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}losses must be tables such as [losses.gram], not {_kind(value)}")
    specs = dict(base.losses) if base else {}
    for name, table in value.items():
        key = f"{where}losses.{name}"
        if name not in KINDS:
            raise InputError(f"{where}there is no loss {name!r}: {suggest(name, list(KINDS))}")
        if isinstance(table, LossSpec):
            specs[name] = table
        elif isinstance(table, Mapping):
            specs[name] = _loss(name, table, specs.get(name), key)
        else:
            specs[name] = _loss(name, {"weight": table}, specs.get(name), key)
    return {name: spec for name, spec in specs.items() if spec.weight > 0}


def _loss(name: str, table: Mapping[str, Any], before: LossSpec | None, where: str) -> LossSpec:
    allowed = ["weight", *([] if name == "tv" else ["layers"]), *KINDS[name]]
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in allowed:
            raise InputError(f"{where} has no setting {key!r}: {suggest(key, allowed)}")
        at = f"{where}.{key}"
        if key == "layers":
            values[key] = _layers(value, at)
        elif key == "form":
            values[key] = _one_of(_typed(value, str, at), FORMS[name], at)
        else:
            values[key] = _typed(value, int if key == "directions" else float, at)
            limit = 1.0 if key == "share" else math.inf
            if not 0 <= values[key] <= limit:
                raise InputError(f"{at} must be {'from 0 to 1' if key == 'share' else '0 or more'}, not {value}")
    if before is not None:
        return dataclasses.replace(before, **values)
    if "weight" not in values:
        raise InputError(f"{where}.weight is missing")
    return LossSpec(**values)


def _layers(value: Any, where: str) -> dict[str, float]:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        return {_typed(layer, str, where): 1.0 for layer in value}
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must be layer names, or layers with weights, not {_kind(value)}")
    weights = {str(layer): _typed(beta, float, f"{where}.{layer}") for layer, beta in value.items()}
    for layer, beta in weights.items():
        if beta < 0:
            raise InputError(f"{where}.{layer} must be 0 or more, not {beta:g}")
    return weights


def _typed(value: Any, kind: type, where: str) -> Any:
    """``value``, if it has the type; whole numbers serve as fractions, but true and false as neither."""
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        # Files can hold whole numbers that are larger than any float.
        value, fits = (float(value) if abs(value) < 1e300 else math.inf), True
    if not fits:
        wanted = {str: "text", int: "a whole number", float: "a number"}[kind]
        raise InputError(f"{where} must be {wanted}, not {_kind(value)} {value!r}")
    if kind is float and not math.isfinite(value):
        raise InputError(f"{where} must be a finite number, not {value}")
    return value


def _kind(value: Any) -> str:
    kinds = {str: "the text", bool: "the switch", int: "the number", float: "the number", list: "the list"}
    return kinds.get(type(value), "the table" if isinstance(value, Mapping) else f"the {type(value).__name__}")


def _one_of(value: str, choices: Any, where: str) -> str:
    if value not in choices:
        raise InputError(f"{where} cannot be {value!r}: {suggest(value, list(choices))}")
    return value


def _check(recipe: Recipe) -> None:
    """Ranges and choices of all settings but the losses' own, which are checked as they are read."""
    for key, choices in {
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "bounds": BOUNDS,
        "pool": POOLINGS,
        "weighting": WEIGHTINGS,
        "loss_precision": LOSS_PRECISIONS,
    }.items():
        _one_of(getattr(recipe, key), choices, key)
    for name, spec in recipe.losses.items():
        _check_loss(name, spec)
    if not any(spec.weight > 0 for spec in recipe.losses.values()):
        raise InputError("losses must hold at least one with a weight above 0")
    for key in ("history", "weighting_every", "patience"):
        if getattr(recipe, key) < 1:
            raise InputError(f"{key} must be 1 or more, not {getattr(recipe, key)}")
    for key in ("steps", "lr", "coarsest", "tolerance", "first_move"):
        if not 0 <= getattr(recipe, key) < math.inf:
            raise InputError(f"{key} must be 0 or more, not {getattr(recipe, key)}")
    shares = {"blend_share": True, "start_share": True, "whitening": True}
    for key, top in ({"ema": False, "momentum": False} | shares).items():
        value = getattr(recipe, key)
        if not (0 <= value < 1 or (top and value == 1)):
            raise InputError(f"{key} must be from 0 {'to 1' if top else 'up to, not including, 1'}, not {value}")
    if not 1.0 < recipe.growth < math.inf:
        raise InputError(f"growth must be above 1, not {recipe.growth}")
    if not recipe.scales or not all(0 < s <= 1 for s in recipe.scales) or len({*recipe.scales}) < len(recipe.scales):
        raise InputError(f"scales must be different numbers above 0 up to 1, not {list(recipe.scales)}")
    if recipe.scale_weights:
        if len(recipe.scale_weights) != len(recipe.scales):
            raise InputError(f"scale_weights needs {len(recipe.scales)} numbers, one for each scale")
        if min(recipe.scale_weights) < 0 or sum(recipe.scale_weights) <= 0:
            raise InputError(f"scale_weights must be 0 or more and not all 0, not {list(recipe.scale_weights)}")


def _check_loss(name: str, spec: LossSpec) -> None:
    """What :func:`_loss` checks key by key, for a :class:`LossSpec` made without a file."""
    if name not in KINDS:
        raise InputError(f"there is no loss {name!r}: {suggest(name, list(KINDS))}")
    where = f"losses.{name}"
    if name == "tv" and spec.layers:
        raise InputError(f"{where} is of the picture itself and has no layers")
    for key, value in {"weight": spec.weight, **{f"layers.{key}": beta for key, beta in spec.layers.items()}}.items():
        if not 0 <= value < math.inf:
            raise InputError(f"{where}.{key} must be 0 or more, not {value}")
    if spec.form is not None and "form" in KINDS[name]:
        _one_of(spec.form, FORMS[name], f"{where}.form")
    if not 0 <= spec.share <= 1:
        raise InputError(f"{where}.share must be from 0 to 1, not {spec.share}")
    if spec.directions < 0:
        raise InputError(f"{where}.directions must be 0 or more, not {spec.directions}")
