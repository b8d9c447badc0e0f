from __future__ import annotations

import os
from pathlib import Path

import pytest

from adain._utils.errors import ImageError
from adain.image.listing import list_images


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.png", "a.jpg", "s/c.png", "s/t/d.png", ".hidden/e.png", "s/.f.png", "notes.txt"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "root"


def names(root: Path) -> list[str]:
    return [p.relative_to(root).as_posix() for p in list_images(root, recursive=True)]


def test_sub_folders(tree: Path) -> None:
    assert names(tree) == ["a.jpg", "b.png", "s/c.png", "s/t/d.png"]
    assert [p.name for p in list_images(tree)] == ["a.jpg", "b.png"]


@pytest.mark.skipif(os.name != "posix", reason="makes links")
def test_links_are_followed_but_not_in_circles(tree: Path, tmp_path: Path) -> None:
    (tree / "s" / "up").symlink_to(tree)
    (tree / "s" / "itself").symlink_to(tree / "s")
    (tree / "broken").symlink_to(tmp_path / "nowhere")
    (tree / "broken.png").symlink_to(tmp_path / "nowhere.png")
    assert names(tree) == ["a.jpg", "b.png", "s/c.png", "s/t/d.png"]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "g.png").write_bytes(b"x")
    (tree / "z").symlink_to(tmp_path / "elsewhere")
    assert names(tree)[-1] == "z/g.png"


def test_unreadable_folders(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: str | os.PathLike[str]) -> object:  # permissions do not stop the superuser
        if os.fspath(path).endswith(f"{os.sep}t") or Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ImageError, match=r"cannot list .*t: Permission denied; name a readable folder"):
        list_images(tree, recursive=True)
    refused: list[ImageError] = []
    assert [p.name for p in list_images(tree, recursive=True, unreadable=refused)] == ["a.jpg", "b.png", "c.png"]
    assert len(refused) == 1
    closed = tree / "closed"
    closed.mkdir()
    with pytest.raises(ImageError, match="Permission denied"):
        list_images(closed, recursive=True, unreadable=[])
