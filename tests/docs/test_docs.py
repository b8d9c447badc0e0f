"""The documentation keeps to the program: commands, names, links, samples and pictures in it exist."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import griffe
import pytest
import yaml
from click.testing import CliRunner

import adain
from adain.cli import main
from tests.conftest import ROOT

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
LISTED = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES]
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "docs" / "scripts")
    return importlib.import_module("hooks")


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def commands(page: Path) -> Iterator[list[str]]:
    """The arguments of every call of adain in a page's examples."""
    for block in blocks(page, "console"):
        for line in re.findall(r"^\$ (.*)$", block.replace("\\\n", ""), re.MULTILINE):
            words = shlex.split(line, comments=True)
            if words[0] == "adain" or "-m adain" in line:
                yield words[words.index("adain") + 1 :]


def parsed(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that a call is of, and what it is given."""
    command: click.Command = main
    while isinstance(command, click.Group) and words:
        below = command.get_command(click.Context(command), words[0])
        if below is None:
            break
        command, words = below, words[1:]
    return command, words


def test_the_readme_is_short() -> None:
    assert README.stat().st_size <= 8192


@pytest.mark.parametrize("page", LISTED)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        target = link.partition("#")[0]
        if target and "://" not in target:
            assert (page.parent / target).exists(), link


@pytest.mark.parametrize("page", LISTED)
def test_options_in_examples_exist(page: Path) -> None:
    for words in commands(page):
        command, given = parsed(words)
        assert not isinstance(command, click.Group) or given[0].startswith("-"), words
        context = click.Context(command, **command.context_settings | {"help_option_names": ["-h", "--help"]})
        known = {name for option in command.get_params(context) for name in (*option.opts, *option.secondary_opts)}
        for word in given:
            if re.match(r"--?[a-z]", word):
                assert word.partition("=")[0] in known, words


@pytest.mark.slow
def test_the_commands_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in commands(README):
        small = ["--content-size", "32", "--style-size", "64"] if words[0] == "stylize" else []
        if words[0] in ("demo", "app"):
            continue  # they have tests of their own
        result = CliRunner().invoke(main, [*words, *small], catch_exceptions=False)
        assert result.exit_code == 0, (words, result.output)


@pytest.mark.slow
def test_the_program_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (program,) = blocks(README, "python")
    exec(program, {})
    assert {path.name for path in tmp_path.iterdir()} == {"out.jpg", "out-0.25.png", "out-0.5.png", "out-1.0.png"}


@pytest.mark.parametrize("page", LISTED)
def test_names_in_python_examples_exist(page: Path) -> None:
    for block in blocks(page, "python"):
        tree = ast.parse(block)
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module or "")
                names = [alias.name for alias in node.names]
                # A module below one is not its attribute before something imports it.
                is_package = hasattr(module, "__path__")
                below = [name for name in names if is_package and importlib.util.find_spec(f"{node.module}.{name}")]
                assert all(hasattr(module, name) or name in below for name in names), ast.unparse(node)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "adain":
                assert "adain" in imported, "every example can be copied as it stands"
                assert node.attr in dir(adain), ast.unparse(node)


def test_tables_of_options_are_filled_in(hooks: ModuleType) -> None:
    page = hooks.filled("Before.\n\n<!-- options: adain.options.Options size -->\n\nAfter.")
    assert page.startswith("Before.\n\n| flag | keyword |")
    assert "| `--style-size` | `style_size` | `512` |" in page
    assert "`--alpha`" not in page  # of another group


def test_every_option_stands_in_a_chapter(hooks: ModuleType) -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    marked = dict(re.findall(r"^<!-- (?:options|settings): ([\w.]+)((?: \w+)*) -->$", pages, re.MULTILINE))
    for name in ("adain.options.Options", "adain.options.ModelOptions", "adain.batch.FolderOptions",
                 "adain.video.VideoOptions", "adain.refinement.RefineOptions", "adain.batch.ray.RayOptions",
                 "adain.backends.ExportOptions", "adain.metrics.EvaluationOptions",
                 "adain.special.SpecialOptions", "adain.app.AppOptions", "adain.app.SiteOptions"):  # fmt: skip
        cls = hooks.resolve(name)
        inherited = {option for base in cls.__mro__[1:] if hasattr(base, "declared") for option in base.declared()}
        tables = "\n".join(map(hooks.filled, re.findall(rf"^<!-- options: {name}[ \w]* -->$", pages, re.MULTILINE)))
        for option in set(cls.declared()) - inherited:
            assert f"| `{option}` |" in tables, f"{name}.{option}"
    for name in ("adain.refinement.Recipe", "adain.training.TrainingConfig"):
        assert name in marked
        assert hooks.settings(name).count("\n") > 20


def test_the_reference_shows_how_calls_are_made(hooks: ModuleType) -> None:
    package = griffe.load("adain", search_paths=[ROOT], extensions=griffe.load_extensions(hooks.docstrings.Docstrings))
    for name in ("refinement.run.refine", "batch.folder.stylize_folder", "stylizer.stylizer.Stylizer.stylize"):
        *things, options, changes = package[name].parameters
        assert things
        assert options.name == "options"
        assert options.kind == griffe.ParameterKind.positional_only
        assert changes.kind == griffe.ParameterKind.var_keyword
        assert "Args:" in package[name].docstring.value
    assert package["options.Options"].members["style_size"].value == "512"
    assert package["options.Options"].members["style_size"].docstring.value.startswith("Shorter side the artwork")


def test_every_command_is_described(hooks: ModuleType) -> None:
    page = hooks.filled((ROOT / "docs" / "cli.md").read_text(encoding="utf-8"))
    assert "<!--" not in page
    for name in main.list_commands(click.Context(main)):
        assert f"## adain {name}" in page
    assert re.search(r"^\| `--alpha [^|]*` \| Strength[^|]* \| `1.0` \|$", page, re.MULTILINE)
    assert r"{content}\_stylized\_{style}" in page


def test_every_public_name_is_in_the_reference(hooks: ModuleType) -> None:
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md")]
    described = set(re.findall(r"^::: (\S+)$", "\n".join(map(hooks.filled, pages)), re.MULTILINE))
    missing = {name: path for name, path in hooks.handed_on("adain").items() if path not in described}
    assert set(missing) == {"__version__"} & set(missing)


def test_nothing_imports_torch() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'docs' / 'scripts')!r}); import hooks, pathlib;"
        f"[hooks.filled(p.read_text('utf-8')) for p in pathlib.Path({str(ROOT / 'docs')!r}).rglob('*.md')];"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_docstrings_become_markdown(hooks: ModuleType) -> None:
    text = "See :func:`~adain.nn.vgg.f`.\n\n.. math:: a = b\n      + c_1\n\n>>> f(1)\n\nArgs:\n    x: :math:`x^2`."
    page = hooks.docstrings.markdown(text, "adain.nn.vgg.g")
    assert '<autoref identifier="adain.nn.vgg.f" optional><code>f</code></autoref>' in page
    assert "```pycon\n>>> f(1)\n```" in page
    assert page.count("<math") == 2
    assert ":math:" not in page
    assert ".. math" not in page


def test_every_room_is_in_the_picture_of_them() -> None:
    picture = (ROOT / "docs" / "rooms.svg").read_text(encoding="utf-8")
    rooms = [path.name for path in (ROOT / "adain").iterdir() if (path / "__init__.py").exists()]
    for room in rooms:
        assert f">{room}</text>" in picture, room


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == adain.__version__
    assert citation["references"][0]["year"] == 2017


def test_the_notebook_is_small_and_without_results() -> None:
    path = ROOT / "docs" / "quickstart.ipynb"
    assert path.stat().st_size <= 200_000
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)
