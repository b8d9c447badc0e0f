from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adain.batch.ray.job import Job
from adain.batch.ray.ledger import Ledger
from adain.batch.ray.look import each
from adain.batch.ray.records import DONE, FAILED, Report, Tally, record
from adain.batch.ray.sources import with_images
from adain.batch.ray.worker import RUN, Settings, Worker, results_table, unpacked
from adain.stylizer.stylizer import Stylizer

from .conftest import png, write_table

pa = pytest.importorskip("pyarrow")


@pytest.fixture
def worker(stylizer: Stylizer, art: Path) -> Any:
    def make(ledger: Ledger | None = None, **changed: Any) -> Worker:
        looks = [look.encoded(stylizer) for look in each([art], style_size=32, alpha=0.7)]
        given: dict[str, Any] = {
            "content_size": 0,
            "crop": False,
            "tile": "off",
            "quality": 95,
            "in_table": False,
            "retries": 1,
        }
        return Worker(Settings(looks, {}, **{**given, **changed}), ledger or Ledger(), stylizer)

    return make


def batches(job: Job) -> list[Any]:
    runs = list(job.partitions(100))
    if job.has_tables:
        runs = [rows for run in runs for rows in with_images(run, None, None, 100)]
    return [pa.Table.from_pylist(run) for run in runs]


def test_files(worker: Any, photos: Path, art: Path, tmp_path: Path, stylizer: Stylizer) -> None:
    job = Job.plan(photos, ["art"], tmp_path / "out")
    (batch,) = batches(job)
    rows = worker()(batch).to_pylist()
    assert [row["status"] for row in rows] == [FAILED] + [DONE] * 5
    assert "bad.jpg" in rows[0]["reason"]
    assert all((row["width"], row["height"], row["image"]) == (40, 32, None) for row in rows[1:])
    files = [p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")]
    assert sorted(files) == [*(f"p{k}_stylized_art.png" for k in range(4)), "sub/p0_stylized_art.png"]
    expected = stylizer.stylize(photos / "p1.png", art, style_size=32, alpha=0.7)
    with Image.open(tmp_path / "out" / "p1_stylized_art.png") as made:
        assert np.array_equal(np.asarray(made), np.asarray(expected))
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.png")}
    worker()(batch)
    assert before == {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.png")}


def test_tables(worker: Any, tmp_path: Path) -> None:
    columns = {"image": [png(1), None, b"junk", png(2)], "name": ["a.jpg", "b", "c", "d"]}
    table = write_table(tmp_path / "t.parquet", columns)
    (batch,) = batches(Job.plan(table, ["art"], tmp_path / "o.parquet"))
    rows = worker(in_table=True)(batch).to_pylist()
    assert [row["status"] for row in rows] == [DONE, FAILED, FAILED, DONE]
    assert [row["output"] for row in rows] == [
        f"{n}_stylized_art.{e}" for n, e in zip("abcd", ("jpg", *3 * ["png"]), strict=True)
    ]
    assert rows[1]["reason"].endswith("t.parquet:1 holds no image")
    assert "not an image of a known format" in rows[2]["reason"]
    assert [Image.open(io.BytesIO(rows[k]["image"])).format for k in (0, 3)] == ["JPEG", "PNG"]
    assert [path.name for path in tmp_path.iterdir()].count("o.parquet") == 0


def test_nothing_a_picture_does_stops_the_rest(
    worker: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = worker()
    encode = made.stylizer.encode_content

    def fails(source: Any, **more: Any) -> Any:
        if str(source).endswith("p2.png"):
            raise RuntimeError("CUDA out of\nmemory")
        return encode(source, **more)

    monkeypatch.setattr(made.stylizer, "encode_content", fails)
    (batch,) = batches(Job.plan(photos, ["art"], tmp_path / "out"))
    rows = made(batch).to_pylist()
    assert [row["reason"] for row in rows if "p2" in row["output"]] == ["RuntimeError: CUDA out of memory"]
    assert sum(row["status"] == DONE for row in rows) == 4


def test_what_kills_processes_is_given_up(
    worker: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each death is simulated by an error that nothing catches; the ledger outlives it."""

    class Death(BaseException):
        pass

    ledger, tried = Ledger(), []
    made = worker(ledger, retries=2)
    encode = made.stylizer.encode_content

    def dies(source: Any, **more: Any) -> Any:
        tried.append(Path(source).name)
        if str(source).endswith("p2.png"):
            raise Death
        return encode(source, **more)

    monkeypatch.setattr(made.stylizer, "encode_content", dies)
    (batch,) = batches(Job.plan(photos, ["art"], tmp_path / "out"))
    for _ in range(3):
        with pytest.raises(Death):
            made(batch)
    rows = made(batch).to_pylist()
    assert tried.count("p2.png") == 3  # once, and two retries
    assert [row["status"] for row in rows if "p2" in row["output"]] == [FAILED]
    assert "keeps dying" in next(row["reason"] for row in rows if "p2" in row["output"])
    assert sum(row["status"] == DONE for row in rows) == 4
    assert not ledger.begun


def test_the_tally_counts_each_result_once(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    tally = Tally(path, 3)
    assert tally.add(1, record("é.png", "c", "s", DONE))
    assert not tally.add(1, record("é.png", "c", "s", FAILED, "later"))
    assert tally.add(0, record("b.png", "c", "s", FAILED, "why"))
    assert tally.missing() == [2]
    tally.close()
    report = tally.report(path)
    assert (report.done, report.failed, report.skipped, report.total) == (1, 1, 0, 2)
    assert isinstance(report, Report)
    assert [(row["output"], row["status"], row["reason"]) for row in report.records()] == [
        ("é.png", DONE, None),
        ("b.png", FAILED, "why"),
    ]


def test_runs_travel_packed() -> None:
    rows = [{"number": k, "content": f"{k}.png"} for k in range(3)]
    assert unpacked(pa.Table.from_pylist(rows)) == rows
    packed = [{RUN: pickle.dumps(rows[:2])}, {RUN: pickle.dumps(rows[2:])}]
    assert unpacked(pa.Table.from_pylist(packed)) == rows


def test_no_results_are_a_table_too() -> None:
    assert results_table([]).num_rows == 0
    assert results_table([]).schema == results_table([{"output": "a", "image": None}]).schema
