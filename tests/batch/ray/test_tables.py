from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from adain._utils.errors import AdainError
from adain.batch.plan import Job
from adain.batch.ray import tables
from adain.batch.ray.worker import COLUMNS
from adain.batch.run import Result, Task

from .conftest import png, write_table

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


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
