from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from adain import refinement as recipes
from tests.conftest import ROOT, noise_image, one_line_error

Run = Callable[..., Result]
FAST = ("--content-size", 40, "--style-size", 40, "--device", "cpu")
LIGHT = ("--loss", "content=1:relu2_1", "--loss", "gram=1:relu1_1*0.5,relu2_1", "--start", "content", "--steps", 2)


pytestmark = pytest.mark.usefixtures("one_thread")


def test_everything_it_can_leave(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    out, log, plot = tmp_path / "new" / "out.jpg", tmp_path / "loss.csv", tmp_path / "loss.png"
    args = ("-o", out, "--steps", 5, "--log", log, "--plot", plot, "--save-every", 2, "--json")
    result = run_cli("refine", photo, art, *args, *FAST)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    (line,) = result.stdout.splitlines()
    record = json.loads(line)
    assert record["content"] == str(photo)
    assert record["style"] == [str(art)]
    assert record["output"] == str(out)
    assert (record["recipe"], record["steps"]) == ("refine-fast", 5)
    assert set(record["losses"]) == {"content", "gram"}
    assert record["total"] == pytest.approx(sum(record["losses"].values()))
    assert (record["width"], record["height"]) == (62, 40)
    with Image.open(out) as picture:
        assert (picture.format, picture.size) == ("JPEG", (62, 40))
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["iteration"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert float(rows[-1]["total"]) == record["total"]
    with Image.open(plot) as picture:
        assert picture.width > 300
    steps = sorted(path.name for path in (tmp_path / "new" / "out-steps").iterdir())
    assert steps == ["step-00001.png", "step-00002.png", "step-00004.png", "strip.png"]


def test_default_output_is_named_after_all(
    run_cli: Run, photo: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    result = run_cli("refine", photo, art, photo, "--style-weights", "3,1", *LIGHT, *FAST)
    assert result.stdout.strip() == "photo_stylized_art+photo.png"
    assert Path("photo_stylized_art+photo.png").exists()


def test_recipes_are_shown(run_cli: Run) -> None:
    for name in recipes.recipe_names():
        result = run_cli("refine", "--recipe", name, "--show-recipe")
        assert result.exit_code == 0
        assert result.stdout == recipes.recipe_source(name)
    assert "did you mean 'gatys2016'" in one_line_error(run_cli("refine", "--recipe", "gatys", "--show-recipe"))


def test_a_shown_recipe_is_a_template(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        run_cli("refine", "--recipe", "gatys2016", "--show-recipe").stdout.replace("steps = 300", "steps=1")
    )
    result = run_cli("refine", photo, art, "--recipe", path, "-o", tmp_path / "o.png", "--json", *FAST)
    assert result.exit_code == 0, result.output
    assert (json.loads(result.stdout)["recipe"], json.loads(result.stdout)["steps"]) == ("mine", 1)


def test_flags_change_the_recipe(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    settings = ("schedule=cosine", "ema=0.5", "bounds=none", "pool=max", "coarsest=32", "growth=1.3", "scales=1,0.9",
                "scale-weights=3,1", "patience=3", "tolerance=1e-9")  # fmt: skip
    args = ("--optimizer", "adam", "--lr", "0.05", *(word for text in settings for word in ("--set", text)),
            "--loss", "tv=0.1", "--loss", "content=0", "--style-weight", "2")  # fmt: skip
    result = run_cli("refine", photo, art, "-o", tmp_path / "o.png", "--json", *LIGHT[2:], *args, *FAST)
    assert result.exit_code == 0, result.output
    losses = json.loads(result.stdout)["losses"]
    assert list(losses) == ["gram@1", "tv@1", "gram@0.9", "tv@0.9"]


def test_weights_of_groups(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    def losses(*args: object) -> dict[str, float]:
        result = run_cli("refine", photo, art, "-o", tmp_path / "o.png", "--json", *LIGHT, "--start", "blend", *args,
                         "--steps", 1, *FAST)  # fmt: skip
        assert result.exit_code == 0, result.output
        found: dict[str, float] = json.loads(result.stdout)["losses"]
        return found

    plain = losses()
    assert losses("--content-weight", 2)["content"] == pytest.approx(2 * plain["content"])
    assert losses("--style-weight", 0.5)["gram"] == pytest.approx(0.5 * plain["gram"])
    assert set(losses("--content-weight", 0)) == {"gram"}


def test_snake_case(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.png"
    args = ("--content_size", 36, "--style_size", 40, "--save_every", 1, "--set", "blend_share=0.2")
    result = run_cli("refine", photo, art, "-o", out, *LIGHT, *args)
    assert result.exit_code == 0, result.output
    with Image.open(out) as picture:
        assert min(picture.size) == 36


def test_bare_preserve_color(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    outputs = {}
    for name, args in {"bare": ["--preserve-color"], "named": ["--preserve-color", "luminance"], "none": []}.items():
        out = tmp_path / f"{name}.png"
        result = run_cli("refine", photo, art, *args, "-o", out, *LIGHT, "--optimizer", "adam", *FAST)
        assert result.exit_code == 0, result.output
        outputs[name] = out.read_bytes()
    assert outputs["bare"] == outputs["named"] != outputs["none"]


def test_masks(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    mask = Image.new("L", (70, 45))
    mask.paste(255, (0, 0, 35, 45))
    mask.save(tmp_path / "left.png")
    left = tmp_path / "left.png"
    args = ("--mask", left, "--style-mask", "none", "--background", photo, "--feather", 4)
    result = run_cli("refine", photo, art, "-o", tmp_path / "o.png", *LIGHT, *args, *FAST)
    assert result.exit_code == 0, result.output
    twice = one_line_error(
        run_cli("refine", photo, art, "-o", tmp_path / "p.png", "--mask", left, *args, *LIGHT, *FAST)
    )
    assert "2 masks for 1 style: --mask takes one for each" in twice


def test_one_artwork_in_two_regions(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    left = np.zeros((45, 70), np.uint8)
    left[:, :40] = 255
    Image.fromarray(left).save(tmp_path / "left.png")
    Image.fromarray(255 - left).save(tmp_path / "right.png")
    Image.fromarray(left // 255).save(tmp_path / "map.png")
    masks = (art, art, "--mask", tmp_path / "left.png", "--mask", tmp_path / "right.png")
    labels = ("--label-map", tmp_path / "map.png", "--label", f"1={art}", "--label", f"0={art}")
    for name, args in {"masks": masks, "labels": labels}.items():
        result = run_cli("refine", photo, *args, "-o", tmp_path / f"{name}.png", *LIGHT, "--optimizer", "adam", *FAST)
        assert result.exit_code == 0, result.output
    assert (tmp_path / "masks.png").read_bytes() == (tmp_path / "labels.png").read_bytes()


def test_same_command_same_bytes(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    for name, seed in (("a.png", 3), ("b.png", 3), ("c.png", 4)):
        args = ("-o", tmp_path / name, "--seed", seed, *LIGHT, "--start", "noise", *FAST)
        assert run_cli("refine", photo, art, *args).exit_code == 0
    read = {name: (tmp_path / name).read_bytes() for name in ("a.png", "b.png", "c.png")}
    assert read["a.png"] == read["b.png"] != read["c.png"]


def test_from_a_picture(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.png"
    noise_image(70, 45, 9).save(start)
    result = run_cli("refine", photo, art, "--start", start, "--steps", 0, "-o", tmp_path / "o.png", "--json",
                     "--content-size", 0, "--style-size", 0)  # fmt: skip
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert (record["steps"], record["total"], record["losses"]) == (0, None, {})
    with Image.open(tmp_path / "o.png") as out, Image.open(start) as wanted:
        assert out.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--loss", "gran=1"), "there is no loss 'gran': did you mean 'gram'?"),
        (("--loss", "gram"), "a loss must be NAME=WEIGHT or NAME=WEIGHT:layer,layer*factor, not 'gram'"),
        (("--loss", "gram=nan"), "losses.gram.weight must be a finite number, not nan"),
        (("--loss", "gram=-1"), "losses.gram.weight must be 0 or more"),
        (("--loss", "tv=1:relu1_1"), "losses.tv has no setting 'layers'"),
        (("--loss", "gram=1:relu1_9"), "vgg19 has no layer relu1_9: did you mean 'relu1_"),
        (("--loss", "gram=0", "--loss", "content=0"), "losses must hold at least one"),
        (("--recipe", "gatys"), "there is no recipe 'gatys': did you mean 'gatys2016'"),
        (("--recipe", "none.toml"), "none.toml does not exist"),
        (("--start", "contents"), "there is no start 'contents': did you mean 'content'"),
        (("--start", "none.png"), "none.png"),
        (("--optimizer", "lbgfs"), "lbgfs"),
        (("--backbone", "vgg18"), "there is no backbone 'vgg18': did you mean"),
        (("--backbone", "vgg16"), "vgg16 does not ship: give a file of its weights"),
        (("--lr", "nan"), "lr must be a finite number"),
        (("--set", "ema=1"), "ema must be from 0 up to, not including, 1"),
        (("--set", "scales=1,x"), "scales must be numbers such as 1,0.5, not '1,x'"),
        (("--set", "scales=2"), "scales must be different numbers above 0 up to 1"),
        (("--set", "whitning=1"), "there is no setting 'whitning': did you mean 'whitening'"),
        (("--whitening", "0.5"), "--whitening is a setting of the recipe: use --set whitening=..."),
        (("--scale_weights=1",), "--scale-weights is a setting of the recipe: use --set scale_weights=..."),
        (("--loss-precision", "bf16"), "--loss-precision is a setting of the recipe: use --set loss_precision=..."),
        (("--whitning", "0.5"), "No such option"),
        (("--style-weights", "1,2"), "2 weights for 1 style: --style-weights takes one for each"),
        (("--style-weights", "x"), "'--style-weights': must be numbers such as 0.7,0.3, not x"),
        (("--content-weight", "-1"), "weight must be 0 or more"),
        (("--content-size", "20"), "photo.png is 31x20 px: refining needs at least 32 px"),
        (("--plot", "loss.jpg"), "a plot can be .png, .svg or .pdf, not loss.jpg"),
        (("--save-every", "0"), "--save-every"),
        (("--steps", "-1"), "--steps"),
        (("--set", "scales=1,0.25"), "at scale 0.25 of 1, 0.25: the image is 16x10 px"),
        (("--background", "x.png"), "--background needs --mask or --label-map to leave something for it"),
        (("--device", "tpu"), "tpu"),
    ],
)
def test_bad_options(run_cli: Run, photo: Path, art: Path, tmp_path: Path, args: tuple[str, ...], message: str) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    result = run_cli("refine", photo, art, "-o", out, *FAST, *args)
    assert message in one_line_error(result)
    assert out.read_bytes() == b"precious"


def test_bad_paths(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    assert "no photograph given" in one_line_error(run_cli("refine"))
    assert "no style given for" in one_line_error(run_cli("refine", photo))
    for out in (photo, art):
        assert "is also an input" in one_line_error(run_cli("refine", photo, art, "-o", out, *LIGHT, *FAST))
    with Image.open(art) as picture:
        assert picture.size == (64, 48)
    missing = tmp_path / "missing.png"
    for pair in ((missing, art), (photo, missing)):
        assert "missing.png" in one_line_error(run_cli("refine", *pair, "-o", tmp_path / "o.png", *LIGHT, *FAST))
    for option in ("--log", "--plot"):
        below = photo / "below-a-file.png"
        one_line_error(run_cli("refine", photo, art, "-o", tmp_path / "o.png", option, below, *LIGHT, *FAST))


def test_one_bad_file_does_not_stop_the_rest(run_cli: Run, art: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for k in range(2):
        noise_image(48, 40, k).save(folder / f"{k}.png")
    (folder / "bad.jpg").write_text("no picture")
    out = tmp_path / "out"
    result = run_cli("refine", folder, art, "-o", out, *LIGHT, *FAST)
    assert result.exit_code == 1
    assert sorted(p.name for p in out.iterdir()) == ["0_stylized_art.png", "1_stylized_art.png"]
    assert len(result.stdout.splitlines()) == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("adain refine: error: ")
    assert "bad.jpg" in line
    several = run_cli("refine", folder, art, "-o", out, "--log", tmp_path / "l.csv", *LIGHT, *FAST)
    assert "name a single photograph" in one_line_error(several)


def test_numbers_gone_wrong_leave_the_last_good_picture(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "o.png", tmp_path / "loss.csv"
    args = ("--optimizer", "sgd", "--lr", "1e38", "--set", "bounds=none", "--steps", 9, "--log", log)
    message = one_line_error(run_cli("refine", photo, art, "-o", out, *LIGHT, *args, *FAST))
    assert "no longer a finite number at step 2" in message
    assert f"the last good picture is {out}" in message
    with Image.open(out) as picture:
        assert picture.size == (62, 40)
    assert len(log.read_text().splitlines()) == 2


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_keeps_the_best_so_far(photo: Path, art: Path, tmp_path: Path, number: int, code: int) -> None:
    out, log = tmp_path / "o.png", tmp_path / "loss.csv"
    args = ["refine", photo, art, "-o", out, *LIGHT, "--steps", 100_000, "--optimizer", "adam", "--log", log, *FAST]
    command = [sys.executable, "-m", "adain", *map(str, args)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 300
        while not log.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == code, stderr
    assert stdout.strip() == str(out)
    (line,) = stderr.splitlines()
    assert f"stopped by {signal.Signals(number).name} after " in line
    assert "of 100000 steps" in line
    with Image.open(out) as picture:
        assert picture.size == (62, 40)


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys; from adain.cli import main\ntry:\n main(['refine', '--help'])\nexcept SystemExit:\n pass\n"
    code += "print('torch' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "False"
    for key in recipes.SETTINGS:
        assert key in done.stdout.replace("--", ""), key
    text = "".join(done.stdout.split())  # names are broken at their hyphens
    for name in recipes.recipe_names():
        assert name in text
