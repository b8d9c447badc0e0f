"""What once went wrong, each whole kind: sizes that take all memory, inputs replaced, options lost."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

import adain
from adain.backends.models import open_model
from adain.batch import order, run
from adain.cli.main import COMMANDS, _less_memory, main
from adain.image import encode_image
from adain.options import Options
from adain.refinement import RefineOptions
from adain.refinement import run as refining
from adain.stylizer.base import BaseStylizer
from tests.conftest import noise_image, one_line_error

Run = Callable[..., Result]
FAST = ("--style-size", "32", "--device", "cpu")


@pytest.fixture
def stylizer(cpu_model: BaseStylizer) -> BaseStylizer:
    """What the command line computes with."""
    return cpu_model


@pytest.fixture
def files(tmp_path: Path, photo: Path, art: Path) -> dict[str, Path]:
    """Whatever a result can be made of, by what the tests call it."""
    noise_image(64, 48, 3).save(tmp_path / "other.png")
    mask = np.zeros((45, 70), np.uint8)
    mask[:, :40] = 255
    Image.fromarray(mask).save(tmp_path / "left.png")
    Image.fromarray(255 - mask).save(tmp_path / "right.png")
    Image.new("L", (64, 48), 255).save(tmp_path / "part.png")
    Image.fromarray(mask // 255 + 1).save(tmp_path / "map.png")
    names = ("other", "left", "right", "part", "map")
    return {"PHOTO": photo, "ART": art} | {name.upper(): tmp_path / f"{name}.png" for name in names}


def filled(text: str, files: dict[str, Path]) -> list[str]:
    """A line of the command line, with the files it names."""
    return re.sub(r"\b[A-Z]+\b", lambda name: str(files.get(name[0], name[0])), text).split()


# Sizes that take all memory


@pytest.mark.parametrize(
    "line",
    [
        "stylize PHOTO ART",
        "stylize PHOTO ART --crop",
        "stylize PHOTO ART --tile 64",
        "stylize PHOTO ART --refine 3",
        "stylize PHOTO ART --preview",
        "stylize PHOTO ART OTHER --style-grid 3",
        "stylize PHOTO ART --mask LEFT",
        "refine PHOTO ART --steps 1",
        "refine PHOTO ART --start noise --steps 1",
    ],
)
def test_results_too_large_are_refused(run_cli: Run, files: dict[str, Path], tmp_path: Path, line: str) -> None:
    out = tmp_path / "out.png"
    command = (*filled(line, files), "-o", out, "--content-size", "99999", *FAST)
    message = one_line_error(run_cli(*command))
    assert "photo.png would have 155554 x 99999 pixels" in message
    assert "smaller content_size" in message
    assert "--max-pixels" in message
    assert not out.exists()


def test_results_too_large_are_refused_in_folders(run_cli: Run, art: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for k in range(2):
        noise_image(40, 30, k).save(tmp_path / "photos" / f"{k}.png")
    for name in ("stylize", "refine"):
        command = (name, tmp_path / "photos", art, "-o", tmp_path / name, "--content-size", "99999", *FAST)
        result = run_cli(*command)
        assert (result.exit_code, result.stdout) == (2, "")
        assert [f"{k}.png would have" in line for k, line in enumerate(result.stderr.splitlines())] == [True, True]


def test_videos_too_large_are_refused(run_cli: Run, art: Path, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for k in range(2):
        noise_image(48, 32, k).save(tmp_path / "frames" / f"{k}.png")
    command = ("video", tmp_path / "frames", art, "-o", tmp_path / "out" / "%05d.png", "--content-size", "99999", *FAST)
    assert "at 99999" in one_line_error(run_cli(*command))
    assert not list((tmp_path / "out").glob("*.png"))


@pytest.mark.parametrize("line", ["stylize PHOTO ART --preview", "stylize PHOTO ART OTHER --style-grid 16"])
def test_sheets_too_large_are_refused(run_cli: Run, files: dict[str, Path], tmp_path: Path, line: str) -> None:
    """Each picture on it would do."""
    size = ("--content-size", "32", "--max-pixels", "10000")
    message = one_line_error(run_cli(*filled(line, files), "-o", tmp_path / "out.png", *size, *FAST))
    assert "pictures of 50 px a side has more than the limit of 10000 pixels" in message
    assert "--content-size" in message


def test_the_sheet_of_the_demo_has_a_limit(run_cli: Run, tmp_path: Path) -> None:
    assert "'--cell'" in one_line_error(run_cli("demo", "-o", tmp_path / "demo", "--cell", "99999"))


# Inputs that would be replaced


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("stylize PHOTO ART", "PHOTO"),
        ("stylize PHOTO ART", "ART"),
        ("stylize PHOTO ART OTHER --style-weights 1,1", "OTHER"),
        ("stylize PHOTO ART --mask LEFT", "LEFT"),
        ("stylize PHOTO ART --style-mask PART", "PART"),
        ("stylize PHOTO ART --mask LEFT --background OTHER", "OTHER"),
        ("stylize PHOTO ART OTHER --gradient LEFT", "LEFT"),
        ("stylize PHOTO --label-map MAP --label 1=ART --label 2=OTHER", "MAP"),
        ("stylize PHOTO --label-map MAP --label 1=ART --label 2=OTHER", "OTHER"),
        ("refine PHOTO ART --mask LEFT", "LEFT"),
        ("refine PHOTO ART --start OTHER", "OTHER"),
        ("refine PHOTO --label-map MAP --label 1=ART --label 2=OTHER", "MAP"),
        ("refine PHOTO --label-map MAP --label 1=ART --label 2=OTHER", "ART"),
    ],
)
def test_inputs_are_not_replaced(run_cli: Run, files: dict[str, Path], line: str, output: str) -> None:
    before = files[output].read_bytes()
    result = run_cli(*filled(line, files), "-o", files[output], *FAST)
    assert (
        f"{files[output].name} is also an input and would be replaced: choose another file to write"
        in one_line_error(result)
    )
    assert files[output].read_bytes() == before


@pytest.mark.parametrize("make", [os.symlink, os.link])
@pytest.mark.parametrize("command", ["stylize PHOTO ART", "refine PHOTO ART"])
def test_inputs_are_not_replaced_by_another_name(
    run_cli: Run, files: dict[str, Path], tmp_path: Path, command: str, make: Callable[..., None]
) -> None:
    for name in ("PHOTO", "ART"):
        link, before = tmp_path / f"{name}-link.png", files[name].read_bytes()
        make(files[name], link)
        assert "is also an input" in one_line_error(run_cli(*filled(command, files), "-o", link, *FAST))
        assert link.read_bytes() == files[name].read_bytes() == before


@pytest.mark.parametrize(
    ("flag", "input"), [("--log", "ART"), ("--log", "PHOTO"), ("--plot", "PHOTO"), ("--plot", "LEFT"), ("--log", "OWN")]
)
def test_refine_replaces_no_input_with_a_log(
    run_cli: Run, files: dict[str, Path], tmp_path: Path, flag: str, input: str
) -> None:
    recipe = tmp_path / "own.toml"
    recipe.write_text('base = "gatys2016"\n')
    path = {**files, "OWN": recipe}[input]
    before = path.read_bytes()
    command = filled("refine PHOTO ART --mask LEFT", files)
    result = run_cli(*command, "--recipe", recipe, "-o", tmp_path / "out.png", flag, path, *FAST)
    assert f"{path.name} is also an input and would be replaced" in one_line_error(result)
    assert path.read_bytes() == before


@pytest.mark.parametrize("start", ["out.partial.png", "out-steps/step-00001.png"])
def test_refine_may_start_from_what_was_left_but_under_another_name(
    run_cli: Run, files: dict[str, Path], tmp_path: Path, start: str
) -> None:
    """A picture of an interrupted run, which the same run again would write over, and take away in the end."""
    (tmp_path / "out-steps").mkdir()
    noise_image(40, 32, 5).save(tmp_path / start)
    command = (*filled("refine PHOTO ART", files), "--start", tmp_path / start, "--save-every", "1", *FAST)
    assert f"{start} is also an input" in one_line_error(run_cli(*command, "-o", tmp_path / "out.png"))
    assert (tmp_path / start).is_file()


def test_an_evaluation_replaces_no_picture(run_cli: Run, files: dict[str, Path], tmp_path: Path) -> None:
    before = {name: path.read_bytes() for name, path in files.items()}
    triples = tmp_path / "triples.csv"
    triples.write_text(f"content,style,output\n{files['PHOTO']},{files['ART']},{files['OTHER']}\n")
    for path in (files["PHOTO"], files["ART"], files["OTHER"], triples):
        result = run_cli("evaluate", "--triples", triples, "--csv", path, "--device", "cpu")
        assert f"{path.name} is also an input" in one_line_error(result)
    assert {name: path.read_bytes() for name, path in files.items()} == before


def test_an_export_replaces_no_weights(run_cli: Run, fast_files: tuple[Path, Path], tmp_path: Path) -> None:
    own = [Path(shutil.copy(file, tmp_path)) for file in fast_files]
    for file in own:
        os.link(file, file.with_suffix(".onnx"))
    networks = ("--encoder", own[0], "--decoder", own[1])
    assert "encoder.onnx is also an input" in one_line_error(run_cli("export", "-o", tmp_path, *networks))


def test_a_run_replaces_nothing_that_it_is_made_from(
    run_cli: Run, fast_files: tuple[Path, Path], tmp_path: Path
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    for folder in (data, run):
        folder.mkdir()
    noise_image(40, 40).save(data / "a.png")
    noise_image(40, 40).save(data / "loss.png")
    shutil.copy(fast_files[0], run / "encoder.safetensors")
    shutil.copy(fast_files[1], run / "decoder.safetensors")
    where = ("--content-dir", data, "--style-dir", data, "--device", "cpu")
    for more in (("-o", data), ("-o", run, "--model", "fast", "--init-from", run)):
        assert "is also an input" in one_line_error(run_cli("train", *where, *more))
    assert sorted(path.name for path in data.iterdir()) == ["a.png", "loss.png"]
    assert (run / "decoder.safetensors").read_bytes() == fast_files[1].read_bytes()


def test_imported_weights_are_not_replaced(run_cli: Run, fast_files: tuple[Path, Path], tmp_path: Path) -> None:
    own, link = shutil.copy(fast_files[1], tmp_path), tmp_path / "x.safetensors"
    os.link(own, link)
    assert "is also an input" in one_line_error(run_cli("weights", "import", own, "-o", link))


def test_inputs_are_not_replaced_in_folders(run_cli: Run, tmp_path: Path) -> None:
    """A mask that is called as a result would be."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        noise_image(40, 30, 1).save(folder / name)
    noise_image(40, 30, 2).save(tmp_path / "art.png")
    mask = tmp_path / "b_stylized_art.png"
    Image.new("L", (40, 30), 255).save(mask)
    command = ("stylize", folder, tmp_path / "art.png", "--mask", mask, "-o", tmp_path, *FAST)
    assert "b_stylized_art.png is also an input" in one_line_error(run_cli(*command))
    assert not (tmp_path / "a_stylized_art.png").exists()


