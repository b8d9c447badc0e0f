"""TIFF files of every kind of samples, written by tifffile, against the arrays that they were made of."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from adain._utils.errors import ImageError
from adain.image import Page, count_pictures, read_image
from adain.image.io import count_pixels, read_stored

SIZE = (12, 9)
"""Height and width."""

TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8")

KINDS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "grey": (1, 1, {"photometric": "minisblack"}),
    "white is zero": (1, 1, {"photometric": "miniswhite"}),
    "grey and alpha": (1, 2, {"photometric": "minisblack", "extrasamples": ["unassalpha"]}),
    "grey and more": (1, 3, {"photometric": "minisblack", "extrasamples": ["unspecified"] * 2}),
    "rgb": (3, 3, {"photometric": "rgb"}),
    "rgb and alpha": (3, 4, {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    "rgb and more": (3, 4, {"photometric": "rgb", "extrasamples": ["unspecified"]}),
    "cmyk": (4, 4, {"photometric": "separated"}),
    "cmyk and alpha": (4, 5, {"photometric": "separated", "extrasamples": ["unassalpha"]}),
}
"""Samples of colours, and of all; how the file says so."""

PACKINGS = [
    {"byteorder": order, "planarconfig": planes, **how}
    for order, planes, how in itertools.product(
        "<>", ("contig", "separate"), ({}, {"compression": "zlib", "predictor": True}, {"compression": "lzw"})
    )
]


def array(dtype: str, samples: int, seed: int = 0) -> NDArray[Any]:
    kind = np.dtype(dtype)
    values = np.random.default_rng(seed).random((*SIZE, samples))
    values[0, 0], values[0, 1] = 0, 1
    if kind.kind != "f":
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        values = low + values * (high - low)
    return values.astype(kind)


def write(path: Path, values: NDArray[Any], **how: Any) -> Path:
    if values.shape[2] == 1:
        values, how = values[..., 0], {name: value for name, value in how.items() if name != "planarconfig"}
    elif how.get("planarconfig") == "separate":
        values = np.moveaxis(values, 2, 0)
    tifffile.imwrite(path, values, metadata=None, **how)
    return path


def light(values: NDArray[Any], kind: str) -> NDArray[Any]:
    """Colours in [0, 1] by the rule of `read_image`."""
    dtype, values = values.dtype, values.astype(np.float64).clip(0)
    if kind == "white is zero":
        values = (1.0 if dtype.kind == "f" else np.iinfo(dtype).max) - values
    if dtype.itemsize == 1:
        white = float(np.iinfo(dtype).max)
    else:
        white = max(1.0 if dtype.kind == "f" else 65535.0, values.max())
    return values / white


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_sample_in_every_packing(tmp_path: Path, dtype: str, kind: str) -> None:
    colors, samples, how = KINDS[kind]
    values = array(dtype, samples)
    lit = light(values[..., :colors], kind)
    for number, packing in enumerate(PACKINGS):
        if samples == 1 and packing["planarconfig"] == "separate":
            continue
        path = write(tmp_path / f"{number}.tif", values, **how, **packing)
        stored = read_stored(path)
        assert np.array_equal(stored.values.reshape(*SIZE, -1)[..., :colors], values[..., :colors]), packing
        found = np.asarray(read_image(path)).astype(float)
        # Without a profile inks take light away one after the other.
        expected = 255 * ((1 - lit[..., :3]) * (1 - lit[..., 3:]) if colors == 4 else lit)
        assert np.abs(found[..., :3] - expected).max() <= (1.6 if colors == 4 else 0.5 + 1e-4), packing
        if "alpha" in kind:
            opacity = values[..., -1].astype(np.float64)
            opacity = opacity if values.dtype.kind == "f" else opacity / np.iinfo(values.dtype).max
            assert np.abs(found[..., 3] - 255 * opacity.clip(0)).max() <= 0.5 + 1e-4, packing
        else:
            assert found.shape[2] == 3


def test_white_is_zero_is_what_the_numbers_say(tmp_path: Path) -> None:
    values = np.array([[0, 1, 32768, 65535]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite", metadata=None)
    assert np.asarray(read_image(tmp_path / "a.tif"))[0, :, 0].tolist() == [255, 255, 127, 0]
    for bits, white in ((2, 3), (4, 15), (8, 255)):
        levels = np.arange(4, dtype=np.uint8)[None]
        how: dict[str, Any] = {"bitspersample": bits, "photometric": "miniswhite", "metadata": None}
        tifffile.imwrite(tmp_path / "b.tif", levels, **how)
        stored = read_stored(tmp_path / "b.tif")
        assert stored.values.tolist() == [[0, 1, 2, 3]], bits
        assert np.allclose(stored.luma(), 1 - levels / white), bits


def test_the_upper_half_of_32_bits(tmp_path: Path) -> None:
    values = np.array([[0, 2**31, 3 * 2**30, 2**32 - 1]], np.uint32)
    for order in "<>":
        tifffile.imwrite(tmp_path / "a.tif", values, byteorder=order, metadata=None)
        assert np.asarray(read_image(tmp_path / "a.tif"))[0, :, 0].tolist() == [0, 128, 191, 255]
        assert read_stored(tmp_path / "a.tif").values.tolist() == values.tolist()


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f2", "f4"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_colours_multiplied_by_their_alpha(tmp_path: Path, dtype: str, planes: str) -> None:
    kind = np.dtype(dtype)
    white = 1.0 if kind.kind == "f" else float(np.iinfo(kind).max)
    plain = np.array([[[1, 0.5, 0.25, 1], [1, 0.5, 0.25, 0.5], [1, 0.5, 0.25, 0]]])
    stored = plain.copy()
    stored[..., :3] *= stored[..., 3:]
    values = (stored * white).astype(kind)
    path = write(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["assocalpha"], planarconfig=planes)
    found = np.asarray(read_image(path)).astype(int)
    assert found[0, :, 3].tolist() in ([255, 128, 0], [255, 127, 0])
    assert np.abs(found[0, :2, :3] - np.array([255, 127.5, 63.75])).max() <= 2.0 if dtype == "u1" else 0.8
    assert found[0, 2].tolist()[3] == 0


def test_next_to_nothing_of_alpha_makes_no_light(tmp_path: Path) -> None:
    """An edge whose colour was rounded, and its alpha, does not say what white is."""
    values = np.array([[[0.5, 0.5, 0.5, 1], [1e-3, 1e-3, 1e-3, 1e-6]]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    assert np.asarray(read_image(tmp_path / "a.tif")).tolist() == [[[128, 128, 128, 255], [255, 255, 255, 0]]]
    values[0, 0, 0] = np.inf
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    with pytest.raises(ImageError, match=r"a.tif: it holds NaN or infinite values"):
        read_image(tmp_path / "a.tif")


def test_lab_of_8_bits_in_planes(tmp_path: Path) -> None:
    """As Pillow reads the same in one plane."""
    values = np.array([[[128, 0, 0, 255], [128, 60, 200, 100]]], np.uint8)
    Image.merge("LAB", [Image.fromarray(values[..., k] ^ (128 if k else 0)) for k in range(3)]).save(tmp_path / "p.tif")
    path = write(tmp_path / "a.tif", values, photometric="cielab", extrasamples=["unassalpha"], planarconfig="separate")
    found = np.asarray(read_image(path))
    assert np.array_equal(found[..., :3], np.asarray(read_image(tmp_path / "p.tif")))
    assert found[..., 3].tolist() == [[255, 100]]


def test_complex_numbers_are_no_light(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((2, 2), np.complex64), metadata=None)
    with pytest.raises(ImageError, match=r"a.tif: samples of complex64 are no light"):
        read_image(tmp_path / "a.tif")


def test_narrow_integers_reach_their_own_white(tmp_path: Path) -> None:
    for bits in (10, 12, 14):
        white = 2**bits - 1
        values = np.array([[[0] * 3, [white // 3] * 3, [white] * 3]], np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", values, bitspersample=bits, photometric="rgb", metadata=None)
        found = np.asarray(read_image(tmp_path / "a.tif"))[0, :, 0]
        assert np.abs(found - 255.0 * values[0, :, 0] / white).max() <= 0.5, bits


def test_lab_of_16_bits(tmp_path: Path) -> None:
    # L* = 50.2 without colour is 119.5 in sRGB; a* = 60 is reddish.
    values = np.array([[[round(50.2 * 655.35), 0, 0], [round(50.2 * 655.35), 60 * 256, 0]]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="cielab", metadata=None)
    grey, red = np.asarray(read_image(tmp_path / "a.tif"))[0].astype(int)
    assert np.abs(grey - 119).max() <= 1
    assert red[0] > red[1] + 50


def test_palette_of_16_bits(tmp_path: Path) -> None:
    colormap = np.zeros((3, 65536), np.uint16)
    colormap[:, 40_000] = [65535, 32768, 257]
    values = np.array([[0, 40_000]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="palette", colormap=colormap, metadata=None)
    assert np.asarray(read_image(tmp_path / "a.tif")).tolist() == [[[0, 0, 0], [255, 128, 1]]]
    stored = read_stored(tmp_path / "a.tif")
    assert stored.indices is not None
    assert stored.indices.tolist() == values.tolist()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_orientation(tmp_path: Path, orientation: int, dtype: str) -> None:
    values = array(dtype, 3)
    path = write(tmp_path / "a.tif", values, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    levels = Image.fromarray(np.rint(255 * light(values, "rgb")).astype(np.uint8))
    levels.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(levels)).astype(int)
    assert np.abs(np.asarray(read_image(path)) - expected).max() <= 1
    upright = read_stored(path)
    assert np.abs(np.asarray(upright.to_image()) - expected).max() <= 1


def test_profile_and_limit(tmp_path: Path) -> None:
    from .test_io import linear_rgb, srgb_curve

    values = np.full((2, 2, 3), 0.5, np.float32)
    path = write(tmp_path / "a.tif", values, photometric="rgb", iccprofile=linear_rgb())
    assert np.abs(np.asarray(read_image(path)).astype(int) - srgb_curve(128)).max() <= 1
    assert count_pixels(path) == 4
    with pytest.raises(ImageError, match=r"2 x 2 pixels is over the limit of 3; max_pixels \(--max-pixels\) raises it"):
        read_image(path, max_pixels=3)
    with path.open("rb") as file:
        assert read_image(file).size == (2, 2)
        assert not file.closed
    assert read_image(path.read_bytes()).size == (2, 2)


def test_floats_beyond_white_and_none(tmp_path: Path) -> None:
    values = np.array([[[-1, 1, 4.0]]], np.float16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", metadata=None)
    assert np.asarray(read_image(tmp_path / "a.tif")).tolist() == [[[0, 64, 255]]]
    values[0, 0, 0] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", metadata=None)
    with pytest.raises(ImageError, match=r"a.tif: it holds NaN or infinite values"):
        read_image(tmp_path / "a.tif")


def test_what_is_not_read_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    values = array("u2", 1)[..., 0]
    tifffile.imwrite(tmp_path / "raw.tif", values, photometric=32803, metadata=None)
    with pytest.raises(ImageError, match=r"raw.tif: colours stored as .* of 16 bits are not read here; save it as RGB"):
        read_image(tmp_path / "raw.tif")
    path = write(tmp_path / "a.tif", array("f4", 3), photometric="rgb")
    whole = path.read_bytes()
    for end in (len(whole) - 50, 100, 20, 5):
        with pytest.raises(ImageError) as caught:
            read_image(whole[:end])
        assert len(str(caught.value).splitlines()) == 1, end
    assert capfd.readouterr() == ("", "")


def test_without_imagecodecs(tmp_path: Path) -> None:
    """What the standard library and Pillow unpack is read all the same; of the rest it is said what to install."""
    packings = {
        "plain": ("f4", {}), "zlib": ("f4", {"compression": "zlib"}),
        "predicted": ("u4", {"compression": "zlib", "predictor": True}), "lzw16": ("u2", {"compression": "lzw"}),
    }  # fmt: skip
    for name, (dtype, how) in packings.items():
        write(tmp_path / f"{name}.tif", array(dtype, 3), photometric="rgb", **how)
    write(tmp_path / "refused.tif", array("f4", 3), photometric="rgb", compression="lzw")
    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from adain.image import read_image\n"
        f"for name in {[*packings, 'refused']}:\n"
        "    try: print(name, read_image(sys.argv[1] + '/' + name + '.tif').size)\n"
        "    except ValueError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert lines[:4] == [f"{name} (9, 12)" for name in packings]
    assert 'refused.tif: how it is packed, LZW of 32 bits, takes a package: pip install "adain[tiff]"' in lines[4]
    assert len(lines) == 5


@pytest.mark.parametrize("kinds", ["fff", "1f1", "f1h", "h1h"])
def test_pages_of_every_depth(tmp_path: Path, kinds: str) -> None:
    """Of floats, 8-bit integers and 16-bit ones ("half" an int), in any order."""
    dtypes = {"f": np.float32, "1": np.uint8, "h": np.uint16}
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for number, kind in enumerate(kinds, start=1):
            dtype = dtypes[kind]
            white = 1 if kind == "f" else np.iinfo(dtype).max
            values = np.full((4, 4 + number, 3), white * number / 5).astype(dtype)
            file.write(values, photometric="rgb", metadata=None)
    path = tmp_path / "a.tif"
    assert count_pictures(path) == (3, "page")
    for number in (1, 2, 3):
        found = read_image(Page(path, number))
        assert found.size == (4 + number, 4)
        assert found.getpixel((0, 0)) == (51 * number,) * 3
        assert count_pixels(Page(path, number)) == 4 * (4 + number)
        assert read_stored(Page(path, number)).values.dtype == dtypes[kinds[number - 1]]
    with pytest.raises(ImageError, match=r"cannot read page 4 of .*: it has 3 pages; --page takes 1 to 3"):
        read_image(Page(path, 4))


@pytest.mark.parametrize(
    "data", [b"II*\0" + bytes(4), b"MM\0*\0\0\x27\x0f" + bytes(20)], ids=["none", "beyond-the-end"]
)
def test_a_file_without_any_page_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    for source in (path, data):
        for read in (read_image, read_stored):
            with pytest.raises(ImageError, match=r"cannot read .*: it is not an image of a known format"):
                read(source)
    with pytest.raises(ImageError, match=r"cannot read page 2 of .*: it has 0 pages"):
        read_image(Page(path, 2))


def test_a_page_of_several_widths_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros(SIZE, "u4"))
    data = bytearray(path.read_bytes())
    at = data.index((256).to_bytes(2, "little"), 8)  # the tag ImageWidth, whose one value becomes two
    data[at + 4 : at + 12] = (2).to_bytes(4, "little") + (16).to_bytes(4, "little")
    path.write_bytes(data)
    for read in (read_image, read_stored):
        with pytest.raises(ImageError, match=r"cannot read .*a\.tif: "):
            read(path)
