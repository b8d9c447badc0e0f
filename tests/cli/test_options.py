"""Flags made from declared options, and the values of flags made into options again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import click
import pytest
from click.testing import CliRunner, Result

from adain._utils.declare import Declared, option
from adain._utils.errors import InputError
from adain.batch.ray import RayOptions
from adain.cli.main import main
from adain.cli.options import REMOVED, SNAKE_CASE, OneCommand, label_styles, options_of, take
from adain.refinement import RefineOptions
from adain.video import VideoOptions
from tests.conftest import one_line_error

Run = Callable[..., Result]


def _shout(text: str) -> str:
    if text == "":
        raise ValueError("a word, not nothing")
    return text.upper()


@dataclass(frozen=True, kw_only=True)
class Tea(Declared):
    """What can be said of tea."""

    strength: float = option(0.5, "How strong.", low=0, high=1)
    minutes: int | None = option(None, "How long.", low=1, shown="until it is done", group="time")
    kind: Literal["black", "green"] = option("black", "Which leaves.", choices=("black", "green"))
    milk: bool = option(False, "With milk.", short="-m")
    shares: Sequence[float] | None = option(None, "Of each pot.", metavar="S,S,...")
    sugar: float | None = option(None, "Spoons; alone: 2.", low=0, metavar="[N]", bare=2.0)
    guests: Sequence[str] | None = option(None, "Who is there; may be repeated.", flag="--guest", is_repeated=True)
    wish: str | None = option(None, "Said aloud.", parse=_shout, serves=("torch", "video"))
    kettle: str | None = option(None, "File of it.", is_file=True, serves=("torch",))
    leftover: Literal["keep", "pour"] = option(
        "keep", "What becomes of the rest.", flag="", choices=("keep", "pour"),
        switches=(("--pour-out", "pour", "Pour it out."), ("--keep-it", "keep", "Keep it.")),
    )  # fmt: skip
    guest_book: object = option(None, "Only for Python.", flag="")


def command(*decorators: Any) -> click.Command:
    """``tea WORDS…``, which prints what it takes."""

    def print_it(words: tuple[str, ...], **values: Any) -> None:
        tea = take(Tea, values)
        assert values == {}
        click.echo(repr((tea.given(), words)))

    run: Any = print_it
    for decorate in reversed(decorators or (options_of(Tea),)):
        run = decorate(run)
    run = click.argument("words", nargs=-1)(run)
    made: click.Command = click.command(cls=OneCommand, context_settings=SNAKE_CASE)(run)
    return made


def given(*args: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    result = CliRunner().invoke(command(), args)
    assert result.exit_code == 0, result.output
    found: tuple[dict[str, Any], tuple[str, ...]] = eval(result.output)
    return found


def refused(*args: str) -> str:
    result = CliRunner().invoke(command(), args)
    assert result.exit_code == 2
    return " ".join(result.stderr.splitlines()[-1].split()).removeprefix("Error: ")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ("", {}),
        ("--strength 0.5", {}),  # which is the default
        ("--strength .25", {"strength": 0.25}),
        ("--minutes 3", {"minutes": 3}),
        ("--kind green", {"kind": "green"}),
        ("--milk", {"milk": True}),
        ("-m", {"milk": True}),
        ("--shares 1,2.5", {"shares": (1.0, 2.5)}),
        ("--guest a --guest b", {"guests": ("a", "b")}),
        ("--wish more", {"wish": "MORE"}),
        ("--kettle k.png", {"kettle": "k.png"}),
        ("--pour-out", {"leftover": "pour"}),
        ("--keep-it", {}),
        ("--pour_out --guest x", {"leftover": "pour", "guests": ("x",)}),
    ],
)
def test_values(args: str, expected: dict[str, Any]) -> None:
    assert given(*args.split()) == (expected, ())


@pytest.mark.parametrize(
    ("args", "sugar", "words"),
    [
        ("--sugar", 2.0, ()),
        ("cup --sugar", 2.0, ("cup",)),
        ("--sugar --milk cup", 2.0, ("cup",)),
        ("--sugar=3 cup", 3.0, ("cup",)),
        ("--sugar 3 cup", 3.0, ("cup",)),
        ("-- --sugar cup", None, ("--sugar", "cup")),
    ],
)
def test_a_flag_alone(args: str, sugar: float | None, words: tuple[str, ...]) -> None:
    found, rest = given(*args.split())
    assert (found.get("sugar"), rest) == (sugar, words)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--strength 2", "Invalid value for '--strength': must be between 0 and 1, not 2.0"),
        ("--strength nan", "Invalid value for '--strength': must be between 0 and 1, not nan"),
        ("--strength much", "Invalid value for '--strength': must be a number, not much"),
        ("--minutes 0", "Invalid value for '--minutes': must be a whole number, at least 1, not 0"),
        ("--minutes 1.5", "Invalid value for '--minutes': must be a whole number, not 1.5"),
        ("--kind red", "Invalid value for '--kind': 'red' is not one of 'black', 'green'."),
        ("--shares 1,x", "Invalid value for '--shares': must be numbers such as 0.7,0.3, not 1,x"),
        ("--wish=", "Invalid value for '--wish': must be a word, not nothing"),
        ("--sugar cup", "Invalid value for '--sugar': must be a number, not cup (--sugar alone goes last, or is "
         "--sugar=2.0)"),
        ("--strength -1", "Invalid value for '--strength': must be between 0 and 1, not -1.0"),
        ("--pour-out --keep-it", "--pour-out and --keep-it contradict each other: give one of them"),
        ("--strenght 1", "No such option"),
        ("--guest-book x", "No such option"),
    ],
)  # fmt: skip
def test_refused(args: str, message: str) -> None:
    assert refused(*args.split()).startswith(message)


def test_spelling_with_underscores() -> None:
    assert given("--guest", "a_b", "--keep_it") == ({"guests": ("a_b",)}, ())
    assert main.commands["stylize"].context_settings["token_normalize_func"]("--style_size") == "--style-size"


def test_some_of_the_options() -> None:
    def flags(*args: Any, **more: Any) -> list[str]:
        made = command(options_of(Tea, *args, **more))
        return [flag for parameter in made.params if isinstance(parameter, click.Option) for flag in parameter.opts]

    everything = ["--strength", "--minutes", "--kind", "-m", "--milk", "--shares", "--sugar", "--guest", "--wish",
                  "--kettle", "--pour-out", "--keep-it"]  # fmt: skip
    assert flags() == everything
    assert flags(place="video") == [flag for flag in everything if flag != "--kettle"]
    assert flags(place="ray") == [flag for flag in everything if flag not in ("--kettle", "--wish")]
    assert flags(only=("kind", "leftover")) == ["--kind", "--pour-out", "--keep-it"]
    assert flags(only=("kind", "kettle"), place="ray", without=("milk",)) == ["--kind"]
    assert flags(without=("leftover", "milk"))[-1] == "--kettle"


def test_more_than_flags_can_say() -> None:
    values = {"strength": 0.25, "other": 1}
    assert take(Tea, values, guest_book=3).given() == {"strength": 0.25, "guest_book": 3}
    assert values == {"other": 1}


def test_help_in_groups() -> None:
    text = CliRunner().invoke(command(), ["--help"]).output
    plain, times = text.split("Time:\n")
    shown = " ".join(plain.split())
    for line in (
        "Options:",
        "--strength X How strong. [default: 0.5]",
        "--kind [black|green] Which leaves. [default: black]",
        "-m, --milk With milk.",
        "--sugar [N] Spoons; alone: 2.",
        "--shares S,S,... Of each pot.",
        "--pour-out Pour it out.",
        "--kettle PATH File of it.",
    ):
        assert line in shown
    assert " ".join(times.split()) == "--minutes N How long. [default: until it is done]"


def test_flags_that_are_gone(run_cli: Run) -> None:
    for name, instead in REMOVED.items():
        command, flag = name.split() if " " in name else ("stylize", name)
        for spelt in (flag, flag.replace("-", "_").replace("__", "--", 1)):
            assert f"{flag} is gone: {instead}" in one_line_error(run_cli(command, spelt))
        known = {name for parameter in main.commands[command].params for name in parameter.opts}
        assert flag not in known


def test_labels_and_their_artworks() -> None:
    values: dict[str, Any] = {"labels": ("1=a=b.jpg", "#f00=c.jpg"), "label_map": "map.png"}
    assert label_styles(values) == ["a=b.jpg", "c.jpg"]
    assert values["labels"] == ("1", "#f00")
    for text in ("1", "1=", "=a.jpg"):
        with pytest.raises(click.UsageError, match=r"--label is LABEL=FILE, such as 1=a\.jpg, not"):
            label_styles({"labels": (text,), "label_map": "map.png"})
    for alone in ({"labels": ("1=a.jpg",), "label_map": None}, {"labels": (), "label_map": "map.png"}):
        with pytest.raises(InputError, match="label_map and labels go together"):
            label_styles(alone)
    assert label_styles({"labels": (), "label_map": None}) == []


OWN: dict[str, tuple[type[Declared], set[str]]] = {
    "stylize": (RayOptions, {"paths", "contents", "styles", "output", "as_json", "engine"}),
    "video": (VideoOptions, {"paths", "output", "morph", "as_json"}),
    "refine": (
        RefineOptions,
        {"paths", "output", "as_json", "show_recipe", "losses", "content_weight", "style_weight", "optimizer", "lr",
         "backbone", "log", "plot", "save_every"},
    ),
}  # fmt: skip
"""What each command has beside the options of its class."""


@pytest.mark.parametrize("name", OWN)
def test_every_flag_is_a_declared_option_or_the_commands_own(run_cli: Run, name: str) -> None:
    cls, own = OWN[name]
    made, place = main.commands[name], "" if name == "stylize" else name
    served = {key: each for key, each in cls.declared().items() if not place or place in each.serves}
    declared = {flag for each in served.values() for flag in (each.short, each.flag, *(s[0] for s in each.switches))}
    ours = [p for p in made.params if p.name not in own and p.name not in ("quiet", "verbose")]
    assert {flag for parameter in ours for flag in parameter.opts} == declared - {""}
    assert own <= {str(parameter.name) for parameter in made.params}
    text = run_cli(name, "--help").stdout
    for flag in declared:
        assert flag in text