# Results that replace others


def test_results_of_other_options_are_told_of(run_cli: Run, art: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for k in range(2):
        noise_image(40, 30, k).save(tmp_path / "photos" / f"{k}.png")
    command = ("stylize", tmp_path / "photos", art, "-o", tmp_path / "out", *FAST)

    def told(*more: object) -> str:
        result = run_cli(*command, *more)
        assert result.exit_code == 0, result.output
        return result.stderr.strip()

    assert told() == told() == ""
    note = "adain stylize: warning: 2 results that came from other options or files were replaced: use another -o to"
    for more in (("--alpha", "0.5"), ("--preserve-color",), ("--refine", "1", "--content-size", "32")):
        assert told(*more).startswith(note)
        assert told(*more) == ""
    assert told("--redo", "--refine", "1", "--content-size", "32") == ""
    assert told("-q") == ""
    assert told("--skip-existing", "--alpha", "0.5") == ""
    (tmp_path / "out" / "0_stylized_art.png").unlink()
    assert told("--alpha", "0.5").startswith("adain stylize: warning: 1 result that came from")


@pytest.mark.parametrize("name", ["stylize", "refine"])
def test_one_result_of_a_name_that_was_made_up(
    run_cli: Run, photo: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    light = ("--loss", "content=1:relu1_1", "--loss", "gram=1:relu1_1", "--steps", "0") if name == "refine" else ()
    command = (name, photo, art, "--content-size", "32", *FAST, *light)
    strong, weak = (("--start", "content"), ("--start", "blend")) if name == "refine" else ((), ("--alpha", "0.5"))
    assert run_cli(*command, *strong).stderr == ""
    assert run_cli(*command, *strong).stderr == ""  # the same once more
    told = run_cli(*command, *weak).stderr
    assert told.startswith(f"adain {name}: warning: 1 result that came from other options or files was replaced")
    named = (*command, "-o", "out.png")
    assert run_cli(*named, *strong).stderr == run_cli(*named, *weak).stderr == ""


# Options that are lost on the way to refinement

ONE_BY_ONE = [
    "ART OTHER --gradient radial --feather 2 --mask-channel luminance",
    "ART OTHER --gradient LEFT --preserve-color linear,none --color-method cholesky --color-strength 0.5",
    "--label-map MAP --label 1=ART --background OTHER --feather 3 --preserve-color linear",
    "--label-map MAP --label 1=ART --label 2=OTHER --preserve-color luminance --match-luma --color-space lab",
    "ART OTHER --mask LEFT --mask RIGHT --style-mask PART --style-mask none --alpha 0.5,1",
    "ART --mask CUTOUT --mask-channel alpha --background keep",
    "ART OTHER --style-weights 3,1 --crop --content-size 40 --max-pixels 100000 --seed 3 --precision fp32",
    "ART --style-mask PART --preserve-color histogram --quality 80 --model fast",
    "ART --correct 2 --keep-edges 0.4",
]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, RefineOptions]]:
    """The styles and options of every refinement, in place of which nothing is done."""
    seen: list[tuple[Any, RefineOptions]] = []

    def refine(content: object, styles: Any, options: RefineOptions) -> object:
        seen.append((styles, options))
        return options.start

    monkeypatch.setattr(refining, "refine", refine)
    return seen


