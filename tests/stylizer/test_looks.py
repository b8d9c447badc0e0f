"""A look is what the stylizer makes; encoded, sent to another process or on another device it makes the same."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import adain
from adain import ColorPreservation, Region, Regions
from adain._utils.errors import InputError, MissingFileError
from adain.control.style import Style
from adain.options import Options
from adain.stylizer.looks import Look, each
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image

SMALL: Any = {"style_size": 32}
LEFT = Image.new("L", (70, 45))
LEFT.paste(255, (0, 0, 35, 45))
RIGHT = LEFT.point(lambda level: 255 - level)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    path = tmp_path / "mask.png"
    LEFT.save(path)
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A map of the labels 0, 7 and 9: the left half above and below, and the right half."""
    values = np.zeros((45, 70), np.uint8)
    values[20:, :35], values[:, 35:] = 7, 9
    path = tmp_path / "labels.png"
    Image.fromarray(values).save(path)
    return path


def look_of(styles: Any, **options: Any) -> Look:
    return Look(styles, Options(**SMALL, **options))


# What the stylizer makes


@pytest.mark.parametrize(
    "controls",
    [
        {},
        {"alpha": 0.5, "crop": True, "fine_style_size": 16},
        {"color": "luminance"},
        {"color": "linear"},
        {"color": ColorPreservation("luminance", match_luma=True)},
        {"color": "luminance", "color_space": "lab", "match_luma": True, "color_strength": 0.7},
        {"weights": [1, 3], "color": ["histogram", None]},
        {
            "masks": ["mask.png", "OTHER"],
            "feather": 2.0,
            "alpha": [1.0, 0.5],
            "background": "art.png",
            "color": ["linear", "luminance"],
        },
        {
            "masks": ["mask.png", "OTHER"],
            "background": "art.png",
            "alpha": [1.0, 0.5, 0.2],
            "color": ["none", "none", "linear"],
        },
        {"masks": ["mask.png", "OTHER"], "background": "keep"},
        {"style_masks": ["ART_MASK"]},
        {"gradient": "radial", "alpha": 0.7, "color": ["linear", "luminance"]},
        {"gradient": "mask.png"},
        {"label_map": "labels.png", "labels": [0, "7"], "background": "art.png", "feather": 3},
        {"grid": 3, "color": ["linear", None]},
    ],
    ids=lambda controls: "-".join(controls) or "plain",
)
def test_a_look_is_what_the_stylizer_makes(
    stylizer: Stylizer, photo: Path, art: Path, mask: Path, labels: Path, controls: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Encoded with names of files relative to this folder, sent away, and rendered in another folder."""
    monkeypatch.chdir(art.parent)
    pictures = {"OTHER": noise_image(70, 45, 5, "L"), "ART_MASK": noise_image(64, 48, 6, "L")}
    for name in {"masks", "style_masks"} & set(controls):
        controls = {**controls, name: [pictures.get(each, each) for each in controls[name]]}
    options = Options(**SMALL, **controls)
    several = [Path(art.name), str(photo)] if options.arrangement else [Path(art.name)]
    (look,) = each(several, options)
    expected = stylizer.stylize(photo, several, options)
    assert isinstance(expected, Image.Image)
    content = stylizer.encode_content(photo, size=options.size, crop=options.crop)
    assert look.render(stylizer, content).tobytes() == expected.tobytes()
    kept = look.encoded(stylizer)
    sent = pickle.loads(pickle.dumps(kept.on("cpu")))
    again = Look(kept.styles, Options.from_json(kept.options.to_json()), background=kept.background)
    monkeypatch.chdir("/")
    for one in (sent, again):
        assert one.render(stylizer, content).tobytes() == expected.tobytes()


def test_encoded_styles_are_encoded_once(stylizer: Stylizer, photo: Path, art: Path, encoded: list[int]) -> None:
    content = stylizer.encode_content(photo)
    look = look_of([art, photo], weights=[1, 1], color=["linear", None])
    assert look.recolours
    assert [look.depends(k) for k in range(2)] == [True, False]
    encoded.clear()
    look = look.encoded(stylizer)
    assert len(encoded) == 1
    assert look.styles[0] == str(art)
    assert isinstance(look.styles[1], Style)
    for _ in range(2):
        look.render(stylizer, content)
    assert len(encoded) == 3
    assert look.encoded(stylizer).styles[1] is look.styles[1]
    assert not look_of([art], color="luminance").recolours


def test_regions_are_a_look(stylizer: Stylizer, photo: Path, art: Path, mask: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(mask.parent)
    wave, harbour = (stylizer.encode_style(path, size=32) for path in (art, photo))
    regions = Regions([Region(wave, mask.name, 0.5), Region(harbour, RIGHT)], feather=2)
    options = Options(alpha=0.8, color=["luminance", None])
    look = Look(regions, options)
    content = stylizer.encode_content(photo)
    expected = stylizer.stylize(content, regions, options).tobytes()
    by_list = each([regions], options)[0]
    sent = pickle.loads(pickle.dumps(look.encoded(stylizer).on("cpu")))
    assert each(regions, options)[0].render(stylizer, content).tobytes() == expected
    monkeypatch.chdir("/")
    assert sent.render(stylizer, content).tobytes() == expected
    assert by_list.name == look.name == "art+photo"


# Gradients, maps of labels and grids, which the stylizer takes, too


@pytest.mark.parametrize("direction", ["horizontal", "vertical", "diagonal", "radial", "mask"])
def test_a_gradient_is_that_of_regions(stylizer: Stylizer, photo: Path, art: Path, mask: Path, direction: Any) -> None:
    direction = str(mask) if direction == "mask" else direction
    content = stylizer.encode_content(photo)
    wave, harbour = (stylizer.encode_style(path, size=32) for path in (art, photo))
    expected = stylizer.stylize(content, adain.gradient(wave, harbour, direction))
    for styles in ([wave, harbour], [art, photo]):
        got = stylizer.stylize(content, styles, gradient=direction, **SMALL)
        assert got.tobytes() == expected.tobytes()
    weaker = stylizer.stylize(content, adain.gradient(wave, harbour, direction), alpha=0.5)
    assert stylizer.stylize(content, [art, photo], gradient=direction, alpha=0.5, **SMALL).tobytes() == weaker.tobytes()
    assert weaker.tobytes() != expected.tobytes()


def test_a_map_of_labels_is_masks(stylizer: Stylizer, photo: Path, art: Path, labels: Path) -> None:
    values = torch.from_numpy(np.asarray(Image.open(labels)).astype(np.int64))
    masks = [(values == label).float() for label in (7, 0, 9)]
    other = noise_image(40, 40, 9)
    content, styles = stylizer.encode_content(photo), [art, other, photo]
    how: dict[str, Any] = {**SMALL, "alpha": [0.5, 1, 0.7], "color": ["luminance", None, "linear"], "feather": 2}
    expected = stylizer.stylize(content, styles, masks=masks, **how).tobytes()
    for source in (labels, Image.open(labels), values):
        got = stylizer.stylize(content, styles, label_map=source, labels=["7", 0, 9], **how)
        assert got.tobytes() == expected
    kept = stylizer.stylize(content, [art], label_map=labels, labels=[9], background="keep", **SMALL).tobytes()
    assert kept == stylizer.stylize(content, [art], masks=masks[2:], **SMALL).tobytes()
    filled = stylizer.stylize(content, [art], label_map=labels, labels=[9], background=other, **SMALL).tobytes()
    assert filled == stylizer.stylize(content, [art], masks=masks[2:], background=other, **SMALL).tobytes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([9, 7], "1 label has no style, 0: give each a style or say background keep"),
        ([9], "2 labels have no style, 0, 7: give each a style or say background keep"),
        ([9, 3], "the label map has no label 3: it holds 0, 7, 9"),
        ([9, 9], "label 9 is given twice: give each label one style"),
        ([9, "#ff0000"], "labels are all numbers or all colours, not both: 9, #ff0000"),
        ([9, "sky"], "a label is a number, such as 1, or a colour, such as #ff0000, not 'sky'"),
    ],
)
def test_labels_that_do_not_fit(
    stylizer: Stylizer, photo: Path, art: Path, labels: Path, given: list[Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        stylizer.stylize(photo, [art] * len(given), label_map=labels, labels=given, **SMALL)
    assert str(caught.value) == message


# One mode of colours, or one for each


def test_one_colour_mode_is_that_mode_for_each(stylizer: Stylizer, photo: Path, art: Path) -> None:
    content = stylizer.encode_content(photo)

    def run(color: Any, **more: Any) -> bytes:
        return bytes(stylizer.stylize(content, [art, photo], color=color, **SMALL, **more).tobytes())

    halves: dict[str, Any] = {"masks": [LEFT, RIGHT]}
    for mode in ("linear", "histogram", None, "none"):
        for more in ({"weights": [1, 3]}, halves, {"gradient": "vertical"}, {"grid": 2}):
            assert run(mode, **more) == run([mode, mode], **more)
    assert run("luminance", weights=[1, 3]) == run(["luminance"] * 2, weights=[1, 3])
    assert run(["luminance", "linear"], **halves) not in (run("luminance", **halves), run("linear", **halves))
    assert run(ColorPreservation("luminance", space="lab"), **halves) == run("luminance", color_space="lab", **halves)
    assert run({"mode": "luminance", "space": "lab"}, **halves) == run("luminance", color_space="lab", **halves)


def test_colours_of_a_background(photo: Path, art: Path) -> None:
    def modes(color: Any) -> list[Any]:
        look = look_of([art], masks=[LEFT], background=photo, color=color)
        return [None if color is None else color.mode for color in (look.color(0), look.color(1))]

    assert modes("luminance") == ["luminance", "luminance"]
    assert modes(["luminance"]) == ["luminance", None]
    assert modes(["none", "linear"]) == [None, "linear"]
    assert modes(None) == [None, None]


# Several looks, or one


def test_each_or_together(stylizer: Stylizer) -> None:
    files = ["a.png", Path("b.png")]
    assert [look.name for look in each(files, Options())] == ["a", "b"]
    assert [look.name for look in each("a.png", Options())] == ["a"]
    together: list[dict[str, Any]] = [
        {"weights": [1, 2]},
        {"masks": ["m.png", "n.png"]},
        {"label_map": "l.png", "labels": [1, 2]},
        {"gradient": "radial"},
        {"grid": 2},
    ]
    for options in together:
        (look,) = each(files, Options(**options))
        assert (look.name, look.styles) == ("a+b", tuple(files))
    own = Look(["c.png"], Options(alpha=0.5), "own")
    assert [look.name for look in each(["a.png", own], Options())] == ["a", "own"]
    assert each(own, Options()) == [own]
    wave = Style(torch.ones(1, 4, 1, 1), torch.ones(1, 4, 1, 1), "wave.jpg")
    assert [look.name for look in each([wave, noise_image(8, 8)], Options())] == ["wave", "style"]
    assert each([wave], Options(alpha=0.5))[0].options == Options(alpha=0.5)


def test_names() -> None:
    assert Look(["a/wave.v2.jpg"]).name == "wave.v2"
    assert Look([Path("a.png"), Path("b.png")]).name == "a+b"
    assert Look([noise_image(32, 32)]).name == "style"


def test_one_value_for_each_style() -> None:
    options = Options(color=["luminance", None], style_masks=["m.png", None], alpha=0.5)
    looks = each(["a.png", "b.png"], options)
    assert [look.options.color for look in looks] == ["luminance", None]
    assert [look.options.style_masks for look in looks] == [("m.png",), (None,)]
    assert [look.options.alpha for look in looks] == [0.5, 0.5]


def test_looks_refuse_what_contradicts_itself(stylizer: Stylizer, photo: Path) -> None:
    wave = Style(torch.ones(1, 4, 1, 1), torch.ones(1, 4, 1, 1), "wave")
    regions, own = Regions([Region(wave, LEFT)]), Look(["a.png"])

    def fails(styles: Any, message: str, **options: Any) -> None:
        with pytest.raises(InputError) as caught:
            each(styles, Options(**options))
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)

    fails([], "no style given")
    fails(["a.png", "b.png"], "1 weight for 2 styles: weights takes one for each", weights=[1])
    fails(["a.png", "b.png"], "1 colour mode for 2 styles: color takes one for each", color=["linear"])
    fails(["a.png", "b.png"], "3 style masks for 2 styles: style_masks takes one for each", style_masks=[None] * 3)
    fails(["a.png", "b.png"], "several values of alpha need masks", alpha=[1, 1])
    fails("a.png", "give two, not 1", gradient="radial")
    fails(
        ["a.png", "b.png"], "gradient is one of horizontal, vertical, diagonal, radial, or a mask", gradient="sidewards"
    )
    fails("a.png", "grid is for two to four styles, not 1", grid=3)
    fails(own, "a Look has its own options: leave out alpha", alpha=0.5)
    fails([own, "a.png"], "a Look has its own options: leave out weights", weights=[1, 1])
    for styles in (regions, [regions]):
        fails(styles, "Regions hold their own masks and background: leave out masks", masks=[LEFT])
        fails(styles, "leave out background", background="keep")
        fails(styles, "leave out style_masks", style_masks=[None])
    fails([regions, wave], "Regions and a Look say themselves how styles come together", weights=[1, 1])
    with pytest.raises(InputError, match="Regions and a Look say themselves"):
        stylizer.stylize(photo, [regions, wave])
    with pytest.raises(InputError, match="style 1 is encoded already"):
        Look([wave], Options(style_masks=[LEFT])).encoded(stylizer)
    with pytest.raises(InputError, match="colour mode 'linear' recolours the artwork: pass its picture"):
        Look([wave], Options(color="linear")).render(stylizer, stylizer.encode_content(photo))
    with pytest.raises(MissingFileError, match=r"a\.png"):
        own.encoded(stylizer)
