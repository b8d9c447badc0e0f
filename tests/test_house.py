"""What holds of the whole library: its rooms, its signatures, and that a thing is said in one place."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import lazy_loader
import pytest

from tests.conftest import ROOT

FACES = ("", ".app", ".augment", ".backends", ".batch", ".batch.ray", ".control", ".image", ".losses", ".metrics",
         ".nn", ".refinement", ".special", ".stylizer", ".training", ".video")  # fmt: skip
MOST_PARAMETERS = 12


def public() -> Iterator[tuple[str, object]]:
    """Everything that the faces offer, by its name."""
    for face in FACES:
        module = importlib.import_module(f"adain{face}")
        for name in module.__all__:
            value = getattr(module, name)
            if not inspect.ismodule(value):
                yield f"{module.__name__}.{name}", value


def sources() -> Iterator[Path]:
    for folder in ("adain", "cli", "benchmarks"):
        yield from (ROOT / folder).rglob("*.py")


def test_few_entries_lie_at_the_top() -> None:
    kept = {"__init__.py", "__init__.pyi", "__main__.py", "py.typed", "_utils", "__pycache__"}
    assert len([path.name for path in (ROOT / "adain").iterdir() if path.name not in kept]) <= 15


def parameters(function: object) -> list[str]:
    """What a call may have to name by itself: keywords that are fields of an options class are one thing."""
    inner = inspect.unwrap(function)  # type: ignore[arg-type]
    return [name for name in inspect.signature(inner).parameters if name not in ("self", "cls")]


def test_no_public_function_has_many_parameters() -> None:
    wrong = []
    for name, value in public():
        functions = {name: value}
        if inspect.isclass(value):
            own = [
                n for n, _ in inspect.getmembers(value, inspect.isroutine) if not n.startswith("_") and n in vars(value)
            ]
            functions = {f"{name}.{n}": getattr(value, n) for n in own}
        for called, function in functions.items():
            if callable(function) and not inspect.isclass(function):
                try:
                    count = len(parameters(function))
                except ValueError:  # a class of the language's own
                    continue
                if count > MOST_PARAMETERS:
                    wrong.append(f"{called} has {count}")
    assert wrong == []


def test_no_two_classes_have_one_name() -> None:
    names = Counter(
        node.name
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(
    "name", ["style_size", "fine_style_size", "color_space", "stability", "save_every", "color_method"]
)
def test_an_option_is_declared_once(name: str) -> None:
    """No other class, and no function, has a default of its own for it."""
    declared = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
                declared.append(f"{path}:{node.lineno}")
            if isinstance(node, ast.FunctionDef):
                arguments = [*node.args.posonlyargs, *node.args.args][-len(node.args.defaults) or None :]
                pairs = [
                    *zip(arguments, node.args.defaults, strict=False),
                    *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
                ]
                declared += [f"{path}:{a.lineno}" for a, d in pairs if a.arg == name and isinstance(d, ast.Constant)]
    assert len(declared) == 1, declared


def test_stubs_and_faces_agree() -> None:
    """A stub that names something a module does not have would be found by its first user."""
    assert lazy_loader.attach_stub  # every face is made by it
    assert len(dict(public())) > 150