def test_refinement_is_told_every_option(
    run_cli: Run, files: dict[str, Path], tmp_path: Path, recorded: list[tuple[Any, RefineOptions]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    cutout = Image.new("RGBA", (70, 45))
    with Image.open(files["LEFT"]) as mask:
        cutout.putalpha(mask)
    cutout.save(tmp_path / "cutout.png")
    asked: list[order.Order] = []
    real = order.Order.maker

    def maker(self: order.Order, *args: Any, **more: Any) -> order.Maker:
        asked.append(self)
        return real(self, *args, **more)

    monkeypatch.setattr(order.Order, "maker", maker)
    named: set[str] = set()
    for k, line in enumerate(ONE_BY_ONE):
        words = filled(line, files | {"CUTOUT": tmp_path / "cutout.png"})
        result = run_cli("stylize", files["PHOTO"], *words, *FAST, "--refine", 7, "-o", tmp_path / f"{k}.jpg")
        assert result.exit_code == 0, result.output
        ((styles, options),) = recorded
        look = asked[-1].looks[0]
        assert styles == look.styles
        wanted = {name: value for name, value in look.options.given().items() if name in RefineOptions.declared()}
        told = {name: value for name, value in options.given().items() if name not in ("steps", "start")}
        assert told == wanted
        assert options.steps == 7
        assert isinstance(options.start, Image.Image)
        named |= set(wanted)
        recorded.clear()
    served = {name for name, each in Options.declared().items() if "refine" in each.serves}
    assert served <= named


@pytest.mark.parametrize("option", [("--tile", "64"), ("--style-cache", "cache"), ("--tile", "off")])
def test_how_the_one_pass_is_computed_does_not_matter_to_refinement(
    run_cli: Run, photo: Path, art: Path, tmp_path: Path, recorded: list[tuple[Any, RefineOptions]],
    option: tuple[str, str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    result = run_cli("stylize", photo, art, "--refine", 7, "-o", "o.png", *FAST, *option)
    assert result.exit_code == 0, result.output
    assert len(recorded) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ART --fine-style-size 64", "--fine-style-size does not go with refinement"),
        ("ART OTHER --style-grid 3", "--refine works on a picture, not on a sheet of them: leave out --style-grid"),
        ("ART --preview", "leave out --preview"),
    ],
)
def test_what_refinement_cannot_do_is_said_before_any_work(
    run_cli: Run, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    monkeypatch.setattr(order, "open_model", None)
    command = ("stylize", files["PHOTO"], *filled(line, files), "--refine", 2, "-o", tmp_path / "o.png")
    assert message in one_line_error(run_cli(*command))


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("ART OTHER --gradient radial", {"gradient": "radial"}),
        ("--label-map MAP --label 1=ART --background OTHER --feather 3 --preserve-color", {"color": "luminance"}),
    ],
)
def test_refined_as_python_does(
    run_cli: Run, stylizer: BaseStylizer, files: dict[str, Path], tmp_path: Path, line: str, more: dict[str, Any]
) -> None:
    out, asked = tmp_path / "out.png", {"style_size": 32, **more}
    result = run_cli("stylize", files["PHOTO"], *filled(line, files), "--refine", 2, "-o", out, *FAST)
    assert result.exit_code == 0, result.output
    styles = [files["ART"], files["OTHER"]]
    if "gradient" not in more:
        asked |= {"label_map": files["MAP"], "labels": ["1"], "background": files["OTHER"], "feather": 3.0}
        styles.pop()
    start = stylizer.stylize(files["PHOTO"], styles, **asked)
    expected = adain.refine(files["PHOTO"], styles, start=start, steps=2, stylizer=stylizer, **asked)
    assert isinstance(expected, Image.Image)
    with Image.open(out) as picture:
        assert picture.tobytes() == expected.tobytes()


# Times


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def spend(self, seconds: float, work: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*args: Any, **more: Any) -> Any:
            self.now += seconds
            return work(*args, **more)

        return slow


@pytest.mark.parametrize(("more", "seconds"), [((), 6.0), (("--refine", "5"), 46.0)])
def test_seconds_are_those_of_making(
    run_cli: Run, photo: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...],
    seconds: float, recorded: list[Any],
) -> None:  # fmt: skip
    """Encoding, rendering, refining and writing; not reading, which for other pictures goes on meanwhile."""
    clock = Clock()
    monkeypatch.setattr(run, "time", clock)
    monkeypatch.setattr(order.Maker, "read", clock.spend(1000.0, order.Maker.read))
    monkeypatch.setattr(order, "open_model", clock.spend(1000.0, open_model))
    monkeypatch.setattr(order.Maker, "_encode", clock.spend(1.0, order.Maker._encode))
    monkeypatch.setattr(BaseStylizer, "render", clock.spend(2.0, BaseStylizer.render))
    monkeypatch.setattr(refining, "refine", clock.spend(40.0, refining.refine))
    monkeypatch.setattr(run, "encode_image", clock.spend(3.0, encode_image))
    result = run_cli("stylize", photo, art, "-o", tmp_path / "o.png", "--json", *FAST, *more)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["seconds"] == seconds


