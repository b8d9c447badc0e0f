from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from adain._utils.errors import AdainError, InputError
from adain.batch.plan import Job
from adain.batch.ray import tables
from adain.batch.ray.worker import COLUMNS
from adain.batch.run import Result, Task

from .conftest import png, write_table

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def test_columns_are_found(tmp_path: Path) -> None:
    plain = write_table(tmp_path / "a.parquet", {"id": [7], "bytes": [b"x"], "other": [b"y"]})
    assert tables.columns(plain) == tables.Columns("bytes", "id", False)
    assert tables.columns(plain, image="other", name="bytes") == tables.Columns("other", "bytes", False)
    nested = write_table(tmp_path / "b.parquet", {"image": [{"bytes": b"x", "path": "a.png"}]})
    assert tables.columns(nested) == tables.Columns("image", "image.path", True, True)
    assert tables.columns(write_table(tmp_path / "c.parquet", {"img": [b"x"]})).name is None


@pytest.mark.parametrize(
    ("columns", "asked", "message"),
    [
        ({"picture": [b"x"]}, {}, "no column of images: choose one of picture"),
        ({"image": [b"x"]}, {"image": "img"}, "no column img"),
        ({"image": [b"x"]}, {"name": "title"}, "no column title"),
        ({"image": ["text"]}, {}, "not the bytes of image files"),
        ({"image": [{"path": "a.png"}]}, {}, "not the bytes of image files"),
    ],
)
def test_columns_that_will_not_do(
    tmp_path: Path, columns: dict[str, list[object]], asked: dict[str, str], message: str
) -> None:
    path = write_table(tmp_path / "a.parquet", columns)
    with pytest.raises(InputError, match=message):
        tables.columns(path, **asked)


def test_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match="intact parquet file"):
        tables.columns(path)


@pytest.mark.parametrize("nested", [False, True])
def test_names_and_images(tmp_path: Path, nested: bool) -> None:
    data = [bytes([k]) * 3 for k in range(5)]
    data[3] = None  # type: ignore[call-overload]
    if nested:
        structs = [None if d is None else {"bytes": d, "path": f"n{k}"} for k, d in enumerate(data)]
        path = write_table(tmp_path / "a.parquet", {"image": structs}, group=2)
    else:
        path = write_table(tmp_path / "a.parquet", {"image": data, "name": [f"n{k}" for k in range(5)]}, group=2)
    columns = tables.columns(path)
    named = list(tables.names(path, columns))
    assert [(group, row) for group, row, _ in named] == [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4)]
    assert [name for *_, name in named] == ["n0", "n1", "n2", None if nested else "n3", "n4"]
    assert list(tables.images(path, columns, 1, [2, 3])) == [data[2], None]
    assert list(tables.images(path, columns, 1, [3])) == [None]
    assert list(tables.images(path, columns, 2, [4])) == [data[4]]


def test_rows_that_name_a_file(tmp_path: Path) -> None:
    """As Hugging Face writes what it does not embed; a table with nothing else has no type for the bytes."""
    rows = [{"bytes": None, "path": "a.png"}, {"bytes": b"x", "path": "b.png"}, None, {"bytes": None, "path": None}]
    path = write_table(tmp_path / "a.parquet", {"image": rows}, group=3)
    columns = tables.columns(path)
    assert list(tables.links(path, columns)) == ["a.png", "b.png", None, None]
    assert list(tables.images(path, columns, 0, [0, 1, 2])) == ["a.png", b"x", None]
    assert list(tables.images(path, columns, 1, [3])) == [None]
    path = write_table(tmp_path / "b.parquet", {"image": [{"bytes": None, "path": f"{k}.png"} for k in range(3)]})
    columns = tables.columns(path)
    assert columns == tables.Columns("image", "image.path", True, True)
    assert list(tables.images(path, columns, 0, [0, 2])) == ["0.png", "2.png"]
    plain = write_table(tmp_path / "c.parquet", {"image": [b"x", b"y"]})
    assert list(tables.links(plain, tables.columns(plain))) == [None, None]


