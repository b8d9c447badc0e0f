from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.video.frames import Moment
from adain.video.sequence import SequenceReader, SequenceWriter, is_pattern, is_sequence, list_frames
from tests.conftest import noise_image


def test_what_means_pictures(tmp_path: Path) -> None:
    assert is_sequence("a/%d.png")
    assert is_sequence("a/b-%05d.jpg")
    assert is_sequence(tmp_path)
    assert is_sequence("not/there/")
    assert not is_sequence("a.mp4")
    assert not is_sequence("100%.mp4")


@pytest.mark.parametrize("name", ["100%done.mp4", "50%done.png", "20%día.png", "5%.mp4", "a%05.png"])
def test_a_per_cent_sign_is_no_number(tmp_path: Path, name: str) -> None:
    assert not is_sequence(name)
    assert not is_pattern(tmp_path / name)


@pytest.mark.parametrize("name", ["%d.png", "%05dpx.png", "a%d_b.png", "a%3d.png", "%d1.png"])
def test_a_number_is_one_unless_a_file_is_called_so(tmp_path: Path, name: str) -> None:
    assert is_pattern(tmp_path / name)
    noise_image(8, 8).save(tmp_path / name)
    assert not is_sequence(tmp_path / name)


def test_folders_may_have_a_number_in_their_names(tmp_path: Path) -> None:
    (tmp_path / "take%d").mkdir()
    noise_image(8, 8).save(tmp_path / "take%d" / "1.png")
    assert [p.name for p in list_frames(tmp_path / "take%d")] == ["1.png"]
    assert SequenceWriter(tmp_path / "take%d", 90).path(0) == tmp_path / "take%d" / "frame-00001.png"
    assert SequenceWriter(f"{tmp_path}/new%d/", 90).path(0) == tmp_path / "new%d" / "frame-00001.png"


def test_numbers_decide_the_order(tmp_path: Path) -> None:
    for k in (10, 9, 100, 1):
        noise_image(8, 8, k).save(tmp_path / f"f{k}.png")
    noise_image(8, 8).save(tmp_path / "f7x.png")
    names = ["f1.png", "f9.png", "f10.png", "f100.png"]
    assert [p.name for p in list_frames(tmp_path / "f%d.png")] == names
    assert [p.name for p in list_frames(tmp_path)] == ["f1.png", "f7x.png", *names[1:]]
    assert [p.name for p in list_frames(tmp_path / "f%02d.png")] == names[2:]
    with pytest.raises(MissingFileError, match=r"no file is called .*g%d.png"):
        list_frames(tmp_path / "g%d.png")


def test_writer(tmp_path: Path) -> None:
    writer = SequenceWriter(tmp_path / "new" / "%03d.png", 90)
    pixels = np.asarray(noise_image(20, 10))
    writer.add(pixels, Moment(0, 0))
    writer.add(pixels, Moment(0, 1233))
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["001.png", "1234.png"]
    assert SequenceWriter(tmp_path / "x", 90).path(4) == tmp_path / "x" / "frame-00005.png"
    with pytest.raises(ImageError, match=r"means a picture for every frame, by its %d: .* must end in one of"):
        SequenceWriter(tmp_path / "%d.mp4", 90)


def open_folder(path: Path) -> SequenceReader:
    return SequenceReader(path, Fraction(25), warn=lambda _: None, max_pixels=None)


def test_reader(tmp_path: Path) -> None:
    for k in range(3):
        noise_image(20, 10, k, "RGBA" if k else "L").save(tmp_path / f"{k}.png")
    reader = open_folder(tmp_path)
    frames = [*reader.frames()]
    assert [f.pixels().shape for f in frames] == [(10, 20, 3)] * 3
    assert [f.time for f in frames] == [0, 1 / 25, 2 / 25]
    (tmp_path / "0.png").write_bytes(b"")
    assert (open_folder(tmp_path).info.width, len([*open_folder(tmp_path).frames()])) == (20, 2)
    for k in range(3):
        (tmp_path / f"{k}.png").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        open_folder(tmp_path)
