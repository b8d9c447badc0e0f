from __future__ import annotations

from pathlib import Path

import pytest

from adain._utils.errors import InputError
from adain.batch.pairing import Pairing
from adain.batch.plan import Found, distinct, expand, find, means_file, plan_jobs
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
    jobs = plan_jobs(expand([folder]), ["wave", "night"], folder / "out")
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
    assert plan_jobs([folder / "a.png"], ["w"], folder, suffix=".webp")[0].output.suffix == ".webp"


def test_one_file(folder: Path) -> None:
    assert plan_jobs([folder / "a.png"], ["w"], folder / "x.jpg")[0].output == folder / "x.jpg"
    assert plan_jobs([folder / "a.png"], ["w"], f"{folder}/new.d/")[0].output.parent.name == "new.d"
    assert plan_jobs([folder / "a.png"], ["w"], folder / "new")[0].output.parent.name == "new"


def test_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert plan_jobs([Path("a.png")], ["w"])[0].output == Path("a_stylized_w.png")


def test_results_that_differ_in_case_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are one file where the file system takes them for one."""
    contents = [folder / "a.png", folder / "sub" / "A.PNG", folder / "b.jpg"]
    assert [j.output.name[0] for j in plan_jobs(contents, ["w"], folder)] == ["a", "A", "b"]
    monkeypatch.setattr("adain.batch.plan.folds_case", lambda _: True)
    with pytest.raises(InputError, match=r"2 results would be called .*a_stylized_w.png"):
        plan_jobs(contents, ["w"], folder)


def test_conflicts(folder: Path) -> None:
    a, b = folder / "a.png", folder / "b.jpg"
    with pytest.raises(InputError, match="one file for 2 results: give a folder"):
        plan_jobs([a, b], ["w"], folder / "x.jpg")
    with pytest.raises(InputError, match="2 results would be called"):
        plan_jobs([a, folder / "sub" / "a.png"], ["w"], folder)
    with pytest.raises(InputError, match="also an input"):
        plan_jobs([a], ["w"], a)
    (folder / "a_stylized_w.png").symlink_to("z.png")
    (folder / "A_stylized_w.png").symlink_to("z.png")
    with pytest.raises(InputError, match="2 results would be called"):
        plan_jobs([a, folder / "sub" / "A.png"], ["w"], folder)
    with pytest.raises(InputError, match=r"cannot write \.gif files: choose one of"):
        plan_jobs([a], ["w"], folder, suffix=".gif")
    with pytest.raises(InputError, match=r"\.xyz"):
        plan_jobs([a], ["w"], folder / "x.xyz")


def test_sub_folders_keep_their_structure(folder: Path) -> None:
    for name in ("s/a.png", "s/t/a.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        noise_image(16, 16).save(folder / name)
    found = find([folder], recursive=True)
    assert [f.name for f in found] == ["a", "b", "c", "s-a", "s-t-a"]
    jobs = plan_jobs(found, ["w"], folder / "out")
    assert [j.output.relative_to(folder / "out").as_posix() for j in jobs] == [
        "a_stylized_w.png",
        "b_stylized_w.jpg",
        "c_stylized_w.png",
        "s/a_stylized_w.png",
        "s/t/a_stylized_w.png",
    ]
    # Named by itself, a file belongs to no folder.
    assert plan_jobs(find([folder / "s" / "a.png"]), ["w"], folder / "out")[0].output.parent == folder / "out"


def test_results_of_earlier_runs_are_passed_over(folder: Path) -> None:
    found = find([folder, folder / "b.jpg"], ignore=lambda path: path.name == "b.jpg")
    assert [f.path.name for f in found] == ["a.png", "c.bmp", "b.jpg"]  # unless named by itself
    with pytest.raises(InputError, match="nothing but results of earlier runs"):
        find([folder], ignore=lambda path: True)


def test_repetitions() -> None:
    a, b, again = Found(Path("a")), Found(Path("b")), Found(Path("a"), Path("sub"))
    assert distinct([a, b, again, b]) == [a, b]


ZIP = Pairing("zip")


def test_zip(folder: Path) -> None:
    a, b, c = (folder / name for name in ("a.png", "b.jpg", "c.bmp"))
    jobs = plan_jobs([a, b, a], ["x", "y", "z"], folder / "o", pairing=ZIP)
    assert [(j.content, j.style) for j in jobs] == [(a, 0), (b, 1), (a, 2)]
    assert [j.style for j in plan_jobs([a, b], ["x"], folder / "o", pairing=ZIP)] == [0, 0]
    assert plan_jobs([a], ["x"], folder / "x.jpg", pairing=ZIP)[0].output == folder / "x.jpg"
    for contents, styles in (([a, b, c], ["x", "y"]), ([a], ["x", "y"])):
        with pytest.raises(InputError, match="as many styles as photographs, or one for all, not 2 styles"):
            plan_jobs(contents, styles, folder / "o", pairing=ZIP)
    with pytest.raises(InputError, match="2 results would be called"):
        plan_jobs([a, a], ["x", "x"], folder / "o", pairing=ZIP)


def test_files_and_folders(folder: Path) -> None:
    assert means_file(folder / "x.jpg")
    assert not any(means_file(output) for output in (None, folder, f"{folder}/x.d/", "out"))
