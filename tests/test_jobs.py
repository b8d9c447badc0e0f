from __future__ import annotations

from pathlib import Path

import pytest

from adain.errors import InputError
from adain.jobs import expand, plan
from tests.conftest import noise_image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.png", "c.bmp"):
        noise_image(16, 16).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_folders_become_their_images(folder: Path) -> None:
    names = [p.name for p in expand([folder, folder / "b.jpg", "other.webp"])]
    assert names == ["a.png", "b.jpg", "c.bmp", "other.webp"]


def test_names_in_a_folder(folder: Path) -> None:
    jobs = plan(expand([folder]), ["wave", "night"], folder / "out")
    assert [j.output.name for j in jobs] == [
        "a_stylized_wave.png",
        "a_stylized_night.png",
        "b_stylized_wave.jpg",
        "b_stylized_night.jpg",
        "c_stylized_wave.png",  # BMP can be read but not written
        "c_stylized_night.png",
    ]
    assert [j.style for j in jobs] == [0, 1, 0, 1, 0, 1]
    assert {j.output.parent for j in jobs} == {folder / "out"}
    assert plan([folder / "a.png"], ["w"], folder, suffix=".webp")[0].output.suffix == ".webp"


def test_one_file(folder: Path) -> None:
    assert plan([folder / "a.png"], ["w"], folder / "x.jpg")[0].output == folder / "x.jpg"
    assert plan([folder / "a.png"], ["w"], f"{folder}/new.d/")[0].output.parent.name == "new.d"
    assert plan([folder / "a.png"], ["w"], folder / "new")[0].output.parent.name == "new"


def test_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert plan([Path("a.png")], ["w"])[0].output == Path("a_stylized_w.png")


def test_conflicts(folder: Path) -> None:
    a, b = folder / "a.png", folder / "b.jpg"
    with pytest.raises(InputError, match="one file for 2 results: give a folder"):
        plan([a, b], ["w"], folder / "x.jpg")
    with pytest.raises(InputError, match="2 results would be called"):
        plan([a, folder / "sub" / "a.png"], ["w"], folder)
    with pytest.raises(InputError, match="also an input"):
        plan([a], ["w"], a)
    with pytest.raises(InputError, match=r"cannot write \.gif files: choose one of"):
        plan([a], ["w"], folder, suffix=".gif")
    with pytest.raises(InputError, match=r"\.xyz"):
        plan([a], ["w"], folder / "x.xyz")
