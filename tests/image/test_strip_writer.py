from __future__ import annotations

import resource
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adain._utils.errors import ImageError, InputError
from adain.image import read_image, save_image
from adain.image import strip_writer as writer
from adain.image.directories import EXIF, GPS
from adain.image.io import metadata_of
from adain.image.modes import srgb_profile
from adain.image.strip_writer import check_strips_output, write_strips
from adain.image.strips import Strips, Whole
from tests.conftest import noise_image
from tests.image.test_metadata import TAKEN, photograph
from tests.image.test_strips import Sliced

pyvips = pytest.importorskip("pyvips")

SUBFILE, TILE_WIDTH, COMPRESSION = 254, 322, 259


def picture(mode: str = "RGB", size: tuple[int, int] = (301, 270)) -> Image.Image:
    made = noise_image(*size, 5).convert(mode)
    if mode == "RGBA":
        made.putalpha(Image.linear_gradient("L").resize(size))
    return made


class Broken(Strips):
    """Raises after the first strip."""

    size = (400, 300)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def strips(self) -> Iterator[Image.Image]:
        yield noise_image(300, 100)
        raise self.error


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".webp"])
@pytest.mark.parametrize("heights", [(7,), (270,), (300, 1)])
def test_written_as_the_whole(mode: str, suffix: str, heights: tuple[int, ...], tmp_path: Path) -> None:
    image, path = picture(mode), tmp_path / f"a{suffix}"
    assert write_strips(Sliced(image, *heights), path, quality=90) == path
    expected = save_image(image, tmp_path / f"b{suffix}", quality=90)
    with Image.open(path) as found:
        assert found.info["icc_profile"] == srgb_profile()
        assert found.format == "TIFF" or not found.getexif()
        assert found.getexif().get(0x0112, 1) == 1
    found, wanted = (np.asarray(read_image(each)).astype(int) for each in (path, expected))
    assert found.shape == wanted.shape
    if suffix in (".tif", ".png"):
        assert np.array_equal(found, wanted)
    else:  # two encoders
        assert np.abs(found - wanted).mean() < 1
    assert sorted(tmp_path.iterdir()) == sorted((path, expected))


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_16_bits(bands: int, name: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 65_536, (83, 61, bands), dtype=np.uint16)
    path = Whole(values).save(tmp_path / name)
    found = pyvips.Image.new_from_file(str(path)).numpy()
    assert found.dtype == np.uint16
    assert np.array_equal(found, values)
    with pytest.raises(InputError, match=r"16 bits, which JPEG has not: let its name end in \.png or \.tif"):
        Whole(values).save(tmp_path / "a.jpg")


def test_a_tiff_in_tiles(tmp_path: Path) -> None:
    path = Whole(picture(size=(600, 300))).save(tmp_path / "a.tif")
    with Image.open(path) as image:
        assert (image.tag_v2[TILE_WIDTH], image.tag_v2[COMPRESSION]) == (256, 8)
        assert image.n_frames == 1
    assert path.read_bytes()[:4] in (b"II*\0", b"MM\0*")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_pyramid(mode: str, tmp_path: Path) -> None:
    image = picture(mode, (1100, 600))
    path = Sliced(image, 100).save(tmp_path / "a.tif", pyramid=True)
    with Image.open(path) as found:
        sizes, kinds = [], []
        for level in range(found.n_frames):
            found.seek(level)
            sizes.append(found.size)
            kinds.append(found.tag_v2.get(SUBFILE, 0))
            half = np.asarray(found.convert("RGB")).astype(float)
            assert abs(half.mean() - np.asarray(image.convert("RGB")).mean()) < 2
    assert sizes == [(1100, 600), (550, 300), (275, 150), (137, 75)]
    assert kinds == [0, 1, 1, 1]
    assert np.array_equal(np.asarray(read_image(path)), np.asarray(image))


