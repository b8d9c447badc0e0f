"""What a declaration makes of a class that is declared here, so that every kind of option is seen."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from adain._utils.declare import Declared, Unfit, attachment, option, table
from adain._utils.errors import InputError


def _parse_pace(text: str) -> float | str:
    if text == "slow":
        return text
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"slow or a number, not {text}") from None


@dataclass(frozen=True, kw_only=True)
class Walk(Declared):
    """How far, and how."""

    steps: int = option(3, "How many.", low=1, group="way", short="-s")
    length: float = option(0.7, "Of each | in m.", low=0, is_open=True, group="way", serves=("torch",))
    slope: float | None = option(None, "Upwards.", high=1, group="way")
    pace: float | str = option("slow", "How fast.", parse=_parse_pace, group="how")
    gait: str = option("amble", "Kind of.", choices=("amble", "trot"), group="how", is_decisive=False)
    barefoot: bool = option(
        False, "Without shoes.", flag="", switches=(("--barefoot", True, "Without shoes."), ("--shod", False, "With.")),
        group="how",
    )  # fmt: skip
    stops: Sequence[float] = option((), "Where.", flag="--stop", is_repeated=True, low=0, group="way")
    maps: Sequence[str] | None = option(None, "To read.", is_file=True, choices=("none",), group="way")
    tell: Callable[[int], object] | None = attachment("Called after each step.")


@dataclass(frozen=True, kw_only=True)
class Hike(Walk):
    """A longer one."""

    pack: str | None = option(None, "What is carried.", group="how")


def test_declarations() -> None:
    assert list(Walk.declared()) == ["steps", "length", "slope", "pace", "gait", "barefoot", "stops", "maps"]
    assert list(Hike.declared()) == [*Walk.declared(), "pack"]
    assert Walk.declared() is Walk.declared()
    steps, stops, barefoot = (Walk.declared()[name] for name in ("steps", "stops", "barefoot"))
    assert (steps.flag, stops.flag, barefoot.flag) == ("--steps", "--stop", "")
    assert (steps.kind, steps.is_number, steps.takes_numbers) == ("int", True, False)
    assert (stops.is_number, stops.takes_numbers, barefoot.is_switch) == (True, True, True)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("steps", 0, "steps must be a whole number, at least 1, not 0"),
        ("steps", 1.5, "steps must be a whole number, at least 1, not 1.5"),
        ("steps", "2", "steps must be a whole number, at least 1, not '2'"),
        ("steps", [2], "steps must be a whole number, at least 1, not [2]"),
        ("steps", None, "steps must be a whole number, at least 1, not None"),
        ("length", 0, "length must be a number, more than 0, not 0"),
        ("slope", 1.5, "slope must be a number, at most 1, not 1.5"),
        ("pace", "fast", "pace takes slow or a number, not fast"),
        ("pace", True, "pace must be a number, not True"),
        ("gait", "trott", "gait cannot be 'trott': did you mean 'trot'?"),
        ("gait", "fly", "gait cannot be 'fly': use one of amble, trot"),
        ("barefoot", 1, "barefoot is True or False, not 1"),
        ("stops", 2, "stops takes a list of numbers, not 2"),
        ("stops", [1, -1], "stops must be a number, at least 0, not -1"),
        ("maps", "a.png", "maps takes a list, even for one, not 'a.png'"),
        ("maps", [1], "maps takes files or pictures, not (1,)"),
    ],
)
def test_checks(name: str, value: Any, message: str) -> None:
    with pytest.raises(Unfit) as caught:
        Walk(**{name: value})
    assert str(caught.value) == message
    assert caught.value.flags == message.replace(name, Walk.declared()[name].flag or name, 1)


def test_long_values_are_named_by_their_kind() -> None:
    for value, shown in (("x" * 99, "a str"), ("a\nb", "'a\\nb'"), ([0] * 99, "a list")):
        with pytest.raises(Unfit) as caught:
            Walk(steps=value)  # type: ignore[arg-type]
        assert str(caught.value).endswith(f"not {shown}")


def test_values_are_kept_plain() -> None:
    walk = Walk(steps=2.0, length=1, pace="3", stops=[1, 2.5], maps=["none", "a.png"])  # type: ignore[arg-type]
    assert (walk.steps, walk.length, walk.pace, walk.stops, walk.maps) == (2, 1.0, 3.0, (1.0, 2.5), ("none", "a.png"))
    assert type(walk.steps) is int
    assert type(walk.length) is float


def test_given() -> None:
    assert Walk().given() == {}
    assert Walk(steps=3, stops=[]).given() == {}
    assert Walk(steps=2, stops=[1], tell=print).given() == {"steps": 2, "stops": (1.0,)}
    assert Walk(tell=print) == Walk()


def test_refusals_name_keywords_and_flags() -> None:
    with pytest.raises(Unfit) as caught:
        Hike().refuse("{stops} and {barefoot} and {pack} do not go together; {nothing} is as it is")
    assert str(caught.value) == "stops and barefoot and pack do not go together; {nothing} is as it is"
    assert caught.value.flags == "--stop and barefoot and --pack do not go together; {nothing} is as it is"
    assert isinstance(caught.value, InputError)
    # From a process of its own, an error comes back whole.
    back = pickle.loads(pickle.dumps(caught.value))
    assert (type(back), str(back), back.flags) == (Unfit, str(caught.value), caught.value.flags)


def test_require() -> None:
    Walk(length=2).require("torch")
    Walk().require("onnx")
    with pytest.raises(Unfit, match=r"^length does not go with onnx: leave out one or the other$"):
        Walk(length=2).require("onnx")


def test_of_and_json_of_subclasses() -> None:
    hike = Hike.of(Walk(steps=5, tell=print), pack="tent")
    assert (hike.steps, hike.pack, hike.tell) == (5, "tent", print)
    assert Walk.of(hike) == Walk(steps=5)
    assert hike.to_json() == '{"steps": 5, "pack": "tent"}'
    assert Hike.from_json(hike.to_json()) == hike
    with pytest.raises(InputError, match="there is no option pack: did you mean 'pace'"):
        Walk.from_json(hike.to_json())
    with pytest.raises(InputError, match="there is no option tell"):
        Walk.from_json('{"tell": 1}')


def test_decisive_and_files() -> None:
    assert "gait" not in Walk().decisive()
    walk = Walk(maps=["none", "a.png"])
    assert [str(each) for each in walk.decisive()["maps"]] == ["none", "a.png"]
    assert walk.files() == ["a.png"]
    changed = walk.absolute().maps
    assert changed is not None
    assert changed[0] == "none"
    assert changed[1].endswith("/a.png")


def test_table() -> None:
    assert table(Walk, ["way"]).splitlines() == [
        "| flag | keyword | default | |",
        "|---|---|---|---|",
        "| `-s`, `--steps` | `steps` | `3` | How many. |",
        "| `--length` | `length` | `0.7` | Of each \\| in m. |",
        "| `--slope` | `slope` | – | Upwards. |",
        "| `--stop` | `stops` | – | Where. |",
        "| `--maps` | `maps` | – | To read. |",
    ]
    assert "| `--barefoot`, `--shod` | `barefoot` | – | Without shoes. |" in table(Walk, ["how"])
