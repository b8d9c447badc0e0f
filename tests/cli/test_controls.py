from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

import adain
from adain.options import ColorMode, Options
from adain.stylizer.base import BaseStylizer
from tests.conftest import noise_image, one_line_error

Run = Callable[..., Result]
FAST = ("--style-size", "32", "--device", "cpu")
COLORS: tuple[ColorMode, ...] = ("linear", "none")


@pytest.fixture
def stylizer(cpu_model: BaseStylizer) -> BaseStylizer:
    """What the command line computes with."""
    return cpu_model


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "other.png"
    noise_image(40, 40, 6).save(path)
    return path


@pytest.fixture
def halves(tmp_path: Path) -> tuple[Path, Path]:
    """The left and the right of the photograph, 40 and 30 px."""
    left = np.zeros((45, 70), np.uint8)
    left[:, :40] = 255
    paths = tmp_path / "left.png", tmp_path / "right.png"
    Image.fromarray(left).save(paths[0])
    Image.fromarray(255 - left).save(paths[1])
    return paths


@pytest.fixture
def label_map(tmp_path: Path) -> Path:
    labels = np.ones((45, 70), np.uint8)
    labels[:, 40:] = 2
    path = tmp_path / "map.png"
    Image.fromarray(labels).save(path)
    return path


@pytest.fixture
def make(run_cli: Run, photo: Path, tmp_path: Path) -> Callable[..., bytes]:
    """The pixels of ``adain stylize photo …``."""
    count = iter(range(100))

    def run(*args: object) -> bytes:
        out = tmp_path / f"made{next(count)}.png"
        result = run_cli("stylize", photo, *args, "-o", out, *FAST)
        assert result.exit_code == 0, result.output
        with Image.open(out) as image:
            return image.tobytes()

    return run


Make = Callable[..., bytes]


# --preserve-color


def test_colour_modes(run_cli: Run, make: Make, stylizer: BaseStylizer, photo: Path, art: Path, tmp_path: Path) -> None:
    out = tmp_path / "bare.png"
    result = run_cli("stylize", photo, art, "-o", out, *FAST, "--preserve-color")
    assert result.exit_code == 0, result.output
    with Image.open(out) as image:
        bare = image.tobytes()
    assert bare == make(art, "--preserve-color", "luminance") == make(art, "--preserve_color")
    assert bare == make(art, "--preserve-color=luminance")
    plain = make(art)
    assert make(art, "--preserve-color", "none") == plain
    seen = {plain, bare}
    for args in (
        ("linear",),
        ("linear", "--color-method", "cholesky"),
        ("linear", "--color-strength", "0.5"),
        ("histogram",),
        ("luminance", "--color-space", "lab"),
        ("luminance", "--match-luma"),
    ):
        made = make(art, "--preserve-color", *args)
        assert made not in seen, args
        seen.add(made)
    expected = stylizer.stylize(photo, art, style_size=32, color="linear")
    assert expected.tobytes() in seen


def test_colours_of_folders(run_cli: Run, stylizer: BaseStylizer, tmp_path: Path) -> None:
    """A recoloured style is encoded anew for each photograph, a style of no colour only once."""
    for kind in ("photos", "styles"):
        (tmp_path / kind).mkdir()
        for k in range(2):
            noise_image(24, 20, 3 * k + len(kind)).save(tmp_path / kind / f"{kind[0]}{k}.png")
    args = (tmp_path / "photos", tmp_path / "styles", "-o", tmp_path / "out", "--preserve-color", "linear,none")
    assert run_cli("stylize", *args, *FAST).exit_code == 0
    for a in range(2):
        for b, color in enumerate(COLORS):
            with Image.open(tmp_path / "out" / f"p{a}_stylized_s{b}.png") as image:
                expected = stylizer.stylize(
                    tmp_path / "photos" / f"p{a}.png", tmp_path / "styles" / f"s{b}.png", style_size=32, color=color
                )
                assert image.tobytes() == expected.tobytes()


# Regions


