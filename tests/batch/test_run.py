from __future__ import annotations

import errno
import gc
import json
import os
import subprocess
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adain._utils.errors import AdainError, DiskFullError, InputError
from adain.batch import run as folders
from adain.batch.manifest import Manifest
from adain.batch.plan import Job
from adain.batch.run import Result, by_content, make, remaining, save
from tests.makers import Colors, tasks


def records(folder: Path) -> dict[str, dict[str, Any]]:
    return {r["output"]: r for r in map(json.loads, (folder / "out" / "manifest.jsonl").read_text().splitlines())}


def run(folder: Path, *names: str, maker: Any = None, **settings: Any) -> list[Result]:
    with Manifest(folder / "out") as manifest:
        todo = remaining(tasks(folder, *names, **settings), manifest)
        return list(make(by_content(todo), maker or Colors(), manifest, threads=1))


def test_all_are_made_and_recorded(tmp_path: Path) -> None:
    results = run(tmp_path, "a", "b", styles=2)
    assert [r.output.name for r in results] == ["a_0.png", "a_1.png", "b_0.png", "b_1.png"]
    assert {r.status for r in results} == {"done"}
    assert results[0].details.keys() == {"content", "colors", "width", "height", "seconds"}
    for name, record in records(tmp_path).items():
        assert record["status"] == "done"
        assert (record["width"], record["height"], record["settings"]) == (9, 7, "s")
        assert record["bytes"] == (tmp_path / "out" / name).stat().st_size
        with Image.open(tmp_path / "out" / name) as image:
            image.load()
    assert len(records(tmp_path)) == 4 == len(list((tmp_path / "out").glob("*.png")))


def test_each_is_announced_before_it_is_put_in_place(tmp_path: Path) -> None:
    run(tmp_path, "a")
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["writing", "done"]


def test_each_content_is_read_once(tmp_path: Path) -> None:
    class Counting(Colors):
        count = 0

        def read(self, content: Path) -> str:
            self.count += 1
            return super().read(content)

    maker = Counting()
    assert len(run(tmp_path, "a", "b", maker=maker, styles=3)) == 6
    assert maker.count == 2


def test_again_makes_only_what_is_missing(tmp_path: Path) -> None:
    run(tmp_path, "a", "b", "unreadable")
    assert [r.output.name for r in run(tmp_path, "a", "b", "c", "unreadable")] == ["c_0.png", "unreadable_0.png"]
    (tmp_path / "out" / "b_0.png").unlink()
    (tmp_path / "out" / "c_0.png").write_bytes(b"")
    assert [r.output.name for r in run(tmp_path, "a", "b", "c")] == ["b_0.png", "c_0.png"]
    assert run(tmp_path, "a", "b", "c") == []
    assert len(run(tmp_path, "a", "b", "c", settings="t")) == 3


def test_what_exists(tmp_path: Path) -> None:
    some = tasks(tmp_path, "a", "b")
    (tmp_path / "out").mkdir()
    some[0].job.output.write_bytes(b"precious")
    assert remaining(some, None) == some
    assert remaining(some, None, "skip") == some[1:]
    assert remaining(some, Manifest(tmp_path / "out"), "resume") == some
    run(tmp_path, "a", "b")
    assert remaining(some, Manifest(tmp_path / "out"), "redo") == some
    assert remaining(some, Manifest(tmp_path / "out"), "resume") == []


def test_one_that_fails_does_not_stop_the_rest(tmp_path: Path) -> None:
    results = run(tmp_path, "unreadable", "a", "odd", "huge", "b")
    assert [r.status for r in results] == ["failed", "done", "failed", "failed", "done"]
    reasons = [str(r.error) for r in results if r.error]
    assert reasons == [
        f"cannot read {tmp_path}/unreadable",
        f"{tmp_path}/odd: LookupError: two lines",
        f"{tmp_path}/huge: out of memory; a smaller content_size (--content-size) needs less",
    ]
    assert [r["reason"] for r in records(tmp_path).values() if r["status"] == "failed"] == reasons


def test_failures_hold_on_to_no_pictures(tmp_path: Path) -> None:
    class Thing:
        pass

    things: list[weakref.ref[Thing]] = []

    class Wasteful(Colors):
        def render(self, loaded: str, job: Job) -> Image.Image:
            thing = Thing()
            things.append(weakref.ref(thing))
            try:
                raise KeyError(thing)
            except KeyError as error:
                raise InputError("no") from error

    results = run(tmp_path, "a", "b", maker=Wasteful())
    gc.collect()
    assert [r.status for r in results] == ["failed", "failed"]
    assert [thing() for thing in things] == [None, None]


