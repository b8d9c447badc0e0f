from __future__ import annotations

import io
import os
import pickle
import resource
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from adain._utils import errors
from adain._utils.files import atomic_path, check_writable
from adain.image import WRITABLE, check_output_path, list_images, read_image, save_image


def entries(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_file_appears_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path.resolve()
        assert temporary.name.startswith(".")
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert entries(tmp_path) == ["a.png"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, FileNotFoundError])
def test_an_exception_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"old")

    def write_half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error) as caught:
        write_half()
    assert caught.type is error
    assert target.read_bytes() == b"old"
    assert entries(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o000, 0o666)])
def test_permissions_follow_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_bytes(b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


def test_missing_folders_are_made(tmp_path: Path) -> None:
    target = tmp_path / "b" / "c" / "a.txt"
    check_writable(target)
    assert entries(tmp_path) == []
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"x")
    assert target.read_bytes() == b"x"


def test_a_link_is_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "sub" / "link"
    link.parent.mkdir()
    link.symlink_to(real)
    with atomic_path(link) as temporary:
        temporary.write_bytes(b"x")
    assert link.is_symlink()
    assert real.read_bytes() == b"x"


def test_threads_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    barrier = threading.Barrier(4, timeout=10)
    seen: list[Path] = []

    def write(number: int) -> None:
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_bytes(bytes([number]) * 1000)
            seen.append(temporary)
            barrier.wait()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 4
    data = (tmp_path / "a").read_bytes()
    assert len(data) == 1000
    assert len(set(data)) == 1
    assert entries(tmp_path) == ["a"]


def test_a_name_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    target = tmp_path / ("n" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 4) + ".png")
    check_writable(target)
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"x")
    assert target.exists()


# None of these can be written by the superuser either.
UNWRITABLE = {
    "folder": ("folder", "folder", "inside"),
    "root": ("/", "folder", "inside"),
    "below a file": ("file/a.png", "not a directory", "parents are all folders"),
    "far below a file": ("file/b/c/a.png", "not a directory", "parents are all folders"),
    "kernel's": ("/proc/a.png", "no such file", "another path"),
    "below the kernel's": ("/proc/b/a.png", "no such file", "another path"),
    "device": ("/dev/null", "not a regular file", "another path"),
    "name too long": ("n" * 5000, "too long", "shorter"),
    "impossible name": ("a\0b.png", "null", "another path"),
}


@pytest.mark.parametrize("case", UNWRITABLE)
@pytest.mark.parametrize("early", [True, False])
def test_where_nothing_can_be_written(tmp_path: Path, case: str, early: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    name, reason, fix = UNWRITABLE[case]
    path = tmp_path / name
    with pytest.raises(errors.InputError) as caught:
        check_writable(path) if early else atomic_path(path).__enter__()
    message = str(caught.value)
    assert message.startswith(f"cannot write {path}: ")
    assert reason in message
    assert fix in message
    assert len(message.splitlines()) == 1
    assert entries(tmp_path) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_check_writable_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"old")
    check_writable(target)
    assert target.read_bytes() == b"old"
    assert entries(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("name", ["a.bin", "a.png"])
def test_a_full_disk(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    target.write_bytes(b"old")
    noise = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)

    def write() -> None:
        if name == "a.png":
            save_image(Image.fromarray(noise), target)
        else:
            with atomic_path(target) as temporary:
                temporary.write_bytes(bytes(5000))

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The interpreter ignores SIGXFSZ, so the limit shows as an error of write(), as a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(errors.InputError, match=rf"{name}: file too large; .*another disk"):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert target.read_bytes() == b"old"
    assert entries(tmp_path) == [name]


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.InputError, ValueError),
        (errors.ImageError, ValueError),
        (errors.WeightsError, ValueError),
        (errors.MissingFileError, FileNotFoundError),
        (errors.TrainingError, RuntimeError),
    ],
)
def test_errors(kind: type[errors.AdainError], builtin: type[Exception]) -> None:
    error = kind("no file a\nb;  make\r\n one")
    assert isinstance(error, errors.AdainError)
    assert isinstance(error, builtin)
    assert str(error) == "no file a b;  make one"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


# Image files.


def scene(mode: str) -> Image.Image:
    """A smooth picture, which lossy formats keep well; its alpha runs from 0 to 255."""
    y, x = np.mgrid[0:32, 0:48]
    bands = [5 * x, 8 * y, 3 * x + 2 * y, np.round(x * 255 / 47)]
    return Image.fromarray(np.stack(bands[: len(mode)], axis=-1).astype(np.uint8))