def test_rows_far_into_a_row_group(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", {"image": [str(k).encode() for k in range(300)]}, group=200)
    columns = tables.columns(path)
    assert list(tables.images(path, columns, 0, [0, 63, 64, 199])) == [b"0", b"63", b"64", b"199"]
    assert list(tables.images(path, columns, 1, [200, 299])) == [b"200", b"299"]


def results(folder: Path, *outputs: str, error: AdainError | None = None) -> Any:
    """What a worker tells of results in a table."""
    details = {"content": "c", "style": "s", "styles": ["s.png"], "width": 4, "height": 3, "seconds": 0.5}
    tasks = [Task(Job(Path("c.png"), 0, folder / name), "s") for name in outputs]
    made = [Result(task, "done" if error is None else "failed", details, error) for task in tasks]
    rows = [{"number": 0, "result": pickle.dumps(result), "image": png(1)} for result in made]
    return tables.as_table(rows, COLUMNS)


def test_a_part_is_called_after_what_is_in_it(tmp_path: Path) -> None:
    failed = results(tmp_path, "c.png", error=AdainError("no"))
    first = tables.write_part(tmp_path, pa.concat_tables([results(tmp_path, "a.png", "b.png"), failed]))
    again = tables.write_part(tmp_path, results(tmp_path, "a.png", "b.png"))
    other = tables.write_part(tmp_path, results(tmp_path, "d.png"))
    assert first == again != other
    assert tables.write_part(tmp_path, failed) is None
    table = pq.read_table(tmp_path)
    assert table.column_names == list(tables.RESULT_COLUMNS)
    assert table["image"].to_pylist() == [png(1)] * 3
    assert (table["width"][0].as_py(), table["content"][0].as_py(), table["settings"][0].as_py()) == (4, "c", "s")


def test_parts_are_a_manifest(tmp_path: Path) -> None:
    tables.write_part(tmp_path, results(tmp_path, "a.png", "sub/b.png"))
    parts = tables.Parts(tmp_path)
    assert parts.is_there(tmp_path / "a.png")
    assert parts.is_complete(tmp_path / "sub" / "b.png", "s")
    assert not parts.is_complete(tmp_path / "a.png", "other")
    assert not parts.is_there(tmp_path / "c.png")
    parts.close()
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_made_anew_is_taken_out(tmp_path: Path) -> None:
    tables.write_part(tmp_path, results(tmp_path, "a.png", "b.png"))
    tables.write_part(tmp_path, results(tmp_path, "c.png"))
    parts = tables.Parts(tmp_path)
    parts.discard([tmp_path / name for name in ("b.png", "c.png", "new.png")])
    assert pq.read_table(tmp_path)["output"].to_pylist() == ["a.png"]
    assert len(list(tmp_path.iterdir())) == 1
    assert not parts.is_there(tmp_path / "b.png")
    tables.write_part(tmp_path, results(tmp_path, "a.png", "b.png"))  # the name of the part that lost one
    assert pq.read_table(tmp_path)["output"].to_pylist() == ["a.png", "b.png"]


def test_parts_of_before_are_of_unknown_settings(tmp_path: Path) -> None:
    write_table(tmp_path / "part-1.parquet", {"output": ["a.png"], "image": [b""]})
    parts = tables.Parts(tmp_path)
    assert parts.is_there(tmp_path / "a.png")
    assert not parts.is_complete(tmp_path / "a.png", "s")


def test_failures_are_one_part(tmp_path: Path) -> None:
    tables.write_part(tmp_path, results(tmp_path, "a.png"))
    for names in (["b.png", "c.png"], ["c.png"]):
        parts = tables.Parts(tmp_path)
        for name in ("b.png", "c.png"):
            status = "failed" if name in names else "done"
            parts.append(tmp_path / name, status, content="c", style="s", settings="s", reason="why")
        parts.close()
        table = pq.read_table(tmp_path)
        assert sorted(table["output"].to_pylist()) == ["a.png", *names]
        assert table["image"].null_count == len(names)
        assert "why" in table["reason"].to_pylist()
    parts.append(tmp_path / "c.png", "done", settings="s")
    parts.close()
    assert pq.read_table(tmp_path)["output"].to_pylist() == ["a.png"]
