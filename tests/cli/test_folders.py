from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from PIL import Image

from adain._utils.errors import DiskFullError
from adain.batch import order
from adain.image import encode_image
from adain.stylizer.stylizer import Stylizer
from tests.conftest import ROOT, noise_image, one_line_error

Run = Callable[..., Result]
FAST = ("--style-size", "32", "--device", "cpu")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three photographs, one of them in a sub-folder, and two artworks."""
    for k, name in enumerate(("photos/a.png", "photos/b.jpg", "photos/sub/a.png", "arts/x.png", "arts/y.png")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise_image(40 - 2 * k, 36, k).save(path)
    return tmp_path


@pytest.fixture
def quick(run_cli: Run, stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """``adain stylize … --json`` with a network that is loaded already: the records, after checking the exit code."""
    monkeypatch.setattr(order, "open_model", lambda *_, **__: stylizer)

    def run(*args: object, code: int = 0) -> list[dict[str, Any]]:
        result = run_cli("stylize", *args, "--json", *FAST)
        assert result.exit_code == code, result.output
        records = [json.loads(line) for line in result.stdout.splitlines()]
        if code == 0:
            count = sum("replaced" in record for record in records)
            assert result.stderr == "" if not count else f"{count} result" in result.stderr
        return records

    return run


Quick = Callable[..., list[dict[str, Any]]]


def states(records: list[dict[str, Any]]) -> str:
    """d for done and s for skipped, in order."""
    return "".join(record["status"][0] for record in records)


def listing(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_sub_folders(quick: Quick, tree: Path, stylizer: Stylizer) -> None:
    assert len(quick(tree / "photos", tree / "arts", "-o", tree / "flat")) == 4
    records = quick("-r", tree / "photos", tree / "arts", "-o", tree / "out")
    assert [Path(r["output"]).relative_to(tree / "out").as_posix() for r in records] == [
        f"{name}_stylized_{style}{suffix}"
        for name, suffix in (("a", ".png"), ("b", ".jpg"), ("sub/a", ".png"))
        for style in "xy"
    ]
    assert listing(tree / "out") == sorted(
        [*(str(Path(r["output"]).relative_to(tree / "out")) for r in records), "manifest.jsonl"]
    )
    with Image.open(tree / "out" / "sub" / "a_stylized_y.png") as image:
        expected = stylizer.stylize(tree / "photos" / "sub" / "a.png", tree / "arts" / "y.png", style_size=32)
        assert image.tobytes() == expected.tobytes()
    arts = quick("-r", tree / "photos" / "a.png", "-s", tree / "photos", "-o", tree / "three")
    assert [r["style"] for r in arts] == ["a", "b", "sub-a"]


def test_the_bytes_are_those_of_single_calls(quick: Quick, tree: Path) -> None:
    quick("-r", tree / "photos", tree / "arts", "-o", tree / "out", "--alpha", "0.7")
    for name in ("a.png", "b.jpg"):
        for style in "xy":
            single = tree / f"single{Path(name).suffix}"
            quick(tree / "photos" / name, tree / "arts" / f"{style}.png", "-o", single, "--alpha", "0.7")
            made = tree / "out" / f"{Path(name).stem}_stylized_{style}{Path(name).suffix}"
            assert made.read_bytes() == single.read_bytes()
    assert not (tree / "manifest.jsonl").exists()  # a single file leaves nothing else


def test_zip(quick: Quick, run_cli: Run, tree: Path) -> None:
    records = quick("-c", tree / "photos", "-s", tree / "arts", "--pairs", "zip", "-o", tree / "out")
    assert [(Path(r["content"]).name, r["style"]) for r in records] == [("a.png", "x"), ("b.jpg", "y")]
    assert len(quick("-c", tree / "photos", "-s", tree / "arts" / "x.png", "--pairs", "zip", "-o", tree / "one")) == 2
    wrong = run_cli("stylize", "-r", tree / "photos", tree / "arts", "--pairs", "zip", "-o", tree / "no")
    assert "not 2 styles for 3 photographs" in one_line_error(wrong)
    wrong = run_cli("stylize", tree / "photos" / "a.png", "-s", tree / "arts", "--pairs", "zip", "-o", tree / "no")
    assert "as many styles as photographs, or one for all, not 2 styles for 1 photograph:" in one_line_error(wrong)
    blend = ("--style-weights", "1,1")
    wrong = run_cli("stylize", tree / "photos", tree / "arts", "--pairs", "zip", *blend, "-o", tree / "no")
    assert "--pairs zip" in one_line_error(wrong)
    assert not (tree / "no").exists()


def test_the_same_command_again(quick: Quick, run_cli: Run, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("-r", tree / "photos", tree / "arts", "-o", tree / "out")
    first = quick(*command)
    assert states(first) == "dddddd"
    before = {p: p.stat().st_mtime_ns for p in (tree / "out").rglob("*.*g")}

    def load(*_: object, **__: object) -> Stylizer:
        raise AssertionError("nothing is to be made")

    with monkeypatch.context() as patch:
        patch.setattr(order, "open_model", load)
        again = quick(*command)
    assert states(again) == "ssssss"
    assert [r["output"] for r in again] == [r["output"] for r in first]
    assert {p: p.stat().st_mtime_ns for p in before} == before
    (tree / "out" / "b_stylized_x.jpg").unlink()
    (tree / "out" / "sub" / "a_stylized_y.png").write_bytes(b"cut")
    assert states(quick(*command)) == "ssdssd"
    assert states(quick(*command, "--redo")) == "dddddd"
    wrong = run_cli("stylize", *command, "--redo", "--skip-existing")
    assert "give one of them" in one_line_error(wrong)


def test_what_makes_a_difference_is_made_anew(quick: Quick, tree: Path) -> None:
    def run(*more: object) -> str:
        return states(quick(tree / "photos", tree / "arts", "-o", tree / "out", *more))

    assert run() == "dddd"
    assert run("--alpha", "0.5") == "dddd"
    assert run("--alpha", "0.5") == "ssss"
    assert run("--alpha", "0.5", "--content-size", "20") == "dddd"
    assert run("--skip-existing") == "ssss"
    assert run() == "dddd"
    assert run("--quality", "50") == "ssdd"  # which PNG files have none of
    assert run() == "ssdd"
    assert run("--seed", "5", "--max-pixels", "4000") == "ssss"
    noise_image(50, 40, 8).save(tree / "photos" / "b.jpg")
    assert run() == "ssdd"
    noise_image(50, 40, 9).save(tree / "arts" / "x.png")
    assert run() == "dsds"
    assert run("--preserve-color", "luminance,none") == "dddd"
    shutil.copy(tree / "arts" / "x.png", tree / "arts" / "a.png")
    assert states(quick(tree / "photos", tree / "arts" / "a.png", tree / "arts", "-o", tree / "out")) == "ddd" * 2
    shutil.copytree(tree / "photos", tree / "moved")  # with the times of the files
    assert states(quick(tree / "moved", tree / "arts", "-o", tree / "out")) == "ssssss"


def test_masks_and_blends_are_resumed_too(quick: Quick, tree: Path) -> None:
    mask = tree / "mask.png"
    Image.new("L", (40, 36), 255).save(mask)
    noise_image(40, 36, 7).save(tree / "photos" / "b.jpg")
    for args in (("--mask", mask, "--mask", mask), ("--style-weights", "1,2"), ("--gradient", "radial")):
        command = (tree / "photos", tree / "arts", *args, "-o", tree / "out", "--content-size", "36")
        assert states(quick(*command)) == "dd"
        assert states(quick(*command)) == "ss"
    command = (tree / "photos", tree / "arts", "--mask", mask, "--mask", mask, "-o", tree / "m", "--content-size", "36")
    quick(*command)
    Image.new("L", (40, 36), 200).save(mask)
    os.utime(mask, ns=(1, 1))
    assert states(quick(*command)) == "dd"
    assert states(quick(*command, "--feather", "2")) == "dd"


def test_results_are_no_photographs(quick: Quick, tree: Path) -> None:
    """Results among the photographs are not stylised again, whether in their folder or below it."""
    for out in (tree / "photos", tree / "photos" / "out"):
        command = ("-r", tree / "photos", tree / "arts" / "x.png", "-o", out)
        assert states(quick(*command)) == "ddd"
        if out.name == "photos":
            assert states(quick(*command)) == "sss"
            shutil.rmtree(out / "sub")
            for path in out.glob("*_stylized_*"):
                path.unlink()
            (out / "manifest.jsonl").unlink()
            (out / "sub").mkdir()
            noise_image(30, 30).save(out / "sub" / "a.png")
    assert states(quick(*command)) == "sss"


def test_bad_ones_are_listed_and_tried_again(run_cli: Run, quick: Quick, tree: Path) -> None:
    bad = tree / "photos" / "bad.png"
    bad.write_text("this is not an image")
    command = (tree / "photos", tree / "arts", "-o", tree / "out")
    result = run_cli("stylize", *command, *FAST)
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 4
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("adain stylize: error: cannot read")
    assert str(bad) in lines[0]
    assert lines[0].endswith("(2 results)")
    records = [json.loads(line) for line in (tree / "out" / "manifest.jsonl").read_text().splitlines()]
    failed = [r for r in records if r["status"] == "failed"]
    assert [r["output"] for r in failed] == ["bad_stylized_x.png", "bad_stylized_y.png"]
    assert "it is not an image" in failed[0]["reason"]
    assert states(quick(*command, code=1)) == "ssss"
    noise_image(30, 30).save(bad)
    assert states(quick(*command)) == "ssssdd"


def test_a_full_disk_ends_it(quick: Quick, run_cli: Run, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from adain.batch import run as folders

    def encode(image: Image.Image, path: Path, **how: Any) -> memoryview:
        if path.name == "a_stylized_y.png":
            raise DiskFullError(f"cannot write {path}: no space left on device; free some space or choose another disk")
        return encode_image(image, path, **how)

    monkeypatch.setattr(folders, "encode_image", encode)
    result = run_cli("stylize", tree / "photos", tree / "arts", "-o", tree / "out", *FAST)
    assert result.exit_code == 1
    first, last = result.stderr.splitlines()
    assert "a_stylized_y.png: no space left on device; free some space" in first
    assert "of 4 results are there; with space, the same command makes the rest" in last
    monkeypatch.undo()
    again = run_cli("stylize", tree / "photos", tree / "arts", "-o", tree / "out", *FAST)
    assert (again.exit_code, len(again.stdout.splitlines())) == (0, 4)


def test_unreadable_and_unwritable_folders(
    run_cli: Run, quick: Quick, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "empty").mkdir()
    assert "holds no images" in one_line_error(run_cli("stylize", tree / "empty", tree / "arts", "-o", tree / "out"))
    into = run_cli("stylize", tree / "photos", tree / "arts", "-o", tree / "arts" / "x.png" / "out")
    assert "choose a path whose parents are all folders" in one_line_error(into)
    (tree / "foreign").mkdir()
    (tree / "foreign" / "manifest.jsonl").write_text('{"id": 1}\n')
    foreign = run_cli("stylize", tree / "photos", tree / "arts", "-o", tree / "foreign")
    assert "no manifest of this program" in one_line_error(foreign)
    real = os.scandir

    def scandir(path: str | os.PathLike[str]) -> object:  # permissions do not stop the superuser
        if Path(path).name == closed:
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    closed = "sub"  # one of many: the rest is made
    assert states(quick("-r", tree / "photos", tree / "arts", "-o", tree / "out", code=1)) == "dddd"
    result = run_cli("stylize", "-r", tree / "photos", tree / "arts", "-o", tree / "out", *FAST)
    assert result.exit_code == 1
    assert "sub: Permission denied; name a readable folder" in result.stderr
    closed = "photos"
    assert "Permission denied" in one_line_error(run_cli("stylize", "-r", tree / "photos", tree / "arts", "-o", tree))


def test_a_folder_of_one(quick: Quick, tree: Path) -> None:
    (tree / "photos" / "b.jpg").unlink()
    command = (tree / "photos", tree / "arts" / "x.png", "-o", tree / "out")
    assert states(quick(*command)) == "d"
    assert states(quick(*command)) == "s"
    one = (tree / "photos" / "a.png", tree / "arts" / "x.png", "-o", tree / "x.png")
    assert states(quick(*one)) == states(quick(*one)) == "d"
    assert states(quick(*one, "--skip-existing")) == "s"


# Processes of their own


def start(*args: object, jobs: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "adain", "stylize", *map(str, args), *FAST, "--jobs", str(jobs)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background Ctrl-C may be ignored, which is inherited.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def whole(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Every picture in a folder, each of which can be read to its end: inode, time and digest."""
    found = {}
    for path in folder.rglob("*_stylized_*"):
        with Image.open(path) as image:
            image.load()
        status = path.stat()
        found[path.name] = (status.st_ino, status.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


@pytest.fixture
def forty(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for k in range(40):
        noise_image(32 + k % 17, 40, k).save(tmp_path / "photos" / f"p{k:02}.png")
    noise_image(40, 40, 99).save(tmp_path / "art.png")
    return tmp_path


def wait_for(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Until there are so many results, or the process has ended."""
    deadline = time.monotonic() + 120
    while len(list(folder.glob("*_stylized_*"))) < count and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_killed_at_random_moments(forty: Path, stylizer: Stylizer) -> None:
    out, command = forty / "out", (forty / "photos", forty / "art.png", "-o", forty / "out")
    rng = random.Random()
    done: dict[str, tuple[int, int, str]] = {}
    for _ in range(2):
        process = start(*command)
        wait_for(out, len(done) + rng.randint(3, 15), process)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.communicate()
        now = whole(out)
        assert done.items() <= now.items()  # none redone
        done = now
    assert len(done) >= 6
    process = start(*command)
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert len(stdout.splitlines()) == 40
    final = whole(out)
    assert len(final) == 40
    assert done.items() <= final.items()
    assert {p.name for p in out.iterdir()} == {*final, "manifest.jsonl"}  # no temporary file is left
    style = stylizer.encode_style(forty / "art.png", size=32)
    for k in range(40):
        with Image.open(out / f"p{k:02}_stylized_art.png") as image:
            expected = stylizer.stylize(forty / "photos" / f"p{k:02}.png", style)
            assert image.size == expected.size
    records = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    made = [r["output"] for r in records if r["status"] == "done"]
    assert sorted(made) == sorted(final)  # each once


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_interrupted(forty: Path) -> None:
    out = forty / "out"
    process = start(forty / "photos", forty / "art.png", "-o", out, "--content-size", "96")
    wait_for(out, 4, process)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1] == "adain: interrupted"
    made = whole(out)
    assert 4 <= len(made) < 40
    assert {Path(line).name for line in stdout.splitlines()} <= set(made)
    assert {p.name for p in out.iterdir()} == {*made, "manifest.jsonl"}
    records = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert {r["output"] for r in records if r["status"] == "done"} == set(made)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_several_processes_killed(forty: Path) -> None:
    """The first is killed: the others notice and end. Then one of the others is: its share is made all the same."""
    out, command = forty / "out", (forty / "photos", forty / "art.png", "-o", forty / "out", "--content-size", "64")
    process = start(*command, jobs=2)
    wait_for(out, 5, process)
    process.kill()
    process.communicate()  # which waits for the others, too: they hold the same pipe
    done = whole(out)
    assert 5 <= len(done) < 40
    process = start(*command, jobs=2)
    wait_for(out, len(done) + 3, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if children.exists():
        workers = [
            int(pid)
            for pid in children.read_text().split()
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        if workers:
            os.kill(workers[0], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert len(stdout.splitlines()) == 40
    final = whole(out)
    assert len(final) == 40
    assert done.items() <= final.items()


def test_what_fails_is_named_where_its_reason_does_not_say_which(run_cli: Run, tmp_path: Path) -> None:
    """Of masks, say, that are not of the shape of some photographs."""
    for name, size in (("a", (40, 30)), ("b", (30, 40)), ("c", (30, 40)), ("d", (60, 30))):
        noise_image(*size).save(tmp_path / f"{name}.png")
    Image.new("L", (40, 30), 255).save(tmp_path / "mask.png")
    photos = [argument for name in "abcd" for argument in ("-c", tmp_path / f"{name}.png")]
    how = (*photos, tmp_path / "a.png", "--mask", tmp_path / "mask.png", "-o", tmp_path / "out")
    result = run_cli("stylize", *how, *FAST, "--content-size", "0")
    assert result.exit_code == 1
    narrow, wide = result.stderr.splitlines()
    assert narrow.endswith(f" (2 results, such as {tmp_path / 'out' / 'b_stylized_a.png'})")
    assert wide.endswith(f" ({tmp_path / 'out' / 'd_stylized_a.png'})")
