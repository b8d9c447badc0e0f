"""Windows to train calm on."""

from __future__ import annotations

import random
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adain._utils.resources import sample_folder
from adain.image import list_images
from weights import flat_windows
from weights.flat_windows import SIDE, WANTED, flat_share, flattest, photographs


def scene(sky: float) -> Image.Image:
    """Noise under a flat sky that takes up a share of the height."""
    pixels = np.random.default_rng(0).integers(0, 256, (288, 360, 3), dtype=np.uint8)
    pixels[: round(288 * sky)] = (120, 160, 220)
    return Image.fromarray(pixels)


def test_how_much_is_flat() -> None:
    whole = scene(0.5).resize((SIDE, SIDE))
    assert flat_share(whole) == pytest.approx(0.5, abs=0.06)
    assert flat_share(Image.new("RGB", (SIDE, SIDE), "teal")) == 1
    assert flat_share(scene(0.0).resize((SIDE, SIDE))) == 0


def test_a_window_is_partly_flat_or_none_is_taken() -> None:
    for seed in range(5):
        window = flattest(scene(0.5), random.Random(seed))
        if window is not None:
            assert window.size == (SIDE, SIDE)
            assert WANTED[0] <= flat_share(window) <= WANTED[2]
        assert flattest(scene(0.0), random.Random(seed)) is None
        assert flattest(scene(1.0), random.Random(seed)) is None


def test_a_folder_and_a_tar_of_it_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = list_images(sample_folder("content"))
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for photo in photos:
            archive.add(photo, photo.name)
        archive.addfile(tarfile.TarInfo("notes.txt"))
    assert len(list(photographs([tmp_path / "photos.tar"]))) == len(photos)
    found = []
    for source, name in ((sample_folder("content"), "a"), (tmp_path / "photos.tar", "b")):
        monkeypatch.setattr(sys, "argv", ["flat_windows.py", str(source), "-o", str(tmp_path / name)])
        flat_windows.main()
        windows = list_images(tmp_path / name)
        assert f"{len(windows)} windows of {len(photos)} photographs" in capsys.readouterr().out
        found.append([window.read_bytes() for window in windows])
    assert found[0] == found[1]
    assert found[0]


def test_what_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["flat_windows.py", str(tmp_path / "none.tar"), "-o", str(tmp_path / "flat")])
    with pytest.raises(SystemExit) as caught:
        flat_windows.main()
    assert caught.value.code == 2
    assert "none.tar" in capsys.readouterr().err
    assert not (tmp_path / "flat").exists()
