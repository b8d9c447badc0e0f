"""Docstrings for the site: what is written for a terminal, roles, formulas and prompts, as Markdown.

An extension of griffe, which reads the sources without importing them.
"""

from __future__ import annotations

import re
from typing import Any

import griffe
from latex2mathml.converter import convert

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc|obj):`(~?)([\w.]+)`")
MATH = re.compile(r":math:`([^`]*)`")
FORMULA = re.compile(r"^\.\. math::[ \t]*(\S.*(?:\n[ \t]+\S.*)*|(?:\n*[ \t]+\S.*)+)", re.MULTILINE)
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
        known = target if "." in target else f"{scope.rpartition('.')[0]}.{target}"
        return f'<autoref identifier="{known}" optional><code>{shown}</code></autoref>'

    def fence(prompts: re.Match[str]) -> str:
        lines = [line.strip() for line in prompts[0].rstrip("\n").split("\n")]
        return "\n".join(["```pycon", *lines, "```", ""])

    text = FORMULA.sub(lambda found: f"<div>{mathml(found[1], 'block')}</div>", PROMPT.sub(fence, text))
    return ROLE.sub(link, MATH.sub(lambda found: mathml(found[1], "inline"), text))


def mathml(formula: str, display: str) -> str:
    """A formula of LaTeX as browsers read it, without anything that Markdown would take for its own."""
    written = convert(" ".join(formula.split()), display=display)
    return written.replace("*", "&#42;").replace("_", "&#95;")


class Docstrings(griffe.Extension):
    """Rewrites every docstring of a package once it is read."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        self._rewrite(pkg)

    def _rewrite(self, owner: griffe.Object) -> None:
        if owner.docstring is not None:
            owner.docstring.value = markdown(owner.docstring.value, owner.path)
        for member in owner.members.values():
            if isinstance(member, griffe.Object):
                self._rewrite(member)
