"""Options declared once: what a field says of itself, and what is made of that; free of torch.

An option is a field of a dataclass, declared by :func:`option` with its default, help, range or choices, the group it
stands in, what serves it, and whether it decides the pixels. From that come the flags of the command line, the
keywords of the functions (:mod:`adain._utils.keywords`), the checks, the tables of the documentation, what another
process or a resumed job reads, and the fingerprint that says what is to be made anew.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

from . import plain
from .errors import InputError, suggest
from .resources import absolute

T = TypeVar("T")

PLACES = ("torch", "onnx", "ray", "video", "refine")
"""Where an option can be served: the pass by torch or by onnxruntime, in Ray's workers, in videos, in refinement."""


@dataclass(frozen=True)
class Declaration:
    """What is known of an option beside its value.

    Attributes:
        name: of the field, and the keyword in Python.
        flag: on the command line; empty for what has none.
        short: a second spelling, such as ``-r``.
        default: its value where nothing is said.
        kind: the annotation, such as ``"int | None"``.
        help: a sentence.
        metavar: what stands for its value in the help.
        low, high: the least and the greatest value; ``is_open`` where the least itself is not admitted.
        choices: the values admitted.
        bare: what the flag alone means; None if it needs a value.
        switches: flags without a value, each with the value it stands for and a sentence.
        is_repeated: the flag gives one element each time.
        parse: makes a value of a text, or raises ValueError with what would be right.
        shown: the default in words.
        group: of the help, the tables and the page.
        serves: where it is served, of :data:`PLACES`.
        is_decisive: whether it changes the pixels of the result.
        is_file: whether its strings are names of files, but for those in ``choices``.
    """

    name: str
    default: Any
    kind: str
    help: str
    flag: str = ""
    short: str = ""
    metavar: str | None = None
    low: float | None = None
    high: float | None = None
    is_open: bool = False
    choices: tuple[str, ...] = ()
    bare: Any = None
    switches: tuple[tuple[str, Any, str], ...] = ()
    is_repeated: bool = False
    parse: Callable[[str], Any] | None = None
    shown: str | None = None
    group: str = ""
    serves: tuple[str, ...] = PLACES
    is_decisive: bool = True
    is_file: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        return self.kind == "bool"

    @property
    def takes_numbers(self) -> bool:
        """Whether its value is a list of numbers, or may be one."""
        return "Sequence[float]" in self.kind

    def is_default(self, value: Any) -> bool:
        """Whether a value says nothing new; pictures and tensors always do."""
        simple = all(isinstance(each, (str, int, float, bool)) for each in _each(value))
        return value is self.default or (simple and value == self.default)

    @property
    def is_number(self) -> bool:
        """Whether its value is a number, or several."""
        return self.kind.startswith(("int", "float")) or self.takes_numbers

    def check(self, value: Any) -> Any:
        """A value as it is kept: lists as tuples, numbers of any library as Python's own; Unfit, if it does not fit."""
        if value is None and self.default is None:
            return None
        if self.is_number:
            return self._check_numbers(value)
        if isinstance(value, list):
            value = tuple(value)
        if self.kind.startswith("Sequence["):
            if not isinstance(value, tuple):
                raise Unfit(f"{{{self.name}}} takes a list, even for one, not {_shown(value)}", self)
        elif self.choices and not self.is_file and not (isinstance(value, str) and value in self.choices):
            raise Unfit(f"{{{self.name}}} cannot be {_shown(value)}: {suggest(str(value), self.choices)}", self)
        elif self.is_switch and not isinstance(value, bool):
            raise Unfit(f"{{{self.name}}} is True or False, not {_shown(value)}", self)
        elif self.kind in ("str", "str | None") and not isinstance(value, str):
            raise Unfit(f"{{{self.name}}} is a text, not {_shown(value)}", self)
        if self.is_file and any(isinstance(each, (int, float)) for each in _each(value)):
            raise Unfit(f"{{{self.name}}} takes files or pictures, not {_shown(value)}", self)
        return value

    def _check_numbers(self, value: Any) -> Any:
        """One number; or several, where its value may be a list; of a text what the command line makes of it."""
        if isinstance(value, str) and self.parse is not None:
            try:
                value = self.parse(value)
            except ValueError as error:
                raise Unfit(f"{{{self.name}}} takes {error}", self) from None
            if isinstance(value, str):
                return value
        if hasattr(value, "tolist"):  # of NumPy or torch
            value = value.tolist()
        if self.takes_numbers and isinstance(value, (tuple, list)):
            return tuple(self._check_number(number) for number in value)
        if self.kind.startswith("Sequence["):
            raise Unfit(f"{{{self.name}}} takes a list of numbers, not {_shown(value)}", self)
        return self._check_number(value)

    def _check_number(self, value: Any) -> float:
        whole = self.kind.startswith("int")
        number: float = 0
        try:
            if hasattr(value, "tolist"):
                value = value.tolist()
            number = int(value) if whole else float(value)
            fits = math.isfinite(number) and number == value and not isinstance(value, bool)
        except (TypeError, ValueError, OverflowError):
            fits = False
        is_above = self.low is None or number > self.low or (number == self.low and not self.is_open)
        if fits and is_above and (self.high is None or number <= self.high):
            return number
        wanted, least = "a whole number" if whole else "a number", "more than" if self.is_open else "at least"
        if self.low is not None and self.high is not None:
            wanted = f"between {self.low:g} and {self.high:g}"
        elif self.low is not None:
            wanted += f", {least} {self.low:g}"
        elif self.high is not None:
            wanted += f", at most {self.high:g}"
        raise Unfit(f"{{{self.name}}} must be {wanted}, not {_shown(value)}", self)


