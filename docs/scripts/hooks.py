"""Hooks of the site: tables made from the program itself, and the repository's files that pages link to.

A line ``<!-- options: adain.options.Options -->`` becomes the table of those options, or of the groups named behind
the class, ``<!-- settings: adain.refinement.Recipe -->`` that of a class of settings, ``<!-- commands: adain.cli.main
-->`` the help of every command, ``<!-- face: adain.nn -->`` the reference of what that package hands on, and
``<!-- names: adain -->`` a list of it, and ``<!-- demo -->`` a link to the page that needs no server.
Nothing here imports torch.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import posixpath
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import demo
import docstrings
from docstrings import ROOT, resolve
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(ROOT))
table = importlib.import_module("adain.options").table  # now: mkdocs takes the path back when it has read this file
MARKER = re.compile(r"^<!-- (options|settings|commands|face|names): ([\w.]+)((?: \w+)*) -->$", re.MULTILINE)
SIGN, BACKSLASHED = re.compile(r"([*_<`|])"), r"\\\1"
FLAG = re.compile(r"(?<!\S)(--?[a-z][\w-]*)")
DEMO = "<!-- demo -->"
LINK = re.compile(r"(\]\()([^)\s#:]+)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add what pages link to outside ``docs/``, such as the model card, at its place in the repository."""
    waiting = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    seen = set(waiting)
    while waiting:
        page = waiting.pop()
        for target in set(linked(page)) - seen:
            seen.add(target)
            if target.startswith("docs/") or not (ROOT / target).is_file():
                continue  # mkdocs says which link leads nowhere
            files.append(File.generated(config, target, abs_src_path=str(ROOT / target)))
            waiting += [target] if target.endswith(".md") else []
    for path, data in demo.demo().items():
        files.append(File.generated(config, path, content=data))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what is marked, and point links at where the site has their files."""
    here = page.file.src_uri
    source = f"docs/{here}" if (ROOT / "docs" / here).is_file() else here
    markdown = markdown.replace(DEMO, demo.LINK)
    return LINK.sub(lambda link: link[1] + relinked(link[2], source, here), filled(markdown))


def filled(markdown: str) -> str:
    """A page with its markers replaced."""
    return MARKER.sub(lambda marker: MAKERS[marker[1]](marker[2], *marker[3].split()), markdown)


def linked(page: str) -> Iterator[str]:
    """The files of the repository that a page of it links to."""
    for link in LINK.finditer((ROOT / page).read_text(encoding="utf-8")):
        yield posixpath.normpath(posixpath.join(posixpath.dirname(page), link[2]))


def relinked(link: str, source: str, here: str) -> str:
    """A link of the page that is ``source`` in the repository, for where it is ``here`` on the site."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    if not (ROOT / target).is_file():
        return link
    return posixpath.relpath(target.removeprefix("docs/"), posixpath.dirname(here) or ".")


def options(name: str, *groups: str) -> str:
    """The table of a class of options, by its dotted name, or of some groups of them."""
    return str(table(resolve(name), groups or None))


def settings(name: str) -> str:
    """The table of a class of settings, by its dotted name."""
    told = docstrings.settings(resolve(name)).items()
    rows = (f"| `{field}` | `{default}` | {SIGN.sub(BACKSLASHED, text)} |" for field, (default, text) in told)
    return "\n".join(["| setting | default | |", "|---|---|---|", *rows])


def commands(name: str) -> str:
    """Usage, description and options of every command of a click group, by its dotted name."""
    group: click.Group = resolve(name)
    return "\n\n".join(described(click.Context(group, info_name="adain", **group.context_settings)))


def face(name: str) -> str:
    """What a package or a module is for, and an instruction to mkdocstrings for each of its names."""
    text = ast.get_docstring(syntax(source_of(name))) or ""
    return "\n\n".join([docstrings.markdown(text), *(f"::: {path}" for path in handed_on(name).values())])


