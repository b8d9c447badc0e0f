"""The losses of a recipe, and how its values are declared and checked. Free of torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .._utils.errors import InputError, suggest

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

RANGES: dict[str, Callable[[float], bool]] = {
    "0 or more": lambda value: 0 <= value < math.inf,
    "1 or more": lambda value: 1 <= value < math.inf,
    "above 1": lambda value: 1 < value < math.inf,
    "from 0 to 1": lambda value: 0 <= value <= 1,
    "from 0 up to, not including, 1": lambda value: 0 <= value < 1,
}
"""What a value may have to be; a key is also the end of "must be ..."."""


def setting(default: Any, text: str, *, must: str = "", choices: Collection[str] = ()) -> Any:
    """A field of a dataclass, with its words, and one of :data:`RANGES` or some choices that :func:`check` sees to."""
    text += f" [{'|'.join(choices)}]" if choices else ""
    return dataclasses.field(default=default, metadata={"help": text, "must": must, "choices": tuple(choices)})


def check(values: Any, where: str = "") -> None:
    """:class:`~adain.InputError` naming the first field of a dataclass that is not what it is declared to be."""
    for declared in dataclasses.fields(values):
        must, choices = (declared.metadata.get(key) for key in ("must", "choices"))
        value, name = getattr(values, declared.name), f"{where}{declared.name}"
        if choices:
            one_of(value, choices, name)
        if must and not RANGES[must](value):
            raise InputError(f"{name} must be {must}, not {value}")


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

    weight: float = setting(dataclasses.MISSING, "Factor.", must="0 or more")
    layers: Mapping[str, float] = dataclasses.field(default_factory=dict)
    form: str | None = None
    share: float = setting(0.5, "Of the style.", must="from 0 to 1")
    directions: int = setting(0, "How many.", must="0 or more")


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


def read_losses(value: Any, before: Mapping[str, LossSpec]) -> dict[str, LossSpec]:
    """Losses as a recipe file gives them, on top of those before; without those of weight 0."""
    if not isinstance(value, Mapping):
        raise InputError(f"losses must be tables such as [losses.gram], not {kind_of(value)}")
    specs = dict(before)
    for name, one in value.items():
        table = one if isinstance(one, Mapping) else {"weight": one}
        specs[name] = one if isinstance(one, LossSpec) else _loss(name, table, specs.get(name))
    return {name: spec for name, spec in specs.items() if spec.weight != 0}


def check_loss(name: str, spec: LossSpec) -> None:
    """:class:`~adain.InputError` if there is no such loss, or one of its values lies where it may not."""
    where = _known(name)
    if name == "tv" and spec.layers:
        raise InputError(f"{where} is of the picture itself and has no layers")
    check(spec, f"{where}.")
    for layer, beta in spec.layers.items():
        if not 0 <= beta < math.inf:
            raise InputError(f"{where}.layers.{layer} must be 0 or more, not {beta}")
    if spec.form is not None and "form" in KINDS[name]:
        one_of(spec.form, FORMS[name], f"{where}.form")


def _known(name: str) -> str:
    """How messages call a loss."""
    if name not in KINDS:
        raise InputError(f"there is no loss {name!r}: {suggest(name, list(KINDS))}")
    return f"losses.{name}"


def _loss(name: str, table: Mapping[str, Any], before: LossSpec | None) -> LossSpec:
    where = _known(name)
    allowed = ["weight", *([] if name == "tv" else ["layers"]), *KINDS[name]]
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in allowed:
            raise InputError(f"{where} has no setting {key!r}: {suggest(key, allowed)}")
        if key == "layers":
            values[key] = _layers(value, f"{where}.layers")
        else:
            values[key] = typed(value, {"form": str, "directions": int}.get(key, float), f"{where}.{key}")
    if before is not None:
        return dataclasses.replace(before, **values)
    if "weight" not in values:
        raise InputError(f"{where}.weight is missing")
    return LossSpec(**values)


def _layers(value: Any, where: str) -> dict[str, float]:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        return {typed(layer, str, where): 1.0 for layer in value}
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must be layer names, or layers with weights, not {kind_of(value)}")
    return {str(layer): typed(beta, float, f"{where}.{layer}") for layer, beta in value.items()}


def typed(value: Any, kind: type, where: str) -> Any:
    """``value``, if it has the type; whole numbers serve as fractions, but true and false as neither."""
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        # Files can hold whole numbers that are larger than any float.
        value, fits = (float(value) if abs(value) < 1e300 else math.inf), True
    if not fits:
        wanted = {str: "text", int: "a whole number", float: "a number"}[kind]
        raise InputError(f"{where} must be {wanted}, not {kind_of(value)} {value!r}")
    if kind is float and not math.isfinite(value):
        raise InputError(f"{where} must be a finite number, not {value}")
    return value


def kind_of(value: Any) -> str:
    """What a value of a file is, for messages."""
    kinds = {str: "the text", bool: "the switch", int: "the number", float: "the number", list: "the list"}
    return kinds.get(type(value), "the table" if isinstance(value, Mapping) else f"the {type(value).__name__}")


def one_of(value: str, choices: Collection[str], where: str) -> str:
    """``value``, if it is one of the choices; else an error that offers the nearest."""
    if value not in choices:
        raise InputError(f"{where} cannot be {value!r}: {suggest(value, list(choices))}")
    return value