def test_masks(
    make: Make, stylizer: BaseStylizer, photo: Path, art: Path, other: Path, halves: tuple[Path, Path]
) -> None:
    left, right = halves
    both = make(art, other, "--mask", left, "--mask", right)
    expected = stylizer.stylize(photo, [art, other], masks=[left, right], style_size=32)
    assert both == expected.tobytes()
    assert both == make(art, "--mask", left, "--background", other)
    assert make(art, "--mask", left) == make(art, "--mask", left, "--background", "keep")
    soft = make(art, other, "--mask", left, "--mask", right, "--feather", "6")
    weak = make(art, other, "--mask", left, "--mask", right, "--alpha", "0.5,1")
    both_weak = make(art, other, "--mask", left, "--mask", right, "--alpha", "0.25,0.5")
    assert len({both, soft, weak, both_weak}) == 4
    assert make(art, art, "--mask", left, "--mask", right) != both
    recoloured = make(art, other, "--mask", left, "--mask", right, "--preserve-color", "linear,luminance")
    expected = stylizer.stylize(photo, [art, other], masks=[left, right], style_size=32, color=["linear", "luminance"])
    assert recoloured == expected.tobytes()
    expected = stylizer.stylize(photo, [art], masks=[left], background=other, style_size=32, color="linear")
    assert make(art, "--mask", left, "--background", other, "--preserve-color", "linear") == expected.tobytes()


def test_a_full_mask_is_no_mask(make: Make, art: Path, tmp_path: Path) -> None:
    white = tmp_path / "white.png"
    Image.new("L", (140, 90), 255).save(white)
    assert make(art, "--mask", white) == make(art) == make(art, "--style-mask", "none")


def test_alpha_channel_and_style_masks(
    make: Make, stylizer: BaseStylizer, photo: Path, art: Path, halves: tuple[Path, Path], tmp_path: Path
) -> None:
    cutout = tmp_path / "cutout.png"
    with Image.open(halves[0]) as mask:
        image = Image.new("RGBA", mask.size)
        image.putalpha(mask)
    image.save(cutout)
    assert make(art, "--mask", cutout, "--mask-channel", "alpha") == make(art, "--mask", halves[0])
    part = tmp_path / "part.png"
    half = Image.new("L", (64, 48))
    half.paste(255, (0, 0, 32, 48))
    half.save(part)
    made = make(art, "--style-mask", part)
    assert made == stylizer.stylize(photo, [art], style_masks=[part], style_size=32).tobytes()
    assert made != make(art)
    in_region = make(art, art, "--mask", halves[0], "--mask", halves[1], "--style-mask", part, "--style-mask", "none")
    two = Options(masks=[*halves], style_masks=[part, None], style_size=32)
    assert in_region == stylizer.stylize(photo, [art, art], two).tobytes()


