"""The rooms of the house and the one direction in which they import each other (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, python

LEVELS = (
    {"_utils"},
    {"options"},
    {"image"},
    {"nn"},
    {"control", "losses"},
    {"stylizer", "training"},
    {"backends"},
    {"refinement", "special"},
    {"augment"},
    {"batch", "video"},
    {"metrics"},
    {"app"},
    {""},  # the face of adain
    {"cli"},
)
"""From those that import nobody to those that may import all; those of one level do not import each other."""

LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}


def room_of(module: str) -> str:
    """The room a module lies in: ``nn`` for ``adain.nn.vgg``."""
    return module.partition(".")[2].partition(".")[0]


def imports(path: Path, package: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a file of a package imports of adain, wherever in the file.

    What only type checkers see is left out: the types of options are those of the rooms above.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    unseen = {id(inner) for node in guarded for part in node.body for inner in ast.walk(part)}
    for node in (node for node in ast.walk(tree) if id(node) not in unseen):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names if name.name.split(".")[0] == "adain")
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base == "adain":  # from .. import nn
                yield from ((node.lineno, f"adain.{name.name}") for name in node.names)
            elif base.startswith("adain."):
                yield node.lineno, base


def wrong_ways(path: Path, module: str) -> list[str]:
    """The imports of a file that run against the order, each as ``file:line room -> module``."""
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    own = room_of(module) if package != "adain" or path.stem != "__init__" else ""
    found = []
    for line, name in imports(path, package):
        other = room_of(name)
        if other == own or other not in LEVEL:
            other = own if other == own else ""  # adain.Stylizer is a name of the face
        if other != own and LEVEL[other] >= LEVEL[own]:
            found.append(f"{path}:{line} {own} -> {name}")
    return found


def modules() -> Iterator[tuple[Path, str]]:
    for folder, name in ((ROOT / "adain", "adain"), (ROOT / "cli", "adain.cli")):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield path, ".".join((name, *(part for part in parts if part != "__init__")))


@pytest.mark.parametrize(
    ("path", "module", "line"),
    [
        ("adain/nn/adain.py", "adain.nn.adain", "from ..control.style import Style"),
        ("adain/image/io.py", "adain.image.io", "from ..nn import VGGEncoder"),
        ("adain/options.py", "adain.options", "import adain.stylizer"),
        ("adain/batch/run.py", "adain.batch.run", "def f():\n    from ..video.stylize import stylize_video"),
        ("adain/losses/moments.py", "adain.losses.moments", "from .. import Stylizer"),
    ],
)
def test_an_import_that_is_turned_round_is_found(tmp_path: Path, path: str, module: str, line: str) -> None:
    turned = tmp_path / Path(path).name
    turned.write_text(f"{(ROOT / path).read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    assert wrong_ways(ROOT / path, module) == []
    assert len(wrong_ways(turned, module)) == 1


FREE_OF_TORCH = (
    "options",
    "_utils.errors",
    "image.drift",
    "image.io",
    "image.saving",
    "image.source",
    "nn.bands",
    "nn.instance_norm",
    "nn.states",
    "nn.statistics",
    "control.edges",
    "control.faces",
    "control.labels",
    "control.masks",
    "control.protect",
    "control.regions",
    "control.change",
    "control.style",
    "stylizer.base",
    "stylizer.looks",
    "augment.bank",
    "augment.options",
    "app.options",
    "app.serve",
    "app.site",
    "stylizer.special",
    "special.options",
    "backends.ncnn",
    "backends.onnx",
    "batch.folder",
    "video.stylize",
)


@pytest.mark.parametrize("module", FREE_OF_TORCH)
def test_what_can_do_without_torch_does(module: str) -> None:
    found = python(f"import json, sys, adain.{module}; print(json.dumps('torch' in sys.modules))")
    assert found is False


@pytest.mark.parametrize("folder", ["cli", "benchmarks", "integrations"])
def test_outside_only_faces_are_imported(folder: str) -> None:
    """The inner modules of packages are the library's own affair; ``_utils`` has no face, and Ray's rooms are one."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for line, name in imports(path, f"adain.{folder}"):
            inner = name.split(".")[2:]
            if (
                room_of(name) in LEVEL
                and room_of(name) not in ("_utils", "options", "cli", "")
                and inner not in ([], ["ray"])
            ):
                found.append(f"{path}:{line} {name}")
    assert found == []


def test_imports_run_one_way() -> None:
    assert [
        wrong for path, module in modules() if module != "adain.__main__" for wrong in wrong_ways(path, module)
    ] == []
