from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.image import Page, open_source, read_image
from adain.image import strip_reader as reader
from adain.image.strip_reader import FileStrips, open_strips
from adain.image.strips import Strips
from tests.conftest import noise_image

pyvips = pytest.importorskip("pyvips")
tifffile = pytest.importorskip("tifffile")


def levels(strips: Strips) -> np.ndarray:
    return np.concatenate([np.asarray(strip) for strip in strips.strips()])


@pytest.fixture(autouse=True)
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "STRIP_PIXELS", 61 * 16)


def picture(mode: str = "RGB") -> Image.Image:
    made = noise_image(61, 83, 2, "RGB" if mode in ("RGBA", "LA", "I;16", "PA") else mode)
    if mode in ("RGBA", "LA"):
        made = made.convert(mode)
        made.putalpha(Image.linear_gradient("L").resize(made.size))
    return made


def saved(path: Path, image: Image.Image, **how: Any) -> Path:
    image.save(path, **how)
    return path


def wide() -> Image.Image:
    return Image.fromarray((np.asarray(picture("L")).astype(np.uint16) * 257) ^ 0x55)


def key(folder: Path) -> Path:
    return saved(folder / "a.png", picture("RGB").quantize(40), transparency=3)


def profiled(folder: Path) -> Path:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    assert lab
    from tests.image.test_io import linear_rgb

    return saved(folder / "a.tif", picture(), icc_profile=linear_rgb())


FILES: dict[str, Callable[[Path], Path]] = {
    "tiff": lambda f: saved(f / "a.tif", picture()),
    "tiff-deflate-alpha": lambda f: saved(f / "a.tif", picture("RGBA"), compression="tiff_adobe_deflate"),
    "tiff-lzw-grey": lambda f: saved(f / "a.tif", picture("L"), compression="tiff_lzw"),
    "tiff-cmyk": lambda f: saved(f / "a.tif", picture("CMYK")),
    "tiff-bits": lambda f: saved(f / "a.tif", picture("1")),
    "tiff-palette": lambda f: saved(f / "a.tif", picture("P")),
    "tiff-16": lambda f: saved(f / "a.tif", wide()),
    "tiff-float": lambda f: saved(f / "a.tif", Image.fromarray(np.asarray(picture("L")).astype(np.float32) / 200)),
    "tiff-jpeg": lambda f: saved(f / "a.tif", picture(), compression="jpeg"),
    "tiff-profile": profiled,
    "png": lambda f: saved(f / "a.png", picture()),
    "png-grey-alpha": lambda f: saved(f / "a.png", picture("LA")),
    "png-palette": lambda f: saved(f / "a.png", picture("RGB").quantize(40)),
    "png-palette-key": key,
    "png-key": lambda f: saved(f / "a.png", picture(), transparency=picture().getpixel((5, 5))),
    "png-key-nowhere": lambda f: saved(f / "a.png", Image.new("RGB", (61, 83), (1, 2, 3)), transparency=(1, 2, 4)),
    "png-palette-key-nowhere": lambda f: saved(f / "a.png", picture().quantize(40), transparency=200),
    "png-16": lambda f: saved(f / "a.png", wide()),
    "jpeg": lambda f: saved(f / "a.jpg", picture(), quality=80),
    "jpeg-444": lambda f: saved(f / "a.jpg", picture(), quality=80, subsampling=0),
    "jpeg-progressive": lambda f: saved(f / "a.jpg", picture(), progressive=True),
    "jpeg-grey": lambda f: saved(f / "a.jpg", picture("L")),
    "jpeg-cmyk": lambda f: saved(f / "a.jpg", picture("CMYK")),
    "webp": lambda f: saved(f / "a.webp", picture("RGBA"), lossless=True, exact=True),
    "odd-name": lambda f: saved(f / "a[page=3].tif", picture()),
}