def test_what_may_come_to_4_gib_is_a_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def big(size: tuple[int, int], **how: bool) -> bool:
        strips = Whole(Image.new("RGBA" if how.pop("alpha", False) else "RGB", (1, 1)))
        strips.size = size
        return bool(writer._Writer(strips, "TIFF", 95, **how)._options["bigtiff"])

    assert not big((20_000, 30_000), pyramid=False)  # 1.8 GB
    assert not big((35_000, 40_000), pyramid=False)  # 4.2 GB, and 4 GiB are 4.29
    assert big((36_000, 40_000), pyramid=False)
    assert big((35_000, 40_000), pyramid=True)  # 4.2 · 4/3
    assert big((30_000, 40_000), pyramid=False, alpha=True)
    monkeypatch.setattr(writer, "CLASSIC", 1000)
    path = Whole(picture()).save(tmp_path / "a.tif")
    assert path.read_bytes()[:4] in (b"II+\0", b"MM\0+")
    assert np.array_equal(np.asarray(read_image(path)), np.asarray(picture()))


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_broken_off(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"an older result")
    with pytest.raises(type(error)):
        write_strips(Broken(error), path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.tif"]
    assert path.read_bytes() == b"an older result"
    assert not any(thread.name == "strips" for thread in threading.enumerate())


def test_a_full_disk(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (900, 700, 3), dtype=np.uint8))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        for suffix in (".tif", ".png", ".jpg"):
            with pytest.raises(InputError, match=rf"cannot write .*a{suffix}: file too large; raise the file size"):
                write_strips(Sliced(noise, 50), tmp_path / f"a{suffix}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Whole(picture())
    with pytest.raises(ImageError, match="must end in one of"):
        write_strips(whole, tmp_path / "a.xyz")
    with pytest.raises(ImageError, match=r"a pyramid is a TIFF's; name it \.tif"):
        whole.save(tmp_path / "a.png", pyramid=True)
    with pytest.raises(InputError, match="quality from 1 to 100"):
        whole.save(tmp_path / "a.jpg", quality=0)
    with pytest.raises(ImageError, match=r"JPEG allows 65500 pixels a side and the image has 70000 x 20; use \.png"):
        check_strips_output(tmp_path / "a.jpg", (20, 70_000))
    (tmp_path / "b.tif").mkdir()
    with pytest.raises(InputError, match="it is a folder"):
        write_strips(whole, tmp_path / "b.tif")
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(InputError, match=r'pyramids need pyvips: pip install "adain\[large\]"'):
        whole.save(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "big.tif"])
def test_what_the_photograph_says_comes_along(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As into what is written as a whole, and the picture stays what it is."""
    monkeypatch.setattr("adain.image.metadata._PART", 1000)
    if suffix == "big.tif":
        monkeypatch.setattr(writer, "CLASSIC", 1)
    kept = metadata_of(photograph(tmp_path / "photo.jpg"), "keep")
    silent = write_strips(Sliced(picture(), 30), tmp_path / f"silent.{suffix}")
    path = write_strips(Sliced(picture(), 30), tmp_path / f"out.{suffix}", told=kept)
    assert (path.read_bytes()[:3] == b"II+") == (suffix == "big.tif")
    found = metadata_of(path, "keep")
    assert found.xmp == kept.xmp
    assert found.entries[GPS] == kept.entries[GPS]
    inner = dict(found.entries[EXIF])
    assert [int.from_bytes(inner[tag].data, "little") for tag in (0xA002, 0xA003)] == [301, 270]
    assert {tag: inner[tag] for tag in kept.entries[EXIF] if tag not in (0xA002, 0xA003)} == {
        tag: entry for tag, entry in kept.entries[EXIF].items() if tag not in (0xA002, 0xA003)
    }
    assert {tag: found.entries[0][tag] for tag in (0x013B, 0x8298, 0x010E)} == {
        tag: kept.entries[0][tag] for tag in (0x013B, 0x8298, 0x010E)
    }
    assert read_image(path).tobytes() == read_image(silent).tobytes()
    with Image.open(path) as image:
        assert image.info["icc_profile"] == srgb_profile()


def test_a_pyramid_keeps_its_levels(tmp_path: Path) -> None:
    kept = metadata_of(photograph(tmp_path / "photo.jpg"), "basic")
    paths = [
        write_strips(Whole(noise_image(900, 700)), tmp_path / f"{told is None}.tif", pyramid=True, told=told)
        for told in (None, kept)
    ]
    with Image.open(paths[0]) as silent, Image.open(paths[1]) as image:
        assert image.n_frames == silent.n_frames == 3  # type: ignore[attr-defined]
        for level in range(3):
            silent.seek(level)
            image.seek(level)
            assert image.tobytes() == silent.tobytes()
    assert metadata_of(paths[1], "basic").entries[EXIF][0x9003].data == TAKEN.encode() + b"\0"
