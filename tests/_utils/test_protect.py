from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from adain._utils import protect as module
from adain._utils.errors import InputError
from adain._utils.protect import folds_case, locator, one_spelling, protect


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "wave.jpg"
    path.write_bytes(b"art")
    return path


def other_names(file: Path) -> list[Path]:
    """Names of one file; a hard link is what another case looks like where case is not told apart."""
    folder = file.parent
    (folder / "soft.jpg").symlink_to(file)
    (folder / "softer.jpg").symlink_to("soft.jpg")
    os.link(file, folder / "WAVE.JPG")
    (folder / "again").symlink_to(folder, target_is_directory=True)
    names = ("soft.jpg", "softer.jpg", "WAVE.JPG", "again/wave.jpg", "sub/../wave.jpg", "./wave.jpg", "again/WAVE.JPG")
    return [file, *(folder / name for name in names)]


def test_a_file_is_known_by_all_of_its_names(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    names = [*other_names(file), Path("wave.jpg")]
    for read in names:
        for written in names:
            with pytest.raises(InputError) as caught:
                protect(["new.jpg", written], [file.parent / "no.jpg", read])
            expected = f"{written} is also an input and would be replaced: choose another file to write"
            assert str(caught.value) == expected
    assert len({locator()(name).key for name in names}) == 1


def test_other_files_may_be_written(file: Path) -> None:
    (file.parent / "copy.jpg").write_bytes(file.read_bytes())
    (file.parent / "dangling.jpg").symlink_to("nowhere.jpg")
    protect([file.parent / "copy.jpg", file.parent / "dangling.jpg", file.parent / "new" / "wave.jpg"], [file])
    protect([file], [])
    protect([], [file])


def test_what_is_not_there_yet_is_known_by_its_place(file: Path) -> None:
    (file.parent / "dangling.jpg").symlink_to("nowhere.jpg")
    (file.parent / "again").symlink_to(file.parent, target_is_directory=True)
    for name in ("dangling.jpg", "again/nowhere.jpg", "sub/../nowhere.jpg"):
        with pytest.raises(InputError, match="also an input"):
            protect([file.parent / name], [file.parent / "nowhere.jpg"])


def test_a_file_system_without_numbers(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.lstat

    def zero(path: object) -> os.stat_result:
        found = real(path)  # type: ignore[arg-type]
        return os.stat_result((*found[:1], 0, *found[2:]))

    (file.parent / "b.jpg").write_bytes(b"b")
    monkeypatch.setattr(module.os, "lstat", zero)
    protect([file.parent / "b.jpg"], [file])
    with pytest.raises(InputError, match="also an input"):
        protect([file], [file])


def test_spellings() -> None:
    composed = "Caf\u00e9-STRASSE.jpg"
    assert one_spelling(composed) == one_spelling(unicodedata.normalize("NFD", composed.lower()))
    assert one_spelling("Straße.jpg") == one_spelling("STRASSE.JPG")
    assert one_spelling("a.jpg") != one_spelling("b.jpg")


def test_whether_a_folder_folds_case_is_tried(file: Path) -> None:
    before = sorted(file.parent.iterdir())
    (file.parent / "Probe").touch()
    expected = (file.parent / "pROBE").exists()
    (file.parent / "Probe").unlink()
    assert folds_case(file.parent) is expected
    assert folds_case(file.parent / "new" / "newer") is expected
    assert sorted(file.parent.iterdir()) == before


def test_a_folder_that_folds_case(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.path.exists
    names = {name.lower() for name in os.listdir(file.parent)}

    def exists(path: str) -> bool:
        folder, name = os.path.split(path)
        return real(path) or name.lower() in {*names, *(n.lower() for n in os.listdir(folder))}

    monkeypatch.setattr(module.os.path, "exists", exists)
    assert folds_case(file.parent) is True
