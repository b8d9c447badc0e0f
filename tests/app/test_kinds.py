from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from adain.app import kinds
from adain.app.errors import TooLarge
from adain.app.kinds import examine, name_for, type_of


@pytest.mark.parametrize(("name", "free"), [("a.jpg", 20), ("a.png", 20), ("a.tif", 36), ("a.webp", 20)])
def test_what_the_memory_does_not_hold_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, free: int
) -> None:
    path = tmp_path / name
    Image.new("RGB", (100, 100)).save(path)
    monkeypatch.setattr(kinds, "free_memory", lambda: 10_000 * free)
    assert examine(path, "content", 10_000).picture is not None
    monkeypatch.setattr(kinds, "free_memory", lambda: 10_000 * free - 1)
    monkeypatch.setattr(kinds, "read_image", None)  # is not reached
    with pytest.raises(TooLarge, match=f"{name} is 100 x 100 px, which takes up to .* make it smaller"):
        examine(path, "content", 10_000)


def test_kinds_are_told_by_what_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (10, 10)).save(path, "PNG")
    assert type_of(path) == "image/png"
    assert name_for(path, "photo.bin") == ("image/png", "photo.bin.png")
    path.write_bytes(b"no picture")
    assert name_for(path, "photo.bin") == ("application/octet-stream", "photo.bin")
    assert type_of(path) == "application/octet-stream"
    (style := tmp_path / "x.safetensors").write_bytes(b"")
    assert type_of(style) == "application/octet-stream"
