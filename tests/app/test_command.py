"""The line and the call that are copied: what they say is what the order says, whatever files are called."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st

from adain import InputError
from adain._utils.resources import samples
from adain.app.command import copied, names_of
from adain.app.request import Ordered, parse_order
from adain.batch.options import FolderOptions
from adain.options import Options
from cli.main import main

from .drawn import bodies
from .orders import BODY, SITE, Kept, site_of

WAVE = next(sample for sample in samples("style") if sample.name == "great-wave")
NAMES = [
    "photo.jpg", "-o.png", "--mask.png", "a b.png", "it's.png", 'a"b.png', "$HOME`x`.jpg", "a=b,c.jpg", "*.png",
    "~.png", "#1.png", "ü 波.png", "a\\b.png", "keep.png", "{1..3}.png", "!x.png", "a;b&c|d.png", "%s.png",
]  # fmt: skip
"""Of files, none of which a shell or a parser is to take for something else."""


FIRST = settings(max_examples=3000, phases=[Phase.generate], suppress_health_check=[*HealthCheck], database=None)
"""To find a body, not the smallest one."""


def ordered(site: Any = SITE, **more: Any) -> Ordered:
    return parse_order({**BODY, **more}, site)


def run(order: Ordered) -> tuple[Any, Any]:
    """What the command and the call ask the library for: contents, styles, output and options of each."""
    asked: list[Any] = []

    def plan(contents: Any, styles: Any, output: Any, options: FolderOptions, **more: Any) -> Any:
        asked.append(([*contents], [*styles], output, options))
        return SimpleNamespace(results=lambda progress: (each for each in ()), total=0, unreadable=[])

    def call(contents: Any, styles: Any, output: Any, **more: Any) -> Any:
        listed = styles if isinstance(styles, list) else [styles]
        asked.append(([contents], listed, output, FolderOptions(**more)))
        return [SimpleNamespace(error=None, output="")]

    told = copied(order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adain.batch.plan_folder", plan)
        patch.setattr("adain.stylize_folder", call)
        with pytest.raises(SystemExit):
            main(shlex.split(told["shell"])[1:])
        exec(compile(told["python"], "copied", "exec"), {"print": lambda *_: None})
    by_line, by_call = asked
    return by_line, by_call


def wanted(order: Ordered) -> Any:
    """The same, by the order itself."""
    names = {path: f"./{name}" if name.startswith("-") else name for path, name in names_of(order).items()}

    def named(value: Any) -> Any:
        return names.get(value, value) if isinstance(value, Path) else value

    values = {
        name: tuple(map(named, value)) if isinstance(value, tuple) else named(value)
        for name, value in order.file.given().items()
    }
    name = f"./{order.name}" if order.name.startswith("-") else order.name
    return [names[order.content.path]], [names[style.path] for style in order.styles], name, FolderOptions(**values)


def test_the_line_of_a_plain_order() -> None:
    told = copied(ordered())
    assert told["shell"] == (
        "adain stylize photo.jpg 'art 1.png' -o 'photo_stylized_art 1.png' --model vgg19 --tile 512"
    )
    assert told["python"] == (
        "import adain\n\n"
        "[result] = adain.stylize_folder(\n"
        '    "photo.jpg",\n    "art 1.png",\n    "photo_stylized_art 1.png",\n    model="vgg19",\n    tile=512,\n'
        ")\nprint(result.error or result.output)\n"
    )
    assert told["files"] == []
    assert told["inputs"] == [
        {"name": "photo.jpg", "url": "/contents/c/file"},
        {"name": "art 1.png", "url": "/styles/s1/file"},
    ]


def test_a_picture_that_ships_goes_by_its_name() -> None:
    site = site_of(c="photo.jpg", s="great-wave")
    site.pictures.kept["s"] = Kept("s", "great-wave", WAVE.path, source="gallery")
    told = copied(ordered(site, styles=["s"]))
    assert told["shell"].startswith("adain stylize photo.jpg great-wave -o photo_stylized_great-wave.png ")
    assert [each["name"] for each in told["inputs"]] == ["photo.jpg"]


def test_painted_masks_are_to_be_downloaded() -> None:
    site = site_of(c="photo.jpg", s1="a.png", s2="b.png", m1="mask.png", m2="mask.png", m3="subject.png")
    told = copied(ordered(site, styles=["s1", "s2"], options={"masks": ["m1", "m2"], "protect": "m3"}))
    assert "--mask mask-1.png --mask mask-2.png --protect subject.png" in told["shell"]
    assert told["files"] == [
        {"name": "mask-1.png", "url": "/masks/m1"},
        {"name": "mask-2.png", "url": "/masks/m2"},
        {"name": "subject.png", "url": "/masks/m3"},
    ]


def test_files_of_one_name_are_told_apart() -> None:
    site = site_of(c="IMG.jpg", s1="img.JPG", s2="IMG.jpg", m1="img.jpg")
    told = copied(ordered(site, styles=["s1", "s2"], options={"protect": "m1"}))
    assert [each["name"] for each in told["inputs"]] == ["IMG.jpg"]
    assert [each["name"] for each in told["files"]] == ["img-2.JPG", "IMG-3.jpg", "img-4.jpg"]
    assert told["files"][0]["url"] == "/styles/s1/file"
    assert shlex.split(told["shell"])[2:5] == ["IMG.jpg", "img-2.JPG", "IMG-3.jpg"]


def test_no_input_has_the_name_of_the_result() -> None:
    site = site_of(c="photo.jpg", s1="a.png", m1="photo_stylized_a.png")
    told = copied(ordered(site, options={"protect": "m1"}))
    assert [each["name"] for each in told["files"]] == ["photo_stylized_a-2.png"]
    assert "-o photo_stylized_a.png" in told["shell"]


def test_artworks_of_the_servers_folder_are_to_be_downloaded() -> None:
    site = site_of(c="photo.jpg", s="old.png")
    site.pictures.kept["s"] = Kept("s", "old.png", Path("/art/old.png"), source="folder")
    assert copied(ordered(site, styles=["s"]))["files"] == [{"name": "old.png", "url": "/styles/s/file"}]


def test_labels_go_with_their_artworks() -> None:
    told = copied(ordered(styles=["s1", "s2"], options={"label_map": "m1", "labels": ["#ff0000", "#00f"]}))
    assert "photo.jpg -o " in told["shell"]
    assert "--label-map mask-1.png" in told["shell"]
    assert told["shell"].endswith("--label '#ff0000=art 1.png' --label '#00f=art 2.png'")
    assert 'labels=["#ff0000", "#00f"]' in told["python"]


def test_the_limit_is_said_where_the_library_would_refuse() -> None:
    site = site_of(c="photo.jpg", s1="a.png")
    for limit, is_said in ((10**6, False), (10**9, True)):
        site.options.max_pixels = limit
        assert ("--max-pixels" in copied(ordered(site))["shell"]) is is_said


@pytest.mark.parametrize("name", NAMES)
def test_names_reach_the_program_as_they_are(name: str) -> None:
    site = site_of(c=name, s1=f"s {name}", m1=f"m{name}")
    order = ordered(site, options={"protect": "m1"})
    shell = copied(order)["shell"]
    printed = subprocess.run(
        ["sh", "-c", shell.replace("adain", 'printf "%s\\0"', 1)], capture_output=True, check=True
    ).stdout
    assert printed.decode().split("\0")[:-1] == shlex.split(shell)[1:]
    by_line, by_call = run(order)
    assert by_line == by_call == wanted(order)


@given(bodies(), st.lists(st.sampled_from(NAMES), min_size=10, max_size=10))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_the_line_is_the_order(body: dict[str, Any], names: list[str]) -> None:
    ids = ["c", *(f"s{k}" for k in range(6)), *(f"m{k}" for k in range(1, 4))]
    try:
        order = parse_order(body, site_of(**dict(zip(ids, names, strict=True))))
    except InputError:
        assume(False)
    by_line, by_call = run(order)
    assert by_line == wanted(order)
    assert by_call == wanted(order)


@pytest.mark.parametrize("name", [*Options.declared()])
def test_every_option_can_be_copied(name: str) -> None:
    """None of them is in no body that the test above draws."""

    def is_said(body: dict[str, Any]) -> bool:
        try:
            return name in parse_order(body, SITE).options.given()
        except InputError:
            return False

    told = copied(parse_order(find(bodies(name), is_said, settings=FIRST), SITE))
    assert f" {Options.declared()[name].flag}" in told["shell"]
    assert f" {name}=" in told["python"]