def test_seconds_in_a_folder(run_cli: Run, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the first picture, too, which alone has its photograph encoded for it."""
    (tmp_path / "arts").mkdir()
    for k in range(2):
        noise_image(40, 30, k).save(tmp_path / "arts" / f"{k}.png")
    clock = Clock()
    monkeypatch.setattr(run, "time", clock)
    monkeypatch.setattr(order.Maker, "read", clock.spend(1000.0, order.Maker.read))
    monkeypatch.setattr(BaseStylizer, "encode_content", clock.spend(4.0, BaseStylizer.encode_content))
    monkeypatch.setattr(BaseStylizer, "render", clock.spend(2.0, BaseStylizer.render))
    result = run_cli("stylize", photo, tmp_path / "arts", "-o", tmp_path / "out", "--json", *FAST)
    seconds = [json.loads(line)["seconds"] for line in result.stdout.splitlines()]
    assert seconds == [6.0, 2.0]
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert [line["seconds"] for line in lines if line["status"] == "done"] == seconds


# Memory


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate")])
def test_advice_names_options_that_the_command_has(name: str, error: Exception) -> None:
    command = main.commands[name]
    known = {flag for parameter in command.params for flag in parameter.opts}
    advice = _less_memory(command, error)
    assert {word.strip(",") for word in advice.split() if word.startswith("--")} <= known
    if isinstance(error, MemoryError):  # it was that of the CPU
        assert "--device" not in advice


@pytest.mark.parametrize("engine", ["one", "folder"])
def test_advice_on_a_picture(
    run_cli: Run, photo: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    def render(*_: object) -> object:
        raise MemoryError

    monkeypatch.setattr(order.Maker, "render", render)
    (tmp_path / "arts").mkdir()
    shutil.copy(art, tmp_path / "arts")
    styles = art if engine == "one" else tmp_path / "arts"
    message = one_line_error(run_cli("stylize", photo, styles, "-o", tmp_path / "out", *FAST))
    assert "photo.png: out of memory" in message
    known = {flag for parameter in main.commands["stylize"].params for flag in parameter.opts}
    assert {word.strip("(),") for word in message.split() if word.startswith(("--", "(--"))} <= known


# Samples by name


def test_samples_by_name(run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ("--content-size", "32", *FAST)
    result = run_cli("stylize", "mont-st-michel", "great-wave", *small)
    assert result.exit_code == 0, result.output
    assert Path(result.stdout.strip()).is_file()
    half = np.zeros((576, 1024), np.uint8)
    half[:, 500:] = 255
    Image.fromarray(half).save("mask.png")
    made: set[bytes] = set()
    for color in ((), ("--preserve-color", "linear")):
        command = ("stylize", "-s", "great-wave", "mont-st-michel", "--mask", "mask.png", *small, *color)
        for background in ("keep", "composition-viii"):
            result = run_cli(*command, "--background", background, "-o", f"{len(made)}.png")
            assert result.exit_code == 0, result.output
            made.add(Path(f"{len(made)}.png").read_bytes())
    assert len(made) == 4
    assert "did you mean great-wave?" in one_line_error(run_cli("stylize", "mont-st-michel", "great-wav", *small))
    refined = run_cli("refine", "mont-st-michel", "great-wave", "--steps", "0", "-o", "r.png", *small)
    assert refined.exit_code == 0, refined.output


def test_an_empty_path_is_no_folder(run_cli: Run, tmp_path: Path) -> None:
    """As of a variable of the shell that is not set."""
    for arguments in (("", "great-wave"), ("astronaut", ""), ("astronaut", "great-wave", "-o", "")):
        result = run_cli("stylize", *arguments)
        assert result.exit_code == 2
        assert one_line_error(result) == "adain: error: a path is empty: is a variable unset?"


@pytest.mark.parametrize("text", ["whitening", "whitenin=1", "whitening=a"])
def test_a_setting_that_cannot_be_is_told_of_in_a_sentence(run_cli: Run, text: str) -> None:
    message = one_line_error(run_cli("refine", "astronaut", "great-wave", "--set", text))
    assert "must be a setting must" not in message
    assert "must be there is" not in message
    assert text.partition("=")[0] in message
