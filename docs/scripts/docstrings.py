"""The sources for the site: what is written for a terminal, roles, formulas and prompts, as Markdown; options as such.

An extension of griffe, which reads the sources without importing them. Only classes of settings are imported, whose
help is made of parts; they are free of torch.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import re
from pathlib import Path
from typing import Any

import griffe
from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parents[2]
ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc|obj):`(~?)([\w.]+)`")
MATH = re.compile(r":math:`([^`]*)`")
FORMULA = re.compile(r"^\.\. math::[ \t]*(\S.*(?:\n[ \t]+\S.*)*|(?:\n*[ \t]+\S.*)+)", re.MULTILINE)
SETTING = re.compile(r"(option|attachment|_?setting)\(")
TAKES = re.compile(r"(takes|_stylising)\(")
PROMPT = re.compile(r"(?:^[ \t]*(?:>>>|\.\.\.) .*\n?)+", re.MULTILINE)


def markdown(text: str, scope: str = "") -> str:
    """A docstring with its roles as links where there is something to link to, formulas as MathML, and prompts as code.

    Args:
        text: of the docstring.
        scope: dotted name of the object it belongs to; names without a dot are looked for beside it.
    """

    def link(role: re.Match[str]) -> str:
        short, target = role.groups()
        shown = target.rpartition(".")[2] if short else target
        return f'<autoref identifier="{home(target, scope)}" optional><code>{shown}</code></autoref>'

    def fence(prompts: re.Match[str]) -> str:
        return "\n".join(["```pycon", *(line.strip() for line in prompts[0].splitlines()), "```", ""])

    text = FORMULA.sub(lambda found: f"<div>{mathml(found[1], 'block')}</div>", PROMPT.sub(fence, text))
    return ROLE.sub(link, MATH.sub(lambda found: mathml(found[1], "inline"), text))


def home(target: str, scope: str = "") -> str:
    """The dotted name under which the reference has what a docstring of ``scope`` names."""
    if "." not in target:
        packages = [scope[: dot.start()] for dot in re.finditer(r"\.", scope)]
        near = [f"{package}.{target}" for package in packages if f"{package}.{target}" in faces()]
        target = near[-1] if near else f"{scope.rpartition('.')[0]}.{target}"
    for end in (len(target), target.rfind(".")):  # a name of a face, or what belongs to one
        if target[:end] in faces():
            return faces()[target[:end]] + target[end:]
    return target


@functools.cache
def faces() -> dict[str, str]:
    """What packages hand on: the dotted name of each where it is handed on, and where it is."""
    found = {}
    for stub in (ROOT / "adain").rglob("__init__.pyi"):
        package = ".".join(stub.parent.relative_to(ROOT).parts)
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    found[f"{package}.{alias.name}"] = f"{package}.{node.module}.{alias.name}"
    return found


def mathml(formula: str, display: str) -> str:
    """A formula of LaTeX as browsers read it, without anything that Markdown would take for its own."""
    written = convert(" ".join(formula.split()), display=display)
    return written.replace("*", "&#42;").replace("_", "&#95;")


def resolve(name: str) -> Any:
    """The object of a dotted name."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def settings(cls: type) -> dict[str, tuple[str, str]]:
    """What a class of settings says of its own fields: default and help, by the field's name."""
    told = {}
    for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
        text = field.metadata.get("help") or field.metadata.get("attached")
        if text and field.name in cls.__annotations__:
            default = float(f"{field.default:.4g}") if isinstance(field.default, float) else field.default
            told[field.name] = (repr(default), text)
    return told


class Docstrings(griffe.Extension):
    """Rewrites the docstrings of a package once it is read, and shows settings and what takes them as they are used."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        self._rewrite(pkg)

    def _rewrite(self, owner: griffe.Object) -> None:
        if isinstance(owner, griffe.Class) and any(_declares(member) for member in owner.members.values()):
            self._settings(owner)
        for name, member in [*owner.members.items()]:
            if isinstance(member, griffe.Attribute) and f"(_{name})" in str(member.value or ""):
                function: Any = owner.members.pop(f"_{name}")  # refine = takes(RefineOptions).two(_refine)
                function.name, owner.members[name] = name, function
                self._takes(function)
        if owner.docstring is not None:
            owner.docstring.value = markdown(owner.docstring.value, owner.path)
        for member in owner.members.values():
            if isinstance(member, griffe.Function) and any(TAKES.match(str(d.value)) for d in member.decorators):
                self._takes(member)
            if isinstance(member, griffe.Object):
                self._rewrite(member)

    def _settings(self, owner: griffe.Class) -> None:
        """Give the fields of a class their own defaults, and what is said of them as docstrings."""
        for name, (default, text) in settings(resolve(owner.path)).items():
            field: Any = owner.members[name]
            field.value = default
            field.docstring = griffe.Docstring(text.replace("*", "\\*"), parent=field)
            field.labels.clear()
        owner.decorators = []  # so no signature of all fields is made: its own follow, the others are those of its base
        fields = griffe.Parameter("fields", kind=griffe.ParameterKind.var_keyword)
        owner.set_member("__init__", griffe.Function("__init__", parameters=griffe.Parameters(fields)))

    def _takes(self, function: griffe.Function) -> None:
        """Show a function of things and options by how it is called; see :mod:`adain._utils.keywords`."""
        *things, options = function.parameters
        for thing in things:
            thing.kind = griffe.ParameterKind.positional_only
        options.kind, options.default = griffe.ParameterKind.positional_only, "None"
        options.annotation = f"{options.annotation} | None"
        function.parameters.add(griffe.Parameter("changes", kind=griffe.ParameterKind.var_keyword))


def _declares(member: Any) -> bool:
    return isinstance(member, griffe.Attribute) and SETTING.match(str(member.value or "")) is not None