def _each(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (tuple, list)) else (value,)


def _shown(value: Any) -> str:
    """A value in a message: one line, whatever it is."""
    text = repr(os.fspath(value) if isinstance(value, os.PathLike) else value)
    return text if len(text) <= 40 and "\n" not in text else f"a {type(value).__name__}"


def option(default: T, help: str, *, flag: str | None = None, **more: Any) -> T:
    """A field that declares an option; see :class:`Declaration` for the arguments.

    ``flag`` is made of the field's name if it is None; an empty one is for what only Python can say.
    """
    return dataclasses.field(default=default, metadata={"flag": flag, "help": help, **more})


def attachment(help: str) -> Any:
    """A field that is no option but goes along with them: a callable or a network of this very process."""
    return dataclasses.field(default=None, metadata={"attached": help}, compare=False)


class Unfit(InputError):
    """Options that are out of range or contradict each other.

    The text has the names of options in braces; ``str()`` gives them as keywords, :attr:`flags` as flags.
    """

    def __init__(self, text: str, *declared: Declaration) -> None:
        self.flags = text
        for each in declared:
            text = text.replace(f"{{{each.name}}}", each.name)
            self.flags = self.flags.replace(f"{{{each.name}}}", each.flag or each.name)
        super().__init__(text)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What all classes of declared options can do."""

    def __post_init__(self) -> None:
        for each in self.declared().values():
            object.__setattr__(self, each.name, each.check(getattr(self, each.name)))

    def __getstate__(self) -> dict[str, Any]:
        """Without attachments, which stay in this process."""
        attached = {field.name: None for field in dataclasses.fields(self) if "attached" in field.metadata}
        return {**self.__dict__, **attached}

    @classmethod
    @functools.cache
    def declared(cls) -> dict[str, Declaration]:
        """The options by name, in the order of their declaration."""
        made = {}
        for field in dataclasses.fields(cls):
            if "help" in field.metadata:
                more = dict(field.metadata)
                if more["flag"] is None:
                    more["flag"] = f"--{field.name.replace('_', '-')}"
                made[field.name] = Declaration(field.name, field.default, str(field.type), **more)
        return made

    @classmethod
    def of(cls, options: Declared | None = None, /, **changes: Any) -> Self:
        """The options of ``options`` that this class has, with changes."""
        if options is None:
            return cls(**changes)
        if not isinstance(options, Declared):
            raise InputError(f"options are an Options object, not {type(options).__name__}: give settings by name")
        if type(options) is cls and not changes:
            return options
        names = [field.name for field in dataclasses.fields(cls) if hasattr(options, field.name)]
        return cls(**{name: getattr(options, name) for name in names} | changes)

    def change(self, **changes: Any) -> Self:
        """The same with other values."""
        return dataclasses.replace(self, **changes)

    def refuse(self, text: str) -> NoReturn:
        """Raise :class:`Unfit`, with names of options in braces."""
        raise Unfit(text, *self.declared().values())

    def given(self) -> dict[str, Any]:
        """The options that are not at their defaults."""
        values = {name: getattr(self, name) for name in self.declared()}
        return {name: value for name, value in values.items() if not self.declared()[name].is_default(value)}

    def require(self, place: str, *, name: str | None = None, hint: str = "leave out one or the other") -> None:
        """InputError, if something is asked for that a place of :data:`PLACES`, called ``name``, does not serve."""
        known = self.declared()
        wrong = [known[option] for option in self.given() if place not in known[option].serves]
        if wrong:
            names, verb = " and ".join(f"{{{each.name}}}" for each in wrong), "does" if len(wrong) == 1 else "do"
            self.refuse(f"{names} {verb} not go with {name or place}: {hint}")

    def decisive(self) -> dict[str, Any]:
        """The options that decide the pixels, names of files as paths, to be fingerprinted."""
        # A fingerprint reads the size and time of what is behind a path; in Python a string may be one, too.
        return {each.name: self._with_files(each, Path) for each in self.declared().values() if each.is_decisive}

    def files(self) -> list[str]:
        """The names of files among the values."""
        found: list[str] = []
        for each in self.declared().values():
            self._with_files(each, lambda name: found.append(os.fspath(name)))
        return found

    def absolute(self) -> Self:
        """The same with absolute names of files, for a process with another current folder."""
        known = self.declared().values()
        return self.change(**{each.name: self._with_files(each, absolute) for each in known if each.is_file})

    def _with_files(self, declared: Declaration, make: Callable[[Any], Any]) -> Any:
        """The value of an option with what ``make`` makes of its names of files."""

        def changed(value: Any) -> Any:
            if isinstance(value, (tuple, list)):
                return [changed(each) for each in value]
            is_name = isinstance(value, (str, os.PathLike)) and value not in declared.choices
            return make(value) if is_name else value

        value = getattr(self, declared.name)
        return changed(value) if declared.is_file else value

    def to_json(self) -> str:
        """What is not at its default, pictures in memory included, as one JSON object; InputError for a network."""
        return json.dumps({name: plain.dump(value, name) for name, value in self.given().items()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The options that :meth:`to_json` wrote; InputError, if it did not, or names an option there is not."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InputError(f"these options are not JSON: {error}") from None
        if not isinstance(values, dict):
            raise InputError("options in JSON are one object, of names and values")
        unknown = sorted(set(values) - set(cls.declared()))
        if unknown:
            near = suggest(unknown[0], tuple(cls.declared()))
            raise InputError(f"there is no option {', '.join(unknown)}: {near}")
        return cls(**{name: plain.load(value) for name, value in values.items()})


def table(cls: type[Declared], groups: Sequence[str] | None = None) -> str:
    """The options of a class, or of some groups, as a Markdown table; without a column of flags where none has one."""
    kept = [each for each in cls.declared().values() if groups is None or each.group in groups]
    has_flags = any(each.flag for each in kept)
    rows = ["| flag | keyword | default | |", "|---|---|---|---|"]
    rows = rows if has_flags else ["| keyword | default | |", "|---|---|---|"]
    for each in kept:
        flags = ", ".join(f"`{flag}`" for flag in (each.short, each.flag, *(s[0] for s in each.switches)) if flag)
        is_nothing = each.default is None or each.default is False or each.default == ()
        default = each.shown or ("–" if is_nothing else f"`{each.default}`")
        cells = ([flags] if has_flags else []) + [f"`{each.name}`", default, each.help.replace("|", chr(92) + "|")]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
