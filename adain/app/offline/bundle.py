"""Modules in one piece: what they import from each other becomes what functions return.

It reads what this project's own modules are written in: statements of import and export begin a line, exported are
constants, functions and classes, and by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .modules import IMPORT, imports, in_order

_EXPORTED = re.compile(r"^export (?=(?:async function\*?|function\*?|class|const) ?(?P<name>[\w$]+))", re.MULTILINE)
_LISTED = re.compile(r"^(?:import|export)\s*(?P<list>\*(?: as (?P<whole>[\w$]+))?|\{[^}]*\}|)")
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundled(texts: Mapping[str, str], entry: str) -> str:
    """The text of one script, as a module or none, that does what ``entry`` does.

    Args:
        texts: of all modules by their paths.
        entry: the path of the one that is begun with.

    Raises:
        ValueError: if some import each other in a circle, or hold a statement of another kind.
    """
    order = in_order({path: texts[path] for path in _needed(texts, entry)})
    names = {path: f"$module{number}" for number, path in enumerate(order)}
    return "\n".join(['"use strict";', *(_function(path, texts[path], names) for path in order)])


def _needed(texts: Mapping[str, str], entry: str) -> list[str]:
    found, waiting = [], [entry]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.append(path)
            waiting += imports(path, texts[path])
    return found


def _function(path: str, text: str, names: Mapping[str, str]) -> str:
    """A module as a function, called, whose result has what it exports."""
    given: list[str] = []
    others = iter(imports(path, text))

    def joined(match: re.Match[str]) -> str:
        other = names[next(others)]
        listed = _LISTED.match(match["before"])
        assert listed is not None
        is_export = match["before"].startswith("export")
        if is_export and listed["list"] == "*":
            given.append(f"...{other}")
            return ""
        if listed["whole"]:
            return f"const {listed['whole']} = {other};"
        pairs = [re.split(r"\s+as\s+", each.strip()) for each in listed["list"].strip("{}").split(",") if each.strip()]
        if is_export:
            given.extend(f"{pair[-1]}: {other}.{pair[0]}" for pair in pairs)
            return ""
        inner = ", ".join(": ".join(pair) for pair in pairs)
        return f"const {{ {inner} }} = {other};" if inner else ""

    def unmarked(match: re.Match[str]) -> str:
        given.append(match["name"])
        return ""

    body = _EXPORTED.sub(unmarked, IMPORT.sub(joined, text))
    left = _LEFT.search(body)
    if left is not None:
        raise ValueError(f"{path}: a statement that is not known here: {left[0]}")
    return f"// {path}\nconst {names[path]} = (() => {{\n{body}\nreturn {{ {', '.join(given)} }};\n}})();\n"
