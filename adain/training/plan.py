"""The plan of a run: stages one after the other, read from a TOML file; free of torch."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .._utils.errors import InputError, MissingFileError, suggest
from .._utils.resources import weights_dir
from .config import TrainingConfig, flag

SCRATCH = "scratch"
"""What a stage starts from that starts from nothing."""

_OWN = ("name", "start", "share")
"""Keys of a stage that are no settings."""

_RULED = {"max_minutes": "the time of a stage is its share of --minutes"}
"""Settings that a plan decides itself, and how."""


@dataclass(frozen=True)
class TrainingStage:
    """One training run of a plan.

    Attributes:
        name: also that of its folder; empty for a run without a plan, which has no other stage.
        config: its settings.
        start: the stage whose weights it begins with, or anything ``--init-from`` takes; None for nothing.
        share: of the time, as a part of 1.
    """

    name: str
    config: TrainingConfig
    start: str | None
    share: float

    def compiles_on(self, kind: str) -> bool:
        """Whether it is compiled on a kind of device: of a plan, which is for any machine, only where that pays."""
        return self.config.compile and (kind == "cuda" or not self.name)


@dataclass(frozen=True)
class TrainingPlan:
    """Stages in their order."""

    stages: tuple[TrainingStage, ...]

    def model_before(self, stage: TrainingStage) -> str | None:
        """What can stand in for the weights a stage starts with, before the stages ahead of it have run."""
        names = {s.name for s in self.stages}
        return stage.config.model if stage.start in names else stage.start


def plan_path(name: str) -> Path:
    """The file that is meant: a path, or the name of a plan that ships (``shipped``)."""
    path = Path(name)
    if path.suffix or path.name != name or path.exists():
        return path
    folder = weights_dir() / "plans"
    if not (folder / f"{name}.toml").is_file():
        known = sorted(p.stem for p in folder.glob("*.toml"))
        raise InputError(f"there is no plan {name!r}: give a .toml file, or {suggest(name, known)}")
    return folder / f"{name}.toml"


def read_plan(path: Path, given: Mapping[str, Any] | None = None) -> TrainingPlan:
    """The plan in a file, with the settings in ``given`` put in the place of every stage's.

    Raises:
        MissingFileError: if there is no such file.
        InputError: one line that names the file, the stage and what is wrong with it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist: --plan takes a .toml file, or shipped") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): --plan takes a .toml file") from None
    return parse_plan(text, str(path), given)


def parse_plan(text: str, source: str, given: Mapping[str, Any] | None = None) -> TrainingPlan:
    """:func:`read_plan` of a text; ``source`` is what errors call it."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source} is not TOML: {error}") from None
    unknown = sorted(set(values) - {"settings", "stages"})
    if unknown:
        raise InputError(f"{source}: there is no {unknown[0]!r} in a plan: it has [settings] and [[stages]]")
    shared, tables = values.get("settings", {}), values.get("stages", [])
    if not isinstance(shared, dict) or not isinstance(tables, list) or not tables:
        raise InputError(f"{source} has no stages: begin each with [[stages]]")
    if not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{source}: a stage is a table: begin each with [[stages]]")
    stages = tuple(_stages(shared, tables, source, given or {}))
    whole = sum(stage.share for stage in stages)
    return TrainingPlan(tuple(replace(stage, share=stage.share / whole) for stage in stages))


def _stages(
    shared: Mapping[str, Any], tables: list[dict[str, Any]], source: str, given: Mapping[str, Any]
) -> Iterator[TrainingStage]:
    known: dict[str, str] = {}  # models by the name of their stage
    for number, table in enumerate(tables, 1):
        name = table.get("name")
        where = f"{source}, stage {name if isinstance(name, str) else number}"
        if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            raise InputError(f"{where}: name must be one of letters, digits, - and _, as it is that of a folder")
        if name in known or name in (SCRATCH, *get_args(get_type_hints(TrainingConfig)["model"])):
            raise InputError(f"{where}: the name is taken by a model or another stage: choose one of its own")
        share = table.get("share", 1.0)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < float("inf"):
            raise InputError(f"{where}: share must be a number above 0, not {share}")
        settings = {**shared, **{k: v for k, v in table.items() if k not in _OWN}}
        try:
            typed = {k: _typed(k, v) for k, v in settings.items()}
            config = TrainingConfig(**{"lr_schedule": "time", "max_minutes": 1.0, **typed, **given}).validate()
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        before = [stage for stage, model in known.items() if model == config.model]
        start = table.get("start", before[-1] if before else config.model)
        if not isinstance(start, str):
            raise InputError(f"{where}: start must be a stage's name, a model's, a path or {SCRATCH}, not {start}")
        yield TrainingStage(name, config, None if start == SCRATCH else start, float(share))
        known[name] = config.model


def _typed(name: str, value: Any) -> Any:
    """A value of TOML as that of a setting, or InputError."""
    hints = get_type_hints(TrainingConfig)
    if name not in hints:
        near = suggest(name, [setting.name for setting in fields(TrainingConfig)])
        raise InputError(f"there is no setting {name!r}: {near}")
    if name in _RULED:
        raise InputError(f"{flag(name)} is not for a plan: {_RULED[name]}")
    hint = hints[name]
    kinds = [t for t in (get_args(hint) or (hint,)) if isinstance(t, type)]
    if get_origin(hint) is Literal:
        kinds = [str]
    if get_origin(hint) is tuple:
        if isinstance(value, list) and len(value) == len(kinds) and all(map(_is_number, value)):
            return tuple(float(v) for v in value)
        raise InputError(f"{flag(name)} must be {len(kinds)} numbers in brackets, not {value}")
    if float in kinds and _is_number(value):
        return float(value)
    if type(value) in kinds:
        return value
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a word in quotes"}[kinds[0]]
    raise InputError(f"{flag(name)} must be {wanted}, not {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
