from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from PIL import Image

from adain import RefinementError
from adain._utils.errors import InputError
from adain.refinement.report import (
    PARTIAL_SECONDS,
    LossLog,
    LossPlot,
    Partial,
    Progress,
    Snapshots,
    evenly,
    improvement,
)


def progress(step: int, total: float = 4.0, size: tuple[int, int] = (20, 30), **more: float) -> Progress:
    return Progress(
        step=step,
        steps=9,
        size=size,
        losses={"content": 1.0, "gram": total - 1.0},
        total=total,
        factors=more,
        seconds=step / 3,
        peak_memory=123.456,
        _image=lambda: torch.full((1, 3, *size), step / 20),
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_improvement() -> None:
    assert improvement(None, 3.0) is None
    assert improvement(0.0, 3.0) is None
    assert improvement(4.0, 3.0) == 25.0
    assert improvement(4.0, 5.0) == -25.0
    assert improvement(-4.0, -5.0) == 25.0


def test_the_log(tmp_path: Path) -> None:
    path = tmp_path / "new" / "loss.csv"
    log = LossLog(path)
    assert not path.exists()
    log(progress(1, 4.0))
    assert [row["iteration"] for row in rows(path)] == ["1"]  # there already, for a process that is killed
    log(progress(2, 3.0))
    log(progress(3, 3.0, (40, 60)))
    found = rows(path)
    assert list(found[0]) == [
        "iteration", "content", "gram", "total", "improvement_percent", "seconds", "peak_memory_mb", "width", "height",
    ]  # fmt: skip
    assert [row["improvement_percent"] for row in found] == ["", "25.0", "0.0"]
    assert [float(row["total"]) for row in found] == [4.0, 3.0, 3.0]
    assert [float(row["content"]) + float(row["gram"]) for row in found] == [4.0, 3.0, 3.0]
    assert [row["seconds"] for row in found] == ["0.3333", "0.6667", "1.0"]
    assert found[0]["peak_memory_mb"] == "123.5"
    assert [(row["width"], row["height"]) for row in found] == [("30", "20"), ("30", "20"), ("60", "40")]


def test_the_log_replaces_an_older_one_with_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "loss.csv"
    path.write_text("old")
    log = LossLog(path)
    assert path.read_text() == "old"
    log(progress(1))
    assert len(rows(path)) == 1


def test_factors_have_columns(tmp_path: Path) -> None:
    log = LossLog(tmp_path / "loss.csv")
    log(progress(1, content=0.5, style=2.0))
    (row,) = rows(log.path)
    assert (row["factor content"], row["factor style"]) == ("0.5", "2.0")


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        LossLog(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError):
        LossLog(tmp_path / "file" / "loss.csv")


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".PDF", b"%PDF")])
def test_the_plot(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / "new" / f"loss{suffix}"
    plot = LossPlot(path)
    plot.save()
    assert not path.exists()
    for step in range(1, 4):
        plot(progress(step, 4.0 / step))
    plot.save()
    assert path.read_bytes().startswith(start)


def test_the_plot_of_one_step(tmp_path: Path) -> None:
    plot = LossPlot(tmp_path / "loss.png")
    plot(progress(1, 1.0))  # and a term of zero, which a logarithmic axis leaves out
    plot.save()
    assert plot.path.exists()


@pytest.mark.parametrize("name", ["loss.jpg", "loss", "loss.png.txt"])
def test_other_plots(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"a plot can be \.png, \.svg or \.pdf, not {name}"):
        LossPlot(tmp_path / name)


def test_snapshots(tmp_path: Path) -> None:
    shots = Snapshots(tmp_path / "steps", 3)
    assert shots.save_strip() is None
    assert not (tmp_path / "steps").exists()
    for step in range(1, 9):
        shots(progress(step, size=(20, 30) if step < 4 else (40, 60)))
    names = sorted(path.name for path in (tmp_path / "steps").iterdir())
    assert names == ["step-00001.png", "step-00003.png", "step-00006.png"]
    with Image.open(tmp_path / "steps" / "step-00006.png") as picture:
        assert picture.size == (60, 40)
        assert picture.getpixel((0, 0)) == (76, 76, 76)
    strip = shots.save_strip()
    assert strip == tmp_path / "steps" / "strip.png"
    with Image.open(strip) as picture:
        assert picture.width > 2 * picture.height


def test_a_strip_has_room_for_twelve(tmp_path: Path) -> None:
    assert evenly(list(range(5)), 12) == list(range(5))
    chosen = evenly(list(range(100)), 12)
    assert len(chosen) == 12
    assert (chosen[0], chosen[-1]) == (0, 99)
    assert chosen == sorted(set(chosen))


def test_snapshots_need_a_distance(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1 step, not 0"):
        Snapshots(tmp_path / "steps", 0)


def test_the_error_carries_the_picture() -> None:
    error = RefinementError("gone at step 3", 3, torch.zeros(1, 3, 2, 2))
    assert isinstance(error, RuntimeError)
    assert (str(error), error.step, tuple(error.image.shape)) == ("gone at step 3", 3, (1, 3, 2, 2))
    assert "_image" not in repr(progress(1))


def test_partial_picture(tmp_path: Path) -> None:
    """Written as time goes by, and gone once there is a result; a short run leaves none."""
    path = tmp_path / "out.partial.png"
    partial = Partial(path)
    partial(progress(1))  # a third of a second a step
    partial.remove()
    assert not path.exists()
    partial(progress(3 * int(PARTIAL_SECONDS)))
    assert Image.open(path).size == (30, 20)
    partial.remove()
    assert not path.exists()