def names(package: str) -> str:
    """A table of what a package hands on, each name with the first line about it."""
    rows = []
    for name, path in handed_on(package).items():
        module, _, original = path.rpartition(".")
        about = docstrings.markdown(first_line(syntax(source_of(module)), original))
        rows.append(f'| <autoref identifier="{path}" optional><code>{name}</code></autoref> | {about} |')
    return "\n".join(["| name | what it is |", "|---|---|", *rows])


MAKERS: dict[str, Callable[..., str]] = {each.__name__: each for each in (options, settings, commands, face, names)}
"""What makes of a marker what stands in its place."""


def handed_on(name: str) -> dict[str, str]:
    """The public names of a package's face, or of a module, in its order, each with the dotted name of what it is."""
    if source_of(name).stem != "__init__":
        body = syntax(source_of(name)).body
        defined = [node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
        return {each: f"{name}.{each}" for each in defined if not each.startswith("_")}
    found = {face.removeprefix(f"{name}."): path for face, path in docstrings.faces().items()}
    return {public: path for public, path in found.items() if "." not in public and not public.startswith("_")}


def source_of(name: str) -> Path:
    """The file of a module; of a package its stub, which lists its names."""
    path = ROOT.joinpath(*name.split("."))
    candidates = (path / "__init__.pyi", path / "__init__.py", path.with_suffix(".py"))
    return next(candidate for candidate in candidates if candidate.exists())


@functools.cache
def syntax(path: Path) -> ast.Module:
    """A file's syntax; of a stub with the docstring of what it stands beside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.suffix == ".pyi":
        tree.body.insert(0, ast.parse(path.with_suffix(".py").read_text(encoding="utf-8")).body[0])
    return tree


def first_line(tree: ast.Module, name: str) -> str:
    """What the docstring of a class or a function in a file begins with; nothing for a value."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in (name, f"_{name}"):
            return (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ")
    return ""


def described(context: click.Context) -> Iterator[str]:
    """The command of a context in Markdown, and those below it."""
    command = context.command
    if context.parent is not None:
        yield f"{'##' if context.parent.parent is None else '###'} {context.command_path}"
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    yield prose(command.help or "")
    groups: dict[str, list[str]] = {}
    for option in command.get_params(context):
        if isinstance(option, click.Option) and (line := row(option, context)):
            groups.setdefault(getattr(option, "group", ""), []).append(line)
    for group in sorted(groups, key=lambda group: group != ""):
        title = [f"**{group.capitalize()}**", ""] if group else []
        yield "\n".join([*title, "| option | meaning | default |", "|---|---|---|", *groups[group]])
    formatter = context.make_formatter()
    command.format_epilog(context, formatter)
    if epilog := formatter.getvalue().strip():
        yield f"```text\n{epilog}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from described(click.Context(below, info_name=name, parent=context))


def prose(text: str) -> str:
    """A command's description: its paragraphs, and those that click is told not to wrap as code."""
    parts = []
    for part in inspect.cleandoc(text).split("\n\n"):
        if part.startswith("\b\n"):
            parts.append("```console\n" + "\n".join(f"$ {line}" for line in part[2:].split("\n")) + "\n```")
        else:
            parts.append(FLAG.sub(r"`\1`", part))
    return "\n\n".join(parts)


def row(option: click.Option, context: click.Context) -> str:
    """A line of the table; empty for a hidden option."""
    record = option.get_help_record(context)
    if record is None:
        return ""
    extra = option.get_help_extra(context)
    text, _, default = (option.help or "").partition(" [default: ")
    default = default.removesuffix("]") or extra.get("default", "")
    allowed = re.sub("<=x<=", " to ", extra.get("range", "").replace("x>=", "from "))
    others = [note for note in (allowed, extra.get("required")) if note]
    meaning = SIGN.sub(BACKSLASHED, f"{text} ({'; '.join(others)})" if others else text)
    return f"| `{record[0].replace(' RANGE', '')}` | {meaning} | {f'`{default}`' if default else ''} |"
