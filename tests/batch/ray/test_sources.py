from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from adain._utils.errors import InputError
from adain._utils.fingerprint import fingerprint
from adain.batch.plan import Found, plan_jobs
from adain.batch.ray.sources import Group, absolute, find, runs, with_images
from adain.batch.run import Task, by_content

from .conftest import png, write_table


def groups(found: Sequence[Found]) -> list[Group]:
    tasks = [Task(job, "") for job in plan_jobs(found, ["x"], "out/")]
    return [Group(list(enumerate(group))) for group in by_content(tasks)]


def test_files_are_those_of_folders(photos: Path) -> None:
    assert [f.path.name for f in find([photos])] == ["bad.jpg", "p0.png", "p1.png", "p2.png", "p3.png"]
    assert find([photos], recursive=True)[-1].below == Path("sub")
    assert [f.path.name for f in find([photos], ignore=lambda path: path.name > "p0.png")] == ["bad.jpg", "p0.png"]


def test_names_from_tables(tmp_path: Path) -> None:
    data = [png(0)] * 3
    write_table(tmp_path / "t" / "one.parquet", {"image": data, "name": ["a/b.jpg", "../c.v2", "/d"]})
    write_table(tmp_path / "t" / "sub" / "two.parquet", {"image": data[:2]})
    write_table(tmp_path / "t" / "_hidden.parquet", {"image": data})
    found = find([tmp_path / "t"], recursive=True)
    jobs = plan_jobs(found, ["s"], f"{tmp_path}/o.parquet/")
    assert [job.output.relative_to(tmp_path / "o.parquet").as_posix() for job in jobs] == [
        "a/b_stylized_s.jpg",
        "c.v2_stylized_s.png",
        "d_stylized_s.png",
        "sub/two-0000000_stylized_s.png",
        "sub/two-0000001_stylized_s.png",
    ]
    assert [each.drawn_as for each in found][::4] == ["a/b.jpg", "sub/two-0000001.png"]  # decides pairs at random
    assert str(found[-1].path).endswith("two.parquet:1")
    assert len(find([tmp_path / "t"])) == 3
    again = write_table(tmp_path / "t" / "out.parquet" / "part-1.parquet", {"image": data})
    assert find([tmp_path / "t"], recursive=True, target=again.parent) == found


def test_rows_that_name_a_file(tmp_path: Path) -> None:
    """It lies beside the table, or anywhere; one that is not there is a fault of its row alone."""
    (tmp_path / "t" / "photos").mkdir(parents=True)
    beside, far = tmp_path / "t" / "photos" / "a.png", tmp_path / "far.png"
    beside.write_bytes(png(1))
    far.write_bytes(png(2))
    named = ["photos/a.png", str(far), "photos/none.png", "hf://somewhere/b.png", "photos"]
    rows = [{"bytes": None, "path": name} for name in named] + [{"bytes": png(3), "path": "photos/a.png"}, None]
    found = find([write_table(tmp_path / "t" / "t.parquet", {"image": rows, "id": [*range(7)]})])
    assert [getattr(f.path, "file", None) for f in found] == [beside, far, None, None, None, beside, None]
    (groups_,) = runs(groups(found), 10)
    (part,) = with_images(groups_, (None, None), 10)
    assert [g.data for g in part] == [png(1), png(2), None, None, None, png(3), None]
    assert [g.reason is None for g in part] == [True, True, False, False, False, True, False]
    assert part[2].reason == (
        f"cannot read {tmp_path}/t/t.parquet:2: it has no bytes, and the file it names, photos/none.png, cannot be "
        "read (No such file or directory): put that in place, seen from the table's folder"
    )
    assert "hf://somewhere/b.png, cannot be read" in str(part[3].reason)
    assert "photos, cannot be read (Is a directory)" in str(part[4].reason)


def test_a_file_that_a_row_names_is_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written over it, and a change of it makes its result anew; workers find it from anywhere."""
    file = tmp_path / "a_stylized_x.png"
    file.write_bytes(png(1))
    write_table(tmp_path / "t.parquet", {"image": [{"bytes": None, "path": file.name}], "name": ["a.png"]})
    monkeypatch.chdir(tmp_path)
    found = find(["t.parquet"])
    with pytest.raises(InputError, match=r"a_stylized_x.png is also an input"):
        plan_jobs(found, ["x"], tmp_path)
    before = fingerprint(found[0].path)
    (job,) = plan_jobs(found, ["x"], "out/")
    assert absolute(Task(job, "")).job.content.file == file
    os.utime(file, (1, 1))
    assert fingerprint(found[0].path) != before


def test_collisions(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.parquet", {"image": [b"", b""], "name": ["a", "a"]})
    with pytest.raises(InputError, match=r"2 results would be called .*a_stylized_x"):
        plan_jobs(find([table]), ["x"], tmp_path / "o")


def test_row_groups_stay_whole(tmp_path: Path, photos: Path) -> None:
    table = write_table(tmp_path / "t.parquet", {"image": [png(k) for k in range(5)]}, group=3)
    several = groups(find([table, photos]))
    made = list(runs(several, 2))
    assert [[getattr(g.content, "row", None) for g in run] for run in made[:2]] == [[0, 1, 2], [3, 4]]
    assert [len(run) for run in made] == [3, 2, 2, 2, 1]
    parts = list(with_images(made[0], (None, None), 2))
    assert [g.data for part in parts for g in part] == [png(0), png(1), png(2)]
    assert [len(part) for part in parts] == [2, 1]


def test_a_table_that_was_damaged_since(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.parquet", {"image": [png(k) for k in range(3)]})
    (run,) = runs(groups(find([table])), 2)
    table.write_bytes(b"gone")
    (part,) = with_images(run, (None, None), 2)
    assert len(part) == 3
    assert all("t.parquet" in str(g.reason) and g.data is None for g in part)


def test_workers_are_told_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(Path("t.parquet"), {"image": [b""]})
    for group in groups([*find(["a.png"]), *find(["t.parquet"])]):
        job = absolute(group.tasks[0][1]).job
        assert os.path.isabs(str(job.content))
        assert job.output.is_absolute()