def test_an_old_result_stays_until_the_new_one_is_there(tmp_path: Path) -> None:
    run(tmp_path, "a")
    before = (tmp_path / "out" / "a_0.png").read_bytes()
    real = folders.encode_image

    class Broken(Colors):
        def render(self, loaded: str, job: Job) -> Image.Image:
            raise InputError("no")

    assert run(tmp_path, "a", maker=Broken(), settings="t")[0].status == "failed"
    assert (tmp_path / "out" / "a_0.png").read_bytes() == before
    assert real is folders.encode_image


def test_an_interrupt_keeps_what_was_made(tmp_path: Path) -> None:
    class Interrupted(Colors):
        def render(self, loaded: str, job: Job) -> Image.Image:
            if loaded == "c":
                raise KeyboardInterrupt
            return super().render(loaded, job)

    seen: list[Result] = []
    with Manifest(tmp_path / "out") as manifest, pytest.raises(KeyboardInterrupt):
        seen.extend(make(by_content(tasks(tmp_path, *"abcde")), Interrupted(), manifest))
    assert [r.output.name for r in seen] == ["a_0.png", "b_0.png"]
    assert sorted(os.listdir(tmp_path / "out")) == ["a_0.png", "b_0.png", "manifest.jsonl"]
    assert [r.output.name for r in run(tmp_path, *"abcde")] == ["c_0.png", "d_0.png", "e_0.png"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of a few pages."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class Large(Colors):
    """Pictures that no compression makes small: about 20 kB each."""

    def render(self, loaded: str, job: Job) -> Image.Image:
        return Image.frombytes("RGB", (80, 80), os.urandom(80 * 80 * 3))


def test_a_full_disk(small_disk: Path) -> None:
    names = [f"n{k}" for k in range(20)]
    with Manifest(small_disk / "out") as manifest:
        results = list(make(by_content(tasks(small_disk, *names)), Large(), manifest, threads=1))
    good = [r for r in results if r.status == "done"]
    assert 3 <= len(good) <= 6
    assert len(results) < 12  # it did not go on for nothing
    failed = [r.error for r in results if r.error]
    assert all(isinstance(error, DiskFullError) for error in failed)
    assert "no space left on device; free some space or choose another disk" in str(failed[0])
    for result in good:
        with Image.open(result.output) as image:
            image.load()
    there = {p.name for p in (small_disk / "out").iterdir()} - {"manifest.jsonl"}
    assert there == {r.output.name for r in good}  # nothing cut short, and no temporary file
    # With space, the rest is made, and nothing again.
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    again = run(small_disk, *names, maker=Large())
    assert {r.status for r in again} == {"done"}
    assert {r.output for r in again} | {r.output for r in good} == {t.job.output for t in tasks(small_disk, *names)}
    assert len(again) + len(good) == 20


def test_a_full_disk_by_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def write_bytes(self: Path, data: Any) -> int:
        if self.name.startswith(".adain") and (tmp_path / "out" / "b_0.png").exists():
            real(self, bytes(data)[:3])
            raise OSError(errno.ENOSPC, "No space left on device", os.fspath(self))
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    results = run(tmp_path, *"abcdefghijklmnop")
    assert [r.status for r in results[:3]] == ["done", "done", "failed"]
    assert len(results) < 10
    assert isinstance(results[2].error, DiskFullError)
    assert sorted(os.listdir(tmp_path / "out")) == ["a_0.png", "b_0.png", "manifest.jsonl"]
    monkeypatch.undo()
    assert len(run(tmp_path, *"abcdefghijklmnop")) == 14


def test_several_threads(tmp_path: Path) -> None:
    names = [f"n{k}" for k in range(12)]
    with Manifest(tmp_path / "out") as manifest:
        results = list(make(by_content(tasks(tmp_path, *names)), Colors(), manifest, threads=3))
    assert [r.details["content"] for r in results] == names
    assert set(records(tmp_path)) == {r.output.name for r in results}


def test_saving_without_a_manifest(tmp_path: Path) -> None:
    task = tasks(tmp_path, "a")[0]
    result = save(task, Image.new("RGB", (3, 2)), seconds=1.0)
    assert result.details["seconds"] >= 1.0
    assert os.listdir(tmp_path / "out") == ["a_0.png"]


def test_errors_can_be_told_apart() -> None:
    error = folders.explain(RuntimeError("CUDA out of memory"), tasks(Path(), "a")[0])
    assert type(error) is AdainError
    assert "out of memory; a smaller" in str(error)
