from __future__ import annotations

from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner, Result

import adain
from adain.cli.main import COMMANDS, main
from tests.conftest import one_line_error, python

Run = Callable[..., Result]


def every_command() -> dict[str, click.Command]:
    """All commands by what is typed, ``weights list`` among them."""
    found: dict[str, click.Command] = {}
    for name, command in main.commands.items():
        found[name] = command
        for below, inner in command.commands.items() if isinstance(command, click.Group) else ():
            found[f"{name} {below}"] = inner
    return found


def test_help_names_every_command_in_order(run_cli: Run) -> None:
    result = run_cli("--help")
    assert result.exit_code == 0
    listed = result.stdout.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)


@pytest.mark.parametrize("command", [(), ("weights",)])
def test_no_summary_is_cut(run_cli: Run, command: tuple[str, ...]) -> None:
    # A terminal of 80 columns is what the runner has.
    summaries = run_cli(*command, "--help").stdout.split("Commands:\n")[1].splitlines()
    names = main.commands["weights"].commands if command else main.commands
    assert len(summaries) == len(names)
    for line in summaries:
        assert len(line) <= 80
        assert line.endswith(".")
        assert "..." not in line


@pytest.mark.parametrize("name", COMMANDS)
def test_summaries_are_those_of_the_commands(name: str) -> None:
    assert main.commands[name].name == name
    assert " ".join(str(main.commands[name].help).partition("\n\n")[0].split()) == COMMANDS[name]


def test_no_flag_has_two_meanings() -> None:
    assert len(every_command()) > len(COMMANDS)
    for name, command in [("", main), *every_command().items()]:
        flags = [flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)]
        assert len(flags) == len(set(flags)), name
        assert {"-q", "--quiet", "-v", "--verbose"} <= set(flags), name


def test_no_arguments_shows_the_help(run_cli: Run) -> None:
    result = run_cli()
    assert result.exit_code == 2
    assert "Usage" in result.stderr


def test_version(run_cli: Run) -> None:
    assert run_cli("--version").stdout.strip() == f"adain, version {adain.__version__}"


def test_unknown_command(run_cli: Run) -> None:
    assert "stylise" in one_line_error(run_cli("stylise"))


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (MemoryError(), 2, "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 2, "out of memory"),
        (OSError(28, "No space left on device", "x.png"), 2, "x.png: No space left"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_end_in_one_line(
    run_cli: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, text: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(main.commands["demo"], "callback", fail)
    result = run_cli("demo")
    assert result.exit_code == code
    assert text in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_programming_errors_are_not_hidden(run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(main.commands["demo"], "callback", fail)
    assert isinstance(run_cli("demo").exception, RuntimeError)


@pytest.mark.parametrize(
    ("command", "error", "advice"),
    [
        ("stylize", MemoryError(), "use a smaller --content-size or --tile"),
        ("refine", RuntimeError("CUDA out of memory"), "use a smaller --content-size, or use --device cpu"),
        ("train", MemoryError(), "use a smaller --batch-size"),
        ("export", MemoryError(), "end other programs, or use a machine with more"),
    ],
)
def test_advice_on_memory_names_options_of_the_command(
    run_cli: Run, monkeypatch: pytest.MonkeyPatch, command: str, error: BaseException, advice: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(main.commands[command], "callback", fail)
    assert one_line_error(run_cli(command, "-o", "o")) == f"adain: error: out of memory: {advice}"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"], ["stylise"]])
def test_the_group_imports_no_command_and_nothing_large(arguments: list[str]) -> None:
    code = f"""
import contextlib, io, json, sys
import adain
loaded = set(sys.modules)
from adain.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main({arguments!r})
large = ["torch", "numpy", "PIL", "tqdm", "matplotlib", "logging", "adain.options", "adain.image", "adain.nn"]
commands = [f"adain.cli.{{name}}" for name in {list(COMMANDS)!r}]
print(json.dumps([[m for m in [*large, "click"] if m in loaded], [m for m in large + commands if m in sys.modules]]))
"""
    assert python(code) == [[], []]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_waits_for_nothing_large(name: str) -> None:
    code = f"""
import contextlib, io, json, sys
from adain.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main([{name!r}, "--help"])
print(json.dumps([m for m in ("torch", "numpy", "PIL", "tqdm", "matplotlib") if m in sys.modules]))
"""
    assert python(code) == []


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("adain st", ["plain,stylize", "plain,styles"]),
        ("adain --ver", ["plain,--version", "plain,--verbose"]),
        ("adain weights ver", ["plain,verify"]),
        ("adain demo --ce", ["plain,--cell"]),
        ("adain ap", ["plain,app"]),
        ("adain app --no", ["plain,--no-browser"]),
    ],
)
def test_shells_complete_commands_and_options(words: str, offered: list[str]) -> None:
    asked = {"_ADAIN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    result = CliRunner().invoke(main, [], prog_name="adain", env=asked)
    assert result.stdout.split() == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_shells_are_given_a_script(shell: str) -> None:
    result = CliRunner().invoke(main, [], prog_name="adain", env={"_ADAIN_COMPLETE": f"{shell}_source"})
    assert f"_ADAIN_COMPLETE={shell}_complete" in result.stdout


def test_stylising_needs_no_torchvision_or_kornia() -> None:
    found = python(
        """
import json, sys
import numpy as np
from PIL import Image
import adain
stylizer = adain.Stylizer.from_pretrained(device="cpu")
image = Image.fromarray(np.zeros((16, 16, 3), np.uint8))
stylizer.stylize(image, image, style_size=16)
print(json.dumps({"heavy": [m for m in ("torchvision", "kornia", "matplotlib") if m in sys.modules]}))
"""
    )
    assert found == {"heavy": []}


def test_every_public_name_is_there() -> None:
    for name in adain.__all__:
        assert getattr(adain, name) is not None
    assert set(adain.__all__) <= set(dir(adain))
    with pytest.raises(AttributeError):
        adain.no_such_name  # noqa: B018