@pytest.mark.parametrize("name", FILES)
def test_read_as_the_whole(name: str, tmp_path: Path) -> None:
    path = FILES[name](tmp_path)
    strips, expected = FileStrips(path), np.asarray(read_image(path))
    found = levels(strips)
    assert strips.size == expected.shape[:2]
    assert strips.has_alpha == (expected.shape[2] == 4)
    # Two builds of libjpeg may round differently; everything else is the same numbers.
    assert np.abs(found.astype(int) - expected).max() <= ("jpeg" in name)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / f"a{suffix}", picture(), exif=exif)
    found, expected = levels(FileStrips(path)), np.asarray(read_image(path))
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_16_bit_colours_and_tiles(tmp_path: Path) -> None:
    values = np.asarray(noise_image(300, 270, 1)).astype(np.uint16) * 257
    path = tmp_path / "a.tif"
    image = pyvips.Image.new_from_array(values - np.minimum(values, 120)).copy(interpretation="rgb16")
    image.tiffsave(path, tile=True, tile_width=64, tile_height=64, compression="deflate")
    assert np.array_equal(levels(FileStrips(path)), values // 257)  # 120 is less than half a level
    assert np.array_equal(levels(FileStrips(path)), np.asarray(read_image(path)))


def deep(kind: str, bands: int) -> np.ndarray:
    values = np.random.default_rng(3).random((60, 50, bands)) * 1.3 - 0.1
    return (
        values.astype(kind) if kind[0] == "f" else np.rint(values.clip(0, 1) * 70_000).clip(None, 65_535).astype(kind)
    )


@pytest.mark.parametrize("extra", ["assocalpha", "unassalpha", "unspecified"])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_extra_samples(extra: str, kind: str, tmp_path: Path) -> None:
    path, values = tmp_path / "a.tif", np.asarray(picture("RGBA"))
    if extra == "assocalpha":
        values = np.concatenate([np.rint(values[..., :3] * (values[..., 3:] / 255)), values[..., 3:]], axis=2)
    values = values.astype(kind) * (257 if kind == "u2" else 1)
    tifffile.imwrite(path, values, photometric="rgb", extrasamples=[extra], planarconfig="contig")
    found, expected = levels(FileStrips(path)).astype(int), np.asarray(read_image(path)).astype(int)
    assert found.shape == expected.shape
    share = expected[..., 3:] / 255 if expected.shape[2] == 4 else 1
    assert np.abs((found - expected)[..., :3] * share).max() <= 1
    assert np.array_equal(found[..., 3:], expected[..., 3:])


@pytest.mark.parametrize("kind", ["u2", "f4", "i4", "u4", "i2"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_deep_tiffs(kind: str, bands: int, tmp_path: Path) -> None:
    values = deep(kind if kind != "i2" else "u2", bands)
    values = (values // 2).astype("i2") if kind == "i2" else values
    path, grey = tmp_path / "a.tif", bands < 3
    alpha = {"extrasamples": ["unassalpha"]} if bands in (2, 4) else {}
    tifffile.imwrite(
        path, values[..., 0] if bands == 1 else values, photometric="minisblack" if grey else "rgb",
        planarconfig=None if bands == 1 else "contig", **alpha,
    )  # fmt: skip
    found, expected = levels(FileStrips(path)), np.asarray(read_image(path))
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_again_and_again(tmp_path: Path) -> None:
    strips = FileStrips(saved(tmp_path / "a.tif", picture()))
    first, halfway = levels(strips), strips.strips()
    next(halfway)
    assert np.array_equal(levels(strips), first)
    next(halfway)


def test_a_page(tmp_path: Path) -> None:
    others = [noise_image(50, 40, seed) for seed in (7, 8)]
    path = saved(tmp_path / "a.tif", picture(), save_all=True, append_images=others)
    assert np.array_equal(levels(FileStrips(Page(path, 3))), np.asarray(others[1]))


@pytest.mark.parametrize(("size", "crop"), [(0, False), (30, False), (100, True), (0, True)])
def test_opened_as_the_whole(size: int, crop: bool, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", picture("RGBA"))
    expected = open_source(path, size=size, crop=crop)
    strips = open_strips(path, size=size, crop=crop)
    held = open_strips(path, size=size, crop=crop, keep=1 << 20)
    assert not strips.is_held
    assert held.is_held
    assert strips.size == held.size == expected.size
    assert strips.uncropped == held.uncropped == expected.uncropped
    assert isinstance(strips.image, Strips)
    assert np.array_equal(levels(strips.image)[..., 3], np.asarray(held.opacity))
    for found, wanted in ((held.image, expected.image), (held.opacity, expected.opacity)):
        assert np.abs(np.asarray(found).astype(int) - np.asarray(wanted)).max() <= 1


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingFileError):
        FileStrips(tmp_path / "none.tif")
    with pytest.raises(ImageError, match=r"a\.bmp in strips: of BMP there are none, but of TIFF, PNG"):
        FileStrips(saved(tmp_path / "a.bmp", picture()))
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(ImageError, match=r"a\.heic in strips: of HEIC there are none"):
        FileStrips(tmp_path / "a.heic")
    path = saved(tmp_path / "a.tif", picture())
    for given in (path.read_bytes(), np.zeros((20, 20, 3), np.uint8), Page(path.read_bytes(), 1)):
        with pytest.raises(ImageError, match=r"^a picture in strips is given by its path, not as "):
            open_strips(given)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=r"^only photographs are taken in strips"):
        open_strips(path).to_array()
    with pytest.raises(ImageError, match=r"^only photographs are taken in strips"):
        open_strips(path).to_tensor()
    with pytest.raises(ImageError, match=r"61 x 83 pixels is over the limit of 5000; max_pixels \(--max-pixels\)"):
        open_strips(path, max_pixels=5000)
    with pytest.raises(ImageError, match="over the limit of 9000"):
        open_strips(path, size=90, max_pixels=9000)
    with pytest.raises(ImageError, match="over the limit of 178956970"):
        open_strips(path, size=20_000)
    with pytest.raises(ImageError, match="at least 100 px a side"):
        open_strips(path, least=100)
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(InputError, match=r'pip install "adain\[large\]"'):
        FileStrips(path)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_a_file_cut_short(suffix: str, tmp_path: Path) -> None:
    data = io.BytesIO()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 61, 3), dtype=np.uint8))
    noise.save(data, {".tif": "TIFF", ".png": "PNG", ".jpg": "JPEG"}[suffix])
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data.getvalue()[: len(data.getvalue()) * 2 // 3])
    with pytest.raises(ImageError, match=rf"cannot read .*a{suffix}: .*name an intact image"):
        levels(FileStrips(path))


def test_doubles_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", deep("f8", 3), photometric="rgb")
    with pytest.raises(ImageError, match=r"cannot read .*a\.tif"):
        FileStrips(tmp_path / "a.tif")


def test_not_a_number(tmp_path: Path) -> None:
    values = np.zeros((40, 40), np.float32)
    values[30, 3] = np.nan
    path = saved(tmp_path / "a.tif", Image.fromarray(values))
    with pytest.raises(ImageError, match="NaN"):
        levels(FileStrips(path))
