from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from adain._utils.errors import InputError, MissingFileError
from adain.batch.ray.job import MANIFEST, Job
from adain.batch.ray.sources import find, outputs, with_images

from .conftest import png, write_table


def test_a_folder_keeps_its_subfolders(photos: Path, tmp_path: Path) -> None:
    job = Job.plan(photos, ["x", "y"], tmp_path / "out", suffix=".webp")
    names = [Path(name).relative_to(tmp_path / "out").as_posix() for several in job.named for name in several]
    assert names[:3] == ["bad_stylized_x.webp", "bad_stylized_y.webp", "p0_stylized_x.webp"]
    assert names[-2:] == ["sub/p0_stylized_x.webp", "sub/p0_stylized_y.webp"]
    assert job.total == 12
    assert job.manifest == tmp_path / "out" / MANIFEST


def test_results_inside_the_source_are_no_input(photos: Path) -> None:
    before = find(photos)
    shutil.copytree(photos / "sub", photos / "out")
    assert find(photos, ignore=photos / "out") == before
    assert len(find(photos, ignore=photos)) == len(find(photos)) == len(before) + 1
    with pytest.raises(InputError, match="but the results in"):
        find(photos / "..", ignore=photos)


def test_names_from_tables(tmp_path: Path) -> None:
    data = [png(0)] * 3
    write_table(tmp_path / "t" / "one.parquet", {"image": data, "name": ["a/b.jpg", "../c.v2", "/d"]})
    write_table(tmp_path / "t" / "sub" / "two.parquet", {"image": data[:2]})
    write_table(tmp_path / "t" / "_hidden.parquet", {"image": data})
    photographs = find(tmp_path / "t")
    named = [name for (name,) in outputs(photographs, ["s"], None)]
    assert named == [
        "a/b_stylized_s.jpg",
        "c.v2_stylized_s.png",
        "d_stylized_s.png",
        "sub/two-0000000_stylized_s.png",
        "sub/two-0000001_stylized_s.png",
    ]
    assert photographs[-1].content.endswith("two.parquet:1")


def test_collisions(photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "p0.png", photos / "p0.webp")
    with pytest.raises(InputError, match=r"2 results would be called .*p0_stylized_x\.jpg"):
        Job.plan(photos, ["x"], tmp_path / "out", suffix=".jpg")
    Job.plan(photos, ["x"], tmp_path / "out")
    with pytest.raises(InputError, match="2 results would be called"):
        Job.plan(photos, ["x", "x"], tmp_path / "out")
    table = write_table(tmp_path / "t.parquet", {"image": [b"", b""], "name": ["a", "a"]})
    with pytest.raises(InputError, match="2 results would be called a_stylized_x"):
        Job.plan(table, ["x"], tmp_path / "o.parquet")


def test_what_cannot_be_planned(photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "p0.png", photos / "p0_stylized_x.png")
    with pytest.raises(InputError, match="also an input"):
        Job.plan([photos / "p0.png", photos / "p0_stylized_x.png"], ["x"], photos)
    for source, output, error in (
        (tmp_path / "none", tmp_path / "out", MissingFileError),
        (photos, tmp_path / "one.png", InputError),
        (photos / "p1.png", photos / "p1.png", InputError),
        (photos, photos / "p0.png" / "below", InputError),
    ):
        with pytest.raises(error):
            Job.plan(source, ["x"], output)
    with pytest.raises(InputError, match=r"cannot write \.gif"):
        Job.plan(photos, ["x"], tmp_path / "out", suffix=".gif")
    assert not (tmp_path / "out").exists()


def test_one_file(photos: Path, tmp_path: Path) -> None:
    job = Job.plan(photos / "p0.png", ["x"], tmp_path / "new" / "o.jpg")
    assert job.named == [[str(tmp_path / "new" / "o.jpg")]]
    assert job.manifest == tmp_path / "new" / "o.jpg.manifest.jsonl"


def test_what_is_there_is_left_out(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    for name in ("p1_stylized_x.png", "p1_stylized_y.png", "sub/p0_stylized_y.png", "unrelated.png"):
        (out / name).write_bytes(b"")
    job = Job.plan(photos, ["x", "y"], out, skip_existing=True)
    assert len(list(job.skipped())) == 3
    assert job.left == 5
    rows = [row for run in job.partitions(2) for row in run]
    assert sum(len(row["todo"]) for row in rows) == 9
    assert rows[-1]["todo"] == [0]
    assert all(len(run) <= 2 for run in job.partitions(2))
    assert Job.plan(photos, ["x", "y"], out).left == 6


def test_row_groups_stay_whole(tmp_path: Path, photos: Path) -> None:
    table = write_table(tmp_path / "t.parquet", {"image": [png(k) for k in range(5)]}, group=3)
    job = Job.plan([table, photos / "p0.png"], ["x"], tmp_path / "out")
    runs = list(job.partitions(2))
    assert [[row["row"] for row in run] for run in runs] == [[0, 1, 2], [3, 4], [0]]
    parts = list(with_images(runs[0], None, None, 2))
    assert [row["data"] for part in parts for row in part] == [png(0), png(1), png(2)]
    assert [len(part) for part in parts] == [2, 1]


def test_a_table_that_was_damaged_since(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.parquet", {"image": [png(k) for k in range(3)]})
    (run,) = Job.plan(table, ["x"], tmp_path / "out").partitions(2)
    table.write_bytes(b"gone")
    (rows,) = with_images(run, None, None, 2)
    assert len(rows) == 3
    assert all("t.parquet" in row["reason"] and row["data"] is None for row in rows)


def test_a_parquet_that_is_there(tmp_path: Path, photos: Path) -> None:
    write_table(tmp_path / "o.parquet" / "part-1.parquet", {"output": ["p1_stylized_x.png"]})
    with pytest.raises(InputError, match="holds results already"):
        Job.plan(photos, ["x"], tmp_path / "o.parquet")
    job = Job.plan(photos, ["x"], tmp_path / "o.parquet", skip_existing=True)
    assert [item["output"] for _, item in job.skipped()] == ["p1_stylized_x.png"]
    with pytest.raises(InputError, match="is a file"):
        Job.plan(photos, ["x"], write_table(tmp_path / "file.parquet", {"image": [b""]}))
