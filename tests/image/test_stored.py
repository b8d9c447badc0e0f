"""Pictures that lie in a file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adain import InputError, Stylizer
from adain.image import stored
from adain.image.stored import StoredPicture, laid_aside
from tests.conftest import noise_image


def test_parts_are_those_of_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "HELD_PIXELS", 16 * 3 * 50)  # written three rows at a time
    picture = noise_image(50, 37, 1)
    kept = StoredPicture(picture, tmp_path)
    assert (kept.width, kept.height, kept.size) == (50, 37, (37, 50))
    assert (kept.levels == np.asarray(picture)).all()
    kept.release()
    for box in ((0, 0, 50, 37), (3, 4, 20, 5), (49, 36, 50, 37)):
        assert kept.cut(box).mode == "RGB"
        assert (np.asarray(kept.cut(box)) == np.asarray(picture.crop(box))).all()
    assert list(tmp_path.iterdir()) == []


def test_only_large_pictures_are_laid_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "HELD_PIXELS", 100)
    small, large, array = noise_image(10, 10, 1), noise_image(11, 10, 1), np.zeros((1, 3, 40, 40), np.float32)
    assert laid_aside(small, tmp_path) is small
    assert laid_aside(array, tmp_path) is array
    assert isinstance(laid_aside(large, tmp_path), StoredPicture)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(InputError, match=r"GB of pixels in .*no space left on device; free some space"):
        StoredPicture(noise_image(50, 37, 1), tmp_path)


@pytest.mark.parametrize(
    "look",
    [{}, {"color": "luminance"}, {"color": "histogram"}, {"wrap": "xy"}, {"keep_edges": 0.7},
     {"max_drift": 2.0}, {"correct": 1}, {"protect": "faces"}],
    ids=lambda look: "-".join(look) or "plain",
)  # fmt: skip
def test_results_do_not_depend_on_where_the_picture_lies(
    fast: Stylizer, look: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, art = noise_image(150, 130, 1), noise_image(60, 50, 2)
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    photo.save(tmp_path / "photo.png")
    held = fast.stylize(photo, art, tile=64, **look)
    monkeypatch.setattr(stored, "HELD_PIXELS", 100)
    content = fast.encode_content(tmp_path / "photo.png", tile=64, wrap=look.get("wrap", "none"))
    assert isinstance(content.tiles.picture, StoredPicture)
    found = fast.stylize(photo, art, tile=64, **look)
    assert found.mode == held.mode == "RGBA"
    assert (np.asarray(found) == np.asarray(held)).all()