def levels(image: Image.Image) -> Any:
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("suffix", [*WRITABLE, ".PNG"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_saved_images(tmp_path: Path, suffix: str, mode: str) -> None:
    image = scene(mode)
    path = tmp_path / f"a{suffix}"
    assert save_image(image, str(path)) == path
    file_format = WRITABLE[suffix.lower()]
    with Image.open(path) as opened:
        assert opened.format == file_format
        profile = ImageCms.ImageCmsProfile(io.BytesIO(opened.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        if file_format == "JPEG":
            assert [layer[1:3] for layer in vars(opened)["layer"]] == [(1, 1)] * 3
        if file_format == "TIFF":
            assert opened.info["compression"] == "tiff_adobe_deflate"
    result, expected = levels(read_image(path)), levels(image)
    if file_format == "JPEG" and mode == "RGBA":
        weight = expected[..., 3:] / 255
        expected = expected[..., :3] * weight + 255 * (1 - weight)
    elif mode == "RGBA":
        assert (result[..., 3] == expected[..., 3]).all()
        seen = expected[..., 3:] > 0  # WebP is free to change what is fully transparent
        result, expected = result * seen, expected * seen
    assert result.shape == expected.shape
    tolerance = {"JPEG": 4, "WEBP": 12}.get(file_format, 0)
    assert np.abs(result - expected).max() <= tolerance
    assert entries(tmp_path) == [path.name]


def test_saved_as_read(tmp_path: Path) -> None:
    """Turned upright, in a mode of its own and with metadata that does not hold any more."""
    image = Image.fromarray(np.arange(15, dtype=np.uint16).reshape(3, 5) * 257)
    image.info |= {"icc_profile": b"other", "transparency": 257}
    image.getexif()[0x0112] = 6
    save_image(image, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        assert (opened.mode, opened.size) == ("RGBA", (3, 5))
        assert 0x0112 not in opened.getexif()
        assert "transparency" not in opened.info
        assert levels(opened)[0, :, 0].tolist() == [10, 5, 0]
        assert levels(opened)[..., 3].ravel().tolist() == [255] * 5 + [0] + [255] * 9


def test_equal_images_are_equal_files(tmp_path: Path) -> None:
    save_image(scene("RGB"), tmp_path / "a.png")
    profile = Image.open(tmp_path / "a.png").info["icc_profile"]
    assert profile[24:36] == np.array([2000, 1, 1, 0, 0, 0], ">u2").tobytes()


def test_noise_at_full_quality(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    for suffix in (".jpg", ".webp"):
        save_image(Image.fromarray(noise), tmp_path / f"a{suffix}", quality=100)
        save_image(Image.fromarray(noise), tmp_path / f"b{suffix}", quality=30)
        sizes = [(tmp_path / f"{n}{suffix}").stat().st_size for n in "ab"]
        assert sizes[0] > 2 * sizes[1]


@pytest.mark.parametrize(
    ("name", "size", "kind", "part"),
    [
        ("a.bmp", (1, 1), errors.ImageError, ".jpg, .jpeg, .png, .webp, .tif, .tiff"),
        ("a", (1, 1), errors.ImageError, "must end in"),
        ("a.webp", (16384, 1), errors.ImageError, "use .png or .tif"),
        ("a.jpg", (1, 65501), errors.ImageError, "use .png or .tif"),
        ("file/a.png", (1, 1), errors.InputError, "not a directory"),
        ("folder.png", (1, 1), errors.InputError, "folder"),
    ],
)
def test_images_that_cannot_be_saved(
    tmp_path: Path, name: str, size: tuple[int, int], kind: type[errors.AdainError], part: str
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(kind) as caught:
        save_image(Image.new("RGB", size), tmp_path / name)
    assert part in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert entries(tmp_path) == ["file", "folder.png"]
    if size == (1, 1):
        with pytest.raises(kind) as early:
            check_output_path(tmp_path / name)
        assert str(early.value) == str(caught.value)
    else:
        check_output_path(tmp_path / name)


@pytest.mark.parametrize(("name", "size"), [("a.webp", (16383, 1)), ("a.jpg", (1, 65500))])
def test_the_largest_sides(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    save_image(Image.new("RGB", size), tmp_path / name)
    assert read_image(tmp_path / name).size == size


@pytest.mark.parametrize("quality", [0, 101, -1])
def test_quality_range(tmp_path: Path, quality: int) -> None:
    with pytest.raises(errors.InputError, match=f"1 to 100, not {quality}$"):
        save_image(scene("RGB"), tmp_path / "a.jpg", quality=quality)
    assert entries(tmp_path) == []


def test_failed_encoding_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_image(scene("RGB"), tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("encoder error -2\nwhen writing")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(errors.ImageError, match=r"a\.png: encoder error -2 when writing; use "):
        save_image(scene("RGBA"), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert entries(tmp_path) == ["a.png"]


def test_list_images(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "c.txt", ".d.png", "s/e.webp", ".h/f.png", "s/.h/g.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert list_images(tmp_path) == [tmp_path / "a.png", tmp_path / "b.JPG"]
    assert list_images(str(tmp_path), recursive=True) == [tmp_path / n for n in ("a.png", "b.JPG", "s/e.webp")]
    for name, kind, part in (
        ("none", errors.MissingFileError, "no such folder"),
        ("c.txt", errors.ImageError, "not a directory"),
        ("folder.png", errors.ImageError, "holds no images; expected files ending in"),
    ):
        with pytest.raises(kind) as caught:
            list_images(tmp_path / name)
        assert part in str(caught.value).lower()
        assert str(tmp_path / name) in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
