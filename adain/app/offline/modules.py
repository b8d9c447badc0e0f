"""The page's modules, in JavaScript: which of them a page without a server needs, and in what order they come."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

APP = Path(__file__).parents[1]
"""Where ``page`` and ``web`` lie."""

ENGINE = "page/engine.js"
"""What computes, the page's name for it; here that of ``web``."""

MAIN = "page/main.js"

WORKER = "service-worker.js"
"""Lies in ``web``, and at the top of a site, whose files alone it serves."""

IMPORT = re.compile(
    r"""^(?P<before>import\s+(?:[\w*{}$,\s]+?\s+from\s+)?|export\s*(?:\*|\{[^}]*\})\s*from\s+)"(?P<name>\.[^"]+)";""",
    re.MULTILINE,
)
"""A statement at the beginning of a line; what is in comments is indented or behind a star."""


def modules() -> dict[str, str]:
    """The text of every module by its path in a site: those of ``web``, and of ``page`` those that are used."""
    found = {f"web/{path.name}": path.read_text("utf-8") for path in sorted((APP / "web").glob("*.js"))}
    found.pop(f"web/{WORKER}", None)
    if "web/engine.js" in found:
        found[ENGINE] = 'export * from "../web/engine.js";\n'
    waiting = [MAIN, *found]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = (APP / path).read_text("utf-8")
        waiting += [other for other in imports(path, found[path]) if other not in found]
    return dict(sorted(found.items()))


def imports(path: str, text: str) -> list[str]:
    """The paths of the modules that one imports, in their order."""
    folder = posixpath.dirname(path)
    return [posixpath.normpath(posixpath.join(folder, match["name"])) for match in IMPORT.finditer(text)]


def workers(texts: Mapping[str, str]) -> list[str]:
    """The paths of the modules that workers begin with; the service worker's is none of them."""
    return [path for path in texts if path.startswith("web/") and path.endswith("-worker.js")]


def in_order(texts: Mapping[str, str]) -> list[str]:
    """The paths of modules, each after those that it imports.

    Raises:
        ValueError: if some import each other in a circle.
    """
    ordered: list[str] = []
    open_: list[str] = []

    def visit(paths: Iterable[str]) -> None:
        for path in paths:
            if path in ordered:
                continue
            if path in open_:
                raise ValueError(f"a circle of imports: {' -> '.join([*open_[open_.index(path) :], path])}")
            open_.append(path)
            visit(imports(path, texts[path]))
            ordered.append(open_.pop())

    visit(texts)
    return ordered
