from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adain._utils.errors import InputError, MissingFileError
from adain.training import cache as module
from adain.training.cache import Skipped, fingerprint, open_cache


def png(height: int, width: int, value: int = 128, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    colour = value if mode == "L" else (value,) * len(mode)
    Image.new(mode, (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def tar_of(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_folders_are_read_recursively_in_order(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", {"b.png": png(70, 80, 2), "a/deep/x.png": png(64, 90, 1)})
    cache = open_cache([source], tmp_path / "cache", 512)
    assert cache.sizes.tolist() == [[64, 90], [70, 80]]
    assert cache.image(0).shape == (64, 90, 3)
    assert np.all(cache.image(0) == 1)
    assert np.all(cache.image(1) == 2)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tar_files(tmp_path: Path, mode: str) -> None:
    files = {"c/1.png": png(64, 64, 9), "README.txt": b"hello", "c/._1.png": b"mac", "c/2.PNG": png(65, 64, 8)}
    source = tar_of(tmp_path / "in.tar", files, mode)
    cache = open_cache([source], tmp_path / "cache", 512)
    assert cache.sizes.tolist() == [[64, 64], [65, 64]]
    assert cache.skipped == Skipped(other=1)
    assert str(cache.skipped) == ""


def test_several_sources_are_joined(tmp_path: Path) -> None:
    one = folder_of(tmp_path / "in", {"1.png": png(64, 64, 1)})
    two = tar_of(tmp_path / "in.tar", {"2.png": png(64, 64, 2)})
    cache = open_cache([one, two], tmp_path / "cache", 512)
    assert [int(cache.image(k)[0, 0, 0]) for k in range(len(cache))] == [1, 2]


def test_damaged_and_small_images_are_counted(tmp_path: Path) -> None:
    good = png(80, 80)
    files = {"0.png": good, "1.png": good[:60], "2.jpg": b"no image", "3.png": png(63, 500), "4.png": b""}
    for source in (folder_of(tmp_path / "in", files), tar_of(tmp_path / "in.tar", files)):
        cache = open_cache([source], tmp_path / "cache", 512)
        assert len(cache) == 1
        assert (cache.skipped.damaged, cache.skipped.small) == (3, 1)
        assert str(cache.skipped) == "3 damaged, 1 smaller than 64 px (1.png, 2.jpg, 3.png, 4.png)"


def test_only_the_first_names_are_kept(tmp_path: Path) -> None:
    files = {f"{k}.png": b"x" for k in range(9)} | {"good.png": png(64, 64)}
    cache = open_cache([folder_of(tmp_path / "in", files)], tmp_path / "cache", 512)
    assert str(cache.skipped) == "9 damaged (0.png, 1.png, 2.png, 3.png, 4.png, …)"


def test_sizes_are_reduced_but_never_enlarged(tmp_path: Path) -> None:
    files = {"big.png": png(200, 300), "small.png": png(70, 90)}
    cache = open_cache([folder_of(tmp_path / "in", files)], tmp_path / "cache", 100)
    assert cache.sizes.tolist() == [[100, 150], [70, 90]]


def test_large_jpegs_take_the_short_way(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (2000, 1500), (200, 100, 50)).save(buffer, "JPEG", quality=95)
    cache = open_cache([folder_of(tmp_path / "in", {"a.jpg": buffer.getvalue()})], tmp_path / "cache", 150)
    assert cache.sizes.tolist() == [[150, 200]]
    assert np.abs(cache.image(0).astype(int) - [200, 100, 50]).max() <= 3


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    cache = open_cache([folder_of(tmp_path / "in", {"a.png": png(64, 64, 99, mode)})], tmp_path / "cache", 512)
    assert np.all(cache.image(0) == 99)


def test_a_second_call_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder_of(tmp_path / "in", {"a.png": png(64, 64), "b.png": b"bad"})
    first = open_cache([source], tmp_path / "cache", 512)

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(module, "_build", refuse)
    second = open_cache([source], tmp_path / "cache", 512)
    assert second.signature() == first.signature()
    assert second.skipped == first.skipped


def test_the_fingerprint_follows_files_and_settings(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", {"a.png": png(64, 64)})
    before = fingerprint([source], 512)
    assert fingerprint([source], 512) == before
    assert fingerprint([source], 256) != before
    assert fingerprint([source, source], 512) != before
    os.utime(source / "a.png", ns=(1, 1))
    touched = fingerprint([source], 512)
    assert touched != before
    folder_of(source, {"b.png": png(64, 64)})
    assert fingerprint([source], 512) != touched


@pytest.mark.parametrize("when", [0, 2])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, when: int) -> None:
    source = folder_of(tmp_path / "in", {f"{k}.png": png(64, 64) for k in range(4)})

    def interrupt(count: int) -> None:
        if count == when:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_cache([source], tmp_path / "cache", 512, check=interrupt)
    assert list((tmp_path / "cache").iterdir()) == []
    assert len(open_cache([source], tmp_path / "cache", 512)) == 4


@pytest.mark.parametrize("damage", ["index", "pixels"])
def test_half_a_cache_is_built_again(tmp_path: Path, damage: str) -> None:
    source = folder_of(tmp_path / "in", {"a.png": png(64, 64)})
    open_cache([source], tmp_path / "cache", 512)
    suffix = {"index": ".json", "pixels": ".pixels"}[damage]
    (path,) = (tmp_path / "cache").glob(f"*{suffix}")
    path.write_bytes(path.read_bytes()[:10])
    assert np.all(open_cache([source], tmp_path / "cache", 512).image(0) == 128)


def test_leftovers_of_a_killed_build_are_swept(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", {"a.png": png(64, 64)})
    (tmp_path / "cache").mkdir()
    dead, alive = (tmp_path / "cache" / f".adain-{n}.pixels" for n in ("dead", "alive"))
    for path in (dead, alive):
        path.write_bytes(b"")
    os.utime(dead, (1, 1))
    open_cache([source], tmp_path / "cache", 512)
    assert alive.exists()
    assert not dead.exists()


def test_unusable_sources(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="does not exist"):
        open_cache([tmp_path / "nowhere"], tmp_path / "cache", 512)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        open_cache([tmp_path / "empty"], tmp_path / "cache", 512)
    bad = folder_of(tmp_path / "bad", {"a.png": b"x"})
    with pytest.raises(InputError, match=r"no usable images \(1 damaged \(a.png\)\)"):
        open_cache([bad], tmp_path / "cache", 512)
    (tmp_path / "a.tar").write_bytes(b"this is no archive")
    with pytest.raises(InputError, match=r"not an intact \.tar"):
        open_cache([tmp_path / "a.tar"], tmp_path / "cache", 512)
    whole = tar_of(tmp_path / "b.tar", {"1.png": png(64, 64), "2.png": png(300, 300)})
    whole.write_bytes(whole.read_bytes()[:1800])
    with pytest.raises(InputError, match=r"not an intact \.tar"):
        open_cache([whole], tmp_path / "cache", 512)
    damaged = tar_of(tmp_path / "c.tar", {f"{k}.png": png(64, 64, k) for k in range(3)})
    with tarfile.open(damaged) as archive:
        second = archive.getmembers()[1].offset
    levels = bytearray(damaged.read_bytes())
    levels[second] ^= 1  # of which the header's checksum does not know
    damaged.write_bytes(levels)
    with pytest.raises(InputError, match=r"not an intact \.tar file \(no header at byte \d+"):
        open_cache([damaged], tmp_path / "cache", 512)
    assert list((tmp_path / "cache").iterdir()) == []
