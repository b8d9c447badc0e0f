from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from adain._utils.resources import weights_dir
from adain.nn import shipped
from tests.conftest import noise_image, one_line_error
from tests.image.test_metadata import TAKEN, photograph, told

Run = Callable[..., Result]
FAST = ("--style-size", "32", "--device", "cpu")


def test_photo_and_artwork(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.jpg"
    result = run_cli("stylize", photo, art, "-o", out, "--alpha", "0.8", *FAST)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert result.stderr == ""
    with Image.open(out) as image:
        assert image.format == "JPEG"
        assert image.size == (70, 45)


def test_default_output_is_named_after_both(
    run_cli: Run, photo: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run_cli("stylize", photo, art, *FAST).stdout.strip() == "photo_stylized_art.png"
    assert Path("photo_stylized_art.png").exists()


def test_json(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    args = ("-o", tmp_path / "o", "--json", "--crop", "--content-size", "24", "--alpha", ".5", *FAST)
    result = run_cli("stylize", photo, art, photo, *args)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [r["style"] for r in records] == ["art", "photo"]
    for record in records:
        assert record["alpha"] == 0.5
        assert (record["width"], record["height"]) == (24, 24)
        assert record["content"] == str(photo)
        assert Path(record["output"]).exists()


def test_folder_by_folder(run_cli: Run, tmp_path: Path) -> None:
    for kind in ("photos", "styles"):
        (tmp_path / kind).mkdir()
        for k in range(2):
            noise_image(24, 20, k).save(tmp_path / kind / f"{kind[0]}{k}.png")
    args = (tmp_path / "photos", tmp_path / "styles", "-o", tmp_path / "out", "--suffix", ".webp")
    result = run_cli("stylize", *args, *FAST)
    assert result.exit_code == 0, result.output
    made = [f"p{a}_stylized_s{b}.webp" for a in range(2) for b in range(2)]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["manifest.jsonl", *made]


def test_many_contents(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    copy = tmp_path / "second.png"
    shutil.copy(photo, copy)
    for args in (
        ("-c", photo, "-c", copy, art),
        (photo, copy, "-s", art),
        ("-c", photo, "-c", copy, "-s", art),
    ):
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        assert run_cli("stylize", *args, "-o", out, *FAST).exit_code == 0
        assert len(list(out.glob("*.png"))) == 2


def test_blend(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    outputs = {}
    for weights in ("1,0", "0.5,0.5", "3,1", "0.75,0.25"):
        out = tmp_path / f"{weights}.png"
        result = run_cli("stylize", photo, art, photo, "--style-weights", weights, "-o", out, *FAST)
        assert result.exit_code == 0, result.output
        outputs[weights] = out.read_bytes()
    single = tmp_path / "single.png"
    run_cli("stylize", photo, art, "-o", single, *FAST)
    assert outputs["1,0"] == single.read_bytes()
    assert outputs["3,1"] == outputs["0.75,0.25"]
    assert outputs["0.5,0.5"] != outputs["1,0"]


def test_snake_case(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.png"
    result = run_cli("stylize", photo, art, "-o", out, "--style_size", "32", "--content_size", "20")
    assert result.exit_code == 0, result.output
    with Image.open(out) as image:
        assert min(image.size) == 20


def test_same_command_same_bytes(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        run_cli("stylize", photo, art, "-o", tmp_path / name, "--seed", "3", *FAST)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


def bomb(path: Path) -> None:
    """A PNG whose header claims 50,000 × 50,000 pixels."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(data)


@pytest.fixture
def bad(tmp_path: Path, photo: Path) -> dict[str, Path]:
    """One file of every kind of broken input."""
    files = {k: tmp_path / k for k in ("text.jpg", "empty.png", "cut.jpg", "bomb.png", "tiny.png")}
    files["text.jpg"].write_text("this is not an image")
    files["empty.png"].write_bytes(b"")
    noise_image(200, 200).save(files["cut.jpg"])
    data = files["cut.jpg"].read_bytes()
    files["cut.jpg"].write_bytes(data[: len(data) // 2])
    bomb(files["bomb.png"])
    noise_image(8, 40).save(files["tiny.png"])
    files["folder"] = tmp_path / "folder"
    files["folder"].mkdir()
    files["missing.jpg"] = tmp_path / "missing.jpg"
    return files


@pytest.mark.parametrize("name", ["text.jpg", "empty.png", "cut.jpg", "bomb.png", "tiny.png", "folder", "missing.jpg"])
@pytest.mark.parametrize("place", ["content", "style"])
def test_bad_files(
    run_cli: Run, bad: dict[str, Path], photo: Path, art: Path, tmp_path: Path, name: str, place: str
) -> None:
    if name == "tiny.png" and place == "style":
        size = ("--style-size", "0")  # by default a style is enlarged
    else:
        size = ("--style-size", "32")
    pair = (bad[name], art) if place == "content" else (photo, bad[name])
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    message = one_line_error(run_cli("stylize", *pair, "-o", out, *size))
    assert name in message
    assert out.read_bytes() == b"precious"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_bomb_may_be_allowed(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    args = ("stylize", photo, art, "-o", tmp_path / "o.png", *FAST)
    assert "--max-pixels" in one_line_error(run_cli(*args, "--max-pixels", "1000"))
    assert run_cli(*args, "--max-pixels", "4000").exit_code == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--alpha", "2"), "--alpha"),
        (("--alpha", "-0.1"), "--alpha"),
        (("--alpha", "nan"), "'--alpha': must be between 0 and 1, not nan"),
        (("--alpha", "much"), "--alpha"),
        (("--style-size", "-1"), "--style-size"),
        (("--content-size", "8"), "8 px: at least 16"),
        (("--content-size", "99999"), "155554 x 99999 pixels"),
        (("--style-size", "99999"), "133332 x 99999 pixels"),
        (("--fine-style-size", "99999"), "133332 x 99999 pixels"),
        (
            ("--content-size", "60", "--max-pixels", "5000"),
            "a smaller content_size (--content-size), or a larger",
        ),
        (("--device", "abacus"), "no device 'abacus'"),
        (("--model", "vgg91"), "did you mean 'vgg19'"),
        (("--decoder", "none.safetensors"), "none.safetensors does not exist"),
        (("--style-weights", "1,2"), "2 weights for 1 style: --style-weights takes one for each"),
        (("--style-weights", "a"), "must be numbers"),
        (("--style-weights", "nan"), "'--style-weights': must be a number, at least 0, not nan"),
        (("--suffix", ".gif"), "cannot write .gif"),
        (("--colour",), "--colour"),
    ],
)
def test_bad_options(run_cli: Run, photo: Path, art: Path, tmp_path: Path, args: tuple[str, ...], message: str) -> None:
    result = run_cli("stylize", photo, art, "-o", tmp_path / "out" / "x.png", *args)
    assert message in one_line_error(result)
    assert not (tmp_path / "out" / "x.png").exists()


def test_bad_outputs(run_cli: Run, photo: Path, art: Path, tmp_path: Path) -> None:
    for out in (photo / "below-a-file.png", tmp_path / "x.xyz", photo):
        one_line_error(run_cli("stylize", photo, art, "-o", out, *FAST))
    assert "no style given" in one_line_error(run_cli("stylize", photo))
    assert "no photograph" in one_line_error(run_cli("stylize"))
    assert "neither" in one_line_error(run_cli("stylize", "-c", photo, "-s", art, photo))


@pytest.mark.skipif(os.name != "posix", reason="needs /proc")
def test_unwritable_output(run_cli: Run, photo: Path, art: Path) -> None:
    assert "/proc" in one_line_error(run_cli("stylize", photo, art, "-o", "/proc/out.png", *FAST))


def test_flipped_byte_in_the_weights(
    run_cli: Run, photo: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(weights_dir(), folder)
    path = folder / "decoder.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 0x10
    path.write_bytes(data)
    monkeypatch.setattr(shipped, "weights_dir", lambda: folder)
    shipped.registry.cache_clear()
    try:
        out = tmp_path / "o.png"
        assert "damaged" in one_line_error(run_cli("stylize", photo, art, "-o", out, *FAST))
        assert not out.exists()
    finally:
        shipped.registry.cache_clear()


def test_one_bad_file_does_not_stop_the_rest(
    run_cli: Run, bad: dict[str, Path], photo: Path, art: Path, tmp_path: Path
) -> None:
    args = ("-c", bad["text.jpg"], "-c", photo, "-s", art, "-s", bad["cut.jpg"], "-o", tmp_path / "out")
    result = run_cli("stylize", *args, *FAST)
    assert result.exit_code == 1
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["manifest.jsonl", "photo_stylized_art.png"]
    lines = result.stderr.splitlines()
    assert len(lines) == 2  # what fails for one reason is told of once
    assert all(line.startswith("adain stylize: error: ") for line in lines)
    assert sum(line.endswith("(2 results)") for line in lines) == 1
    nothing = run_cli("stylize", "-c", bad["text.jpg"], "-c", bad["cut.jpg"], "-s", art, "-o", tmp_path / "n", *FAST)
    assert nothing.exit_code == 2


def test_what_computes_in_place_of_ncnn(
    run_cli: Callable[..., Result], photo: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)
    for more, said in (
        ((), "adain stylize: warning: ncnn is not installed, so torch computes, in twice the time: pip install ncnn\n"),
        (("-v",), "warning: ncnn is not installed"),
        (("-q",), ""),
        (("--backend", "torch"), ""),
    ):
        result = run_cli("stylize", photo, art, "-o", tmp_path / "out.png", "--device", "cpu", *more)
        assert result.exit_code == 0
        assert (said in result.stderr) if said else result.stderr == ""
    failed = run_cli("stylize", photo, art, "-o", tmp_path / "other.png", "--backend", "ncnn")
    assert "the back end ncnn is not installed" in one_line_error(failed)
    assert not (tmp_path / "other.png").exists()


@pytest.mark.parametrize("how", ["file", "folder", "jobs", "refine"])
def test_results_keep_date_and_author_or_what_is_asked_for(run_cli: Run, art: Path, tmp_path: Path, how: str) -> None:
    photo = photograph(tmp_path / "photos" / "a.jpg")
    out = tmp_path / "out" / "a_stylized_art.jpg"
    command = {
        "file": ("stylize", photo, art, "-o", out),
        "folder": ("stylize", photo.parent, art, "-o", out.parent),
        "jobs": ("stylize", photo.parent, art, "-o", out.parent, "--jobs", 2),
        "refine": ("refine", photo, art, "-o", out, "--steps", 1, "--set", "scales=1"),
    }[how]
    for mode, kept in ((), True), (("--metadata", "keep"), True), (("--metadata", "none"), False):
        result = run_cli(*command, *mode, "--style-size", 32, "--device", "cpu")
        assert result.exit_code == 0, result.output
        found = told(out)
        assert (found["exif"].get(0x9003) == TAKEN) is kept
        assert bool(found["gps"]) is ("keep" in mode)
