from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import DiskFullError, InputError
from adain.batch.manifest import NAME, Manifest


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / NAME).read_text().splitlines()]


def done(folder: Path, name: str, data: bytes, settings: str = "s") -> Path:
    """An output in place and recorded, as `adain.batch.run.save` does."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with Manifest(folder) as manifest:
        manifest.append(path, "done", settings=settings, bytes=len(data))
    return path


def test_what_is_done_is_complete(tmp_path: Path) -> None:
    path = done(tmp_path, "sub/a.png", b"12345")
    manifest = Manifest(tmp_path)
    assert manifest.is_complete(path, "s")
    assert not manifest.is_complete(path, "other")
    assert not manifest.is_complete(tmp_path / "a.png", "s")
    assert manifest.has(path)
    assert lines(tmp_path) == [{"output": "sub/a.png", "status": "done", "settings": "s", "bytes": 5}]
    path.write_bytes(b"1234")  # cut short by something else
    assert not manifest.is_complete(path, "s")
    path.unlink()
    assert not manifest.is_complete(path, "s")


def test_the_last_line_counts(tmp_path: Path) -> None:
    path = done(tmp_path, "a.png", b"1")
    with Manifest(tmp_path) as manifest:
        manifest.append(path, "failed", settings="s", reason="no")
        assert not manifest.is_complete(path, "s")
    assert not Manifest(tmp_path).is_complete(path, "s")
    done(tmp_path, "a.png", b"1")
    assert Manifest(tmp_path).is_complete(path, "s")


def test_a_folder_may_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done(tmp_path / "one", "a.png", b"1")
    (tmp_path / "one").rename(tmp_path / "two")
    monkeypatch.chdir(tmp_path)
    assert Manifest("two").is_complete(Path("two/a.png"), "s")
    monkeypatch.chdir(tmp_path / "two")
    assert Manifest(".").is_complete(Path("a.png"), "s")


def test_nothing_is_made_before_the_first_line(tmp_path: Path) -> None:
    with Manifest(tmp_path / "new") as manifest:
        manifest.sweep()
    assert not (tmp_path / "new").exists()


def test_killed_between_replacing_and_recording(tmp_path: Path) -> None:
    path, temporary = tmp_path / "a.png", ".adain-0123456789abcdef.png"
    path.write_bytes(b"old!")
    with Manifest(tmp_path) as manifest:
        manifest.writing(path, "s", hashlib.sha256(b"new!").hexdigest(), temporary)
    assert not Manifest(tmp_path).is_complete(path, "s")  # as long, but still the old one
    path.write_bytes(b"new!")
    manifest = Manifest(tmp_path)
    assert manifest.is_complete(path, "s")
    assert not manifest.is_complete(path, "other")
    manifest.settle(path, content="a")
    manifest.close()
    last = lines(tmp_path)[-1]
    assert last == {"output": "a.png", "status": "done", "content": "a", "settings": "s", "bytes": 4}
    assert Manifest(tmp_path).is_complete(path, "s")


def test_leftovers_of_a_kill_are_swept(tmp_path: Path) -> None:
    names = (".adain-0123456789abcdef.png", ".adain-ffffffffffffffff.png", "precious.png")
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    with Manifest(tmp_path) as manifest:
        manifest.writing(tmp_path / "a.png", "s", "", names[0])
        manifest.writing(tmp_path / "c.png", "s", "", names[2])
        manifest.writing(tmp_path / "d.png", "s", "", f"../{tmp_path.name}/{names[1]}")
        with Manifest(tmp_path) as other:
            other.sweep()  # the first is at work
        assert sorted(os.listdir(tmp_path)) == sorted([*names, NAME])
    with Manifest(tmp_path) as manifest:
        manifest.sweep()
    # Only what was recorded, and only what is named as ours.
    assert sorted(os.listdir(tmp_path)) == sorted([*names[1:], NAME])


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_torn_anywhere(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Cut at any byte, all whole lines are read, and what is appended is read, too."""
    folder = tmp_path_factory.mktemp("torn")
    with Manifest(folder) as manifest:
        for k in range(3):
            manifest.append(folder / f"é{k}.png", "failed", reason="ü\n")
    whole = (folder / NAME).read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    (folder / NAME).write_bytes(whole[:cut])
    ends = [k for k, byte in enumerate(whole) if byte == 0x0A]
    full = sum(cut >= end for end in ends)  # a line is whole without its line break, too
    with Manifest(folder) as manifest:
        assert set(manifest.latest) == {f"é{k}.png" for k in range(full)}
        manifest.append(folder / "new.png", "failed")
    assert set(Manifest(folder).latest) == {f"é{k}.png" for k in range(full)} | {"new.png"}


def test_many_writers(tmp_path: Path) -> None:
    manifests = [Manifest(tmp_path) for _ in range(3)]

    def work(number: int) -> None:
        for k in range(40):
            manifests[number % 3].append(tmp_path / f"{number}-{k}.png", "failed", reason="x" * 300)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(tmp_path)) == 240 == len(Manifest(tmp_path).latest)


def test_other_peoples_files(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"audio": "a.wav", "text": "hello"}\n')
    with pytest.raises(InputError, match="no manifest of this program: choose another folder"):
        Manifest(tmp_path)
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    with pytest.raises(InputError, match=r"cannot read .*manifest\.jsonl: Is a directory"):
        Manifest(tmp_path)


def test_lines_that_are_no_records_are_passed_over(tmp_path: Path) -> None:
    done(tmp_path, "a.png", b"1")
    with (tmp_path / NAME).open("a") as file:
        file.write('null\n[1]\n{"status": "done"}\n{"output": "x"}\n\n\x00\x00\n{"output": ["a"], "status": "done"}\n')
    done(tmp_path, "b.png", b"1")
    assert set(Manifest(tmp_path).latest) == {"a.png", "b.png"}


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, room = os.write, [10]

    def write(file: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = real(file, data[: room[0]])
        room[0] -= count
        return count

    with Manifest(tmp_path) as manifest:
        monkeypatch.setattr(os, "write", write)
        with pytest.raises(DiskFullError, match=r"cannot write .*manifest\.jsonl: no space left on device; free some"):
            manifest.append(tmp_path / "a.png", "failed")
        monkeypatch.setattr(os, "write", real)
        manifest.append(tmp_path / "b.png", "failed")  # not on the torn line
    assert set(Manifest(tmp_path).latest) == {"b.png"}
