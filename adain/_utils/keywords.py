"""Functions whose keywords are the fields of an options class, for people, for type checkers and at run time.

A function is written with its options as the last positional argument and called with an options object, with keywords,
or with both. Its keywords, their types and their defaults are those of the class itself, which is the only place that
names them.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from .errors import InputError

P = ParamSpec("P")
A_contra = TypeVar("A_contra", contravariant=True)
B_contra = TypeVar("B_contra", contravariant=True)
C_contra = TypeVar("C_contra", contravariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
O = TypeVar("O")  # noqa: E741
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class OfTwo(Protocol[A_contra, B_contra, P, R_co]):
    """``f(content, style, options=None, /, **changes)``."""

    def __call__(
        self, a: A_contra, b: B_contra, options: Any = None, /, *args: P.args, **changes: P.kwargs
    ) -> R_co: ...


class OfThree(Protocol[A_contra, B_contra, C_contra, P, R_co]):
    """``f(contents, styles, output, options=None, /, **changes)``."""

    def __call__(
        self, a: A_contra, b: B_contra, c: C_contra, options: Any = None, /, *args: P.args, **changes: P.kwargs
    ) -> R_co: ...


class Method(Generic[P]):
    """A method of two things, as type checkers see it; at run time it is a function."""

    def __get__(self, owner: Any, kind: Any = None) -> OfTwo[Any, Any, P, Any]:
        raise NotImplementedError


class takes(Generic[P]):
    """Decorates a function of two or three things and options of a class; ``rest`` takes keywords that are none."""

    def __init__(self, options: Callable[P, Any], *, rest: str | None = None) -> None:
        self.options, self.rest = options, rest

    def two(self, function: Callable[[A, B, O], R]) -> OfTwo[A, B, P, R]:
        """For a function of two things."""
        return wrap(function, self.options, self.rest)  # type: ignore[no-any-return]

    def method(self, function: Callable[..., Any]) -> Method[P]:
        """For a method of two things."""
        return wrap(function, self.options, self.rest)  # type: ignore[no-any-return]

    def three(self, function: Callable[[A, B, C, O], R]) -> OfThree[A, B, C, P, R]:
        """For a function of three things."""
        return wrap(function, self.options, self.rest)  # type: ignore[no-any-return]


def wrap(function: Callable[..., Any], options: Any, rest: str | None = None) -> Any:
    """The function as it is called; it gets options of the class, made of what the call gives."""
    *things, _ = inspect.signature(function).parameters.values()
    given = inspect.Parameter(
        "options", inspect.Parameter.POSITIONAL_ONLY, default=None, annotation=f"{options.__name__} | None"
    )
    fields = {field.name: field for field in dataclasses.fields(options)}
    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for name, field in fields.items()
    ]
    positional = [each.replace(kind=inspect.Parameter.POSITIONAL_ONLY) for each in things]
    signature = inspect.signature(function).replace(parameters=[*positional, given, *keywords])

    @functools.wraps(function)
    def call(*args: Any, **changes: Any) -> Any:
        if rest is not None and (more := {name: changes.pop(name) for name in [*changes] if name not in fields}):
            changes[rest] = {**(changes.get(rest) or {}), **more}
        signature.bind(*args, **changes)  # an unknown keyword, or too few arguments: TypeError
        base = args[len(things)] if len(args) > len(things) else None
        if base is not None and (lost := sorted({*getattr(base, "given", dict)()} - {*options.declared()})):
            raise InputError(f"{function.__name__} has no option {', '.join(lost)}: leave it out")
        return function(*args[: len(things)], options.of(base, **changes))

    call.__signature__ = signature  # type: ignore[attr-defined]
    return call