def test_label_map(
    make: Make, run_cli: Run, photo: Path, art: Path, other: Path, halves: tuple[Path, Path], label_map: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    masks = ("--mask", halves[0], "--mask", halves[1])
    labels = ("--label-map", label_map, "--label", f"1={art}", "--label", f"2={other}")
    assert make(*labels) == make(art, other, *masks)
    colors = tmp_path / "colors.png"
    image = Image.new("RGB", (70, 45), (255, 0, 0))
    image.paste((0, 0, 255), (40, 0, 70, 45))
    image.save(colors)
    by_color = ("--label-map", colors, "--label", f"#f00={art}", "--label", f"#0000ff={other}")
    assert make(*by_color) == make(art, other, *masks)
    one = ("--label-map", label_map, "--label", f"1={art}")
    assert make(*one, "--background", "keep") == make(art, "--mask", halves[0])
    assert make(*one, "--background", other) == make(*labels)
    message = one_line_error(run_cli("stylize", photo, *one, "-o", tmp_path / "x.png", *FAST))
    assert "1 label has no style, 2: give each a style or say --background keep" in message


def test_the_same_masks_for_many_photographs(
    run_cli: Run, photo: Path, art: Path, other: Path, halves: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in (("a", (70, 45)), ("b", (140, 90)), ("tall", (45, 70))):
        noise_image(*size, 5).save(folder / f"{name}.png")
    masks = ("--mask", halves[0], "--mask", halves[1])
    result = run_cli("stylize", folder, art, other, *masks, "-o", tmp_path / "out", "--json", *FAST)
    assert result.exit_code == 1
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(r["output"]).name for r in records] == ["a_stylized_art+other.png", "b_stylized_art+other.png"]
    assert [r["style"] for r in records] == ["art+other"] * 2
    assert "mask left.png is 70x45 px and the picture 45x70 px" in result.stderr


# Blends and scale


def test_gradient(
    make: Make, stylizer: BaseStylizer, photo: Path, art: Path, other: Path, halves: tuple[Path, Path]
) -> None:
    styles = [stylizer.encode_style(path, size=32) for path in (art, other)]
    made = {}
    for direction in ("horizontal", "vertical", "diagonal", "radial", str(halves[0])):
        made[direction] = make(art, other, "--gradient", direction)
        expected = stylizer.stylize(photo, adain.gradient(styles[0], styles[1], direction))
        assert made[direction] == expected.tobytes()
    assert len(set(made.values())) == 5
    make(art, other, "--gradient", "radial", "--preserve-color", "linear,luminance")


@pytest.mark.parametrize(("count", "columns", "rows"), [(2, 3, 1), (3, 3, 3), (4, 3, 3)])
def test_style_grid(
    run_cli: Run, stylizer: BaseStylizer, photo: Path, art: Path, other: Path, tmp_path: Path, count: int, columns: int,
    rows: int,
) -> None:  # fmt: skip
    from adain.image.sheets import GAP

    out = tmp_path / "grid.png"
    arts = (art, other, photo, art)[:count]
    size = ("--content-size", "32", "--preserve-color")
    result = run_cli("stylize", photo, *arts, "--style-grid", 3, "-o", out, *size, *FAST)
    assert result.exit_code == 0, result.output
    with Image.open(out) as image:
        cell = 50  # of a photograph of 50 x 32
        assert image.size == (GAP + columns * (cell + GAP), GAP + rows * (cell + GAP))
        corner = image.crop((GAP, GAP + 9, GAP + 50, GAP + 41))
    expected = stylizer.stylize(photo, art, style_size=32, content_size=32, color="luminance")
    assert corner.tobytes() == expected.tobytes()


def test_pictures_of_a_grid_are_small_by_default(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    run_cli("stylize", photo, art, photo, "--style-grid", 2, "-o", tmp_path / "g.png", *FAST)
    with Image.open(tmp_path / "g.png") as image:
        assert image.width == 3 * 6 + 2 * round(70 * 256 / 45)


def test_two_sizes(make: Make, stylizer: BaseStylizer, photo: Path, art: Path) -> None:
    expected = stylizer.stylize(photo, art, style_size=32, fine_style_size=64)
    assert make(art, "--fine-style-size", "64") == expected.tobytes()


# Errors


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("ART", "OTHER", "--mask", "LEFT"), "1 mask for 2 styles: --mask takes one for each"),
        (("ART", "--mask", "BLACK"), "mask black.png is black everywhere"),
        (("ART", "--mask", "DOT"), "mask dot.png vanishes in the features"),
        (("ART", "--mask", "TALL"), "mask tall.png is 45x70 px and the picture 70x45 px"),
        (("ART", "--mask", "nowhere.png"), "nowhere.png"),
        (("ART", "--mask", "LEFT", "--mask-channel", "alpha"), "has no transparency"),
        (("ART", "OTHER", "--style-weights", "1,nan"), "'--style-weights': must be a number, at least 0, not nan"),
        (("ART", "OTHER", "--style-weights", "1,-1"), "'--style-weights': must be a number, at least 0, not -1"),
        (("ART", "OTHER", "--mask", "LEFT", "--mask", "LEFT", "--style-weights", "1,1"), "give each region an --alpha"),
        (("ART", "OTHER", "--gradient", "radial", "--style-weights", "1,1"), "--style-weights and --gradient each say"),
        (("ART", "--mask", "LEFT", "--alpha", "1,1"), "2 alphas for 1 region: --alpha takes one for each"),
        (("ART", "--mask", "LEFT", "--alpha", "1,2"), "'--alpha': must be between 0 and 1, not 2"),
        (("ART", "--mask", "LEFT", "--alpha", "1,a"), "'--alpha': must be numbers such as 0.7,0.3, not 1,a"),
        (("ART", "--mask", "LEFT", "--region-alpha", "1"), "--region-alpha is gone: give --alpha a list"),
        (("ART", "--mask", "LEFT", "--feather", "nan"), "feather"),
        (("ART", "--feather", "3"), "--feather needs --mask"),
        (("ART", "--background", "OTHER"), "--background needs --mask or --label-map to leave something for it"),
        (("ART", "--alpha", "1,0.5"), "several values of --alpha need --mask"),
        (("ART", "--style-mask", "none", "--style-mask", "none"), "2 style masks for 1 style"),
        (("ART", "--style-mask", "BLACK"), "black.png"),
        (("--label-map", "MAP"), "--label-map and --label go together"),
        (("ART", "--label", "1=ART"), "--label-map and --label go together"),
        (("--label", "1=ART"), "--label-map and --label go together"),
        (
            ("--label-map", "MAP", "--label", "1=ART", "--label", "#ff0000=OTHER"),
            "all numbers or all colours, not both: 1, #",
        ),
        (("--label-map", "MAP", "--label", "1:ART"), "--label is LABEL=FILE"),
        (("--label-map", "MAP", "--label", "x=ART"), "a label is a number"),
        (("--label-map", "MAP", "--label", "1=ART", "--label", "7=OTHER"), "no label 7"),
        (("--label-map", "MAP", "--label", "1=ART"), "1 label has no style, 2"),
        (("--label-map", "MAP", "--label", "1=ART", "-s", "OTHER"), "each style is given by --label"),
        (("ART", "--gradient", "radial"), "give two, not 1"),
        (("ART", "OTHER", "--gradient", "sideways"), "--gradient is one of horizontal"),
        (("ART", "OTHER", "--gradient", "radial", "--background", "keep"), "not with --gradient"),
        (("ART", "--style-grid", "3"), "two to four styles, not 1"),
        (("ART", "OTHER", "--style-grid", "1"), "--style-grid"),
        (("ART", "--preserve-color=sepia"), "a colour mode, or several by commas, not sepia: use one of none"),
        (
            ("ART", "--preserve-color", "luminence"),
            "'--preserve-color': must be a colour mode, or several by commas, not "
            "luminence: did you mean 'luminance'? (--preserve-color alone goes last, or is --preserve-color=luminance)",
        ),
        (("--preserve-color", "ART"), "art.png: use one of none, luminance, linear, histogram (--preserve-color alone"),
        (
            ("ART", "--preserve-color", "none,none"),
            "2 colour modes for 1 style: --preserve-color takes one for each",
        ),
        (("ART", "--color-space", "lab"), "--color-space needs a mode by name in --preserve-color, such as luminance"),
        (("ART", "--preserve-color", "none", "--match-luma"), "--match-luma needs a mode by name in --preserve-color"),
        (("ART", "--preserve-color", "linear", "--match-luma"), "--match-luma goes with"),
        (("ART", "--color-strength", "2"), "--color-strength"),
        (("ART", "--fine-style-size", "-3"), "--fine-style-size"),
    ],
)
def test_one_line_errors(
    run_cli: Run, photo: Path, art: Path, other: Path, halves: tuple[Path, Path], label_map: Path, tmp_path: Path,
    args: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    Image.new("L", (70, 45)).save(tmp_path / "black.png")
    Image.new("L", (45, 70), 255).save(tmp_path / "tall.png")
    dot = Image.new("L", (70, 45))
    dot.putpixel((3, 3), 255)
    dot.save(tmp_path / "dot.png")
    names = {"ART": art, "OTHER": other, "LEFT": halves[0], "MAP": label_map}
    names |= {name.upper(): tmp_path / f"{name}.png" for name in ("black", "tall", "dot")}
    given = []
    for arg in args:
        for name, path in names.items():
            arg = arg.replace(name, str(path))
        given.append(arg)
    out = tmp_path / "x.png"
    assert message in one_line_error(run_cli("stylize", photo, *given, "-o", out, *FAST))
    assert not out.exists()


def test_one_bad_style_does_not_stop_the_rest(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    for args in ((), ("--preserve-color", "linear")):
        result = run_cli("stylize", photo, art, bad, "-o", tmp_path / "out", *args, *FAST)
        assert result.exit_code == 1
        assert "bad.png" in result.stderr
