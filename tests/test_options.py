"""Every option that is declared, one by one; and how they go together."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain._utils.declare import PLACES, Declaration, Declared
from adain._utils.errors import InputError
from adain._utils.fingerprint import fingerprint
from adain.batch.options import FolderOptions
from adain.control.color import ColorPreservation
from adain.control.regions import Ramp
from adain.control.style import Style
from adain.options import ARRANGEMENTS, FileOptions, ModelOptions, Options, Unfit, check_alpha, normalize_weights, table
from adain.refinement.options import RefineOptions
from adain.stylizer.stylizer import Stylizer
from adain.video.options import VideoOptions

from .conftest import noise_image, python

CLASSES: tuple[type[Declared], ...] = (Options, ModelOptions, FileOptions, FolderOptions, RefineOptions, VideoOptions)
EVERY = [
    pytest.param(cls, each, id=f"{cls.__name__}-{each.name}") for cls in CLASSES for each in cls.declared().values()
]
FREE = ("fps", "settings")
"""Read by a function of their own, which has its own tests."""


# One by one


@pytest.mark.parametrize(("cls", "each"), EVERY)
def test_defaults_pass_their_own_checks(cls: type[Declared], each: Declaration) -> None:
    assert each.check(each.default) == each.default
    assert getattr(cls(), each.name) == each.default
    assert each.is_default(getattr(cls(), each.name))
    for _, value, _ in each.switches:
        assert each.check(value) == value
    if each.bare is not None:
        assert each.check(each.bare) == each.bare


@pytest.mark.parametrize(("cls", "each"), EVERY)
def test_declarations_are_complete(cls: type[Declared], each: Declaration) -> None:
    assert each.help.endswith(".")
    assert "\n" not in each.help
    assert each.group or each.name in ("alpha", "correct")
    assert set(each.serves) <= set(PLACES)
    assert each.flag or each.switches
    assert each.flag.startswith("--") or not each.flag


def wrong_values(each: Declaration) -> list[Any]:
    """What an option must not take, whichever it is."""
    wrong: list[Any] = [object()]
    if each.is_number:
        wrong += ["a", "", math.nan, math.inf, True, [1, "b"], np.zeros((2, 2)), b"1", 10**400]
        wrong += [] if each.low is None else [each.low - 1, -math.inf]
        wrong += [] if each.high is None else [each.high + 0.5]
        wrong += [0.5, 1 + 1e-6] if each.kind.startswith("int") else []
        wrong += [] if each.takes_numbers else [[each.low or 0], (1, 2)]
        wrong += [3, 0.5] if each.kind.startswith("Sequence") else []
    elif each.is_switch:
        wrong += ["yes", 1, 0, None]
    elif each.kind.startswith("Sequence"):
        wrong += ["a.png", 3, Path("a.png")]
    elif each.choices and not each.is_file:
        wrong += ["nonesuch", 3, None, ""]
    elif each.is_file:
        wrong = [3, True, 0.5]
    elif each.kind.startswith("str"):
        wrong += [3, b"a", Path("a")]
    elif each.name == "color":
        wrong += ["sepia", 3, ["luminance", "sepia"], ["none", 3]]
    if each.is_file and each.kind.startswith("Sequence"):
        wrong += [[3], [None, 1.0]]
    return wrong


@pytest.mark.parametrize(("cls", "each"), [one for one in EVERY if one.values[1].name not in FREE])
def test_wrong_values_are_refused_in_a_line(cls: type[Declared], each: Declaration) -> None:
    for value in wrong_values(each):
        with pytest.raises(Unfit) as caught:
            cls(**{each.name: value})
        for text, name in ((str(caught.value), each.name), (caught.value.flags, each.flag or each.name)):
            assert text.startswith(f"{name} "), (value, text)
            assert "\n" not in text
            assert "{" not in text.replace(repr(value), "")
            assert len(text) < 200


@pytest.mark.parametrize(
    ("arguments", "message", "flags"),
    [
        ({"alpha": 2}, "alpha must be between 0 and 1, not 2", "--alpha must be between 0 and 1, not 2"),
        ({"alpha": "x"}, "alpha takes numbers such as 0.7,0.3, not x", "--alpha takes numbers such as 0.7,0.3, not x"),
        ({"style_size": "a"}, "style_size must be a whole number, at least 0, not 'a'", None),
        ({"grid": 1}, "grid must be between 2 and 16, not 1", "--style-grid must be between 2 and 16, not 1"),
        ({"tile": 10}, "tile must be a whole number, at least 64, not 10", None),
        ({"tile": "big"}, "tile takes auto, off or a size of at least 64 px, not big", None),
        ({"masks": "sky.png"}, "masks takes a list, even for one, not 'sky.png'", None),
        ({"masks": [3]}, "masks takes files or pictures, not (3,)", None),
        ({"weights": "0.5"}, "weights takes a list of numbers, not '0.5'", None),
        ({"crop": "yes"}, "crop is True or False, not 'yes'", None),
        ({"color_space": "yiq"}, "color_space cannot be 'yiq': use one of ycbcr, lab", None),
        ({"mask_channel": "alfa"}, "mask_channel cannot be 'alfa': did you mean 'alpha'?", None),
        (
            {"color": "luminence"},
            "color cannot be 'luminence': did you mean 'luminance'?",
            "--preserve-color cannot be 'luminence': did you mean 'luminance'?",
        ),
        ({"color": 3}, "color is the name of a mode or a ColorPreservation, not 3", None),
    ],
)
def test_messages(arguments: dict[str, Any], message: str, flags: str | None) -> None:
    with pytest.raises(Unfit) as caught:
        Options(**arguments)
    assert str(caught.value) == message
    if flags is not None:
        assert caught.value.flags == flags


def test_numbers_of_any_library_are_numbers() -> None:
    for number in (1, 1.0, np.float32(1), np.int64(1), torch.tensor(1), np.array(1.0), "1"):
        options = Options(alpha=number)  # type: ignore[arg-type]
        assert type(options.alpha) is float
        assert options == Options()
        assert fingerprint(options.decisive()) == fingerprint(Options().decisive())
    assert type(Options(style_size=np.int64(64)).style_size) is int
    assert Options(style_size=64.0).style_size == 64  # type: ignore[arg-type]
    for weights in ([3, 1], (3.0, 1.0), np.array([3, 1]), torch.tensor([3.0, 1.0]), [np.float32(3), torch.tensor(1)]):
        assert Options(weights=weights).weights == (3.0, 1.0)  # type: ignore[arg-type]
    assert Options(alpha="0.5,1").alpha == (0.5, 1.0)  # type: ignore[arg-type]
    assert Options(tile="128").tile == 128
    assert Options(tile=" AUTO").tile == "auto"


def test_lists_are_kept_as_tuples() -> None:
    options = Options(masks=["a.png"], color=["none", None], alpha=[0.5], labels=[1, "2"], style_masks=[None])
    for name in ("masks", "color", "alpha", "labels", "style_masks"):
        assert isinstance(getattr(options, name), tuple)


# As JSON


def values_of(each: Declaration) -> st.SearchStrategy[Any]:
    """Anything simple that an option takes."""
    if each.is_number:
        low, high = each.low, each.high
        one: st.SearchStrategy[Any]
        if each.kind.startswith("int"):
            one = st.integers(None if low is None else int(low), None if high is None else int(high))
        else:
            one = st.floats(low, high, allow_nan=False, allow_infinity=False, exclude_min=each.is_open)
        if each.name == "bits":
            one = st.sampled_from([8, 16])
        if each.name == "tile":
            one |= st.sampled_from(["auto", "off"])
        several = st.lists(one, max_size=4)
        return several if each.kind.startswith("Sequence") else (one | several if each.takes_numbers else one)
    if each.is_switch:
        return st.booleans()
    if each.name == "color":
        modes = st.sampled_from(["none", "luminance", "linear", "histogram"])
        mode = st.none() | modes | st.builds(ColorPreservation, modes, strength=st.floats(0, 1))
        return mode | st.lists(mode, max_size=3)
    if each.choices and not each.is_file:
        return st.sampled_from(each.choices)
    text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1) | st.sampled_from(
        [*each.choices, "a.png", "/b/c.jpg", "ä\udcff.png"]
    )
    if each.kind.startswith("Sequence"):
        return st.lists(text if "None" not in each.kind.removesuffix(" | None") else text | st.none(), max_size=3)
    return text


@pytest.mark.parametrize("cls", [Options, ModelOptions, FileOptions, FolderOptions])
@settings(deadline=None)  # the first example imports what it needs
@given(data=st.data())
def test_json_gives_back_what_it_got(cls: type[Declared], data: st.DataObject) -> None:
    every = {each.name: values_of(each) for each in cls.declared().values()}
    options = cls(**data.draw(st.fixed_dictionaries({}, optional=every)))
    text = options.to_json()
    assert text.isascii()
    back = cls.from_json(text)
    assert back == options
    assert back.to_json() == text
    assert fingerprint(back.decisive()) == fingerprint(options.decisive())


def test_json_holds_what_is_not_at_its_default() -> None:
    assert Options().to_json() == "{}"
    assert Options(alpha=1, tile="auto").to_json() == "{}"
    assert Options(alpha=0.5, content_size=0).to_json() == '{"alpha": 0.5, "content_size": 0}'
    assert Options(background=Path("a.png")).to_json() == '{"background": "a.png"}'


def test_pictures_arrays_and_tensors_survive(stylizer: Stylizer) -> None:
    mask = noise_image(40, 32, 4, "L")
    array = np.asarray(mask)
    masks = [mask, torch.from_numpy(array / 255).float(), torch.from_numpy(array > 99), Ramp("radial")]
    options = Options(masks=masks, alpha=[0.9, 0.8, 0.7, 0.6], color=ColorPreservation("luminance", strength=0.5))
    back = Options.from_json(options.to_json())
    assert back.color == options.color
    assert back.masks is not None
    assert back.masks[3] == Ramp("radial")
    assert fingerprint(back.decisive()) == fingerprint(options.decisive())
    photo, arts = noise_image(40, 32), [noise_image(32, 32, seed) for seed in range(4)]
    results = [stylizer.stylize(photo, arts, one.change(style_size=32)).tobytes() for one in (options, back)]
    assert results[0] == results[1]
    arrays = Options.from_json(Options(masks=[array, array.astype(float)]).to_json()).masks
    assert arrays is not None
    for got, wanted in zip(arrays, (array, array.astype(float)), strict=True):
        assert isinstance(got, np.ndarray)
        assert got.dtype == wanted.dtype
        assert np.array_equal(got, wanted)


def test_encoded_styles_survive_and_networks_do_not(stylizer: Stylizer) -> None:
    style = Style(torch.rand(1, 4, 1, 1), torch.rand(1, 4, 1, 1), "wave")
    back = Options.from_json(Options(background=style).to_json()).background
    assert isinstance(back, Style)
    assert back.name == "wave"
    assert torch.equal(back.std, style.std)
    with pytest.raises(InputError, match="background is a Stylizer in memory, which cannot be written down"):
        Options(background=stylizer).to_json()  # type: ignore[arg-type]
    options = FolderOptions(stylizer=stylizer, alpha=0.5)
    assert options.to_json() == '{"alpha": 0.5}'  # what is attached stays here


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "these options are not JSON: "),
        ("[1]", "options in JSON are one object, of names and values"),
        ('{"alhpa": 1}', "there is no option alhpa: did you mean 'alpha'?"),
        ('{"alpha": 2}', "alpha must be between 0 and 1, not 2"),
        ('{"masks": "a.png"}', "masks takes a list"),
        ('{"masks": [{"class": "os.system"}]}', "these options hold a os.system, which this version does not know"),
        ('{"masks": [{"class": "adain.control.regions.Rampe"}]}', "hold a adain.control.regions.Rampe, which"),
        ('{"masks": [{"class": "adain.control.regions.Ramp", "way": 1}]}', "hold a adain.control.regions.Ramp, which"),
    ],
)
def test_json_that_is_none(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Options.from_json(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# What is made of them


def test_decisive_options_are_those_that_change_pixels() -> None:
    options = FolderOptions(alpha=0.5, tile=64, jobs=2, recursive=True, masks=["a.png"], background="keep")
    assert set(options.decisive()) == {each.name for each in FolderOptions.declared().values() if each.is_decisive}
    assert fingerprint(options.decisive()) == fingerprint(options.change(tile="off", jobs=1).decisive())
    assert fingerprint(options.decisive()) != fingerprint(options.change(alpha=0.6).decisive())


def test_files_are_told_by_what_is_in_them(tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    options = Options(masks=[str(mask), mask], background=str(mask), gradient="radial", style_masks=[None, str(mask)])
    decisive = options.decisive()
    assert decisive["masks"] == [mask, mask]
    assert decisive["background"] == mask
    assert decisive["gradient"] == "radial"
    assert decisive["style_masks"] == [None, mask]
    assert Options(background="keep").decisive()["background"] == "keep"
    assert options.files() == [str(mask)] * 4
    before = fingerprint(decisive)
    Image.new("L", (8, 8)).save(mask)
    assert fingerprint(options.decisive()) != before


def test_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    picture = Image.new("L", (8, 8))
    options = FolderOptions(
        masks=["a.png", Path("b.png"), picture], style_masks=[None, "c.png", None], gradient="radial",
        background="keep", decoder="d.safetensors",
    )  # fmt: skip
    changed = options.absolute()
    assert changed.masks == (str(tmp_path / "a.png"), str(tmp_path / "b.png"), picture)
    assert changed.style_masks == (None, str(tmp_path / "c.png"), None)
    assert (changed.gradient, changed.background) == ("radial", "keep")
    assert changed.decoder == str(tmp_path / "d.safetensors")
    assert changed.absolute() == changed
    assert Options(gradient="way.png").absolute().gradient == str(tmp_path / "way.png")


def test_of_goes_between_base_and_subclass() -> None:
    def told(_: object) -> None: ...

    base = Options(alpha=0.5, masks=["a.png"], progress=told)
    wide = FolderOptions.of(base, jobs=3)
    assert (wide.alpha, wide.masks, wide.jobs, wide.progress) == (0.5, ("a.png",), 3, told)
    narrow = Options.of(wide, feather=2)
    assert type(narrow) is Options
    assert narrow == base.change(feather=2)
    assert Options.of(base) is base
    assert Options.of(None, alpha=0.5).alpha == 0.5
    assert FolderOptions.of().jobs == 1
    with pytest.raises(InputError, match="options are an Options object, not dict: give settings by name"):
        Options.of({"alpha": 1})  # type: ignore[arg-type]


def test_change_checks_and_leaves_the_object_alone() -> None:
    options = Options(alpha=0.5)
    assert options.change(feather=1) == Options(alpha=0.5, feather=1)
    with pytest.raises(Unfit, match="alpha must be"):
        options.change(alpha=3)
    assert options == Options(alpha=0.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.alpha = 1.0  # type: ignore[misc]


def test_require_names_what_is_not_served() -> None:
    Options(alpha=0.5, weights=[1, 2], masks=["a.png"], crop=True).require("onnx")
    with pytest.raises(Unfit) as caught:
        FileOptions(device="cpu", precision="fp32", alpha=0.5).require("onnx", name="--onnx", hint="use torch")
    assert str(caught.value) == "device and precision do not go with --onnx: use torch"
    assert caught.value.flags == "--device and --precision do not go with --onnx: use torch"
    with pytest.raises(Unfit, match=r"^grid does not go with video: leave out one or the other$"):
        VideoOptions(grid=3).require("video")
    for cls in CLASSES:
        for place in PLACES:
            cls().require(place)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_table_has_every_option(cls: type[Declared]) -> None:
    rows = table(cls).splitlines()[2:]
    known = cls.declared()
    assert [row.split(" | ")[1] for row in rows] == [f"`{name}`" for name in known]
    for row, each in zip(rows, known.values(), strict=True):
        cells = row.replace(r"\|", "").removeprefix("| ").removesuffix(" |").split(" | ")
        assert len(cells) == 4, row
        assert all(flag in cells[0] for flag in (each.short, each.flag, *(switch[0] for switch in each.switches)))
        assert each.help.replace("|", "") in cells[3]
    groups = {each.group for each in known.values()}
    assert sum(len(table(cls, [group]).splitlines()) - 2 for group in groups) == len(known)


def test_the_table_shows_defaults() -> None:
    text = table(Options)
    assert "| `feather` | `0.0` |" in text
    assert "| `alpha` | `1.0` |" in text
    assert "| `content_size` | 0; 256 on a sheet |" in text
    assert "| `masks` | – |" in text
    assert "| `crop` | – |" in text
    assert "| `audio` | `True` |" in table(VideoOptions)


# Together


TOGETHER: dict[str, dict[str, Any]] = {
    "weights": {"weights": [1, 1]},
    "masks": {"masks": ["a.png", "b.png"]},
    "label_map": {"label_map": "map.png", "labels": [1, 2]},
    "gradient": {"gradient": "radial"},
    "grid": {"grid": 3},
}


def refused(styles: int = 2, **arguments: Any) -> tuple[str, str]:
    options = Options(**arguments)
    with pytest.raises(InputError) as caught:
        options.check(styles)
    text, flags = str(caught.value), getattr(caught.value, "flags", "")
    assert "\n" not in text
    assert "{" not in text + flags
    return text, flags


def test_each_arrangement_alone() -> None:
    assert set(TOGETHER) == set(ARRANGEMENTS)
    for name, arguments in TOGETHER.items():
        options = Options(**arguments)
        options.check(2)
        assert options.arrangement == name
    assert Options().arrangement == ""
    Options().check(1)


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(ARRANGEMENTS, 2)])
def test_one_arrangement_at_a_time(first: str, second: str) -> None:
    text, flags = refused(**TOGETHER[first], **TOGETHER[second])
    known = Options.declared()
    for name in (first, second):
        assert name in text
        assert known[name].flag in flags


@pytest.mark.parametrize(
    ("name", "value", "more"),
    [
        ("masks", ["a.png"], {}),
        ("style_masks", ["a.png"], {}),
        ("style_masks", [None] * 3, {}),
        ("labels", [1], {"label_map": "map.png"}),
        ("labels", [1, 2, 3], {"label_map": "map.png"}),
        ("weights", [1], {}),
        ("weights", [1, 1, 1], {}),
        ("alpha", [1], TOGETHER["masks"]),
        ("alpha", [1, 1, 1], TOGETHER["masks"]),
        ("alpha", [1, 1, 1], TOGETHER["masks"] | {"background": "keep"}),
        ("alpha", [1, 1, 1, 1], TOGETHER["masks"] | {"background": "c.png"}),
        ("color", ["none"], {}),
        ("color", ["none"] * 3, TOGETHER["masks"]),
        ("color", ["none"] * 4, TOGETHER["masks"] | {"background": "c.png"}),
    ],
)
def test_lists_have_one_for_each(name: str, value: list[Any], more: dict[str, Any]) -> None:
    text, flags = refused(**{name: value, **more})
    assert text.startswith(f"{len(value)} ")
    assert "for 2 " in text
    assert f": {name} takes one for each" in text
    assert f": {Options.declared()[name].flag} takes one for each" in flags


@pytest.mark.parametrize(
    "arguments",
    [
        TOGETHER["masks"] | {"alpha": [1, 0.5], "color": ["none", None], "style_masks": [None, "a.png"], "feather": 3},
        TOGETHER["masks"] | {"background": "c.png", "alpha": [1, 0.5, 0.2], "color": ["none", None, "linear"]},
        TOGETHER["masks"] | {"background": "c.png", "alpha": [1, 0.5], "color": ["none", "linear"]},
        TOGETHER["masks"] | {"background": "keep"},
        TOGETHER["label_map"] | {"background": "c.png", "alpha": [1, 0.5], "feather": 3},
        TOGETHER["weights"] | {"color": ["none", "linear"], "alpha": 0.5},
        TOGETHER["gradient"] | {"color": ["none", "linear"], "feather": 3},
        TOGETHER["grid"] | {"color": ["luminance", "none"], "match_luma": True},
        {"style_masks": [None, None]},
    ],
)
def test_what_goes_together(arguments: dict[str, Any]) -> None:
    Options(**arguments).check(2)


@pytest.mark.parametrize(
    ("arguments", "styles", "message"),
    [
        ({}, 0, "no style given: at least one is needed"),
        ({"label_map": "map.png"}, 1, "label_map and labels go together"),
        ({"labels": [1]}, 1, "label_map and labels go together"),
        ({"weights": [0, 0]}, 2, "weights must not all be 0"),
        ({"gradient": "radial"}, 1, "gradient passes from one style into another: give two, not 1"),
        ({"gradient": "radial"}, 3, "give two, not 3"),
        (
            {"gradient": "radial", "background": "keep"},
            2,
            "background .* go with masks or label_map, not with gradient",
        ),
        ({"gradient": "radial", "alpha": [1, 1]}, 2, "alpha go with masks or label_map, not with gradient"),
        ({"grid": 3}, 1, "grid is for two to four styles, not 1"),
        ({"grid": 3}, 5, "grid is for two to four styles, not 5"),
        ({"background": "c.png"}, 1, "background needs masks"),
        ({"background": "keep"}, 1, "background needs masks"),
        ({"feather": 2}, 1, "feather needs masks"),
        ({"alpha": [1]}, 1, "several values of alpha need masks"),
        ({"alpha": [1, 1], "weights": [1, 1]}, 2, "several values of alpha need masks"),
        ({"color_space": "lab"}, 1, "color_space needs a mode by name in color"),
        ({"color_method": "cholesky", "color": "none"}, 1, "color_method needs a mode by name in color"),
        ({"color_strength": 0.5, "color": ColorPreservation()}, 1, "color_strength needs a mode by name"),
        ({"match_luma": True, "color": "linear"}, 1, "match_luma goes with color luminance, not linear"),
    ],
)
def test_what_does_not_go_together(arguments: dict[str, Any], styles: int, message: str) -> None:
    text, _ = refused(styles, **arguments)
    import re

    assert re.search(message, text), text


def test_sizes() -> None:
    assert Options().size == 0
    assert Options(content_size=64).size == 64
    assert Options(grid=3).size == 256
    assert Options(grid=3, content_size=0).size == 0


def test_alpha_and_weights_alone() -> None:
    assert check_alpha(np.float32(0.5)) == 0.5
    with pytest.raises(InputError, match=r"alpha must be between 0 and 1, not 1\.5"):
        check_alpha(1.5)
    assert normalize_weights([3, 1]) == [0.75, 0.25]
    with pytest.raises(InputError, match="style weights must be finite"):
        normalize_weights([])


def test_no_option_needs_torch() -> None:
    code = """
import json, sys
from adain._utils.fingerprint import fingerprint
from adain.batch.options import FolderOptions
from adain.options import Options, table
from adain.refinement.options import RefineOptions
from adain.video.options import VideoOptions
options = FolderOptions(alpha=0.5, masks=["a.png"], color="luminance", gradient="radial")
fingerprint(FolderOptions.from_json(options.to_json()).absolute().decisive())
[table(cls) for cls in (Options, FolderOptions, RefineOptions, VideoOptions)]
print(json.dumps({"torch": "torch" in sys.modules}))
"""
    assert python(code) == {"torch": False}
