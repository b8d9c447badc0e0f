from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from adain._utils.errors import ImageError, MissingFileError
from adain._utils.resources import samples
from adain.app import gallery
from adain.app.gallery import AppGallery
from adain.app.held import Held


def paint(path: Path, size: tuple[int, int] = (40, 30), **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(path, **how)
    return path


def test_what_ships_is_listed_by_name() -> None:
    found = AppGallery(None, Held(1))
    styles = found.listed("style")
    assert [each["id"] for each in styles] == [f"gallery-{each.name}" for each in samples("style")]
    assert {each["source"] for each in styles} == {"gallery"}
    assert all(each["title"] and each["author"] for each in styles)
    assert [each["name"] for each in found.listed("content")] == [each.name for each in samples("content")]
    known = found.find("style", styles[0]["id"])
    assert known is not None
    with Image.open(known.path) as image:
        assert (known.width, known.height) == image.size
    assert known.mime == "image/jpeg"
    assert found.find("content", styles[0]["id"]) is None


def test_a_folder_is_listed_with_what_is_below_it(tmp_path: Path) -> None:
    paint(tmp_path / "b.png")
    paint(tmp_path / "monet" / "water lilies.jpg")
    paint(tmp_path / ".hidden" / "c.png")
    (tmp_path / "notes.txt").write_text("no artwork")
    (tmp_path / "a.style.safetensors").write_bytes(b"read when it is asked for")
    found = [each for each in AppGallery(tmp_path, Held(1)).listed("style") if each["source"] == "folder"]
    assert [(each["id"], each["name"], each["title"]) for each in found] == [
        ("folder-1", "a.style.safetensors", "a"),
        ("folder-2", "b.png", "b"),
        ("folder-3", "water lilies.jpg", "monet/water lilies"),
    ]


def test_sides_are_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    paint(tmp_path / "a.jpg", exif=exif)
    found = AppGallery(tmp_path, Held(1)).find("style", "folder-1")
    assert found is not None
    assert (found.width, found.height) == (30, 40)


def test_what_was_made_of_a_file_goes_when_it_changes(tmp_path: Path) -> None:
    held = Held(100)
    path = paint(tmp_path / "a.png")
    found = AppGallery(tmp_path, held)
    assert found.find("style", "folder-1")
    stamp = found.stamp("folder-1")
    held.put(("folder-1", "features"), "old", 1)
    found.find("style", "folder-1")
    assert held.get(("folder-1", "features")) == "old"
    paint(path, (50, 60))
    os.utime(path, ns=(1, 1))
    again = found.find("style", "folder-1")
    assert again is not None
    assert (again.width, again.height) == (50, 60)
    assert held.get(("folder-1", "features")) is None
    assert found.stamp("folder-1") != stamp
    path.unlink()
    assert found.find("style", "folder-1") is None


def test_a_folder_that_is_none_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        AppGallery(tmp_path / "missing", Held(1))
    with pytest.raises(ImageError, match="holds no images"):
        AppGallery(tmp_path, Held(1))


def test_a_large_folder_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gallery, "MOST", 2)
    for name in "abc":
        paint(tmp_path / f"{name}.png", (1, 1))
    found = AppGallery(tmp_path, Held(1)).listed("style")
    assert [each["name"] for each in found if each["source"] == "folder"] == ["a.png", "b.png"]
    assert "3 artworks: the first 2 are offered" in caplog.text
